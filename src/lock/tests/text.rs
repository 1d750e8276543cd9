//! A lock survives its text, whatever is in it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    // What a file may hold, quotes, backslashes and control characters among it.
    proptest::string::string_regex("[ -~äß\\t\u{1}\u{7f}]{0,12}").unwrap()
}

fn file(name: String) -> impl Strategy<Value = File> {
    let hash = proptest::string::string_regex("[0-9a-f]{64}").unwrap();
    let path = proptest::string::string_regex("[a-z\"\\\\%/]{0,9}").unwrap();
    (proptest::option::of(0_u64..1 << 40), hash, path).prop_map(move |(size, hash, path)| File {
        url: format!("https://files.example/{path}/{name}"),
        name: name.clone(),
        size,
        hashes: BTreeMap::from([("sha256".to_owned(), hash)]),
    })
}

fn any_package() -> impl Strategy<Value = Package> {
    let name = proptest::string::string_regex("[a-z][a-z0-9]{0,5}").unwrap();
    (name, 0_u8..9, any::<bool>(), any::<bool>()).prop_flat_map(|(name, version, sdist, marker)| {
        let wheel = file(format!("{name}-{version}-py3-none-any.whl"));
        let source = proptest::option::of(file(format!("{name}-{version}.tar.gz")));
        let index = proptest::option::of(text());
        (wheel, source, index, any::<bool>()).prop_map(move |(wheel, source, index, wheels)| {
            Package {
                name: name.clone(),
                version: version.to_string(),
                marker: marker.then(|| "os_name == 'posix'".to_owned()),
                requires_python: marker.then(|| ">=3.8".to_owned()),
                dependencies: if sdist {
                    vec!["b".to_owned()]
                } else {
                    Vec::new()
                },
                index,
                wheels: if wheels || source.is_none() {
                    vec![wheel]
                } else {
                    Vec::new()
                },
                sdist: source,
            }
        })
    })
}

proptest! {
    #[test]
    fn a_lock_survives_its_text(
        created_by in text(),
        python in proptest::option::of(Just(">=3.9,<4".to_owned())),
        packages in proptest::collection::vec(any_package(), 0..5),
    ) {
        let mut lock = Lock {
            created_by,
            requires_python: python,
            environments: vec![facts("3.11.2").as_marker()],
            packages,
        };
        lock.packages.sort_by(|one, other| {
            (&one.name, &one.version, &one.marker).cmp(&(&other.name, &other.version, &other.marker))
        });
        let written = lock.to_toml();
        let read = read(&written);
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.to_toml(), written);
    }
}
