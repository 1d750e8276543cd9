//! Holds the JSON Schemas against the parser: both judge the same documents, and agree.

#[path = "schema/delivery.rs"]
mod delivery;

use std::path::PathBuf;
use std::sync::LazyLock;

use builder::config::mistake::Mistake;
use builder::config::{self, Document, FileProblem, FoundFile, Lookup, schema};
use builder::tree::RelPath;
use jsonschema::Validator;
use serde_json::Value;

/// Every file is there.
struct Anything;

impl Lookup for Anything {
    fn operator_file(&self, path: &str) -> Result<FoundFile, FileProblem> {
        let bytes = b"-----BEGIN CERTIFICATE-----".to_vec();
        let path = PathBuf::from("/").join(path);
        Ok(FoundFile { path, bytes })
    }

    fn project_file(&self, _: &RelPath) -> Result<(), FileProblem> {
        Ok(())
    }
}

/// Which file a document is.
#[derive(Clone, Copy, Debug)]
enum File {
    Config,
    Project,
}
use File::{Config, Project};

fn load(file: File, text: &str) -> Result<Vec<config::build::Build>, config::ConfigErrors> {
    let document = |path: &str, text: &str| Document {
        path: path.to_owned(),
        bytes: text.into(),
    };
    let (settings, project) = match file {
        // The other file has what is legal whatever the flavours of this one are.
        Config => (text, "wanted:\n"),
        Project => ("deb: {base_image: debian}", text),
    };
    config::load(
        &document("config.yml", settings),
        &document(".build.yml", project),
        &Anything,
    )
}

/// Judges a document by the parser; that no flavour is wanted here is not its mistake.
fn parser_accepts(file: File, text: &str) -> bool {
    match load(file, text) {
        Ok(_) => true,
        Err(errors) => errors.mistakes().iter().all(|report| {
            matches!(
                (file, report.mistake()),
                (Config, Mistake::UnknownFlavour { .. })
            )
        }),
    }
}

fn schema(file: File) -> Value {
    let text = match file {
        Config => schema::config(),
        Project => schema::project(),
    };
    serde_json::from_str(text).expect("a schema is JSON")
}

fn schema_accepts(file: File, text: &str) -> bool {
    let options = serde_yaml::options! { strict_booleans: true };
    let document: Value = serde_yaml::from_str_with_options(text, options).expect("a row is YAML");
    static VALIDATORS: LazyLock<[Validator; 2]> = LazyLock::new(|| {
        [Config, Project]
            .map(|file| jsonschema::validator_for(&schema(file)).expect("a schema is one"))
    });
    let [config, project] = &*VALIDATORS;
    match file {
        Config => config.is_valid(&document),
        Project => project.is_valid(&document),
    }
}

fn check(file: File, text: &str, good: bool) {
    assert_eq!(
        parser_accepts(file, text),
        good,
        "the parser on {file:?} {text}"
    );
    assert_eq!(
        schema_accepts(file, text),
        good,
        "the schema on {file:?} {text}"
    );
}

/// Wraps a list's entry, quoted for YAML, in the field that it is to be judged in.
fn entry(field: &str, text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string is JSON");
    match field.split_once('.') {
        Some((section, field)) => format!("deb: {{{section}: {{{field}: [{quoted}]}}}}"),
        None => format!("deb: {{{field}: [{quoted}]}}"),
    }
}

#[test]
fn the_schemas_are_schemas() {
    for file in [Config, Project] {
        jsonschema::draft202012::meta::validate(&schema(file)).unwrap();
    }
    for text in [
        builder::plan::schema(),
        builder::report::schema(),
        builder::manifest::schema(),
    ] {
        let schema: Value = serde_json::from_str(text).expect("a schema is JSON");
        jsonschema::draft202012::meta::validate(&schema).unwrap();
    }
}

