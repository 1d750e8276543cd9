//! A package's units, and what the maintainer scripts do with them, as debhelper does.
//!
//! The snippets are those of `dh_installsystemd`. `deb-systemd-helper` and `deb-systemd-invoke` are
//! in init-system-helpers, which is essential: they need no dependency, and only a purge, which may
//! come when nothing else is left, looks whether they are there. Enabling is done by links alone and
//! works in a chroot; nothing is started or stopped unless systemd runs and `policy-rc.d` agrees.
//!
//! Known gap: `deb-systemd-invoke` starts no unit that is not enabled, so that `start` has no effect
//! at the first installation where `enable` is off.

use super::super::{Package, PackageError, Service};

/// The units of a package.
pub(super) struct Units<'a> {
    files: Vec<(&'a str, &'a str)>,
    service: Service,
}

impl<'a> Units<'a> {
    /// Takes the units of a package, sorted.
    pub(super) fn of(package: &'a Package) -> Result<Self, PackageError> {
        let mut files = Vec::new();
        for unit in &package.units {
            let (stem, kind) = unit.name.rsplit_once('.').unwrap_or((&unit.name, ""));
            let fits = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
            let kinds = [
                "service", "socket", "timer", "path", "target", "mount", "slice",
            ];
            if stem.is_empty() || !stem.chars().all(fits) || !kinds.contains(&kind) {
                return Err(PackageError::Value {
                    what: format!(
                        "`{}` is no name of a systemd unit",
                        unit.name.escape_debug()
                    ),
                    help: "use a file name such as `shop.service`".to_owned(),
                });
            }
            files.push((unit.name.as_str(), unit.text.as_str()));
        }
        files.sort_unstable();
        Ok(Self {
            files,
            service: package.service,
        })
    }

    /// The names with the texts, each of which ends a line.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let ended = |text: &str| format!("{}\n", text.trim_end_matches('\n'));
        self.files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), ended(text)))
            .collect()
    }

    /// What `preinst` does at an upgrade: units that this version has no more are stopped and
    /// disabled, for which the version before has no script that knows it.
    pub(super) fn preinst(&self, package: &str) -> String {
        let kept: Vec<String> = self.files.iter().map(|(name, _)| quoted(name)).collect();
        let kept = match kept.is_empty() {
            true => String::new(),
            false => format!(
                "        case \"$unit\" in {}) continue ;; esac\n",
                kept.join(" | ")
            ),
        };
        DROPPED
            .replace("#KEPT#", &kept)
            .replace("#NAME#", &quoted(package))
    }

    /// What `postinst` does: enabling, then starting.
    pub(super) fn postinst(&self) -> String {
        let installed = self.words(|name, text| !is_template(name) && has_install(text));
        let fixed = self.words(|name, text| {
            !is_template(name) && name.ends_with(".service") && !has_install(text)
        });
        let mut text = String::new();
        if !installed.is_empty() {
            let enable = if self.service.enable {
                ENABLE
            } else {
                DONT_ENABLE
            };
            text.push_str(&enable.replace("#UNITS#", &installed));
        }
        if self.files.is_empty() {
            return text;
        }
        let mut active = String::from(RELOAD);
        let Service {
            enable: _,
            start,
            restart_after_upgrade,
        } = self.service;
        let upgraded = match (start, restart_after_upgrade) {
            (true, true) => Some("restart"),
            // What an administrator has stopped stays so.
            (false, true) => Some("try-restart"),
            (true | false, false) => None,
        };
        let invoke = |action: &str, units: &str| {
            format!("            deb-systemd-invoke {action} {units} > /dev/null || true\n")
        };
        let mut after = String::new();
        if let Some(action) = upgraded.filter(|_| !installed.is_empty()) {
            after.push_str(&invoke(action, &installed));
        }
        if restart_after_upgrade && !fixed.is_empty() {
            after.push_str(&invoke("try-restart", &fixed));
        }
        let first = match start && !installed.is_empty() {
            true => invoke("start", &installed),
            false => String::new(),
        };
        if !after.is_empty() {
            active.push_str(&format!("        if [ -n \"${{2:-}}\" ]; then\n{after}"));
            if !first.is_empty() {
                active.push_str(&format!("        else\n{first}"));
            }
            active.push_str("        fi\n");
        } else if !first.is_empty() {
            active.push_str(&format!(
                "        if [ -z \"${{2:-}}\" ]; then\n{first}        fi\n"
            ));
        }
        text.push_str(&format!(
            "    if [ -d /run/systemd/system ]; then\n{active}    fi\n"
        ));
        format!(
            "if [ \"$1\" = configure ] || [ \"$1\" = abort-upgrade ] ||\n   \
             [ \"$1\" = abort-deconfigure ] || [ \"$1\" = abort-remove ]; then\n{text}fi\n"
        )
    }

    /// What `prerm` does before a removal.
    pub(super) fn prerm(&self) -> String {
        let stopped = self.words(|name, _| !is_template(name));
        let instances: Vec<String> = self
            .files
            .iter()
            .filter(|(name, _)| is_template(name))
            .map(|(name, _)| quoted(&name.replacen('@', "@*", 1)))
            .collect();
        let mut stops = String::new();
        for units in [stopped, instances.join(" ")] {
            if !units.is_empty() {
                stops.push_str(&format!(
                    "    deb-systemd-invoke stop {units} > /dev/null || true\n"
                ));
            }
        }
        match stops.is_empty() {
            true => stops,
            false => format!(
                "if [ -z \"${{DPKG_ROOT:-}}\" ] && [ \"$1\" = remove ] && \
                 [ -d /run/systemd/system ]; then\n{stops}fi\n"
            ),
        }
    }

    /// What `postrm` does.
    pub(super) fn postrm(&self) -> String {
        let units = self.words(|_, text| has_install(text));
        if self.files.is_empty() {
            return String::new();
        }
        let purge = match units.is_empty() {
            true => String::new(),
            false => PURGE.replace("#UNITS#", &units),
        };
        format!("{GONE}{purge}")
    }

    fn words(&self, wanted: impl Fn(&str, &str) -> bool) -> String {
        let units = self.files.iter().filter(|(name, text)| wanted(name, text));
        let words: Vec<String> = units.map(|(name, _)| quoted(name)).collect();
        words.join(" ")
    }
}

