//! Signatures, made by rpm's own tools, so that no secret key is ever in this process.
#![expect(
    clippy::disallowed_methods,
    reason = "a signature is made by another program, which is looked for on the PATH"
)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::package::PackageError;

/// Signs the package at `path` in place with the key that `key_id` names, through `rpmsign`.
///
/// The key is looked up by gpg where the operator's environment says (`GNUPGHOME`). A signature
/// holds the time at which it was made: two signed packages differ, and what is compared or
/// recorded as reproducible is the package before it.
///
/// # Errors
///
/// `rpmsign` or gpg is missing, the key is not there, or `key_id` cannot be a key's name.
pub fn sign(path: &Path, key_id: &str) -> Result<(), PackageError> {
    // `--define` expands macros, which may run programs.
    if key_id.trim().is_empty() || key_id.contains(|c: char| c == '%' || c.is_control()) {
        return Err(PackageError::Value {
            what: format!("`{}` cannot name a key", key_id.escape_debug()),
            help: "name it by its fingerprint or by the address of its owner".to_owned(),
        });
    }
    let gpg = gpg().ok_or_else(|| PackageError::Tool {
        what: "gpg, which has the keys, is not installed".to_owned(),
        help: "install `gnupg2` (Fedora, EL) or `gnupg` (Debian), or remove the key".to_owned(),
    })?;
    let run = Command::new("rpmsign")
        .arg("--addsign")
        .arg("--define")
        .arg(format!("_gpg_name {}", key_id.trim()))
        .arg("--define")
        .arg(format!("__gpg {}", gpg.display()))
        .arg(path)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output();
    let output = run.map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => PackageError::Tool {
            what: "`rpmsign`, which signs packages, is not installed".to_owned(),
            help: "install `rpm-sign` (Fedora, EL) or `rpm` (Debian), or remove the key".to_owned(),
        },
        _ => PackageError::Io {
            verb: "start `rpmsign`".to_owned(),
            cause: cause.to_string(),
        },
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let help = if said.contains("No secret key") {
        format!("import the secret key `{key_id}`, or point GNUPGHOME to the folder that has it")
    } else if said.contains("signing failed") {
        format!(
            "let gpg's agent know the passphrase of `{key_id}` before the apply (`gpg --sign` asks for it), or use a key without one: nobody is asked during a run"
        )
    } else {
        "try the same by hand: `rpmsign --addsign`".to_owned()
    };
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    Err(PackageError::Tool {
        what: format!(
            "`rpmsign` could not sign {}: {}",
            path.display(),
            lines.join("; ")
        ),
        help,
    })
}

/// Finds gpg: rpm wants its whole path, and what it takes for it by default is not on Debian.
fn gpg() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| [folder.join("gpg2"), folder.join("gpg")])
        .find(|program| program.is_absolute() && program.is_file())
}
