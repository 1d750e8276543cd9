//! What runs around the installation and the removal of a package.
//!
//! rpm tells a scriptlet the number of versions that there will be when it is done; a project's
//! pieces get a word in `ACTION` instead:
//!
//! | scriptlet | `$1` | what it does |
//! |---|---|---|
//! | `%pre` | 1, 2 | `preinstall` with `install`, `upgrade` |
//! | `%post` | 1 | `postinstall` with `install`, then units are preset and started |
//! | `%post` | 2 | `postinstall` with `upgrade`, then units that are new are preset and started |
//! | `%preun` | 0 | units are stopped and disabled, then `preremove` with `remove` |
//! | `%postun` | 0 | left-over byte code goes, then `postremove` with `remove` |
//! | `%postun` | 1 | units that are gone are stopped and disabled, the others restarted |
//!
//! On an upgrade rpm runs the old package's `%preun` and `%postun` *after* the new one's `%post`:
//! what a removal undoes there would be what the new version has just done. So `preremove` and
//! `postremove` run when the last version goes, and only then, which is what every format here does
//! (the table of README.md). rpm knows no `purge`.
//!
//! `OLD_VERSION` is the `VERSION-RELEASE` that is replaced, or its own at a reinstallation, asked of
//! rpm's database; it is empty at the first installation, and where the root has no `rpm` to ask. At
//! a removal it is the one that goes.
//!
//! Units are enabled by the distribution's means: a preset file says what the package wants, and
//! an operator's own presets have the last word. That is a matter of files and is done in every
//! root that has `systemctl`; units are started, stopped and restarted only where systemd runs.
//! Which units an upgrade brings is asked of rpm's database: in a root without `rpm` none is new.

use ::rpm::{Dependency, PackageBuilder};

use super::Evr;
use super::fragment::{Fragment, quoted};
use crate::package::{Package, PackageError, Scripts, Unit};

/// Removes what Python wrote below the environment at run time, and the folders that it kept.
const PRUNE: &str = r#"prune() {
    (
        cd "$1" 2>/dev/null || exit 0
        for entry in ./* ./.[!.]*; do
            if [ -d "$entry" ] && [ ! -L "$entry" ]; then prune "$entry"; fi
        done
        if [ "${1##*/}" = __pycache__ ]; then rm -f ./*.pyc ./*.pyc.*; fi
    )
    rmdir "$1" 2>/dev/null || :
}
prune "$VENV"
"#;

/// What an upgrade does for units that the version before did not have.
const ADDED: &str = r#"if [ "$1" -gt 1 ] && [ -n "$OLD_VERSION" ] && command -v systemctl >/dev/null 2>&1; then
    had=$(rpm -ql "$NAME-$OLD_VERSION" 2>/dev/null || :)
    for unit in #UNITS#; do
        case "$had
" in
            '
' | *"/usr/lib/systemd/system/$unit
"*) continue ;;
        esac
        systemctl --no-reload preset "$unit" || :
        case "$unit" in *@.*) continue ;; esac
        if [ -d /run/systemd/system ]; then
            #START#
        fi
    done
fi
"#;