#[test]
fn both_agree_on_shapes() {
    for (text, good) in [
        ("deb:", true),
        ("deb: {}", true),
        ("deb: ~", true),
        ("deb:\nrpm:\n  base_image: fedora", true),
        (
            "deb:\n  base_image:\n  base_dependencies:\n  pip:\n  secrets:\n  ca_bundle:\n  build_environment:",
            true,
        ),
        ("deb:\n  base_dependencies: {build: [gcc], runtime: }", true),
        (
            "deb: {ca_bundle: /etc/ssl/ca.pem, dockerfile_template: ../deb.j2}",
            true,
        ),
        (
            "deb: &d {base_image: debian}\nrpm: {<<: *d, secrets: [TOKEN]}",
            true,
        ),
        ("deb: {pip: {require_hashes: false}}", true),
        ("deb: {build_environment: {A: '1', B: ''}}", true),
        ("{}", false),
        ("[deb]", false),
        ("deb", false),
        ("deb: debian", false),
        ("deb: []", false),
        ("deb: {base_imag: debian}", false),
        ("deb: {package: {}}", false),
        ("deb: {base_image: 12}", false),
        ("deb: {base_image: [debian]}", false),
        ("deb: {base_dependencies: [gcc]}", false),
        ("deb: {base_dependencies: {build: gcc}}", false),
        ("deb: {base_dependencies: {build: [1]}}", false),
        ("deb: {base_dependencies: {build: [~]}}", false),
        ("deb: {base_dependencies: {test: [gcc]}}", false),
        ("deb: {pip: {index: x}}", false),
        ("deb: {pip: {require_hashes: yes}}", false),
        ("deb: {pip: {require_hashes: 1}}", false),
        ("deb: {build_environment: {A: 1}}", false),
        ("deb: {build_environment: {A: ~}}", false),
        ("deb: {build_environment: {A B: x}}", false),
        ("deb: {build_environment: {A: \"\\0\"}}", false),
        ("deb: {build_environment: [A]}", false),
        ("deb: {secrets: TOKEN}", false),
        ("deb: {ca_bundle: ~/ca.pem}", false),
        ("deb: {ca_bundle: ''}", false),
        ("deb: {dockerfile_template: /deb.j2}", false),
        ("deb: {buildscript: build.sh}", false),
    ] {
        check(Config, text, good);
    }
    for (text, good) in [
        ("deb:", true),
        (
            "deb:\n  buildscript:\n  postinstall:\n  dependencies:\n  extras:\n  pip:\n  secrets:",
            true,
        ),
        (
            "deb: {buildscript: ./scripts//build.sh, postinstall: a..b/..c}",
            true,
        ),
        ("deb: {extras: [], dependencies: {build: []}}", true),
        (
            "deb: {pip: {constraints: [a.txt], requirements: [b.txt], require_hashes: true}}",
            true,
        ),
        ("deb: {base_image: debian}", false),
        ("deb: {buildscript: [build.sh]}", false),
        ("deb: {buildscript: true}", false),
        ("deb: {buildscript: ''}", false),
        ("deb: {buildscript: .}", false),
        ("deb: {buildscript: .//./}", false),
        ("deb: {buildscript: ..}", false),
        ("deb: {buildscript: a/../b}", false),
        ("deb: {buildscript: /a}", false),
        ("deb: {buildscript: ~/a}", false),
        ("deb: {buildscript: \"a\\nb\"}", false),
        ("deb: {buildscript: \"a\\x85b\"}", false),
        ("deb: {pip: {constraints: [../a.txt]}}", false),
        ("deb: {pip: {constraints: a.txt}}", false),
    ] {
        check(Project, text, good);
    }
}

#[test]
fn both_agree_on_caches() {
    for (cache, good) in [
        ("oci://reg.example/team/cache", true),
        ("oci://reg.example:5000/team/cache/", true),
        ("oci://localhost/a", true),
        ("oci://REG.example/a_b/c--d", true),
        ("oci://reg:5000/a", true),
        ("s3://bucket", true),
        ("s3://bucket/", true),
        ("s3://my.bucket-1/a/B_c/..d", true),
        ("", true),
        ("~", true),
        (
            "{url: 's3://bucket', mode: read-only, region: eu-central-1}",
            true,
        ),
        (
            "{url: 's3://bucket', endpoint: 'http://[::1]:9000/', mode: }",
            true,
        ),
        (
            "{url: 'oci://reg.example/a', insecure: true, region: }",
            true,
        ),
        ("oci://reg.example", false),
        ("oci://team/cache", false),
        ("oci://reg.example/a:1", false),
        ("oci://reg.example/A", false),
        ("oci://reg.example/a//b", false),
        ("oci://a@reg.example/a", false),
        ("s3://b", false),
        ("s3://Bucket", false),
        ("s3://bucket-/a", false),
        ("s3://bucket/../a", false),
        ("s3://bucket/a//b", false),
        ("s3://bucket/a b", false),
        ("https://reg.example/a", false),
        ("[s3://bucket]", false),
        ("1", false),
        ("{}", false),
        ("{mode: read-only}", false),
        ("{url: 's3://bucket', mode: readonly}", false),
        ("{url: 's3://bucket', insecure: true}", false),
        ("{url: 's3://bucket', endpoint: s3.example}", false),
        (
            "{url: 's3://bucket', endpoint: 'https://s3.example/a'}",
            false,
        ),
        ("{url: 's3://bucket', region: 'a b'}", false),
        ("{url: 'oci://reg.example/a', region: eu}", false),
        ("{url: 'oci://reg.example/a', insecure: 'yes'}", false),
        ("{url: 'oci://reg.example/a', uri: x}", false),
    ] {
        check(
            Config,
            &format!("cache: {cache}\ndeb: {{base_image: debian}}"),
            good,
        );
    }
    check(Config, "cache: s3://bucket", false);
    check(Project, "cache:", false);
    check(Config, "deb: {cache: s3://bucket}", false);
}

