//! Licences whose text every Debian system has below `/usr/share/common-licenses`.
//!
//! Policy 12.5 wants them referred to, not repeated: a text that repeats one is abridged, and a
//! licence that is one of them by name alone is followed by the place of its text.

/// A licence with the marks of its full text and with its file.
struct Common {
    /// The folded words that the text begins with.
    title: &'static str,
    /// Words that only the whole text has, behind the title.
    inside: &'static str,
    /// The last words of the text; the last that is there counts.
    ends: &'static [&'static str],
    file: &'static str,
}

const COMMON: [Common; 7] = [
    Common {
        title: "apache license version 2.0 january 2004",
        inside: "terms and conditions for use",
        ends: &[
            "end of terms and conditions",
            "specific language governing permissions and limitations under the license.",
        ],
        file: "Apache-2.0",
    },
    Common {
        title: "mozilla public license version 2.0",
        inside: "1. definitions",
        ends: &["secondary licenses as defined by the mozilla public license v. 2.0."],
        file: "MPL-2.0",
    },
    Common {
        title: "gnu lesser general public license version 3 29 june 2007",
        inside: "0. additional definitions",
        ends: &["permanent authorization for you to choose that version for the library."],
        file: "LGPL-3",
    },
    Common {
        title: "gnu lesser general public license version 2.1 february 1999",
        inside: "0. this license agreement",
        ends: &["end of terms and conditions", "that s all there is to it"],
        file: "LGPL-2.1",
    },
    Common {
        title: "gnu general public license version 3 29 june 2007",
        inside: "0. definitions",
        ends: &["end of terms and conditions", "why not lgpl.html"],
        file: "GPL-3",
    },
    Common {
        title: "gnu general public license version 2 june 1991",
        inside: "0. this license applies",
        ends: &[
            "end of terms and conditions",
            "public license instead of this license.",
        ],
        file: "GPL-2",
    },
    Common {
        title: "gnu free documentation license version 1.3 3 november 2008",
        inside: "0. preamble",
        ends: &["to permit their use in free software."],
        file: "GFDL-1.3",
    },
];

/// Licences by the names that metadata has for them.
struct Family {
    title: &'static str,
    /// Folded names; the longer one first.
    names: &'static [&'static str],
    /// Words that make another licence of it when they stand before.
    not_after: &'static [&'static str],
    /// Versions as they are written, with their files.
    versions: &'static [(&'static str, &'static str)],
    /// The file for those who name no version, where every version may then be chosen.
    any: Option<&'static str>,
}

const FAMILIES: [Family; 7] = [
    Family {
        title: "Apache License",
        names: &["apache software license", "apache license", "apache"],
        not_after: &[],
        versions: &[("2", "Apache-2.0")],
        any: None,
    },
    Family {
        title: "Mozilla Public License",
        names: &["mozilla public license", "mpl"],
        not_after: &[],
        versions: &[("1.1", "MPL-1.1"), ("2", "MPL-2.0")],
        any: None,
    },
    Family {
        title: "GNU Lesser General Public License",
        names: &[
            "lesser general public license",
            "library general public license",
            "lgpl",
        ],
        not_after: &[],
        versions: &[("2", "LGPL-2"), ("2.1", "LGPL-2.1"), ("3", "LGPL-3")],
        any: Some("LGPL-3"),
    },
    Family {
        title: "GNU General Public License",
        names: &["general public license", "gpl"],
        not_after: &["lesser", "library", "affero"],
        versions: &[("1", "GPL-1"), ("2", "GPL-2"), ("3", "GPL-3")],
        any: Some("GPL-3"),
    },
    Family {
        title: "GNU Free Documentation License",
        names: &["free documentation license", "gfdl"],
        not_after: &[],
        versions: &[("1.2", "GFDL-1.2"), ("1.3", "GFDL-1.3")],
        any: Some("GFDL-1.3"),
    },
    Family {
        title: "Creative Commons Zero dedication",
        names: &["cc0"],
        not_after: &[],
        versions: &[("1", "CC0-1.0")],
        any: None,
    },
    Family {
        title: "Artistic License",
        names: &["artistic license", "artistic"],
        not_after: &[],
        versions: &[("1", "Artistic")],
        any: None,
    },
];

