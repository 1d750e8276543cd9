//! The fields of each file; a new field is one line here, and one in each JSON Schema.

mod cache;
mod delivery;

pub(super) use self::delivery::{ImageSettings, OperatorPackage, PackageSettings, SystemdSettings};
use super::build::Cache;
use super::mistake::File;
use super::names::{DistroPackage, FlavourName, ImageName, Kind, SecretName};
use super::names::{binary_choice, extra, index_url, runtime_dependency, test_line};
use super::reader::{self, At, Fields, Flavour, bad_name};
use super::report::Mistakes;
use super::yaml::Node;

/// `config.yml`, with each name checked by itself.
pub(super) struct Settings {
    pub flavours: Vec<Flavour<FlavourSettings>>,
    pub cache: Option<Cache>,
}

/// A flavour as the operator defines it.
pub(super) struct FlavourSettings {
    pub base_image: Option<At<ImageName>>,
    pub base_dependencies: Dependencies,
    pub dockerfile_template: Option<At<String>>,
    pub pip: PipSettings,
    pub build_environment: Vec<(At<String>, String)>,
    pub secrets: Vec<At<SecretName>>,
    pub ca_bundle: Option<At<String>>,
    pub package: OperatorPackage,
    pub runtime_image: Option<At<ImageName>>,
}

/// `.build.yml`, with each name checked by itself.
pub(super) struct Project {
    pub flavours: Vec<Flavour<ProjectFlavour>>,
}

/// A flavour as the project wants it.
#[derive(Default)]
pub(super) struct ProjectFlavour {
    pub buildscript: Option<At<String>>,
    pub dependencies: Dependencies,
    pub extras: Vec<At<String>>,
    pub pip: PipSettings,
    pub build_environment: Vec<(At<String>, String)>,
    pub secrets: Vec<At<SecretName>>,
    pub package: PackageSettings,
    pub image: Option<ImageSettings>,
    pub test: Vec<At<String>>,
}

/// Distribution packages.
#[derive(Default)]
pub(super) struct Dependencies {
    pub build: Vec<At<DistroPackage>>,
    pub runtime: Vec<At<String>>,
}

/// How pip resolves and builds; files are still paths.
#[derive(Default)]
pub(super) struct PipSettings {
    pub index_url: Option<At<String>>,
    pub extra_index_urls: Vec<At<String>>,
    pub constraints: Vec<At<String>>,
    pub build_constraints: Vec<At<String>>,
    pub requirements: Vec<At<String>>,
    /// Whether there are requirements, legal or not.
    pub names_requirements: bool,
    pub require_hashes: Option<At<bool>>,
    pub only_binary: Vec<At<String>>,
    pub no_binary: Vec<At<String>>,
}

/// Reads `config.yml`.
pub(super) fn settings(root: &Node, mistakes: &mut Mistakes) -> Option<Settings> {
    let cache = reader::beside(File::Config, root, mistakes, elsewhere, cache::cache);
    let flavours = reader::flavours(
        File::Config,
        root,
        Some("cache"),
        mistakes,
        elsewhere,
        |fields| FlavourSettings {
            base_image: fields.name("base_image", Kind::Image, ImageName::new),
            base_dependencies: fields.section("base_dependencies", dependencies),
            dockerfile_template: fields.text("dockerfile_template"),
            pip: fields.section("pip", pip),
            build_environment: fields.variables("build_environment"),
            secrets: fields.names("secrets", Kind::Variable, SecretName::new),
            ca_bundle: fields.text("ca_bundle"),
            package: delivery::operator_package(fields),
            runtime_image: fields.name("runtime_image", Kind::Image, ImageName::new),
        },
    )?;
    judge_names(File::Config, &flavours, mistakes);
    Some(Settings { flavours, cache })
}