#[test]
fn both_agree_on_flavours() {
    let long = "a".repeat(65);
    for (name, good) in [
        ("deb", true),
        ("el9-pypy_3", true),
        ("'312'", true),
        (&long[1..], true),
        (&long, false),
        ("Deb", false),
        ("a.b", false),
        ("a b", false),
        ("-a", false),
        ("a_", false),
        ("source", false),
        ("sources", true),
        ("''", false),
    ] {
        check(Config, &format!("{name}: {{base_image: debian}}"), good);
    }
}

#[test]
fn both_agree_on_images() {
    let digest = "0a".repeat(32);
    for (name, good) in [
        ("debian", true),
        ("debian:12", true),
        ("localhost/a", true),
        ("host:5000/a/b__c/d--e:1.0_x", true),
        ("REG.example.com/a.b", true),
        (&format!("a@sha256:{digest}"), true),
        (&format!("a:1@sha256:{digest}"), true),
        (&digest, false),
        (&format!("x/{digest}"), true),
        ("a@sha256:12", false),
        ("", false),
        ("Debian", false),
        ("a//b", false),
        ("/a", false),
        ("a___b", false),
        ("a:", false),
        ("a:.b", false),
        ("-a.b/c", false),
        ("https://a/b", false),
        ("a b", false),
        ("a\nb", false),
        ("a\n", false),
    ] {
        let quoted = serde_json::to_string(name).unwrap();
        check(Config, &format!("deb: {{base_image: {quoted}}}"), good);
    }
}

#[test]
fn both_agree_on_packages() {
    let long = "a".repeat(201);
    for (name, good) in [
        ("libffi-dev", true),
        ("g++", true),
        ("gcc:arm64", true),
        ("a=1:2~rc1-1", true),
        ("a/bookworm-backports", true),
        ("@development-tools", true),
        ("lib.so.1()(64bit)", true),
        ("/usr/bin/gcc", true),
        (&long[1..], true),
        (&long, false),
        ("", false),
        ("-y", false),
        (".a", false),
        ("a-", false),
        ("a(b", false),
        ("a((b))", false),
        ("a b", false),
        ("a;b", false),
        ("a$b", false),
        ("a\nb", false),
        ("a\n", false),
        ("é", false),
    ] {
        check(Project, &entry("dependencies.build", name), good);
    }
    for (name, good) in [
        ("libffi8", true),
        ("libffi8 (>= 3.4)", true),
        ("libffi8 >= 3.4", true),
        ("libffi8>=3.4", true),
        ("a (<<1:2~rc1-1)|b", true),
        ("pkgconfig(libffi) = 3", true),
        ("", false),
        ("a |", false),
        ("a=1", false),
        ("a b", false),
        ("a- (>= 1)", false),
        ("a >=", false),
        ("a => 1", false),
        ("a (>= 1", false),
        ("a (>= 1))", false),
        ("a(>= 1)", false),
        ("a, b", false),
        ("a\n", false),
    ] {
        check(Project, &entry("dependencies.runtime", name), good);
    }
}

