//! Packages and runtime images: both files together, and what must agree.

use std::collections::BTreeMap;

use miette::SourceSpan;

use super::files::ProjectFiles;
use super::{FlavourSettings, ProjectFlavour, scalar, united};
use crate::config::build::{PackageFormat, Packaging, RuntimeImage, Systemd};
use crate::config::mistake::{DeliveryMistake, File};
use crate::config::names::Choice;
use crate::config::reader::{At, Flavour};
use crate::config::report::{Mistakes, Placed};
use crate::config::sections::{ImageSettings, OperatorPackage, PackageSettings, SystemdSettings};

/// Says which package is made: the one that is chosen, or else that of the flavour's name.
fn format(flavour: &str, choice: Option<&At<Choice>>) -> Option<PackageFormat> {
    match (choice.map(|choice| choice.value), flavour) {
        (Some(Choice::Made(format)), _) => Some(format),
        (Some(Choice::Nothing), _) => None,
        (None, "deb") => Some(PackageFormat::Deb),
        (None, "rpm") => Some(PackageFormat::Rpm),
        (None, _) => None,
    }
}

/// Resolves how a flavour is packaged; takes the files that were looked up.
pub(super) fn packaging(
    flavour: &str,
    operator: &OperatorPackage,
    project: &PackageSettings,
    files: &mut ProjectFiles,
) -> Packaging {
    let value = |text: &Option<At<String>>| text.as_ref().map(|text| text.value.clone());
    let flag = |flag: &Option<At<bool>>| flag.as_ref().is_none_or(|flag| flag.value);
    let systemd = &project.systemd;
    Packaging {
        format: format(
            flavour,
            project.format.as_ref().or(operator.format.as_ref()),
        ),
        name: value(&project.name),
        maintainer: scalar(&operator.maintainer, &project.maintainer),
        section: value(&project.section),
        revision: project
            .revision
            .as_ref()
            .map_or(1, |revision| revision.value),
        distribution_suffix: value(&operator.distribution_suffix),
        files: std::mem::take(&mut files.files),
        scripts: std::mem::take(&mut files.scripts),
        systemd: Systemd {
            units: std::mem::take(&mut files.units),
            enable: flag(&systemd.enable),
            start: flag(&systemd.start),
            restart_after_upgrade: flag(&systemd.restart_after_upgrade),
        },
        sign_key: value(&operator.sign_key),
    }
}

/// Resolves a runtime image.
pub(super) fn image(settings: &ImageSettings) -> RuntimeImage {
    let value = |text: &Option<At<String>>| text.as_ref().map(|text| text.value.clone());
    RuntimeImage {
        entrypoint: settings.entrypoint.clone(),
        command: { settings.command.iter() }
            .map(|argument| argument.value.clone())
            .collect(),
        environment: { settings.environment.iter() }
            .map(|(name, value)| (name.value.clone(), value.clone()))
            .collect(),
        ports: united(&[], &settings.ports),
        workdir: value(&settings.workdir),
        user: value(&settings.user),
        healthcheck: settings.healthcheck.clone(),
        tags: united(&[], &settings.tags),
    }
}

/// Judges what the operator says by itself.
pub(super) fn judge_operator(offer: &Flavour<FlavourSettings>, mistakes: &mut Mistakes) {
    let (name, package) = (&offer.name.value, &offer.fields.package);
    let known = package.format.is_some() || offer.whole;
    let Some(key) = package.sign_key.as_ref().filter(|_| known) else {
        return;
    };
    if format(name, package.format.as_ref()) == Some(PackageFormat::Deb) {
        let flavour = name.clone();
        let mistake = DeliveryMistake::SignKeyOfDeb { flavour };
        mistakes.add(File::Config, key.at, mistake.into());
    }
}

