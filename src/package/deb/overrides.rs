//! The overrides of lintian that a package ships: what follows from a virtual environment in /opt,
//! and what wheels bring.
//!
//! A tag is overridden where the package has what it is about, and for no file elsewhere.

use super::super::Package;
use super::payload::{Found, Payload};

/// A tag of lintian, which packages need it overridden, and why.
struct Override {
    tag: &'static str,
    needed: fn(&str, Found) -> bool,
    why: &'static str,
}

/// The tags about files below the prefix.
const OVERRIDES: [Override; 12] = [
    Override {
        tag: "dir-or-file-in-opt",
        needed: |path, _| path.starts_with("opt/"),
        why: "The package is no part of Debian: /opt is the place for it (FHS 3.0, 3.13).",
    },
    Override {
        tag: "unusual-interpreter",
        needed: |path, found| path.contains("/bin/") && found.script,
        why: "Commands run under the interpreter of the package's own virtual environment.",
    },
    Override {
        tag: "package-installs-python-pycache-dir",
        needed: |path, _| path.contains("/__pycache__/"),
        why: "py3compile looks after /usr/lib alone, and who runs the program cannot write here.",
    },
    Override {
        tag: "package-installs-python-bytecode",
        needed: |path, _| path.ends_with(".pyc") && !path.contains("/__pycache__/"),
        why: "A wheel brings modules as byte code alone.",
    },
    Override {
        tag: "script-not-executable",
        needed: |_, found| found.script && !found.executable,
        why: "A module of a wheel may begin with #! and is imported all the same.",
    },
    Override {
        tag: "python3-script-but-no-python3-dep",
        needed: |path, found| found.script && found.executable && !path.contains("/bin/"),
        why: "A script among the modules of a wheel is no command of the package.",
    },
    Override {
        tag: "unstripped-binary-or-object",
        needed: |_, found| found.elf,
        why: "Stripping breaks libraries that were patched for a wheel, and wheels state digests.",
    },
    Override {
        tag: "embedded-library",
        needed: |_, found| found.elf,
        why: "A wheel may bring libraries; what is compiled for the package uses Debian's.",
    },
    Override {
        tag: "library-not-linked-against-libc",
        needed: |_, found| found.elf,
        why: "An extension module may take all that it calls from the interpreter.",
    },
    Override {
        tag: "shared-library-lacks-prerequisites",
        needed: |_, found| found.elf,
        why: "The same.",
    },
    Override {
        tag: "package-contains-timestamped-gzip",
        needed: |path, _| path.ends_with(".gz"),
        why: "A wheel's data is installed as it is, with the times that are in it.",
    },
    Override {
        tag: "embedded-javascript-library",
        needed: |path, _| path.ends_with(".js"),
        why: "A wheel's JavaScript is of the version that its modules were tested with.",
    },
];

/// The file of overrides, each below its reason; `dated` says whether the copyright file has a year.
pub(super) fn overrides(package: &Package, payload: &Payload, dated: bool) -> String {
    let prefix = package.prefix.trim_start_matches('/');
    let inside = format!("{prefix}/");
    let mut text = String::new();
    let mut add = |tag: &str, why: &str, place: &str| {
        text.push_str(&format!("# {why}\n{}: {tag} *{place}*\n", package.name));
    };
    for Override { tag, needed, why } in &OVERRIDES {
        let mut files = payload
            .paths()
            .filter(|(path, _)| path.starts_with(&inside));
        if files.any(|(path, found)| needed(path, found)) {
            add(tag, why, &inside);
        }
    }
    let manual = |command: &str| {
        let page = format!("usr/share/man/man1/{command}.1");
        payload.paths().any(|(path, _)| path.starts_with(&page))
    };
    let mut commands = payload
        .paths()
        .filter_map(|(path, _)| path.strip_prefix("usr/bin/"));
    if commands.any(|command| !manual(command)) {
        let why = "The project has no manual page for a command, and none is made up.";
        add("no-manual-page", why, "usr/bin/");
    }
    if !dated {
        let why = "No wheel states a year of copyright, and none is made up.";
        let tag = "copyright-without-copyright-notice";
        text.push_str(&format!("# {why}\n{}: {tag}\n", package.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::package;
    use super::*;
    use crate::package::{PackageFile, PackageLink};

    #[test]
    fn only_what_the_package_has_is_overridden() {
        let file = |path: &str, bytes: &str| PackageFile {
            path: path.into(),
            bytes: bytes.into(),
            executable: true,
        };
        let link = |path: &str| PackageLink {
            path: path.into(),
            target: "/opt/shop/bin/shop".into(),
        };
        let mut package = package();
        package.files = vec![
            file("/opt/shop/bin/shop", "#!/opt/shop/bin/python"),
            file("/opt/shop/lib/data.gz", "x"),
            file("/usr/share/shop/x.js", "x"),
            file("/usr/share/man/man1/known.1.gz", "x"),
        ];
        package.links = vec![link("/usr/bin/known")];
        let tags = |package: &Package| -> Vec<String> {
            let text = overrides(package, &Payload::gather(package).unwrap(), true);
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.replace("shop: ", "")).collect()
        };
        let mut expected = vec![
            "dir-or-file-in-opt *opt/shop/*",
            "unusual-interpreter *opt/shop/*",
            "package-contains-timestamped-gzip *opt/shop/*",
        ];
        assert_eq!(tags(&package), expected);
        package.links.push(link("/usr/bin/shop"));
        expected.push("no-manual-page *usr/bin/*");
        assert_eq!(tags(&package), expected);
    }
}