#[test]
fn both_agree_on_the_other_names() {
    for (field, name, good) in [
        ("extras", "Dev_tools.x", true),
        ("extras", "a[b]", false),
        ("extras", "-a", false),
        ("extras", ":all:", false),
        ("pip.only_binary", ":all:", true),
        ("pip.only_binary", "cffi", true),
        ("pip.only_binary", ":none:", false),
        ("pip.no_binary", "cffi==1", false),
        ("pip.no_binary", "cffi_", false),
        ("secrets", "PIP_INDEX_URL", true),
        ("secrets", "1A", false),
        ("secrets", "A-B", false),
        ("secrets", "", false),
        ("pip.extra_index_urls", "https://pypi.org/simple", true),
        ("pip.extra_index_urls", "http://[::1]:3141/a/+simple/", true),
        ("pip.extra_index_urls", "https://a?b=c@d", true),
        ("pip.extra_index_urls", "https://a:", true),
        ("pip.extra_index_urls", "file:///srv/wheels", true),
        ("pip.extra_index_urls", "file://srv", false),
        ("pip.extra_index_urls", "https://", false),
        ("pip.extra_index_urls", "https://:80/a", false),
        ("pip.extra_index_urls", "https://a:b/c", false),
        ("pip.extra_index_urls", "https://joe:s@a/b", false),
        ("pip.extra_index_urls", "https://joe:s/t@a/b", false),
        ("pip.extra_index_urls", "https://a/b#c", false),
        ("pip.extra_index_urls", "https://a b", false),
        ("pip.extra_index_urls", "pypi.org", false),
    ] {
        check(Project, &entry(field, name), good);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the examples are files")]
fn both_accept_the_worked_examples() {
    for example in std::fs::read_dir("plans").unwrap() {
        let example = example.unwrap().path();
        let (Ok(settings), Ok(project)) = (
            std::fs::read_to_string(example.join("config.yml")),
            std::fs::read_to_string(example.join("project/.build.yml")),
        ) else {
            continue;
        };
        let document = |path: &str, text: &str| Document {
            path: path.to_owned(),
            bytes: text.into(),
        };
        let (config, build) = (
            document("config.yml", &settings),
            document(".build.yml", &project),
        );
        assert!(
            config::load(&config, &build, &Anything).is_ok(),
            "the parser on {example:?}"
        );
        assert!(
            schema_accepts(Config, &settings),
            "the schema on {example:?}"
        );
        assert!(
            schema_accepts(Project, &project),
            "the schema on {example:?}"
        );
    }
}

/// What a schema cannot see: names of the other file, agreement of fields, and YAML itself.
#[test]
fn only_the_parser_sees_these() {
    for (file, text) in [
        (Project, "rpm:"),
        (Project, "deb: {pip: {require_hashes: true}}"),
        (Project, "deb: {pip: {only_binary: [a], no_binary: [A]}}"),
        (Project, "deb: {secrets: [A], build_environment: {A: b}}"),
        (Config, "deb: {base_image: 'a.b:70000/c'}"),
        (Config, "1: {base_image: debian}"),
        (Config, "deb: {sign_key: packages@example.org}"),
        (
            Config,
            "el9: {package: deb, sign_key: packages@example.org}",
        ),
        (Project, "deb: {package: none, revision: 2}"),
        (Project, "deb: {package: none, test: [a]}"),
        (Project, "deb: {revision: 1.0}"),
        (Project, "deb: {systemd: {units: [a.timer, b/a.timer]}}"),
        (Project, "deb: {systemd: {start: false}}"),
        (Project, "deb: {files: {/etc/a: a, /etc/a/b: b}}"),
        (Project, "deb: {name: shop, files: {/opt/other/a: a}}"),
        (Project, "deb: {image: {user: '9999999999'}}"),
        (Config, "\tdeb: {base_image: debian}"),
    ] {
        assert!(!parser_accepts(file, text), "the parser on {file:?} {text}");
        assert!(schema_accepts(file, text), "the schema on {file:?} {text}");
    }
}

#[test]
fn the_fields_of_schema_and_parser_are_the_same() {
    let fields = |file: File, pointer: &str| -> Vec<String> {
        let schema = schema(file);
        let properties = schema.pointer(pointer).unwrap().as_object().unwrap();
        properties.keys().cloned().collect()
    };
    let known = |file: File, text: &str| -> Vec<String> {
        let errors = load(file, text).unwrap_err();
        let mut known = errors
            .mistakes()
            .iter()
            .find_map(|report| match report.mistake() {
                Mistake::UnknownField { known, .. } => Some(known.clone()),
                _ => None,
            });
        known.as_mut().unwrap().sort();
        known.unwrap()
    };
    let flavour = "/$defs/flavour/properties";
    for (file, text, pointer) in [
        (Config, "deb: {x: }", flavour.to_owned()),
        (Project, "deb: {x: }", flavour.to_owned()),
        (
            Config,
            "deb: {base_dependencies: {x: }}",
            format!("{flavour}/base_dependencies/properties"),
        ),
        (
            Project,
            "deb: {dependencies: {x: }}",
            format!("{flavour}/dependencies/properties"),
        ),
        (
            Config,
            "cache: {url: 's3://bucket', x: }\ndeb:",
            "/$defs/cache/properties".to_owned(),
        ),
        (
            Config,
            "deb: {pip: {x: }}",
            "/$defs/pip/properties".to_owned(),
        ),
        (
            Project,
            "deb: {pip: {x: }}",
            "/$defs/pip/properties".to_owned(),
        ),
        (
            Project,
            "deb: {systemd: {x: }}",
            format!("{flavour}/systemd/properties"),
        ),
        (
            Project,
            "deb: {image: {x: }}",
            format!("{flavour}/image/properties"),
        ),
    ] {
        let mut fields = fields(file, &pointer);
        fields.sort();
        assert_eq!(fields, known(file, text), "{file:?} {pointer}");
    }
}
