//! Maintainer scripts (Policy 6): the project's own fragments, and what a package needs besides.
//!
//! A fragment travels inside its script as a here-document and is run by the interpreter that its
//! first line names, else by `sh -e`. So it may `exit` without ending the script, an error in its
//! syntax is its own, and `postrm` needs no file of the package, all of which are gone by then.
//!
//! What `ACTION` a fragment gets is the table of README.md, the same in every format: `prerm` and
//! `postrm` of a version that is replaced call none. dpkg gives an old version also where only the
//! configuration of a removed package is left, which is an installation: `preinst` then leaves a mark
//! for `postinst`, which is told no more than that version.
//!
//! `OLD_VERSION` is a full Debian version: at an upgrade the one that was there, at an installation
//! nothing, and around a removal the package's own.

use super::super::{Package, PackageError};
use super::systemd::Units;

/// The scripts that a package needs, by their names in the archive of control files.
pub(super) fn scripts(
    package: &Package,
    version: &str,
    units: &Units<'_>,
) -> Result<Vec<(&'static str, String)>, PackageError> {
    let fragments = &package.scripts;
    let mut scripts = Vec::new();

    let mut preinst = Script::new(package, "preinst");
    preinst.fragment("preinstall", fragments.preinstall.as_deref(), PREINST, "")?;
    preinst.add(&units.preinst(&package.name));
    let marked = has_text(fragments.postinstall.as_deref());
    let mark = |text: &str| -> Result<String, PackageError> {
        Ok(text.replace("#PREFIX#", &quoted(&package.prefix)?))
    };
    if marked {
        preinst.add(&mark(MARK)?);
    }
    let mut postinst = Script::new(package, "postinst");
    // The fragment comes before the service starts, so that it can prepare what the service needs.
    postinst.fragment(
        "postinstall",
        fragments.postinstall.as_deref(),
        &mark(POSTINST)?,
        "",
    )?;
    postinst.add(&units.postinst());
    let mut prerm = Script::new(package, "prerm");
    prerm.add(&units.prerm());
    prerm.fragment("preremove", fragments.preremove.as_deref(), PRERM, version)?;
    prerm.add(&sweep(package)?);
    let mut postrm = Script::new(package, "postrm");
    postrm.add(&units.postrm());
    postrm.fragment(
        "postremove",
        fragments.postremove.as_deref(),
        POSTRM,
        version,
    )?;
    if marked {
        postrm.add(&mark(UNMARK)?);
    }
    if package.prefix.starts_with("/opt/") {
        postrm.add(OPT);
    }

    for script in [preinst, postinst, prerm, postrm] {
        if let Some(text) = script.text {
            scripts.push((script.name, text));
        }
    }
    Ok(scripts)
}

/// What calls the fragment in `preinst`.
const PREINST: &str = r#"case "$1" in
    install) fragment install '' ;;
    upgrade) fragment upgrade "${2:-}" ;;
esac
"#;

/// The mark of an installation over the configuration of a removed package; it stays until `postinst`
/// has succeeded.
const MARK: &str = r#"if [ "$1" = install ] && [ -n "${2:-}" ]; then
    mkdir -p #PREFIX#
    : > #PREFIX#/.installing
fi
"#;

/// What calls the fragment in `postinst`.
const POSTINST: &str = r#"if [ "$1" = configure ]; then
    if [ -n "${2:-}" ] && [ ! -e #PREFIX#/.installing ]; then
        fragment upgrade "$2"
    else
        fragment install ''
    fi
    rm -f #PREFIX#/.installing
fi
"#;

/// What calls the fragment in `prerm`; the old version is the one that goes.
const PRERM: &str = r#"case "$1" in
    remove) fragment remove #OWN# ;;
esac
"#;

/// What calls the fragment in `postrm`.
const POSTRM: &str = r#"case "$1" in
    remove | purge) fragment "$1" #OWN# ;;
esac
"#;

/// The end of a mark whose installation has not come to its end.
const UNMARK: &str = r#"if [ "$1" = remove ] || [ "$1" = abort-install ]; then
    rm -f #PREFIX#/.installing
    if [ -d #PREFIX# ]; then
        rmdir --ignore-fail-on-non-empty #PREFIX#
    fi
fi
"#;

/// A script that is being composed.
struct Script<'a> {
    package: &'a Package,
    name: &'static str,
    text: Option<String>,
}

impl<'a> Script<'a> {
    fn new(package: &'a Package, name: &'static str) -> Self {
        Self {
            package,
            name,
            text: None,
        }
    }

    fn add(&mut self, text: &str) {
        if !text.is_empty() {
            let start = || "#!/bin/sh\nset -e\n".to_owned();
            let all = self.text.get_or_insert_with(start);
            all.push('\n');
            all.push_str(text);
        }
    }

