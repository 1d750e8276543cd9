//! The copyright file of a package, in the machine-readable format 1.0 (DEP 5; Policy 12.5).

use std::collections::BTreeMap;

use super::super::{Notice, Package};
use super::licenses;
use super::payload::Payload;

/// Where the format is described.
const FORMAT: &str = "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/";

/// A licence as the paragraphs of files name it, with its text.
struct License {
    name: String,
    text: String,
}

/// The copyright file: the project first, then each distribution that is inside.
pub(super) fn copyright(package: &Package, payload: &Payload) -> String {
    let mut text = format!("Format: {FORMAT}\nUpstream-Name: {}\n", package.name);
    if let Some(homepage) = &package.homepage {
        text.push_str(&format!("Source: {homepage}\n"));
    }
    text.push_str(
        "Comment: The package holds a virtual environment with Python distributions of several\n \
         authors. A paragraph that names a .dist-info directory holds for the files that the\n \
         RECORD in it lists.\n",
    );

    let mut licenses: Vec<License> = Vec::new();
    let mut inside: BTreeMap<&str, &Notice> = BTreeMap::new();
    let mut own = None;
    for notice in &package.notices {
        if name(notice) == package.name {
            own = Some(notice);
        } else {
            inside.insert(&notice.distribution, notice);
        }
    }
    let stated = Notice {
        distribution: package.name.clone(),
        license: package.license.clone(),
        texts: own.map(|notice| notice.texts.clone()).unwrap_or_default(),
    };
    let own = match own {
        Some(notice) if package.license.is_none() => notice,
        Some(_) | None => &stated,
    };
    text.push_str(&files("*", own, &mut licenses));
    for notice in inside.values() {
        text.push_str(&files(&place(notice, payload), notice, &mut licenses));
    }
    for License { name, text: body } in &licenses {
        text.push_str(&format!("\nLicense: {name}\n{body}"));
    }
    text
}

/// Whether anything in a copyright file says since when somebody holds the rights, or that nobody
/// does. What does not is a matter of the wheels: no year can be made up for them.
pub(super) fn states_a_year(text: &str) -> bool {
    let year = |rest: &str| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.lines().map(str::to_lowercase).any(|line| {
        let marks = ["copyright", "copr.", "©"];
        let dated = marks
            .iter()
            .any(|mark| line.split_once(mark).is_some_and(|(_, rest)| year(rest)));
        dated || line.contains("public domain") || line.contains("public-domain")
    })
}

/// The normalised name of a notice's distribution.
fn name(notice: &Notice) -> String {
    let name = notice.distribution.split(' ').next().unwrap_or_default();
    crate::wheel::normalised(name)
}

/// The paragraph of files for a distribution.
fn files(pattern: &str, notice: &Notice, licenses: &mut Vec<License>) -> String {
    let holders = holders(notice);
    let license = license(notice, licenses);
    format!(
        "\nFiles: {pattern}\nCopyright: {}\nLicense: {license}\n",
        holders.join("\n           ")
    )
}

/// The `.dist-info` directory of a distribution, as it is or as it would be called; a question mark
/// stands for a space, which separates patterns.
fn place(notice: &Notice, payload: &Payload) -> String {
    let (own, version) = notice
        .distribution
        .split_once(' ')
        .unwrap_or((&notice.distribution, "*"));
    let found = payload.directories().find(|path| {
        let last = path.rsplit('/').next().unwrap_or_default();
        let stem = last.strip_suffix(".dist-info").unwrap_or_default();
        stem.split_once('-').is_some_and(|(name, _)| {
            crate::wheel::normalised(name) == crate::wheel::normalised(own)
        })
    });
    let pattern = match found {
        Some(path) => format!("{path}/*"),
        None => {
            let name = crate::wheel::normalised(own).replace('-', "_");
            format!("*/{name}-{version}.dist-info/*")
        }
    };
    pattern.replace(char::is_whitespace, "?")
}

/// The lines of the texts that name who holds the copyright.
fn holders(notice: &Notice) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in abridged(notice).iter().flat_map(|text| text.lines()) {
        let line = clean(line);
        let line = line.trim();
        let lower = line.to_lowercase();
        let starts = ["copyright (c)", "copyright ©", "(c) ", "© "];
        let dated = lower.strip_prefix("copyright").is_some_and(|rest| {
            rest.trim_start_matches([':', ' '])
                .starts_with(|c: char| c.is_ascii_digit())
        });
        let stated = starts.iter().any(|start| lower.starts_with(start)) || dated;
        let template =
            line.contains("[yyyy]") || line.contains("<year>") || line.contains("{yyyy}");
        if stated && !template && !lines.iter().any(|known| known == line) {
            lines.push(line.to_owned());
        }
    }
    if lines.is_empty() {
        lines.push(format!(
            "the authors of {}, as its metadata names them",
            notice.distribution
        ));
    }
    lines
}