/// What the version before does for units that an upgrade has taken away; their files are gone.
const DROPPED: &str = r#"    dropped=no
    for unit in #UNITS#; do
        if [ -e "/usr/lib/systemd/system/$unit" ]; then continue; fi
        dropped=yes
        instances=$unit
        case "$unit" in *@.*) instances="${unit%%@.*}@*.${unit#*@.}" ;; esac
        if [ -d /run/systemd/system ]; then systemctl stop "$instances" || :; fi
        if command -v systemctl >/dev/null 2>&1; then systemctl --no-reload disable "$unit" || :; fi
    done
    if [ "$dropped" = yes ] && [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
"#;

/// Whether systemd runs here.
const RUNNING: &str = "[ -d /run/systemd/system ]";

/// Whether there is a `systemctl`, which works on files where systemd does not run.
const SYSTEMCTL: &str = "command -v systemctl >/dev/null 2>&1";

/// Adds the scriptlets of `package`, and what they require.
///
/// # Errors
///
/// One of the project's pieces cannot be run.
pub fn add(builder: &mut PackageBuilder, package: &Package, evr: &Evr) -> Result<(), PackageError> {
    let Scripts {
        preinstall,
        postinstall,
        preremove,
        postremove,
    } = &package.scripts;
    let preinstall = Fragment::of("preinstall", preinstall.as_deref())?;
    let postinstall = Fragment::of("postinstall", postinstall.as_deref())?;
    let preremove = Fragment::of("preremove", preremove.as_deref())?;
    let postremove = Fragment::of("postremove", postremove.as_deref())?;
    let own = format!("{}/", package.prefix);
    let scriptlets: [(Option<String>, &Piece<'_>, Needs, Sets); 4] = [
        (
            pre(package, evr, &preinstall),
            &preinstall,
            Dependency::script_pre,
            PackageBuilder::pre_install_script,
        ),
        (
            post(package, evr, &postinstall),
            &postinstall,
            Dependency::script_post,
            PackageBuilder::post_install_script,
        ),
        (
            preun(package, evr, &preremove),
            &preremove,
            Dependency::script_preun,
            PackageBuilder::pre_uninstall_script,
        ),
        (
            Some(postun(package, evr, &postremove)),
            &postremove,
            Dependency::script_postun,
            PackageBuilder::post_uninstall_script,
        ),
    ];
    for (script, piece, needs, sets) in scriptlets {
        let program = piece.as_ref().map(Fragment::program);
        // The shell is required for every scriptlet by itself.
        if let Some(program) = program.filter(|name| *name != "/bin/sh" && !name.starts_with(&own))
        {
            builder.requires(needs(program.to_owned()));
        }
        if let Some(script) = script {
            sets(builder, script);
        }
    }
    Ok(())
}

type Needs = fn(String) -> Dependency;
type Sets = fn(&mut PackageBuilder, String) -> &mut PackageBuilder;
type Piece<'a> = Option<Fragment<'a>>;

fn running(piece: &Piece<'_>) -> String {
    piece.as_ref().map(Fragment::run).unwrap_or_default()
}

fn pre(package: &Package, evr: &Evr, piece: &Piece<'_>) -> Option<String> {
    let piece = piece.as_ref()?;
    Some(installing(package, evr) + &piece.run() + "exit 0\n")
}

fn post(package: &Package, evr: &Evr, piece: &Piece<'_>) -> Option<String> {
    if piece.is_none() && package.units.is_empty() {
        return None;
    }
    let mut script = installing(package, evr);
    script.push_str(&running(piece));
    if !package.units.is_empty() {
        let preset = names(package.units.iter().filter(|unit| is_installable(unit)));
        let mut first = format!("    systemctl --no-reload preset {preset} || :\n");
        if preset.is_empty() {
            first = "    :\n".to_owned();
        }
        let mut start = String::new();
        let startable = package
            .units
            .iter()
            .filter(|unit| is_installable(unit) && !is_template(unit));
        for unit in startable.filter(|_| package.service.start) {
            let name = quoted(&unit.name);
            // What an operator's preset keeps disabled is not started either.
            let unless = if package.service.enable {
                format!("systemctl --quiet is-enabled {name} && ")
            } else {
                String::new()
            };
            start.push_str(&format!("        {unless}systemctl start {name} || :\n"));
        }
        script.push_str(&format!(
            "if [ \"$1\" -eq 1 ] && {SYSTEMCTL}; then\n{first}fi\n\
             if {RUNNING}; then\n    systemctl daemon-reload || :\n"
        ));
        if !start.is_empty() {
            script.push_str(&format!("    if [ \"$1\" -eq 1 ]; then\n{start}    fi\n"));
        }
        script.push_str("fi\n");
        let begun = package.units.iter().filter(|unit| is_installable(unit));
        let units = names(begun);
        if !units.is_empty() {
            let start = match (package.service.start, package.service.enable) {
                (false, _) => ":",
                (true, false) => "systemctl start \"$unit\" || :",
                (true, true) => {
                    "systemctl --quiet is-enabled \"$unit\" && systemctl start \"$unit\" || :"
                }
            };
            let text = ADDED.replace("#UNITS#", &units).replace("#START#", start);
            script.push_str(&text);
        }
    }
    Some(script + "exit 0\n")
}

fn preun(package: &Package, evr: &Evr, piece: &Piece<'_>) -> Option<String> {
    if piece.is_none() && package.units.is_empty() {
        return None;
    }
    let mut script = removing(package, evr) + "if [ \"$1\" -ne 0 ]; then exit 0; fi\n";
    if !package.units.is_empty() {
        let disable = names(&package.units);
        let stop = instances(&package.units);
        script.push_str(&format!(
            "if {RUNNING}; then\n    \
                 systemctl --no-reload disable --now {disable} || :\n    \
                 systemctl stop {stop} || :\n\
             elif {SYSTEMCTL}; then\n    \
                 systemctl --no-reload disable {disable} || :\n\
             fi\n"
        ));
    }
    script.push_str(&running(piece));
    Some(script + "exit 0\n")
}

fn postun(package: &Package, evr: &Evr, piece: &Piece<'_>) -> String {
    let mut script = removing(package, evr);
    script.push_str("if [ \"$1\" -ne 0 ]; then\n");
    if !package.units.is_empty() {
        script.push_str(&DROPPED.replace("#UNITS#", &names(&package.units)));
    }
    if package.service.restart_after_upgrade && !package.units.is_empty() {
        let units = instances(&package.units);
        script.push_str(&format!(
            "    if {RUNNING}; then systemctl try-restart {units} || :; fi\n"
        ));
    }
    script.push_str("    exit 0\nfi\n");
    if !package.units.is_empty() {
        script.push_str(&format!(
            "if {RUNNING}; then systemctl daemon-reload || :; fi\n"
        ));
    }
    script.push_str(PRUNE);
    script.push_str(&running(piece));
    script + "exit 0\n"
}

/// The environment of the pieces, as in the package of any other format.
fn environment(package: &Package, action: &str, old: &str) -> String {
    let prefix = quoted(&package.prefix);
    format!(
        "set -e\n\
         ACTION={action}\n\
         VENV={prefix}\n\
         INSTALLDIR={prefix}\n\
         NAME={name}\n\
         VERSION={version}\n\
         OLD_VERSION={old}\n\
         export ACTION VENV INSTALLDIR NAME VERSION OLD_VERSION\n",
        name = quoted(&package.name),
        version = quoted(&package.version),
    )
}

fn removing(package: &Package, evr: &Evr) -> String {
    environment(package, "remove", &own(evr))
}

/// The version as `OLD_VERSION` has it.
fn own(evr: &Evr) -> String {
    quoted(&format!("{}-{}", evr.version, evr.release))
}

/// Finds out what is replaced: in `%post` rpm knows both versions.
fn installing(package: &Package, evr: &Evr) -> String {
    let own = own(evr);
    environment(package, "install", "")
        + &format!(
            r#"if [ "$1" -gt 1 ]; then
    ACTION=upgrade
    if installed=$(rpm -q "$NAME" 2>/dev/null); then
        for found in $installed; do
            found=${{found#"$NAME"-}}
            found=${{found%.*}}
            if [ -z "$OLD_VERSION" ] || [ "$found" != {own} ]; then OLD_VERSION=$found; fi
        done
    fi
fi
"#
        )
}

/// The preset of the package's units; `None` where none of them can be enabled.
pub fn preset(package: &Package) -> Option<String> {
    let verb = if package.service.enable {
        "enable"
    } else {
        "disable"
    };
    let units = package.units.iter().filter(|unit| is_installable(unit));
    let lines: String = units
        .map(|unit| format!("{verb} {}\n", unit.name))
        .collect();
    (!lines.is_empty()).then_some(lines)
}

/// Whether it can be enabled; any other is started by those that need it.
fn is_installable(unit: &Unit) -> bool {
    unit.text.lines().any(|line| line.trim() == "[Install]")
}

fn is_template(unit: &Unit) -> bool {
    unit.name.contains("@.")
}

fn names<'a>(units: impl IntoIterator<Item = &'a Unit>) -> String {
    let names: Vec<String> = units.into_iter().map(|unit| quoted(&unit.name)).collect();
    names.join(" ")
}

/// The units as they run: a template as the pattern of its instances.
fn instances(units: &[Unit]) -> String {
    let names = units
        .iter()
        .map(|unit| quoted(&unit.name.replace("@.", "@*.")));
    names.collect::<Vec<_>>().join(" ")
}