    /// Adds a fragment and what calls it.
    fn fragment(
        &mut self,
        field: &str,
        fragment: Option<&str>,
        call: &str,
        own: &str,
    ) -> Result<(), PackageError> {
        let Some(fragment) = fragment.filter(|text| has_text(Some(text))) else {
            return Ok(());
        };
        if fragment.contains('\0') {
            return Err(PackageError::Value {
                what: format!("the script `{field}` has a zero byte"),
                help: "scripts are text: run a file of the package instead".to_owned(),
            });
        }
        let Package {
            name,
            version,
            prefix,
            ..
        } = self.package;
        let text = FRAGMENT
            .replace("#NAME#", &quoted(name)?)
            .replace("#VERSION#", &quoted(version)?)
            .replace("#PREFIX#", &quoted(prefix)?)
            .replace("#RUN#", &interpreter(fragment)?);
        let end = end(field, fragment);
        // The fragment goes in last: nothing in it is replaced.
        let text = text.replace("#END#", &end);
        let (before, after) = text
            .split_once("#TEXT#")
            .expect("the text above has a place for the fragment");
        let fragment = fragment.trim_end_matches('\n');
        self.add(&format!("{before}{fragment}{after}"));
        self.add(&call.replace("#OWN#", &quoted(own)?));
        Ok(())
    }
}

const FRAGMENT: &str = r#"# The project's own script, run as: fragment ACTION OLD_VERSION
fragment() {
    ACTION=$1 OLD_VERSION=$2 NAME=#NAME# VERSION=#VERSION# VENV=#PREFIX# INSTALLDIR=#PREFIX#
    export ACTION OLD_VERSION NAME VERSION VENV INSTALLDIR
    script=$(mktemp)
    cat > "$script" << '#END#'
#TEXT#
#END#
    status=0
    #RUN# "$script" || status=$?
    rm -f "$script"
    return "$status"
}
"#;

/// Byte code that Python wrote beside the package's own, which dpkg would leave behind: of three
/// mentions of a file of the package and one of any other, only the latter is single.
const SWEEP: &str = r#"if [ "$1" = remove ] || [ "$1" = upgrade ]; then
    if [ -d #LIB# ]; then
        {
            dpkg-query --listfiles #NAME#
            dpkg-query --listfiles #NAME#
            find #LIB# -type f -path '*/__pycache__/*.pyc'
        } | LC_ALL=C sort | uniq -u | while IFS= read -r file; do
            case "$file" in
                #LIB#/*/__pycache__/*.pyc) rm -f "$file" ;;
            esac
        done
        find #LIB# -depth -type d -name __pycache__ -empty -delete
    fi
fi
"#;

/// base-files makes /opt without owning it, so that dpkg takes it along with the last package in it.
const OPT: &str = r#"if [ "$1" = remove ] && [ ! -e /opt ]; then
    mkdir -m 755 /opt
fi
"#;

fn sweep(package: &Package) -> Result<String, PackageError> {
    let lib = quoted(&format!("{}/lib", package.prefix))?;
    let text = SWEEP.replace("#LIB#", &lib);
    Ok(text.replace("#NAME#", &quoted(&package.name)?))
}

/// Whether there is a fragment to run.
fn has_text(fragment: Option<&str>) -> bool {
    fragment.is_some_and(|text| !text.trim().is_empty())
}

/// How a fragment is run: by what its first line names, else by `sh -e`.
fn interpreter(fragment: &str) -> Result<String, PackageError> {
    let first = fragment.lines().next().unwrap_or_default();
    let Some(line) = first.strip_prefix("#!") else {
        return Ok("sh -e".to_owned());
    };
    // The kernel splits once: the program, and all the rest as one argument.
    let line = line.trim();
    let (program, argument) = match line.split_once([' ', '\t']) {
        Some((program, argument)) => (program, Some(argument.trim())),
        None => (line, None),
    };
    if !program.starts_with('/') {
        return Err(PackageError::Value {
            what: format!("`{first}` names no interpreter"),
            help: "begin the script with `#!/bin/sh`, or with no such line".to_owned(),
        });
    }
    // Where /usr is merged the two folders are one; Policy 6.1 wants no paths in scripts.
    let program = ["/usr/bin/", "/bin/"]
        .iter()
        .find_map(|folder| program.strip_prefix(folder))
        .unwrap_or(program);
    let mut command = quoted(program)?;
    if let Some(argument) = argument {
        command.push_str(&format!(" {}", quoted(argument)?));
    }
    Ok(command)
}

/// A word that ends the here-document and is no line of the fragment.
fn end(field: &str, fragment: &str) -> String {
    let mut end = format!("END_OF_{}", field.to_uppercase());
    while fragment.lines().any(|line| line == end) {
        end.push('_');
    }
    end
}

fn quoted(text: &str) -> Result<String, PackageError> {
    match shlex::try_quote(text) {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(PackageError::Value {
            what: format!("`{}` has a zero byte", text.escape_debug()),
            help: "leave it out".to_owned(),
        }),
    }
}
