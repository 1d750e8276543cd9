//! rpmlint has nothing to say but what `docker/rpmlint.toml` explains.

use std::path::Path;
use std::process::Command;

use crate::sample::{Entry, archive, shop};
use crate::{tried, written};

#[test]
fn rpmlint_finds_nothing_beyond_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let mut package = shop(dir.path(), "1.0");
    // What wheels are known to bring.
    let site = |name: &str| format!("opt/shop/lib/python3.11/site-packages/wheel/{name}");
    let file = |name: &str, mode: u32, text: &str| {
        (site(name), Entry::File(mode, text.as_bytes().to_vec()))
    };
    let wheel = dir.path().join("wheel.tar");
    archive(
        &wheel,
        vec![
            file("module.h", 0o644, "#define X\n"),
            file("py.typed", 0o644, ""),
            file(".config", 0o644, "x\n"),
            file("INSTALLER", 0o644, "pip\n"),
            file("other/INSTALLER", 0o644, "pip\n"),
            file("example.py", 0o644, "#!/usr/bin/env python3\n"),
            file("tool.py", 0o777, "#!/usr/bin/env python3\n"),
            file("README", 0o777, "stray bits\n"),
        ],
    );
    package.contents.push(wheel);
    let rpm = written(dir.path(), &package);
    finds_nothing(&rpm);
}

/// Expects that rpmlint has nothing to say beyond the list.
pub fn finds_nothing(rpm: &Path) {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/rpmlint.toml");
    let (success, said) = tried(
        Command::new("rpmlint")
            .arg("--strict")
            .arg("--config")
            .arg(config)
            .arg(rpm),
    );
    assert!(success, "{said}");
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
}