/// A name may have a backslash, which the shell would take.
fn quoted(unit: &str) -> String {
    format!("'{unit}'")
}

/// A unit that runs only as its instances.
fn is_template(name: &str) -> bool {
    name.contains("@.")
}

/// Only a unit that says what wants it can be enabled, and only such a one is started.
fn has_install(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Install]")
}

const ENABLE: &str = r#"    for unit in #UNITS#; do
        deb-systemd-helper unmask "$unit" > /dev/null || true
        # The first installation counts as enabled; later on the administrator has decided.
        if deb-systemd-helper --quiet was-enabled "$unit"; then
            deb-systemd-helper enable "$unit" > /dev/null || true
        else
            deb-systemd-helper update-state "$unit" > /dev/null || true
        fi
    done
"#;

const DONT_ENABLE: &str = r#"    for unit in #UNITS#; do
        if deb-systemd-helper debian-installed "$unit"; then
            deb-systemd-helper unmask "$unit" > /dev/null || true
            if deb-systemd-helper --quiet was-enabled "$unit"; then
                deb-systemd-helper enable "$unit" > /dev/null || true
            fi
        fi
        deb-systemd-helper update-state "$unit" > /dev/null || true
    done
"#;

const DROPPED: &str = r#"if [ "$1" = upgrade ]; then
    { dpkg-query --listfiles #NAME# 2> /dev/null || true; } | while IFS= read -r file; do
        case "$file" in
            /lib/systemd/system/*.* | /usr/lib/systemd/system/*.*) unit=${file##*/} ;;
            *) continue ;;
        esac
#KEPT#        if [ -d /run/systemd/system ]; then
            instances=$unit
            case "$unit" in *@.*) instances="${unit%%@.*}@*.${unit#*@.}" ;; esac
            deb-systemd-invoke stop "$instances" > /dev/null || true
        fi
        deb-systemd-helper purge "$unit" > /dev/null || true
        deb-systemd-helper unmask "$unit" > /dev/null || true
    done
fi
"#;

const RELOAD: &str = "        systemctl --system daemon-reload > /dev/null || true\n";

const GONE: &str = r#"if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload > /dev/null || true
fi
"#;

const PURGE: &str = r#"if [ "$1" = purge ] && command -v deb-systemd-helper > /dev/null; then
    for unit in #UNITS#; do
        deb-systemd-helper purge "$unit" > /dev/null || true
        deb-systemd-helper unmask "$unit" > /dev/null || true
    done
fi
"#;
