//! Installation, upgrade and removal by the real rpm.

use std::fs;

use builder::package::Package;

use crate::root::Root;
use crate::sample::shop;
use crate::written;

fn piece(name: &str, action: &str, version: &str, old: &str) -> String {
    let line = format!("{name} {action} 0 /opt/shop /opt/shop shop {version} {old}");
    line.trim_end().to_owned()
}

#[test]
fn a_package_installs_upgrades_and_goes_with_nothing_left() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new();
    fs::create_dir_all(root.path("run/systemd/system")).unwrap();
    let before = root.files();

    let first = written(dir.path(), &shop(dir.path(), "1.0"));
    assert_eq!(root.rpm(&["-i"], Some(&first)), "");
    assert_eq!(
        root.record(),
        [
            piece("preinstall", "install", "1.0", ""),
            piece("postinstall", "install", "1.0", ""),
            "systemctl --no-reload preset shop.service".to_owned(),
            "systemctl daemon-reload".to_owned(),
            "systemctl --quiet is-enabled shop.service".to_owned(),
            "systemctl start shop.service".to_owned(),
        ]
    );
    assert_eq!(root.rpm(&["-V", "shop"], None), "");
    let preset = fs::read_to_string(root.path("usr/lib/systemd/system-preset/80-shop.preset"));
    assert_eq!(preset.unwrap(), "enable shop.service\n");

    let second = written(dir.path(), &shop(dir.path(), "1.1"));
    assert_eq!(root.rpm(&["-U"], Some(&second)), "");
    assert_eq!(
        root.record(),
        [
            piece("preinstall", "upgrade", "1.1", "1.0-1.el9"),
            piece("postinstall", "upgrade", "1.1", "1.0-1.el9"),
            "systemctl daemon-reload".to_owned(),
            "systemctl try-restart shop.service".to_owned(),
        ]
    );
    let site = "opt/shop/lib/python3.11/site-packages";
    assert!(!root.path(&format!("{site}/shop-1.0.dist-info")).exists());
    assert!(root.path(&format!("{site}/shop-1.1.dist-info")).exists());

    // What Python run by root leaves behind.
    for folder in ["flask", "shop"] {
        let cache = root.path(&format!("{site}/{folder}/__pycache__"));
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join("__init__.cpython-311.opt-1.pyc"), "code").unwrap();
    }
    assert_eq!(root.rpm(&["-e", "shop"], None), "");
    assert_eq!(
        root.record(),
        [
            "systemctl --no-reload disable --now shop.service".to_owned(),
            "systemctl stop shop.service".to_owned(),
            piece("preremove", "remove", "1.1", "1.1-1.el9"),
            "systemctl daemon-reload".to_owned(),
            piece("postremove", "remove", "1.1", "1.1-1.el9"),
        ]
    );
    let after = root.files();
    let left: Vec<_> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    assert!(left.is_empty(), "left over: {left:?}");
    assert!(after == before, "the removal changed what was there before");
}

#[test]
fn a_configuration_file_that_was_edited_is_kept_beside_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new();
    let first = written(dir.path(), &shop(dir.path(), "1.0"));
    root.rpm(&["-i"], Some(&first));
    fs::write(root.path("etc/shop/shop.conf"), "mine\n").unwrap();
    let second = written(dir.path(), &shop(dir.path(), "1.1"));
    let said = root.rpm(&["-U"], Some(&second));
    assert!(said.contains("/etc/shop/shop.conf.rpmnew"), "{said}");
    let read = |path: &str| fs::read_to_string(root.path(path)).unwrap();
    assert_eq!(read("etc/shop/shop.conf"), "mine\n");
    assert_eq!(read("etc/shop/shop.conf.rpmnew"), "version = 1.1\n");
    let said = root.rpm(&["-e", "shop"], None);
    assert!(said.contains("/etc/shop/shop.conf.rpmsave"), "{said}");
    assert!(!root.path("opt/shop").exists());
    assert!(root.path("etc/nginx/conf.d").exists());
}

#[test]
fn without_systemd_nothing_is_started_and_a_reinstallation_is_an_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new();
    let rpm = written(dir.path(), &shop(dir.path(), "1.0"));
    root.rpm(&["-i"], Some(&rpm));
    let record = root.record();
    assert_eq!(record.len(), 3, "{record:?}");
    assert_eq!(record[2], "systemctl --no-reload preset shop.service");
    root.rpm(&["-U", "--force"], Some(&rpm));
    assert_eq!(
        root.record(),
        [
            piece("preinstall", "upgrade", "1.0", "1.0-1.el9"),
            piece("postinstall", "upgrade", "1.0", "1.0-1.el9"),
        ]
    );
    root.rpm(&["-e", "shop"], None);
    let record = root.record();
    assert_eq!(record[0], "systemctl --no-reload disable shop.service");
    assert_eq!(record.len(), 3, "{record:?}");
}

#[test]
fn a_piece_that_fails_keeps_its_service_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new();
    fs::create_dir_all(root.path("run/systemd/system")).unwrap();
    for piece in [
        "false\necho not reached >>/record",
        "#!/usr/bin/dash\nexit 3",
        "if",
    ] {
        let mut package = Package {
            suffix: None,
            ..shop(dir.path(), "1.0")
        };
        package.scripts.postinstall = Some(piece.to_owned());
        let rpm = written(dir.path(), &package);
        let said = root.rpm(&["-i"], Some(&rpm));
        assert!(
            said.contains("%post(shop-1.0-1.noarch) scriptlet failed"),
            "{said}"
        );
        assert_eq!(root.record().len(), 1);
        let left = fs::read_dir(root.path("tmp")).unwrap().count();
        assert_eq!(left, 0, "the piece's file is removed");
        root.rpm(&["-e", "shop"], None);
        root.record();
    }
}
