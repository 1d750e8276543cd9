//! Every mistake in the configuration: a folder of `tests/config` with the wrong files and the
//! whole report that they lead to.
//!
//! A case has a `config.yml`, a `.build.yml`, or both; the one that it lacks is right. Only what
//! is too large is made here.

#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use builder::config::{self, Document, FileProblem, FoundFile, Lookup};
use builder::tree::RelPath;
use miette::{GraphicalReportHandler, GraphicalTheme};

/// The files that the cases name; there is no other.
struct Files;

impl Lookup for Files {
    fn operator_file(&self, path: &str) -> Result<FoundFile, FileProblem> {
        let bytes: &[u8] = match path {
            "templates/deb.j2" => b"FROM {{ base_image }}\n",
            "templates/latin1.j2" => b"# \xe9t\xe9\n",
            "templates" => return Err(FileProblem::NotAFile),
            "constraints.txt" => b"cffi==1.17\n",
            "ca.pem" => b"-----BEGIN CERTIFICATE-----\n",
            "ca.der" => b"\x30\x82",
            _ => return Err(FileProblem::Missing),
        };
        let path = PathBuf::from("/etc/builder").join(path);
        let bytes = bytes.to_vec();
        Ok(FoundFile { path, bytes })
    }

    fn project_file(&self, path: &RelPath) -> Result<(), FileProblem> {
        let target = "../../etc/shared.sh".to_owned();
        let (pattern, place) = ("*.local.sh".to_owned(), ".gitignore:3".to_owned());
        let cause = "permission denied".to_owned();
        match path.as_str() {
            "scripts/build.sh" | "scripts/postinst.sh" | "requirements.txt" => Ok(()),
            "deploy/shop.service" | "deploy/web/shop.service" => Ok(()),
            "scripts" => Err(FileProblem::NotAFile),
            "scripts/linked.sh" => Err(FileProblem::EscapesBySymlink { target }),
            "scripts/build.local.sh" => Err(FileProblem::Ignored { pattern, place }),
            "scripts/locked.sh" => Err(FileProblem::Unreadable { cause }),
            _ => Err(FileProblem::Missing),
        }
    }
}

/// Reads a file of a case, or gives what is right in its place.
fn document(case: &str, name: &str, right: &str) -> Document {
    if (case, name) == ("too_large", "config.yml") {
        let (path, bytes) = (name.to_owned(), vec![b'#'; (1 << 20) + 1]);
        return Document { path, bytes };
    }
    let path = PathBuf::from("tests/config").join(case).join(name);
    Document {
        path: name.to_owned(),
        bytes: fs::read(path).unwrap_or_else(|_| right.into()),
    }
}

fn load(case: &str) -> Result<Vec<config::build::Build>, config::ConfigErrors> {
    let right = "deb:\n  base_image: base-cpython-debian12\n";
    let settings = document(case, "config.yml", right);
    let project = document(case, ".build.yml", "deb:\n");
    config::load(&settings, &project, &Files)
}

fn check(case: &str) {
    let errors = load(case).expect_err("the case has a mistake");
    let mut report = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_links(false)
        .render_report(&mut report, &errors)
        .expect("a report is text");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("config/{case}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("report", report));
}

/// One test a case, named as its folder is.
macro_rules! cases {
    ($($case:ident)*) => {
        $(#[test] fn $case() { check(stringify!($case)); })*
        const CASES: &[&str] = &[$(stringify!($case)),*];
    };
}

cases! {
    empty_config
    empty_project
    null_document
    not_utf8
    utf16
    too_large
    tab
    tab_before_everything
    tab_after_spaces
    several_documents
    alias_bomb
    too_deep
    nested_aliases
    unknown_alias
    alias_of_itself
    duplicate_field
    duplicate_flavour
    key_not_string
    tag
    merge_not_map
    unclosed_quote
    unclosed_list
    missing_comma
    stray_bracket
    text_after_quote
    bad_escape
    unquoted_at
    control_character
    second_colon
    list_on_key_line
    indentation
    no_colon
    no_space_after_colon
    anchor_without_name
    other_syntax
    not_a_map
    no_flavour
    unknown_field
    field_of_another_place
    wrong_type
    wrong_type_of_entry
    flavour_not_map
    bad_flavour_name
    bad_image_name
    bad_package_name
    injection
    terminal_escape
    bad_variable_name
    secret_in_environment
    bad_extra
    bad_distribution
    bad_url
    url_with_credentials
    unknown_flavour
    no_base_image
    absolute_path
    home_path
    escaping_path
    bad_path
    symlink_escape
    missing_file
    not_a_file
    ignored_file
    unreadable_file
    file_not_utf8
    no_certificate
    hashes_without_requirements
    both_binary
    bad_package_format
    bad_own_name
    bad_maintainer
    bad_section
    bad_suffix
    bad_sign_key
    bad_revision
    bad_unit
    bad_destination
    bad_command
    empty_command
    bad_port
    bad_workdir
    bad_user
    bad_tag
    bad_test
    no_package
    nothing_to_test
    sign_key_of_deb
    duplicate_unit
    no_units
    nested_destination
    foreign_directory
    missing_package_file
    delivery_field_of_another_place
    bad_cache
    bad_cache_url
    bad_cache_type
    cache_without_url
    cache_field_of_another_kind
    cache_without_flavour
    cache_of_project
    many_mistakes
}

#[test]
fn every_folder_is_a_case() {
    let folders = fs::read_dir("tests/config").unwrap();
    let folders: BTreeSet<String> = folders
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        folders,
        CASES.iter().map(|case| (*case).to_owned()).collect()
    );
}

#[test]
fn every_code_is_in_a_report() {
    let declared = [
        include_str!("../src/config/mistake.rs"),
        include_str!("../src/config/mistake/cache.rs"),
        include_str!("../src/config/mistake/delivery.rs"),
    ]
    .concat();
    let reports: String = CASES
        .iter()
        .map(|case| fs::read_to_string(format!("tests/config/{case}/report.snap")).unwrap())
        .collect();
    let codes = declared
        .split("code(")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let missing: Vec<_> = codes
        .filter(|code| !reports.contains(&format!("{code}\n")))
        .collect();
    assert_eq!(missing, [""; 0]);
}
