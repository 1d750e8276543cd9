//! Blocks are read back, kept and taken.

use std::io::Read;

use liblzma::read::XzDecoder;

use super::*;

/// Content that compresses well, another for another seed.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 64);
    let mut line = 0;
    while text.len() < length {
        text.extend(format!("def function_{seed}_{line}(): pass\n").bytes());
        text.extend([b'#'; 99]);
        line += 1;
    }
    text.truncate(length);
    text
}

/// Packs parts, each with a name, and returns the stream.
fn packed(parts: &[(&str, &[u8])], kept: Option<&Path>) -> Vec<u8> {
    let mut blocks = Blocks::begin(Vec::new(), kept.map(Path::to_owned)).unwrap();
    for (name, bytes) in parts {
        blocks.next_is(name).unwrap();
        blocks.write_all(bytes).unwrap();
    }
    blocks.finish().unwrap()
}

/// Unpacks as dpkg does: a single stream, and nothing behind it.
fn unpacked(stream: &[u8]) -> Vec<u8> {
    let mut decoder = XzDecoder::new(stream);
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).unwrap();
    assert_eq!(decoder.total_in(), stream.len() as u64);
    bytes
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_stream_is_read_back_whatever_its_size() {
    for size in [0, 1, 999, MOST - 1, MOST, MOST + 1] {
        let bytes = content(7, size);
        assert!(unpacked(&packed(&[("a", &bytes)], None)) == bytes, "{size}");
    }
}

#[test]
fn kept_blocks_make_the_same_bytes_and_only_those_in_use_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (large, small, other) = (content(1, MOST), content(2, 70_000), content(3, 80_000));
    let first = [("large", &large[..]), ("own", &small[..])];
    let second = [("large", &large[..]), ("own", &other[..])];
    let scratch = packed(&first, None);
    assert!(packed(&first, Some(folder)) == scratch);
    let kept = names(folder);
    assert_eq!(kept.len(), 2);
    assert!(packed(&first, Some(folder)) == scratch);
    assert_eq!(names(folder), kept, "both were taken");

    let bytes = packed(&second, Some(folder));
    assert!(bytes == packed(&second, None));
    assert!(unpacked(&bytes) == [&large[..], &other[..]].concat());
    let now = names(folder);
    assert_eq!((now.len(), now.intersection(&kept).count()), (2, 1));
}

#[test]
fn a_kept_block_is_taken_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bytes = content(4, 50_000);
    let scratch = packed(&[("a", &bytes)], Some(folder));
    let place = folder.join(names(folder).first().unwrap());
    let block = read(&place).unwrap();

    // Another block under its name shows that it is not compressed again.
    let foreign = compress(&content(5, 50_000)).unwrap();
    keep(&place, &foreign).unwrap();
    let taken = packed(&[("a", &bytes)], Some(folder));
    assert!(unpacked(&taken) == content(5, 50_000));

    keep(&place, &block).unwrap();
    let whole = fs::read(&place).unwrap();
    for at in [0, whole.len() / 2, whole.len() - 40, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&place, &damaged).unwrap();
        assert!(packed(&[("a", &bytes)], Some(folder)) == scratch, "{at}");
    }
    fs::write(&place, &whole[..20]).unwrap();
    assert!(packed(&[("a", &bytes)], Some(folder)) == scratch);
}

#[test]
fn a_file_that_grows_changes_few_blocks() {
    let sizes = 30_000..330_000;
    let files: Vec<(String, Vec<u8>)> = sizes
        .step_by(1_500)
        .map(|size| (format!("file {size}"), content(size as u64, size)))
        .collect();
    let count = |grown: usize| {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files.clone();
        let parts = |files: &[(String, Vec<u8>)]| -> Vec<u8> {
            let parts: Vec<_> = files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
                .collect();
            packed(&parts, Some(folder.path()))
        };
        parts(&files);
        let before = names(folder.path());
        files[grown].1.extend(b"more");
        parts(&files);
        let after = names(folder.path());
        (after.len(), after.difference(&before).count())
    };
    let (all, changed) = count(20);
    assert!(all >= 5 && changed <= 2, "{changed} of {all}");
}
