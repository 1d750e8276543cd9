//! Both files together: flavours are matched, lists united, and the files that are named looked up.

mod delivery;
mod files;

pub(super) use self::files::OperatorFiles;
use self::files::{Files, ProjectFiles};
use super::Lookup;
use super::build::{Build, OperatorFile, Pip, PipFile, Template};
use super::mistake::{File, Mistake, Proposal, nearest};
use super::names::FlavourName;
use super::reader::At;
use super::report::{Mistakes, Placed};
use super::sections::{FlavourSettings, PipSettings, Project, ProjectFlavour, Settings};

/// Judges the operator's flavours by themselves, and looks up the files of each.
pub(super) fn offered(
    settings: Option<&Settings>,
    lookup: &dyn Lookup,
    mistakes: &mut Mistakes,
) -> Vec<OperatorFiles> {
    let flavours = || settings.iter().flat_map(|settings| &settings.flavours);
    let mut files = Files { lookup, mistakes };
    let found = { flavours() }
        .map(|flavour| OperatorFiles::look_up(&flavour.fields, &mut files))
        .collect();
    for offer in flavours() {
        judge(&offer.fields, &ProjectFlavour::default(), mistakes);
        delivery::judge_operator(offer, mistakes);
    }
    found
}

/// Unites both files; what is returned is whole only where no mistake was added.
///
/// Either file may be missing because its text could not be read; what needs both is not judged
/// then.
pub(super) fn resolve(
    settings: Option<(&Settings, &[OperatorFiles])>,
    project: Option<&Project>,
    lookup: &dyn Lookup,
    mistakes: &mut Mistakes,
) -> Vec<Build> {
    let mut files = Files { lookup, mistakes };
    let offered: Vec<_> = { settings.iter() }
        .flat_map(|(settings, files)| settings.flavours.iter().zip(*files))
        .collect();
    let wanted: Vec<_> = { project.iter() }
        .flat_map(|project| &project.flavours)
        .map(|flavour| (flavour, ProjectFiles::look_up(&flavour.fields, &mut files)))
        .collect();
    let mut builds = Vec::new();
    for (want, mut project_files) in wanted {
        let name = &want.name;
        delivery::judge_project(&want.fields.package, mistakes);
        let same_name = offered
            .iter()
            .find(|(offer, _)| offer.name.value == name.value);
        let Some((offer, operator_files)) = same_name else {
            if settings.is_some() {
                let known: Vec<_> = offered
                    .iter()
                    .map(|(offer, _)| offer.name.value.clone())
                    .collect();
                let proposed = match name.value == "cache" {
                    true => Some(Proposal::Place(
                        "the shared cache is the operator's, and stands in config.yml",
                    )),
                    false => nearest(&name.value, known.iter().map(String::as_str)),
                };
                let flavour = name.value.clone();
                mistakes.add(
                    File::Project,
                    name.at,
                    Mistake::UnknownFlavour {
                        flavour,
                        proposed,
                        known,
                    },
                );
            }
            continue;
        };
        let (operator, flavour) = (&offer.fields, &want.fields);
        judge(operator, flavour, mistakes);
        judge_hashes(&operator.pip, &flavour.pip, mistakes);
        delivery::judge(offer, want, mistakes);
        if operator.base_image.is_none() && offer.whole {
            let flavour = name.value.clone();
            mistakes.add(
                File::Config,
                offer.name.at,
                Mistake::NoBaseImage { flavour },
            );
        }
        // Both are missing only where a mistake has been added.
        let (Some(base_image), Ok(flavour_name)) =
            (&operator.base_image, FlavourName::new(&name.value))
        else {
            continue;
        };
        let package = delivery::packaging(
            &name.value,
            &operator.package,
            &flavour.package,
            &mut project_files,
        );
        let (base, own) = (&operator.base_dependencies, &flavour.dependencies);
        builds.push(Build {
            flavour: flavour_name,
            base_image: base_image.value.clone(),
            template: operator_files
                .template
                .clone()
                .map_or(Template::Default, Template::Operator),
            build_dependencies: united(&base.build, &own.build),
            runtime_dependencies: united(&base.runtime, &own.runtime),
            buildscript: project_files.buildscript,
            extras: united(&[], &flavour.extras),
            pip: Pip {
                index_url: scalar(&operator.pip.index_url, &flavour.pip.index_url),
                extra_index_urls: united(
                    &operator.pip.extra_index_urls,
                    &flavour.pip.extra_index_urls,
                ),
                constraints: joined(&operator_files.constraints, project_files.constraints),
                build_constraints: joined(
                    &operator_files.build_constraints,
                    project_files.build_constraints,
                ),
                requirements: joined(&operator_files.requirements, project_files.requirements),
                require_hashes: scalar(&operator.pip.require_hashes, &flavour.pip.require_hashes)
                    .unwrap_or(false),
                only_binary: united(&operator.pip.only_binary, &flavour.pip.only_binary),
                no_binary: united(&operator.pip.no_binary, &flavour.pip.no_binary),
            },
            build_environment: { operator.build_environment.iter() }
                .chain(&flavour.build_environment)
                .map(|(name, value)| (name.value.clone(), value.clone()))
                .collect(),
            secrets: united(&operator.secrets, &flavour.secrets),
            ca_bundle: operator_files.ca_bundle.clone(),
            package,
            runtime_image: { operator.runtime_image.as_ref() }.map(|image| image.value.clone()),
            image: flavour.image.as_ref().map(delivery::image),
            test: united(&[], &flavour.test),
        });
    }
    builds
}

