//! Which file of a package is taken.

use crate::facts::Ranks;
use crate::lock::{File, Package};
use crate::wheel::normalised;

/// Which kinds of files pip may take, by its `--only-binary` and `--no-binary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    /// Wheels.
    pub wheel: bool,
    /// Source distributions.
    pub sdist: bool,
}

impl Formats {
    /// What the two settings allow for a distribution: its own name counts before `:all:`.
    pub fn of(name: &str, only_binary: &[String], no_binary: &[String]) -> Self {
        let names = |list: &[String]| list.iter().any(|entry| normalised(entry) == name);
        let all = |list: &[String]| list.iter().any(|entry| entry == ":all:");
        let (wheel, sdist) = match () {
            () if names(only_binary) => (true, false),
            () if names(no_binary) => (false, true),
            () if all(only_binary) => (true, false),
            () if all(no_binary) => (false, true),
            () => (true, true),
        };
        Self { wheel, sdist }
    }

    /// Names them, for messages.
    pub fn words(self) -> &'static str {
        match (self.wheel, self.sdist) {
            (true, true) => "wheel or sdist",
            (true, false) => "wheel",
            (false, _) => "sdist",
        }
    }
}

/// A file of a package that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The package.
    pub package: &'a Package,
    /// The file.
    pub file: &'a File,
    /// Whether it has to be built.
    pub sdist: bool,
}

impl Package {
    /// Returns the file that pip would take: the wheel that it prefers, or else the source
    /// distribution; `None` where there is none that it may take.
    pub fn chosen(&self, ranks: &Ranks<'_>, formats: Formats) -> Option<Chosen<'_>> {
        let wheels = self.wheels.iter().filter(|_| formats.wheel);
        let best = wheels
            .filter_map(|file| Some((ranks.of(&file.name)?, file)))
            .min_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.name.cmp(&b.name)));
        let (file, sdist) = match best {
            Some((_, wheel)) => (wheel, false),
            None => (self.sdist.as_ref().filter(|_| formats.sdist)?, true),
        };
        Some(Chosen {
            package: self,
            file,
            sdist,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Tags;

    #[test]
    fn the_settings_of_formats_are_read_as_pip_reads_them() {
        let check = |only: &[&str], no: &[&str], expected: &str| {
            let list = |names: &[&str]| {
                names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>()
            };
            let formats = Formats::of("my-lib", &list(only), &list(no));
            assert_eq!(formats.words(), expected, "{only:?} {no:?}");
        };
        check(&[], &[], "wheel or sdist");
        check(&["My_Lib"], &[], "wheel");
        check(&[], &[":all:"], "sdist");
        check(&["my.lib"], &[":all:"], "wheel");
        check(&[":all:"], &["my-lib"], "sdist");
        check(&["other"], &["another"], "wheel or sdist");
    }

    #[test]
    fn the_best_wheel_is_taken_and_else_the_sdist() {
        let tags: Tags = serde_json::from_str(
            r#"{"platforms": [["linux_x86_64"], ["any"]], "groups": [["cp311", "cp311", 0], ["py3", "none", 1]]}"#,
        )
        .unwrap();
        let ranks = tags.ranks();
        let file = |name: &str| File {
            name: name.to_owned(),
            ..File::default()
        };
        let mut package = Package {
            wheels: vec![
                file("a-1-py3-none-any.whl"),
                file("a-1-cp311-cp311-linux_x86_64.whl"),
                file("a-1-cp312-cp312-linux_x86_64.whl"),
            ],
            sdist: Some(file("a-1.tar.gz")),
            ..Package::default()
        };
        let both = Formats {
            wheel: true,
            sdist: true,
        };
        let name = |package: &Package, formats| {
            let chosen = package.chosen(&ranks, formats);
            chosen.map(|chosen| (chosen.file.name.clone(), chosen.sdist))
        };
        let taken = |name: &str, sdist| Some((name.to_owned(), sdist));
        assert_eq!(
            name(&package, both),
            taken("a-1-cp311-cp311-linux_x86_64.whl", false)
        );
        let sources = Formats {
            wheel: false,
            sdist: true,
        };
        assert_eq!(name(&package, sources), taken("a-1.tar.gz", true));
        package.wheels.drain(..2);
        assert_eq!(name(&package, both), taken("a-1.tar.gz", true));
        let wheels = Formats {
            wheel: true,
            sdist: false,
        };
        assert_eq!(name(&package, wheels), None);
    }
}