/// How far behind the name of a licence a text may state its version, in bytes.
const GRANT: usize = 120;

/// A text with a sentence in the place of each licence that every system has.
///
/// What stands before and behind it, such as another licence or a list of authors, stays.
pub(super) fn abridged(text: &str) -> String {
    let mut text = text.to_owned();
    for common in &COMMON {
        while let Some((first, last)) = common.lines(&text) {
            let lines: Vec<&str> = text.lines().collect();
            let sentence = place(common.file);
            let kept = [&lines[..first], &[sentence.as_str()], &lines[last + 1..]].concat();
            text = kept.join("\n");
        }
    }
    text
}

/// The sentence that refers to a file.
fn place(file: &str) -> String {
    format!(
        "On Debian systems, the full text of this licence is in the file\n\
         /usr/share/common-licenses/{file}."
    )
}

impl Common {
    /// The first and the last line of the licence in a text that has all of it.
    fn lines(&self, text: &str) -> Option<(usize, usize)> {
        let mut words = String::new();
        let mut starts = Vec::new();
        for line in text.lines() {
            starts.push(words.len());
            words.push_str(&folded(line));
            words.push(' ');
        }
        let line_of = |at: usize| starts.partition_point(|start| *start <= at) - 1;
        let first = words.find(self.title)?;
        let inside = first + words[first..].find(self.inside)?;
        // A title that is named before, in a list of what is inside, is not the text's own.
        let first = words[..inside].rfind(self.title).unwrap_or(first);
        let next = words[inside..].find(self.title).map(|at| inside + at);
        let body = &words[inside..next.unwrap_or(words.len())];
        let ends = self.ends.iter().rev();
        let end = ends
            .filter_map(|end| body.find(end).map(|at| inside + at + end.len() - 1))
            .next();
        let last = match end {
            Some(end) => line_of(end),
            // A text that breaks off is the licence when it begins with it.
            None if line_of(first) < 3 && next.is_none() => starts.len() - 1,
            None => return None,
        };
        Some((line_of(first), last))
    }
}

/// Sentences for the licences that are stated by name, and of which every system has the text.
///
/// The version is that of the name, else that of a text that grants the licence. Without a name the
/// texts are searched for such a grant.
pub(super) fn references(stated: Option<&str>, texts: &[String]) -> Vec<String> {
    let name = format!(" {} ", folded(stated.unwrap_or_default()));
    let texts = format!(" {} ", folded(&texts.join("\n")));
    let mut sentences = Vec::new();
    for family in &FAMILIES {
        let granted = format!("under the terms of the gnu {}", family.names[0]);
        let Some(mut versions) = family.versions_in(&name, 0).or_else(|| {
            let granted = stated.is_none() && texts.contains(&granted);
            granted.then(Vec::new)
        }) else {
            continue;
        };
        if versions.is_empty() {
            versions = family.versions_in(&texts, GRANT).unwrap_or_default();
        }
        versions.dedup();
        for version in &versions {
            let known = |(spelled, _): &&(&str, &str)| *spelled == version;
            if let Some((_, file)) = family.versions.iter().find(known) {
                sentences.push(format!(
                    "On Debian systems, the full text of the {}, version\n\
                     {version}, is in the file /usr/share/common-licenses/{file}.",
                    family.title
                ));
            }
        }
        if let (true, Some(file)) = (versions.is_empty(), family.any) {
            sentences.push(format!(
                "No version of the {} is stated. On Debian systems, the\n\
                 text of a recent one is in the file /usr/share/common-licenses/{file}.",
                family.title
            ));
        }
    }
    sentences.sort();
    sentences.dedup();
    sentences
}