/// Judges what must agree between the lists of a flavour.
fn judge(operator: &FlavourSettings, project: &ProjectFlavour, mistakes: &mut Mistakes) {
    let wheels = placed(&operator.pip.only_binary, &project.pip.only_binary);
    let sources = placed(&operator.pip.no_binary, &project.pip.no_binary);
    for wheel in &wheels {
        let same = sources
            .iter()
            .find(|source| source.1.value == wheel.1.value);
        let Some(source) = same else { continue };
        let (first, last) = match (wheel.0, wheel.1.at.offset()) <= (source.0, source.1.at.offset())
        {
            true => (wheel, source),
            false => (source, wheel),
        };
        let one_file = first.0 == last.0;
        mistakes.place(Placed {
            file: last.0,
            at: Some(last.1.at),
            earlier: one_file.then_some((first.1.at, "given here")),
            mistake: Mistake::BothBinary {
                name: wheel.1.value.clone(),
                other: (!one_file).then_some(first.0),
            },
        });
    }
    let secrets: Vec<_> = placed(&operator.secrets, &project.secrets);
    let given = [
        (File::Config, &operator.build_environment),
        (File::Project, &project.build_environment),
    ];
    for (file, variables) in given {
        for (name, _) in variables {
            if secrets
                .iter()
                .any(|(_, secret)| secret.value.as_str() == name.value)
            {
                let variable = name.value.clone();
                mistakes.add(file, name.at, Mistake::SecretInEnvironment { variable });
            }
        }
    }
}

/// Judges that there are hashes where hashes are required.
fn judge_hashes(operator: &PipSettings, project: &PipSettings, mistakes: &mut Mistakes) {
    let (file, required) = match (&operator.require_hashes, &project.require_hashes) {
        (_, Some(required)) => (File::Project, required),
        (Some(required), None) => (File::Config, required),
        (None, None) => return,
    };
    if required.value && !operator.names_requirements && !project.names_requirements {
        mistakes.add(file, required.at, Mistake::HashesWithoutRequirements);
    }
}

/// Returns the entries of both lists with the file that each is in.
fn placed<'a, T>(operator: &'a [At<T>], project: &'a [At<T>]) -> Vec<(File, &'a At<T>)> {
    let operator = operator.iter().map(|entry| (File::Config, entry));
    operator
        .chain(project.iter().map(|entry| (File::Project, entry)))
        .collect()
}

/// Unites two lists: the operator's entries first, each once, in order.
fn united<T: Clone + PartialEq>(operator: &[At<T>], project: &[At<T>]) -> Vec<T> {
    let mut united = Vec::new();
    for entry in operator.iter().chain(project) {
        if !united.contains(&entry.value) {
            united.push(entry.value.clone());
        }
    }
    united
}

/// Joins the files of two lists: the operator's first, each once, in order.
fn joined(operator: &[OperatorFile], project: Vec<crate::tree::RelPath>) -> Vec<PipFile> {
    let operator = operator.iter().cloned().map(PipFile::Operator);
    let mut joined = Vec::new();
    for file in operator.chain(project.into_iter().map(PipFile::Project)) {
        if !joined.contains(&file) {
            joined.push(file);
        }
    }
    joined
}

/// Takes the project's value, or else the operator's.
fn scalar<T: Clone>(operator: &Option<At<T>>, project: &Option<At<T>>) -> Option<T> {
    let given = project.as_ref().or(operator.as_ref());
    given.map(|given| given.value.clone())
}
