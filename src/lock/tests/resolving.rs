//! What pip reports, as packages, and the lock files that several flavours come to.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_report_becomes_packages_without_credentials_and_without_the_project() {
    let item = |name: &str, info: &str, more: &str| {
        format!(
            r#"{{"download_info":{{{info}}},"metadata":{{"name":"{name}","version":"1.0"{more}}}}}"#
        )
    };
    let archive = |url: &str, hash: &str| format!(r#""url":"{url}","archive_info":{hash}"#);
    let hashes = format!(r#"{{"hashes":{{"sha256":"{HASH}","md5":"00"}}}}"#);
    let old = format!(r#"{{"hash":"sha256={HASH}"}}"#);
    let report = |items: &[String]| format!(r#"{{"version":"1","install":[{}]}}"#, items.join(","));
    let found = |items: &[String]| {
        let markers = facts("3.11.2").markers().unwrap();
        Found::parse(
            &report(items),
            "Shop",
            Some("https://index.example/simple"),
            &markers,
        )
    };
    let needs =
        r#","requires_dist":["b>=1","c; sys_platform == 'win32'","gone; python_version < '3'"]"#;
    let packages = found(&[
        item(
            "b",
            &archive("https://files.example/b-1.0.tar.gz", &old),
            "",
        ),
        item(
            "A_a",
            &archive(
                "https://me:secret@files.example/A_a-1.0-py3-none-any.whl#x",
                &hashes,
            ),
            needs,
        ),
        item(
            "shop",
            &archive("https://files.example/shop-1.0-py3-none-any.whl", &hashes),
            "",
        ),
    ]);
    let packages = packages.unwrap().packages;
    assert_eq!(
        pairs(&packages.iter().collect::<Vec<_>>()),
        ["a-a 1.0", "b 1.0"]
    );
    assert_eq!(packages[0].dependencies, ["b"]);
    let wheel = &packages[0].wheels[0];
    assert_eq!(wheel.name, "A_a-1.0-py3-none-any.whl");
    assert!(!wheel.url.contains("secret"), "{}", wheel.url);
    assert_eq!(wheel.hashes.keys().collect::<Vec<_>>(), ["sha256"]);
    assert_eq!(packages[1].sdist.as_ref().unwrap().hashes["sha256"], HASH);
    let refused = |item: String| found(&[item]).unwrap_err().to_string();
    assert_eq!(
        refused(item(
            "b",
            r#""url":"https://x/y","vcs_info":{"vcs":"git"}"#,
            ""
        )),
        "b comes from version control, which no lock of builder can hold"
    );
    assert_eq!(
        refused(item(
            "b",
            &archive("https://x/b-1.0.zip", r#"{"hashes":{"md5":"0"}}"#),
            ""
        )),
        "pip reports no hash of b-1.0.zip"
    );
    let markers = facts("3.11.2").markers().unwrap();
    let later = Found::parse(r#"{"version":"2","install":[]}"#, "shop", None, &markers);
    assert!(
        later
            .unwrap_err()
            .to_string()
            .ends_with("it has the version 2")
    );
}

/// A package with one wheel for a tag, or for all of them.
fn package(name: &str, version: &str, tag: &str) -> Package {
    let file = format!("{name}-{version}-{tag}.whl");
    let hash = crate::digest::Digest::of(file.as_bytes()).to_string();
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        wheels: vec![File {
            url: format!("https://files.example/{file}"),
            name: file,
            size: None,
            hashes: BTreeMap::from([("sha256".to_owned(), hash)]),
        }],
        ..Package::default()
    }
}

fn resolved(
    flavour: &str,
    python: &str,
    before: Option<(&str, &Lock)>,
    packages: &[Package],
) -> Resolved {
    Resolved {
        flavour: flavour.to_owned(),
        facts: facts(python),
        before: before.map(|(name, lock)| (name.to_owned(), lock.clone())),
        packages: packages.to_vec(),
    }
}

#[test]
fn one_file_serves_all_flavours_as_long_as_their_versions_agree() {
    let deb = [package("a", "1", "cp311-cp311-linux_x86_64")];
    let trixie = [package("a", "1", "cp313-cp313-linux_x86_64")];
    let both = [
        resolved("deb", "3.11.2", None, &deb),
        resolved("trixie", "3.13.5", None, &trixie),
    ];
    let first = layout(&both, true, &["pylock.deb.toml".to_owned()]);
    assert_eq!(first.write.keys().collect::<Vec<_>>(), [FILE]);
    assert_eq!(first.remove, ["pylock.deb.toml"]);
    let shared = read(&first.write[FILE]);
    assert_eq!(
        (shared.environments.len(), shared.packages[0].wheels.len()),
        (2, 2)
    );

    // The same results again: nothing is written, also where the file has more than one of them needs.
    let served = Some((FILE, &shared));
    let again = [
        resolved("deb", "3.11.2", served, &deb),
        resolved("trixie", "3.13.5", served, &trixie),
    ];
    assert!(layout(&again, true, &[FILE.to_owned()]).write.is_empty());
    assert!(
        layout(&again[..1], false, &[FILE.to_owned()])
            .write
            .is_empty()
    );

    let newer = [package("a", "2", "cp313-cp313-linux_x86_64")];
    let apart = [
        resolved("deb", "3.11.2", served, &deb),
        resolved("trixie", "3.13.5", served, &newer),
    ];
    let layout_apart = layout(&apart, true, &[FILE.to_owned()]);
    let written: Vec<_> = layout_apart.write.keys().map(String::as_str).collect();
    assert_eq!(written, ["pylock.deb.toml", "pylock.trixie.toml"]);
    assert_eq!(layout_apart.remove, [FILE]);
    assert_eq!(layout_apart.flavours[1].changes[0].to_string(), "a 1 → 2");
    assert!(layout_apart.flavours[0].changes.is_empty());

    // One flavour alone leaves the file of the others as it is.
    let alone = layout(&apart[1..], false, &[FILE.to_owned()]);
    assert_eq!(
        alone.write.keys().collect::<Vec<_>>(),
        ["pylock.trixie.toml"]
    );
    assert_eq!(alone.remove, Vec::<String>::new());

    // Two files of one name and different bytes cannot stand in one lock.
    let mut forged = deb.clone();
    forged[0].wheels[0]
        .hashes
        .insert("sha256".to_owned(), HASH.to_owned());
    let odd = [
        resolved("deb", "3.11.2", None, &deb),
        resolved("other", "3.11.4", None, &forged),
    ];
    assert_eq!(layout(&odd, true, &[]).write.len(), 2);
}