impl Family {
    /// The versions that are named of the licence, as `3` or `2.1`; `None` when it is not named.
    ///
    /// A version stands right behind the name, or at most `far` bytes behind it as `version 3`.
    fn versions_in(&self, words: &str, far: usize) -> Option<Vec<String>> {
        let mut found: Option<Vec<String>> = None;
        for name in self.names {
            for (at, _) in words.match_indices(name) {
                let before = &words[..at];
                let own = before.ends_with(' ')
                    && !self
                        .not_after
                        .iter()
                        .any(|word| before.trim_end().ends_with(word));
                let rest = &words[at + name.len()..];
                if !own || rest.starts_with(|c: char| c.is_alphabetic() && c != 'v') {
                    continue;
                }
                let versions = found.get_or_insert_default();
                let rest = rest.trim_start();
                let behind = ["version ", "v. ", "v ", "v", ""]
                    .iter()
                    .find_map(|mark| number(rest.strip_prefix(mark)?));
                let further = || {
                    let end = (0..=far.min(rest.len())).rfind(|end| rest.is_char_boundary(*end))?;
                    let (between, after) = rest[..end].split_once("version ")?;
                    // That of another licence, which is named in between, is not its own.
                    number(after).filter(|_| !between.contains("license"))
                };
                versions.extend(behind.or_else(further));
            }
        }
        found
    }
}

/// The version that a text begins with, without `.0` at its end.
fn number(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    let number = number.strip_suffix(".0").unwrap_or(number);
    (!number.is_empty()).then(|| number.to_owned())
}

/// The words of a text in lower case; what is neither letter, digit nor full stop separates them.
fn folded(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stated: &str, text: &str, files: &[&str]) {
        let said = references((!stated.is_empty()).then_some(stated), &[text.to_owned()]);
        let named: Vec<&str> = said
            .iter()
            .filter_map(|line| line.rsplit("common-licenses/").next())
            .map(|file| file.trim_end_matches('.'))
            .collect();
        assert_eq!(named, files, "{stated}");
    }

    #[test]
    fn a_licence_is_known_by_the_names_of_metadata() {
        check("LGPL-3.0-or-later", "", &["LGPL-3"]);
        check("LGPLv2+", "", &["LGPL-2"]);
        check("GNU Lesser General Public License v2.1", "", &["LGPL-2.1"]);
        check("GNU LGPL, version 2.1", "", &["LGPL-2.1"]);
        check("GPL-2.0-only OR MPL-2.0", "", &["GPL-2", "MPL-2.0"]);
        check("GPLv3", "", &["GPL-3"]);
        check(
            "GNU General Public License v2 or later (GPLv2+)",
            "",
            &["GPL-2"],
        );
        check("Apache 2.0", "", &["Apache-2.0"]);
        check("Apache License, Version 2.0", "", &["Apache-2.0"]);
        check("CC0-1.0", "", &["CC0-1.0"]);
        for other in [
            "MIT",
            "AGPL-3.0",
            "GNU Affero General Public License v3",
            "Apache Software License",
            "Apache-1.1",
            "Artistic-2.0",
        ] {
            check(other, "", &[]);
        }
    }

    #[test]
    fn a_version_that_the_name_leaves_out_is_that_of_the_grant() {
        let grant = "it under the terms of the GNU Lesser General\nPublic License as published by \
                     the Free Software Foundation, either version 3 of the\nLicense, or later.";
        check("LGPL with exceptions", grant, &["LGPL-3"]);
        check("", grant, &["LGPL-3"]);
        check("MIT", grant, &[]);
        check(
            "GPL",
            "the GPL, or the Apache License, version 2",
            &["GPL-3"],
        );
        let said = references(Some("LGPL"), &[]);
        assert!(
            said[0].starts_with("No version of the GNU Lesser"),
            "{said:?}"
        );
    }

    #[test]
    fn only_the_licence_itself_is_taken_out_of_a_text() {
        let apache = "   Apache License\n  Version 2.0, January 2004\n\n TERMS AND CONDITIONS FOR \
                      USE, REPRODUCTION\n\n words\n END OF TERMS AND CONDITIONS\n";
        let reference = place("Apache-2.0");
        assert_eq!(
            abridged(&format!(
                "Mine: Apache License\n\n{apache}\nAnd more.\n{apache}"
            )),
            format!("Mine: Apache License\n\n{reference}\n\nAnd more.\n{reference}")
        );
        let broken = apache.replace(" END OF TERMS AND CONDITIONS\n", "");
        assert_eq!(abridged(&broken), reference);
        let inside = format!("a\nb\nc\nd\n{broken}");
        assert_eq!(abridged(&inside), inside);
    }
}
