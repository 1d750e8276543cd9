//! What is packed comes out as it went in.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use crate::archive::{Limits, Strip, pack_tree, unpack};
use crate::source::{read_tree, scan};

proptest! {
    #[test]
    fn an_unpacked_archive_equals_what_was_packed(
        files in prop::collection::btree_map("[a-c ä]{1,3}(/[a-c]{100,120}){0,2}", any::<Vec<u8>>(), 0..8),
        epoch in 0u64..1 << 33,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (root, out) = (dir.path().join("src"), dir.path().join("out"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&out).unwrap();
        let mut written: BTreeMap<_, _> = BTreeMap::new();
        for (path, bytes) in &files {
            let place = root.join(path);
            // A name that is a folder already, or lies below a file, is left out.
            if fs::create_dir_all(place.parent().unwrap()).is_ok() && fs::write(&place, bytes).is_ok() {
                written.insert(path, bytes);
            }
        }
        let tree = scan(&root, &[]).unwrap().tree;
        prop_assert_eq!(tree.entries().len(), written.len());
        let mut bytes = Vec::new();
        let prefix = "a/source".to_owned();
        pack_tree(root, tree.clone(), prefix, epoch, Default::default())(&mut bytes).unwrap();
        let limits = Limits { entries: 1000, bytes: 1_000_000 };
        let unpacked = unpack(&bytes[..], &out, Strip::Nothing, limits);
        prop_assert_eq!(&read_tree(&out.join("a/source")).unwrap(), &tree);
        prop_assert_eq!(read_tree(&out).unwrap(), unpacked.unwrap());
    }
}
