//! Dockerfile templates: what they may name, and how they become text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::config::build::{Build, Template};

/// The template of the builder dockerfile that `builder` carries.
pub const DEFAULT: &str = include_str!("../docker/builder.dockerfile.j2");

/// What it is called.
const DEFAULT_NAME: &str = "builder.dockerfile.j2";

/// The same, parsed once for all flavours.
static PARSED: LazyLock<Environment<'static>> = LazyLock::new(|| {
    environment(DEFAULT_NAME, DEFAULT).expect("the template that builder carries can be parsed")
});

/// The variables by which tools are told of the CA bundle.
pub const CA_VARIABLES: [&str; 6] = [
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
];

/// What a builder dockerfile's template may name.
#[derive(Serialize)]
struct Names<'a> {
    flavour: &'a str,
    base_image: &'a str,
    build_dependencies: Vec<&'a str>,
    ca_variables: [&'static str; 6],
}

/// A template that cannot be rendered.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the dockerfile template of flavour `{flavour}` cannot be rendered: {cause}")]
#[diagnostic(
    code(builder::template),
    help(
        "a template may name flavour, base_image, build_dependencies and ca_variables, and the filter `sh`"
    )
)]
pub struct TemplateError {
    flavour: String,
    cause: String,
    #[source_code]
    source_code: miette::NamedSource<String>,
    #[label("here")]
    place: Option<miette::SourceSpan>,
}

/// Renders the builder dockerfile of a flavour.
pub fn builder_dockerfile(build: &Build) -> Result<String, Box<TemplateError>> {
    let (name, text) = match &build.template {
        Template::Default => (DEFAULT_NAME, DEFAULT),
        Template::Operator(file) => (file.path.as_str(), file.text.as_str()),
    };
    let names = Names {
        flavour: build.flavour.as_str(),
        base_image: build.base_image.as_str(),
        build_dependencies: build
            .build_dependencies
            .iter()
            .map(|package| package.as_str())
            .collect(),
        ca_variables: CA_VARIABLES,
    };
    render(name, text, &names).map_err(|error| {
        Box::new(TemplateError {
            flavour: build.flavour.as_str().to_owned(),
            cause: error
                .detail()
                .map_or_else(|| error.kind().to_string(), str::to_owned),
            source_code: miette::NamedSource::new(name, text.to_owned()),
            place: error.range().map(Into::into),
        })
    })
}

/// What the runtime dockerfile's template may name.
#[derive(Serialize)]
pub struct RuntimeNames<'a> {
    /// The flavour.
    pub flavour: &'a str,
    /// The package's name.
    pub title: &'a str,
    /// The project's version.
    pub version: &'a str,
    /// The name of the base.
    pub base_image: &'a str,
    /// Distribution packages.
    pub packages: Vec<String>,
    /// The virtual environment's folder.
    pub prefix: String,
    /// Variables of the image.
    pub environment: &'a BTreeMap<String, String>,
    /// Ports that it listens on.
    pub ports: &'a [String],
    /// Its working directory.
    pub workdir: &'a str,
    /// The user that it runs as.
    pub user: &'a str,
    /// The command of its health check; none where it is empty.
    pub healthcheck: &'a [String],
    /// Its entry point.
    pub entrypoint: &'a [String],
    /// Arguments of the entry point.
    pub command: &'a [String],
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// Renders the runtime dockerfile.
pub fn runtime_dockerfile(
    text: &str,
    names: &RuntimeNames<'_>,
) -> Result<String, minijinja::Error> {
    render("runtime.dockerfile.j2", text, names)
}

/// Quotes a value for a dockerfile's `ENV` and `LABEL`: nothing in it is expanded or ends the line.
fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' | '$' => quoted.extend(['\\', character]),
            character if character.is_control() => quoted.push(' '),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn render(name: &str, text: &str, names: &impl Serialize) -> Result<String, minijinja::Error> {
    let parsed;
    let environment = if name == DEFAULT_NAME && text == DEFAULT {
        &*PARSED
    } else {
        parsed = environment(name, text)?;
        &parsed
    };
    environment
        .get_template(name)?
        .render(minijinja::value::Serde(names))
}

/// Parses a template.
fn environment<'t>(name: &'t str, text: &'t str) -> Result<Environment<'t>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(true);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.add_filter("sh", |word: String| {
        shlex::try_quote(&word)
            .map(|quoted| quoted.into_owned())
            .map_err(|error| {
                minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error.to_string())
            })
    });
    environment.add_filter("quoted", |value: String| quoted(&value));
    environment.add_template(name, text)?;
    Ok(environment)
}