/// Judges what a project says by itself.
pub(super) fn judge_project(package: &PackageSettings, mistakes: &mut Mistakes) {
    judge_units(&package.systemd, mistakes);
    let places: BTreeMap<&str, SourceSpan> = { package.files.iter() }
        .map(|(place, _)| (place.value.as_str(), place.at))
        .collect();
    for (path, at) in &places {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        if let Some((outer, earlier)) = { folders }.find_map(|folder| places.get_key_value(folder))
        {
            let (path, outer) = ((*path).to_owned(), (*outer).to_owned());
            mistakes.place(Placed {
                file: File::Project,
                at: Some(*at),
                earlier: Some((*earlier, "a file")),
                mistake: DeliveryMistake::NestedDestination { path, outer }.into(),
            });
        }
        let owner = { path.strip_prefix("/opt/") }.and_then(|rest| rest.split('/').next());
        if let (Some(owner), Some(name)) = (owner, &package.name)
            && owner != name.value
        {
            let (path, name) = ((*path).to_owned(), name.value.clone());
            let mistake = DeliveryMistake::ForeignDirectory { path, name };
            mistakes.add(File::Project, *at, mistake.into());
        }
    }
}

fn judge_units(systemd: &SystemdSettings, mistakes: &mut Mistakes) {
    let mut seen = BTreeMap::new();
    for unit in &systemd.units {
        let name = unit.value.rsplit('/').next().unwrap_or_default();
        if let Some(earlier) = seen.insert(name, unit.at) {
            let name = name.to_owned();
            mistakes.place(Placed {
                file: File::Project,
                at: Some(unit.at),
                earlier: Some((earlier, "listed here")),
                mistake: DeliveryMistake::DuplicateUnit { name }.into(),
            });
        }
    }
    let flags = [
        ("enable", &systemd.enable),
        ("start", &systemd.start),
        ("restart_after_upgrade", &systemd.restart_after_upgrade),
    ];
    for (field, flag) in flags {
        if let (Some(flag), false) = (flag, systemd.names_units) {
            let mistake = DeliveryMistake::NoUnits { field };
            mistakes.add(File::Project, flag.at, mistake.into());
        }
    }
}

