//! Image builds, and images that come and go.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use builder::engine::{BuildImage, Engine, EngineError, TarWriter};

use super::{IMAGE, Site, dockerfile};

fn request(site: &Site, context: TarWriter) -> BuildImage {
    BuildImage {
        tag: format!("{}:latest", site.name),
        context,
        labels: site.labels(),
        args: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_built_image_has_its_tag_labels_and_arguments() {
    let site = Site::new().await;
    let text = format!(
        "FROM {IMAGE}\nARG http_proxy\nRUN echo \"proxy is $http_proxy\" && echo done >&2\n"
    );
    let mut request = request(&site, dockerfile(&text));
    request.args = [("http_proxy".to_owned(), format!("http://{}", site.name))].into();

    let image = site
        .engine
        .build_image(request, &site.call())
        .await
        .unwrap();

    assert_eq!(image.labels.get("builder-test"), Some(&site.name));
    assert_eq!(site.engine.image(&site.name).await.unwrap(), Some(image));
    let lines = site.lines();
    assert!(
        lines.contains(&format!("proxy is http://{}", site.name)),
        "{lines:#?}"
    );
    // The engine colours what a command says on its standard error.
    assert!(lines.contains(&"done".to_owned()), "{lines:#?}");

    site.engine.remove_image(&site.name).await.unwrap();
    assert_eq!(site.engine.image(&site.name).await.unwrap(), None);
    site.engine.remove_image(&site.name).await.unwrap();
}

#[tokio::test]
async fn a_failing_command_fails_the_build_in_the_engines_words() {
    let site = Site::new().await;
    let text = format!("FROM {IMAGE}\nRUN echo trying {} && exit 7\n", site.name);
    let result = site
        .engine
        .build_image(request(&site, dockerfile(&text)), &site.call())
        .await;
    let Err(EngineError::Build { cause }) = result else {
        panic!("{result:?}");
    };
    assert!(cause.contains("returned a non-zero code: 7"), "{cause}");
    assert!(site.lines().contains(&format!("trying {}", site.name)));
    assert!(site.containers().await.is_empty());
}

#[tokio::test]
async fn a_wrong_dockerfile_and_a_broken_context_are_told_apart() {
    let site = Site::new().await;
    let result = site
        .engine
        .build_image(request(&site, dockerfile("FORM x\n")), &site.call())
        .await;
    let Err(EngineError::Build { cause }) = result else {
        panic!("{result:?}");
    };
    assert!(cause.contains("FORM"), "{cause}");

    let broken: TarWriter = Box::new(|out| {
        out.write_all(&[0; 100_000])?;
        Err(std::io::Error::other("the file went away"))
    });
    let result = site
        .engine
        .build_image(request(&site, broken), &site.call())
        .await;
    let Err(EngineError::Files { cause, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(cause, "the file went away");
}

#[tokio::test]
async fn a_cancelled_build_leaves_neither_container_nor_image() {
    let site = Site::new().await;
    let text = format!(
        "FROM {IMAGE}\nRUN echo started && sleep 300 && echo {}\n",
        site.name
    );
    let call = site.call();
    let build = site
        .engine
        .build_image(request(&site, dockerfile(&text)), &call);
    let stop = async {
        // The line of the step names the command; the second one is the command speaking.
        while !site.lines().contains(&"started".to_owned()) {
            site.line("started").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(site.containers().await.len(), 1);
        site.cancel.cancel();
        Instant::now()
    };
    let (result, cancelled) = tokio::join!(build, stop);
    assert!(
        matches!(result, Err(EngineError::Interrupted)),
        "{result:?}"
    );
    assert!(
        cancelled.elapsed() < Duration::from_secs(8),
        "{:?}",
        cancelled.elapsed()
    );
    assert!(site.containers().await.is_empty());
    assert_eq!(site.engine.image(&site.name).await.unwrap(), None);
}

#[tokio::test]
async fn an_image_in_use_is_left_alone() {
    let site = Site::new().await;
    let text = format!("FROM {IMAGE}\nENV x={}\n", site.name);
    let image = site
        .engine
        .build_image(request(&site, dockerfile(&text)), &site.call())
        .await
        .unwrap();
    let mut run = site.script("echo up; sleep 300");
    run.image = image.id.clone();
    let call = site.call();
    let running = site.engine.run(run, &call);
    let remove = async {
        site.line("up").await;
        site.engine.remove_image(&image.id).await.unwrap();
        assert_eq!(site.engine.image(&image.id).await.unwrap(), Some(image));
        site.cancel.cancel();
    };
    let (result, ()) = tokio::join!(running, remove);
    assert!(
        matches!(result, Err(EngineError::Interrupted)),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_image_that_no_registry_has_cannot_be_pulled() {
    let site = Site::new().await;
    // A port of this machine on which nothing listens: no name is looked up outside.
    let error = site
        .engine
        .pull("127.0.0.1:9/no-such-image", &site.call())
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::Pull { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("`127.0.0.1:9/no-such-image` cannot be pulled"),
        "{error}"
    );
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("docker/build.sh"), "{help}");
}
