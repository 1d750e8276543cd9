//! The runtime image: its dockerfile from what was installed, and its build.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{BuildImage, TarWriter};
use crate::exec::knowledge::{self, Known};
use crate::exec::{CA_PATH, Host, Job, Produced, StepError, ca_variables, copy};
use crate::manifest::BuiltImage;
use crate::step::runtime::{RUNTIME_TEMPLATE, RuntimeDockerfile, RuntimeImageStep};
use crate::step::short_image;
use crate::template::{self, RuntimeNames};

/// The user of a runtime image: numeric, so that Kubernetes can see that it is not root.
const USER: &str = "10001:10001";

pub(super) fn dockerfile(
    host: &Arc<Host>,
    job: &Job,
    step: &RuntimeDockerfile,
) -> Result<Produced, StepError> {
    let flavour = job.step.address.flavour().unwrap_or_default();
    let known = Known::gather(host, job, &step.installed, step.name.as_deref())?;
    let settings = &step.settings;
    let entrypoint = match &settings.entrypoint {
        Some(entrypoint) => entrypoint.clone(),
        None => match known
            .application
            .console_scripts
            .keys()
            .collect::<Vec<_>>()
            .as_slice()
        {
            [only] => vec![format!("{}/bin/{only}", known.prefix())],
            [] => vec![format!("{}/bin/python", known.prefix())],
            several => {
                let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                return Err(StepError::Image {
                    what: format!(
                        "the project has {} console scripts: {}",
                        names.len(),
                        names.join(", ")
                    ),
                    help: format!(
                        "choose one in .build.yml: image: {{entrypoint: [{}]}}",
                        names[0]
                    ),
                });
            }
        },
    };
    let metadata = &known.metadata;
    let created = std::time::UNIX_EPOCH + std::time::Duration::from_secs(step.epoch);
    let label = |name: &str| format!("org.opencontainers.image.{name}");
    let mut labels = BTreeMap::from([
        (label("title"), known.name.clone()),
        (label("version"), metadata.version.clone()),
        (
            label("created"),
            humantime::format_rfc3339_seconds(created).to_string(),
        ),
        (label("base.name"), step.base_image.as_str().to_owned()),
    ]);
    let optional = [
        (
            "description",
            (!metadata.summary.is_empty()).then(|| metadata.summary.clone()),
        ),
        ("licenses", metadata.license.clone()),
        ("url", metadata.homepage.clone()),
    ];
    labels.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((label(name), value?))),
    );
    let names = RuntimeNames {
        flavour,
        title: &known.name,
        version: &metadata.version,
        base_image: step.base_image.as_str(),
        packages: known.packages(&step.runtime_dependencies),
        prefix: known.prefix(),
        environment: &settings.environment,
        ports: &settings.ports,
        workdir: settings.workdir.as_deref().unwrap_or("/home/app"),
        user: settings.user.as_deref().unwrap_or(USER),
        healthcheck: settings.healthcheck.as_deref().unwrap_or_default(),
        entrypoint: &entrypoint,
        command: &settings.command,
        labels: &labels,
    };
    let text = template::runtime_dockerfile(RUNTIME_TEMPLATE, &names)
        .map_err(|error| StepError::Bug(format!("the runtime template: {error}")))?;
    copy::document(host, job, &step.path, text)
}

pub(super) async fn image(
    host: &Arc<Host>,
    job: &Job,
    step: &RuntimeImageStep,
) -> Result<Produced, StepError> {
    let base = step.base_image.as_str();
    let found = match host.engine.image(base).await? {
        Some(image) => image,
        None => host.engine.pull(base, &job.call()).await?,
    };
    if let Some(planned) = &step.base_id
        && *planned != found.id
    {
        return Err(StepError::Moved {
            image: base.to_owned(),
            planned: short_image(planned),
            found: short_image(&found.id),
        });
    }
    let dockerfile = knowledge::read(&knowledge::output(
        host,
        job,
        &step.dockerfile,
        ".dockerfile",
    )?)?;
    let archives = [
        (
            "application.tar",
            knowledge::content(host, job, &step.installed.application)?,
        ),
        (
            "dependencies.tar",
            knowledge::content(host, job, &step.installed.venv)?,
        ),
    ];
    let ca_bundle = host.ca_bundle(&job.step.address);
    let mut args = host.proxies.clone();
    let dockerfile = if ca_bundle.is_empty() || !dockerfile.contains(CA_PATH) {
        dockerfile
    } else {
        args.extend(ca_variables());
        trusting(&dockerfile)
    };
    let name = host.image_name(&step.repository, &step.tag);
    let mut labels = host.labels(&job.step.address);
    labels.insert(
        "org.opencontainers.image.base.digest".to_owned(),
        found.id.clone(),
    );
    let request = BuildImage {
        tag: name.clone(),
        context: context(dockerfile, ca_bundle, archives),
        labels,
        args,
    };
    let built = host.build_image(request, &job.call()).await?;
    for tag in &step.tags {
        host.engine.tag_image(&built.id, tag.as_str()).await?;
        (job.log)(&format!("tagged {tag}"));
    }
    Ok(Produced {
        image: Some(BuiltImage { id: built.id, name }),
        found: RuntimeImageStep::found(found.id),
        ..Produced::default()
    })
}

/// Has a dockerfile take the CA bundle before it installs packages, which removes it again.
///
/// The rendered dockerfile does not name it, since bundles enter no key: without one, no layer of the
/// image knows that there could have been one.
fn trusting(dockerfile: &str) -> String {
    let mut text = String::new();
    for line in dockerfile.lines() {
        text.push_str(&format!("{line}\n"));
        if line.starts_with("FROM ") {
            text.push_str(&format!("COPY ca-bundle.crt {CA_PATH}\n"));
            for variable in template::CA_VARIABLES {
                text.push_str(&format!("ARG {variable}\n"));
            }
        }
    }
    text
}

/// Packs a dockerfile, the CA bundle and archives, which stay archives: `ADD` unpacks them into a layer each.
#[expect(
    clippy::disallowed_methods,
    reason = "the archives are read from the workspace"
)]
fn context(
    dockerfile: String,
    ca_bundle: Vec<u8>,
    archives: [(&'static str, PathBuf); 2],
) -> TarWriter {
    Box::new(move |out: &mut dyn Write| -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        let mut add = |name: &str, size: u64, data: &mut dyn io::Read| {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_entry_type(tar::EntryType::Regular);
            tar.append_data(&mut header, name, data)
        };
        add(
            "Dockerfile",
            dockerfile.len() as u64,
            &mut dockerfile.as_bytes(),
        )?;
        if !ca_bundle.is_empty() {
            add(
                "ca-bundle.crt",
                ca_bundle.len() as u64,
                &mut ca_bundle.as_slice(),
            )?;
        }
        for (name, path) in archives {
            let mut file = fs::File::open(path)?;
            let size = file.metadata()?.len();
            add(name, size, &mut file)?;
        }
        tar.finish()
    })
}