/// Reads `.build.yml`; where `config.yml` is known, an illegal flavour is just an unknown one.
pub(super) fn project(root: &Node, config_known: bool, mistakes: &mut Mistakes) -> Option<Project> {
    let flavours = reader::flavours(File::Project, root, None, mistakes, elsewhere, |fields| {
        ProjectFlavour {
            buildscript: fields.text("buildscript"),
            dependencies: fields.section("dependencies", dependencies),
            extras: fields.names("extras", Kind::Extra, extra),
            pip: fields.section("pip", pip),
            build_environment: fields.variables("build_environment"),
            secrets: fields.names("secrets", Kind::Variable, SecretName::new),
            package: delivery::package(fields),
            image: fields.section_if_given("image", delivery::image),
            test: fields.names("test", Kind::TestLine, test_line),
        }
    })?;
    if !config_known {
        judge_names(File::Project, &flavours, mistakes);
    }
    Some(Project { flavours })
}

fn dependencies(fields: &mut Fields) -> Dependencies {
    Dependencies {
        build: fields.names("build", Kind::Package, DistroPackage::new),
        runtime: fields.names("runtime", Kind::RuntimePackage, runtime_dependency),
    }
}

fn pip(fields: &mut Fields) -> PipSettings {
    let index = Kind::Index {
        variable: "PIP_INDEX_URL",
    };
    let extra_index = Kind::Index {
        variable: "PIP_EXTRA_INDEX_URL",
    };
    PipSettings {
        index_url: fields.name("index_url", index, index_url),
        extra_index_urls: fields.names("extra_index_urls", extra_index, index_url),
        constraints: fields.texts("constraints"),
        build_constraints: fields.texts("build_constraints"),
        requirements: fields.texts("requirements"),
        names_requirements: fields.given("requirements"),
        require_hashes: fields.flag("require_hashes"),
        only_binary: fields.names("only_binary", Kind::BinaryChoice, binary_choice),
        no_binary: fields.names("no_binary", Kind::BinaryChoice, binary_choice),
    }
}

/// Tells where a field belongs that stands in a wrong place.
fn elsewhere(file: File, field: &str) -> Option<&'static str> {
    match (file, field) {
        (
            File::Project,
            "base_image"
            | "dockerfile_template"
            | "ca_bundle"
            | "runtime_image"
            | "distribution_suffix"
            | "sign_key",
        ) => Some("it is the operator's, and belongs into config.yml"),
        (File::Project, "base_dependencies") => Some("a project has `dependencies`"),
        (File::Config, "dependencies") => Some("config.yml has `base_dependencies`"),
        (
            File::Config,
            "buildscript" | "extras" | "name" | "section" | "revision" | "preinstall"
            | "postinstall" | "preremove" | "postremove" | "systemd" | "files" | "image" | "test",
        ) => Some("it is the project's, and belongs into .build.yml"),
        (_, "units" | "enable" | "start" | "restart_after_upgrade") => {
            Some("it belongs under `systemd` of a flavour in .build.yml")
        }
        (_, "entrypoint" | "command" | "ports" | "workdir" | "user" | "healthcheck" | "tags") => {
            Some("it belongs under `image` of a flavour in .build.yml")
        }
        (_, "environment") => Some(
            "it belongs under `image` of a flavour in .build.yml; for the builds there is `build_environment`",
        ),
        (_, "url" | "mode" | "region" | "endpoint" | "insecure") => {
            Some("it belongs under `cache` of config.yml, beside the flavours")
        }
        (File::Project, "cache") => {
            Some("it is the operator's, and stands in config.yml beside the flavours")
        }
        (File::Config, "cache") => Some("it stands beside the flavours, and in none of them"),
        (_, "build" | "runtime") => Some("it belongs under the dependencies of a flavour"),
        (
            _,
            "index_url" | "extra_index_urls" | "constraints" | "build_constraints" | "requirements"
            | "require_hashes" | "only_binary" | "no_binary",
        ) => Some("it belongs under `pip` of a flavour"),
        _ => None,
    }
}

fn judge_names<T>(file: File, flavours: &[Flavour<T>], mistakes: &mut Mistakes) {
    for Flavour { name, .. } in flavours {
        if let Err(problem) = FlavourName::new(&name.value) {
            mistakes.add(file, name.at, bad_name(&name.value, Kind::Flavour, problem));
        }
    }
}