/// Judges what a project says of its package and its check against what the flavour makes.
pub(super) fn judge(
    offer: &Flavour<FlavourSettings>,
    want: &Flavour<ProjectFlavour>,
    mistakes: &mut Mistakes,
) {
    let (operator, project) = (&offer.fields.package, &want.fields.package);
    let chosen = project.format.as_ref();
    let known = chosen.is_some() || want.whole && (operator.format.is_some() || offer.whole);
    if !known {
        return;
    }
    let flavour = want.name.value.clone();
    let offered = format(&flavour, operator.format.as_ref());
    match chosen.map_or(offered, |chosen| format(&flavour, Some(chosen))) {
        Some(PackageFormat::Deb) => {
            let changed = chosen.filter(|_| offered != Some(PackageFormat::Deb));
            if let (Some(changed), Some(_)) = (changed, &operator.sign_key) {
                let mistake = DeliveryMistake::SignKeyOfDeb { flavour };
                mistakes.add(File::Project, changed.at, mistake.into());
            }
        }
        Some(PackageFormat::Rpm) => {}
        None => {
            let mut add = |at, mistake: DeliveryMistake| {
                mistakes.place(Placed {
                    file: File::Project,
                    at: Some(at),
                    earlier: chosen.map(|chosen| (chosen.at, "no package is made")),
                    mistake: mistake.into(),
                });
            };
            for At { value: field, at } in &project.needing {
                let (field, flavour) = (*field, flavour.clone());
                add(*at, DeliveryMistake::NoPackage { field, flavour });
            }
            let unused = want.fields.test.first();
            if let (Some(line), None, true) = (unused, &want.fields.image, want.whole) {
                add(line.at, DeliveryMistake::NothingToTest { flavour });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::build::{Build, PackageFormat, RuntimeImage, Systemd};
    use crate::config::tests::builds;

    fn build(config: &str, project: &str) -> Build {
        builds(config, project).remove(0)
    }

    #[test]
    fn a_package_is_that_of_the_flavours_name_unless_it_is_chosen() {
        let check = |flavour: &str, operator: &str, project: &str, expected| {
            let build = build(
                &format!("{flavour}: {{base_image: a, {operator}}}"),
                &format!("{flavour}: {{{project}}}"),
            );
            assert_eq!(
                build.package.format, expected,
                "{flavour} {operator} {project}"
            );
        };
        let (deb, rpm) = (Some(PackageFormat::Deb), Some(PackageFormat::Rpm));
        check("deb", "", "", deb);
        check("rpm", "", "", rpm);
        check("deb-trixie", "", "", None);
        check("deb-trixie", "package: deb", "", deb);
        check("el9", "package: rpm", "", rpm);
        check("el9", "package: rpm", "package: none", None);
        check("deb", "package: none", "", None);
        check("deb", "package: none", "package: deb", deb);
        check("pypy", "", "package: deb", deb);
    }

    #[test]
    fn a_flavour_that_says_nothing_has_the_defaults() {
        let build = build("deb: {base_image: debian}", "deb:");
        let package = build.package;
        assert_eq!((package.revision, package.systemd), (1, Systemd::default()));
        assert_eq!(
            (package.name, package.section, package.maintainer),
            (None, None, None)
        );
        assert_eq!((build.image, build.runtime_image), (None, None));
        assert_eq!(build.test, [""; 0]);
    }

    #[test]
    fn everything_about_a_package_is_resolved() {
        let config = "
rpm:
  base_image: fedora
  maintainer: Operators <ops@example.org>
  distribution_suffix: fc42
  sign_key: 0123456789ABCDEF
  runtime_image: fedora:42
";
        let project = "
rpm:
  name: shop-server
  maintainer: Ada <ada@example.org>
  section: web
  revision: 3
  preinstall: a.sh
  postinstall: ./b.sh
  preremove: c.sh
  postremove: d.sh
  systemd: {units: [deploy/shop.service], start: false}
  files: {/etc/shop/shop.toml: deploy/shop.toml}
  test: [shop --version]
";
        let build = build(config, project);
        let package = build.package;
        assert_eq!(package.name.as_deref(), Some("shop-server"));
        assert_eq!(package.maintainer.as_deref(), Some("Ada <ada@example.org>"));
        assert_eq!(package.section.as_deref(), Some("web"));
        assert_eq!(package.revision, 3);
        assert_eq!(package.distribution_suffix.as_deref(), Some("fc42"));
        assert_eq!(package.sign_key.as_deref(), Some("0123456789ABCDEF"));
        let scripts = package.scripts;
        let scripts = [
            scripts.preinstall,
            scripts.postinstall,
            scripts.preremove,
            scripts.postremove,
        ];
        let scripts = scripts.map(|script| script.map(String::from));
        assert_eq!(
            scripts,
            ["a.sh", "b.sh", "c.sh", "d.sh"].map(|path| Some(path.to_owned()))
        );
        assert_eq!(package.systemd.units[0].as_str(), "deploy/shop.service");
        assert!(package.systemd.enable && !package.systemd.start);
        assert_eq!(
            package.files["/etc/shop/shop.toml"].as_str(),
            "deploy/shop.toml"
        );
        assert_eq!(build.runtime_image.unwrap().as_str(), "fedora:42");
        assert_eq!(build.test, ["shop --version"]);
    }

    #[test]
    fn an_empty_map_asks_for_an_image() {
        let image =
            |text: &str| build("deb: {base_image: a}", &format!("deb: {{image: {text}}}")).image;
        assert_eq!(image(""), None);
        assert_eq!(image("{}"), Some(RuntimeImage::default()));
    }

    #[test]
    fn everything_about_an_image_is_resolved() {
        let project = "
deb:
  image:
    entrypoint: [shop, '']
    command: [serve]
    environment: {PORT: '8080'}
    ports: [8080, '8080/tcp', 53/udp]
    workdir: /var/lib/shop
    user: 10002
    healthcheck: [shop, check]
    tags: [registry.example.com/shop:1]
";
        let image = build("deb: {base_image: debian}", project).image.unwrap();
        assert_eq!(image.entrypoint.unwrap(), ["shop", ""]);
        assert_eq!(image.command, ["serve"]);
        assert_eq!(image.environment["PORT"], "8080");
        assert_eq!(image.ports, ["8080", "53/udp"]);
        assert_eq!(image.workdir.as_deref(), Some("/var/lib/shop"));
        assert_eq!(image.user.as_deref(), Some("10002:10002"));
        assert_eq!(image.healthcheck.unwrap(), ["shop", "check"]);
        assert_eq!(image.tags[0].as_str(), "registry.example.com/shop:1");
    }
}