/// The name of a notice's licence, whose text stands once among the licences.
fn license(notice: &Notice, licenses: &mut Vec<License>) -> String {
    let short = short(notice.license.as_deref());
    let text = body(notice);
    let named = |wanted: &str| {
        licenses
            .iter()
            .find(|license| license.name == wanted)
            .map(|license| license.text == text)
    };
    let own = format!("{short}-{}", name(notice));
    let chosen = match named(&short) {
        Some(true) => return short,
        None => short,
        Some(false) => {
            let same = |license: &&License| {
                license.text == text && license.name.starts_with(&format!("{short}-"))
            };
            if let Some(same) = licenses.iter().find(same) {
                return same.name.clone();
            }
            own
        }
    };
    licenses.push(License {
        name: chosen.clone(),
        text,
    });
    chosen
}

/// A short name, without spaces; an expression keeps its words joined.
fn short(license: Option<&str>) -> String {
    let line = license
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let words: Vec<String> = line
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '+' | '-'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    match words.join("-") {
        name if name.is_empty() => "unstated".to_owned(),
        // Some projects put the whole text where its name belongs.
        name if name.len() > 60 => "other".to_owned(),
        name => name,
    }
}

/// The texts of a notice's licence files, without what every system has.
fn abridged(notice: &Notice) -> Vec<String> {
    let texts = notice.texts.iter();
    texts.map(|text| licenses::abridged(text)).collect()
}

/// The text of a notice's licence files as the continuation of a field.
fn body(notice: &Notice) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in abridged(notice) {
        if !texts.contains(&text) && !text.trim().is_empty() {
            texts.push(text);
        }
    }
    if texts.is_empty() {
        texts.push(match &notice.license {
            Some(license) => format!(
                "The distribution brings no text of its licence. Its metadata says:\n{license}"
            ),
            None => "The distribution states no licence.".to_owned(),
        });
    }
    for reference in licenses::references(notice.license.as_deref(), &texts) {
        let file = reference.rsplit(' ').next().unwrap_or_default();
        let known = |text: &String| text.lines().any(|line| line.ends_with(file));
        if !texts.iter().any(known) {
            texts.push(reference);
        }
    }
    let mut lines = String::new();
    for line in texts.join("\n\n").trim_matches('\n').lines() {
        match clean(line).trim_end() {
            "" => lines.push_str(" .\n"),
            line => lines.push_str(&format!(" {line}\n")),
        }
    }
    lines
}

fn clean(line: &str) -> String {
    line.replace('\t', "    ")
        .chars()
        .filter(|c| !c.is_control() && *c != '\u{feff}')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::package;
    use super::*;

    fn notice(distribution: &str, license: Option<&str>, texts: &[&str]) -> Notice {
        Notice {
            distribution: distribution.into(),
            license: license.map(str::to_owned),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    fn of(notices: Vec<Notice>) -> String {
        let package = Package {
            license: Some("MIT".into()),
            notices,
            ..package()
        };
        copyright(&package, &Payload::gather(&package).unwrap())
    }

    #[test]
    fn one_text_of_two_distributions_stands_once() {
        let text = of(vec![
            notice(
                "shop 1.4.0",
                Some("MIT"),
                &["Copyright (c) 2024 Ada\n\nDo what\tyou like."],
            ),
            notice("b 2", Some("MIT"), &["Copyright 2020 Bea\n\nOther words."]),
            notice(
                "c 3",
                Some("MIT"),
                &["Copyright (c) 2024 Ada\n\nDo what\tyou like."],
            ),
            notice("d 4", None, &[]),
        ]);
        let expected = "
Files: *
Copyright: Copyright (c) 2024 Ada
License: MIT

Files: */b-2.dist-info/*
Copyright: Copyright 2020 Bea
License: MIT-b

Files: */c-3.dist-info/*
Copyright: Copyright (c) 2024 Ada
License: MIT

Files: */d-4.dist-info/*
Copyright: the authors of d 4, as its metadata names them
License: unstated

License: MIT
 Copyright (c) 2024 Ada
 .
 Do what    you like.

License: MIT-b
 Copyright 2020 Bea
 .
 Other words.

License: unstated
 The distribution states no licence.
";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn a_text_that_every_system_has_is_referred_to() {
        let apache = "  Apache License\n  Version 2.0, January 2004\n\n TERMS AND CONDITIONS FOR \
                      USE, REPRODUCTION\n\n Copyright [yyyy] [name of copyright owner]\n";
        let text = of(vec![notice("b 2", Some("Apache-2.0"), &[apache])]);
        assert!(
            text.contains("\n /usr/share/common-licenses/Apache-2.0.\n"),
            "{text}"
        );
        assert!(
            !text.contains("TERMS") && !text.contains("[yyyy]"),
            "{text}"
        );
    }

    #[test]
    fn no_text_can_end_its_field() {
        let text = of(vec![notice(
            "b 2",
            Some("X\nFiles: y"),
            &["a\n\nFiles: *\r\nb"],
        )]);
        assert!(text.contains("\n .\n Files: *\n b\n"), "{text}");
        assert_eq!(
            short(Some("(MIT OR Apache-2.0) AND 0BSD")),
            "MIT-OR-Apache-2.0-AND-0BSD"
        );
    }
}
