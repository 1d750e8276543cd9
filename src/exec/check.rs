//! Checking package and runtime image in containers without network.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::archive;
use crate::config::build::PackageFormat;
use crate::engine::{BuildImage, RunContainer, TarWriter};
use crate::exec::knowledge::{self, Known};
use crate::exec::{Host, Job, Produced, StepError, broken_lines, ca_variables, contract, package};
use crate::manifest::BuiltImage;
use crate::step::check::{CHECK_PROGRAM, Check};
use crate::step::{Facet, Input, short_image};

pub(super) async fn run(host: &Arc<Host>, job: &Job, check: &Check) -> Result<Produced, StepError> {
    let known = Known::gather(host, job, &check.installed, check.name.as_deref())?;
    let mut produced = Produced::default();
    let mut problems = Vec::new();
    if let Some((format, step)) = &check.package {
        let image = prepared_image(host, job, check, &known).await?;
        problems.extend(check_package(host, job, check, &known, (*format, step), &image.id).await?);
        produced.image = Some(image);
    }
    if let Some(step) = &check.image {
        (job.log)("the runtime image");
        let settings = settings("image", check, &known);
        let image = knowledge::image(job, step)?;
        let python = format!("{}/bin/python", known.prefix());
        problems.extend(run_program(host, job, image, &python, settings, Vec::new()).await?);
    }
    if problems.is_empty() {
        Ok(produced)
    } else {
        Err(StepError::Check { problems })
    }
}

/// Builds the clean image that the package is installed in: the base with what the package requires,
/// brought while there is a network.
async fn prepared_image(
    host: &Arc<Host>,
    job: &Job,
    check: &Check,
    known: &Known,
) -> Result<BuiltImage, StepError> {
    let base = match job
        .needs
        .get(&check.installed.base)
        .and_then(|outputs| outputs.facets.get(&Facet::BaseImage))
    {
        Some(Input::Image(id)) => id.clone(),
        _ => return Err(StepError::Bug("the base image is not known".to_owned())),
    };
    // Where the base image's facts came from a cache, nobody needed the image itself so far.
    if host.engine.image(&base).await?.is_none() {
        let name = check.base_image.as_str();
        let found = host.engine.pull(name, &job.call()).await?;
        if found.id != base {
            return Err(StepError::Moved {
                image: name.to_owned(),
                planned: short_image(&base),
                found: short_image(&found.id),
            });
        }
    }
    let mut dockerfile = format!("FROM {base}\n");
    let ca_bundle = host.ca_bundle(&job.step.address);
    let mut args = host.proxies.clone();
    dockerfile.push_str("COPY ca-bundle.crt /build/ca-bundle.crt\n");
    for variable in crate::template::CA_VARIABLES {
        dockerfile.push_str(&format!("ARG {variable}\n"));
    }
    if !ca_bundle.is_empty() {
        args.extend(ca_variables());
    }
    let mut packages = known.packages(&check.runtime_dependencies);
    if let Some((PackageFormat::Rpm, _)) = check.package {
        // A base of Debian has no rpm; where it is at home it is there, and this brings nothing.
        packages.push("rpm".to_owned());
    }
    if !packages.is_empty() {
        let words: Vec<String> = packages
            .iter()
            .filter_map(|package| {
                shlex::try_quote(package)
                    .ok()
                    .map(|quoted| quoted.into_owned())
            })
            .collect();
        dockerfile.push_str(&format!("RUN $PKG_INSTALL {}\n", words.join(" ")));
    }
    let name = host.image_name(&check.repository, &check.tag);
    let request = BuildImage {
        tag: name.clone(),
        context: archive::pack_files(
            vec![
                ("Dockerfile".to_owned(), dockerfile.into_bytes(), 0o644),
                ("ca-bundle.crt".to_owned(), ca_bundle, 0o644),
            ],
            0,
        ),
        labels: host.labels(&job.step.address),
        args,
    };
    let built = host.build_image(request, &job.call()).await?;
    Ok(BuiltImage { id: built.id, name })
}

async fn check_package(
    host: &Arc<Host>,
    job: &Job,
    check: &Check,
    known: &Known,
    (format, step): (PackageFormat, &crate::step::Address),
    image: &str,
) -> Result<Vec<String>, StepError> {
    let (kind, ending) = match format {
        PackageFormat::Deb => ("deb", ".deb"),
        PackageFormat::Rpm => ("rpm", ".rpm"),
    };
    let path = knowledge::output(host, job, step, ending)?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    (job.log)(&format!("the package {name}"));
    let mut files = vec![(
        format!("build/package/{name}"),
        knowledge::read_bytes(&path)?,
        0o644,
    )];
    let mut settings = settings(kind, check, known);
    settings["package"] = format!("/build/package/{name}").into();
    if let Some(previous) = package::previous(host, &job.step.address, ending)
        && previous.file_name() != path.file_name()
    {
        let name = previous
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        files.push((
            format!("build/previous/{name}"),
            knowledge::read_bytes(&previous)?,
            0o644,
        ));
        settings["previous"] = format!("/build/previous/{name}").into();
    }
    let uploads = vec![archive::pack_files(files, 0)];
    run_program(host, job, image.to_owned(), "python", settings, uploads).await
}

fn settings(kind: &str, check: &Check, known: &Known) -> serde_json::Value {
    let scripts: Vec<&String> = known.application.console_scripts.keys().collect();
    serde_json::json!({
        "kind": kind,
        "package": null,
        "previous": null,
        "name": known.name,
        "prefix": known.prefix(),
        "modules": known.application.modules,
        "scripts": scripts,
        "tests": check.test,
        "extra_paths": [],
    })
}

/// Runs the program that checks, and returns what it found broken.
async fn run_program(
    host: &Arc<Host>,
    job: &Job,
    image: String,
    python: &str,
    settings: serde_json::Value,
    mut uploads: Vec<TarWriter>,
) -> Result<Vec<String>, StepError> {
    let mut files = knowledge::program(&CHECK_PROGRAM);
    files.push((
        "build/check.json".to_owned(),
        settings.to_string().into_bytes(),
        0o644,
    ));
    uploads.push(archive::pack_files(files, 0));
    let request = RunContainer {
        image,
        command: [python, "/build/check.py"].map(str::to_owned).to_vec(),
        workdir: "/".to_owned(),
        env: BTreeMap::from([("LC_ALL".to_owned(), "C.UTF-8".to_owned())]),
        secrets: BTreeMap::new(),
        labels: host.container_labels(&job.step.address),
        uploads,
        downloads: Vec::new(),
        network: false,
    };
    let (call, broken) = broken_lines(job);
    let outcome = host.run_container(request, &call).await?;
    match contract(outcome, &broken, "python /build/check.py", |problems| {
        StepError::Check { problems }
    }) {
        Ok(()) => Ok(Vec::new()),
        Err(StepError::Check { problems }) => Ok(problems),
        Err(error) => Err(error),
    }
}
