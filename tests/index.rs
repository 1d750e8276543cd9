//! The index of files against edits that try to hide: a scan by the index equals one that reads all.
//!
//! The files are real, and so are their times. The margin by which a file has to be older than a
//! scan is taken away here, so that what is believed is believed as early as it may be; a case waits
//! for the clock of the file system to tick where it wants its files to be believed.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the files are real, and a test may panic"
)]

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use builder::source::{Clock, Shelf, read_copy, read_tree, scan, scan_with};
use proptest::prelude::*;

/// The names that a case has, so that edits meet.
const NAMES: [&str; 7] = ["a", "b", "c.py", "pkg/a", "pkg/b", "pkg/sub/a", "pkg-2/a"];

/// What befalls a source or a copy.
#[derive(Clone, Debug)]
enum Edit {
    /// Another byte of the same file, its size as it was.
    SameSize {
        at: usize,
        byte: u8,
        restore: bool,
    },
    /// Another file of the same size and time, renamed over it.
    RenameOver {
        at: usize,
        byte: u8,
    },
    Swap {
        one: usize,
        other: usize,
    },
    SwapFolders,
    Mode {
        at: usize,
        executable: bool,
    },
    Become {
        at: usize,
        what: What,
    },
    Link {
        at: usize,
        to: usize,
    },
    Append {
        at: usize,
    },
    Time {
        at: usize,
        seconds: i64,
    },
    Ignore {
        line: usize,
    },
    Virtualenv {
        on: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum What {
    File,
    Link,
    Folder,
    Nothing,
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..NAMES.len();
    let what = prop_oneof![
        Just(What::File),
        Just(What::Link),
        Just(What::Folder),
        Just(What::Nothing)
    ];
    prop_oneof![
        6 => (at(), any::<u8>(), any::<bool>())
            .prop_map(|(at, byte, restore)| Edit::SameSize { at, byte, restore }),
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::RenameOver { at, byte }),
        2 => (at(), at()).prop_map(|(one, other)| Edit::Swap { one, other }),
        1 => Just(Edit::SwapFolders),
        1 => (at(), any::<bool>()).prop_map(|(at, executable)| Edit::Mode { at, executable }),
        3 => (at(), what).prop_map(|(at, what)| Edit::Become { at, what }),
        1 => (at(), at()).prop_map(|(at, to)| Edit::Link { at, to }),
        1 => at().prop_map(|at| Edit::Append { at }),
        1 => (at(), -100_000_i64..100_000).prop_map(|(at, seconds)| Edit::Time { at, seconds }),
        1 => (0..4_usize).prop_map(|line| Edit::Ignore { line }),
        1 => any::<bool>().prop_map(|on| Edit::Virtualenv { on }),
    ]
}

/// What becomes of the index itself between two scans.
#[derive(Clone, Copy, Debug)]
enum Harm {
    None,
    Cut(usize),
    Flip(usize),
    Foreign,
    /// The clock was set back since, by so many seconds.
    SetBack(i64),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        12 => Just(Harm::None),
        1 => any::<usize>().prop_map(Harm::Cut),
        2 => any::<usize>().prop_map(Harm::Flip),
        1 => Just(Harm::Foreign),
        1 => (1..100_i64).prop_map(Harm::SetBack),
    ]
}

/// A round: edits, then a scan; whether the clock ticks between the edits and the scan.
#[derive(Clone, Debug)]
struct Round {
    edits: Vec<Edit>,
    tick: bool,
    harm: Harm,
}

fn round() -> impl Strategy<Value = Round> {
    let edits = prop::collection::vec(edit(), 0..3);
    (edits, any::<bool>(), harm()).prop_map(|(edits, tick, harm)| Round { edits, tick, harm })
}

/// Opens a file that is one, without following a link.
fn regular(path: &Path) -> Option<fs::Metadata> {
    fs::symlink_metadata(path)
        .ok()
        .filter(fs::Metadata::is_file)
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Makes the folders above a path, where no file or link is in the way.
fn make_room(root: &Path, path: &Path) -> bool {
    let folder = path.parent().unwrap();
    let mut above = folder.ancestors().take_while(|above| *above != root);
    let free = above.all(|above| {
        fs::symlink_metadata(above).is_ok_and(|it| it.is_dir())
            || fs::symlink_metadata(above).is_err()
    });
    free && fs::create_dir_all(folder).is_ok()
}

impl Edit {
    fn perform(&self, root: &Path) {
        let path = |at: &usize| root.join(NAMES[*at]);
        match self {
            Self::SameSize { at, byte, restore } => {
                let Some(before) = regular(&path(at)) else {
                    return;
                };
                let mut file = File::options().write(true).open(path(at)).unwrap();
                file.seek(SeekFrom::Start(before.len() / 2)).unwrap();
                if before.len() > 0 {
                    file.write_all(&[*byte]).unwrap();
                }
                if *restore {
                    let times = FileTimes::new().set_modified(before.modified().unwrap());
                    file.set_times(times).unwrap();
                }
            }
            Self::RenameOver { at, byte } => {
                let Some(before) = regular(&path(at)) else {
                    return;
                };
                let new = root.join(".new");
                fs::write(&new, vec![*byte; before.len() as usize]).unwrap();
                fs::set_permissions(&new, before.permissions()).unwrap();
                let times = FileTimes::new().set_modified(before.modified().unwrap());
                File::options()
                    .write(true)
                    .open(&new)
                    .unwrap()
                    .set_times(times)
                    .unwrap();
                fs::rename(&new, path(at)).unwrap();
            }
            Self::Swap { one, other } => {
                let (one, other) = (path(one), path(other));
                if one != other && regular(&one).is_some() && regular(&other).is_some() {
                    let aside = root.join(".aside");
                    fs::rename(&one, &aside).unwrap();
                    fs::rename(&other, &one).unwrap();
                    fs::rename(&aside, &other).unwrap();
                }
            }
            Self::SwapFolders => {
                let (one, other) = (root.join("pkg"), root.join("pkg-2"));
                let aside = root.join(".aside");
                if one.is_dir() && other.is_dir() {
                    fs::rename(&one, &aside).unwrap();
                    fs::rename(&other, &one).unwrap();
                    fs::rename(&aside, &other).unwrap();
                }
            }
            Self::Mode { at, executable } => {
                if regular(&path(at)).is_some() {
                    let mode = if *executable { 0o755 } else { 0o644 };
                    fs::set_permissions(path(at), Permissions::from_mode(mode)).unwrap();
                }
            }
            Self::Become { at, what } => {
                if !make_room(root, &path(at)) {
                    return;
                }
                remove(&path(at));
                match what {
                    What::File => fs::write(path(at), "new bytes").unwrap(),
                    What::Link => symlink("somewhere", path(at)).unwrap(),
                    What::Folder => {
                        fs::create_dir(path(at)).unwrap();
                        fs::write(path(at).join("inside"), "x").unwrap();
                    }
                    What::Nothing => {}
                }
            }
            Self::Link { at, to } => {
                if regular(&path(at)).is_some() && make_room(root, &path(to)) && at != to {
                    if path(at).starts_with(path(to)) {
                        return;
                    }
                    remove(&path(to));
                    fs::hard_link(path(at), path(to)).unwrap();
                }
            }
            Self::Append { at } => {
                if regular(&path(at)).is_some() {
                    let mut file = File::options().append(true).open(path(at)).unwrap();
                    file.write_all(b"+").unwrap();
                }
            }
            Self::Time { at, seconds } => {
                if regular(&path(at)).is_some() {
                    let now = SystemTime::now();
                    let by = Duration::from_secs(seconds.unsigned_abs());
                    let time = if *seconds < 0 { now - by } else { now + by };
                    let file = File::options().write(true).open(path(at)).unwrap();
                    file.set_times(FileTimes::new().set_modified(time)).unwrap();
                }
            }
            Self::Ignore { line } => {
                let text = ["", "/a\n", "pkg/\n", "b\n!pkg/b\n"][*line];
                fs::write(root.join(".builderignore"), text).unwrap();
            }
            Self::Virtualenv { on } => {
                let mark = root.join("pkg/pyvenv.cfg");
                if !on {
                    remove(&mark);
                } else if root.join("pkg").is_dir() && make_room(root, &mark) {
                    fs::write(mark, "").unwrap();
                }
            }
        }
    }
}

/// The files of the indexes.
fn indexes(private: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(private.join("index"));
    entries.map_or_else(
        |_| Vec::new(),
        |entries| entries.map(|entry| entry.unwrap().path()).collect(),
    )
}

/// Harms the indexes; returns the clock that the next scan goes by, if it is not the machine's.
fn inflict(harm: Harm, private: &Path) -> Option<Clock> {
    for path in indexes(private) {
        let mut bytes = fs::read(&path).unwrap();
        match harm {
            Harm::None | Harm::SetBack(_) => continue,
            Harm::Cut(at) => bytes.truncate(at % bytes.len()),
            Harm::Flip(at) => {
                let at = at % (bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
            Harm::Foreign => bytes = b"something else".to_vec(),
        }
        fs::write(&path, bytes).unwrap();
    }
    match harm {
        Harm::SetBack(seconds) => {
            let clock = Clock::read();
            Some(Clock {
                now: clock.now - seconds * 1_000_000_000,
                ..clock
            })
        }
        _ => None,
    }
}

/// Waits until a new file has a later time than one of before.
fn tick(folder: &Path) {
    let time = || {
        let path = folder.join("tick");
        fs::write(&path, "").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        fs::remove_file(&path).unwrap();
        (metadata.ctime(), metadata.ctime_nsec())
    };
    let before = time();
    while time() == before {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many files were in the scans of all cases, and how many of those were read.
static SEEN: AtomicUsize = AtomicUsize::new(0);
static READ: AtomicUsize = AtomicUsize::new(0);

fn check(rounds: &[Round]) {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    let (root, private) = (top.join("src"), top.join(".builder"));
    fs::create_dir(&private).unwrap();
    for (number, name) in NAMES.iter().enumerate() {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("file {number}")).unwrap();
    }
    for (number, round) in rounds.iter().enumerate() {
        for edit in &round.edits {
            edit.perform(&root);
        }
        let clock = inflict(round.harm, &private);
        if round.tick {
            tick(&top);
        }
        let shelf = || Shelf::at(&private).with(clock, Some(Duration::ZERO));
        let (by_index, whole) = (scan_with(&root, &[], &shelf()), scan(&root, &[]));
        match (by_index, whole) {
            (Ok(found), Ok(whole)) => {
                assert_eq!(found.tree, whole.tree, "round {number}");
                assert_eq!(found.tree.digest(), whole.tree.digest());
                let listed = whole
                    .tree
                    .entries()
                    .clone()
                    .into_iter()
                    .collect::<builder::tree::Tree>();
                assert_eq!(found.tree.digest(), listed.digest(), "round {number}");
                assert_eq!(found.stats, whole.stats, "round {number}");
                SEEN.fetch_add(found.stats.files, Ordering::Relaxed);
                READ.fetch_add(found.read, Ordering::Relaxed);
                found
                    .unsaved
                    .iter()
                    .for_each(builder::source::Unsaved::save);
            }
            (Err(found), Err(whole)) => assert_eq!(found.to_string(), whole.to_string()),
            (found, whole) => panic!("round {number}: {found:?} and {whole:?}"),
        }
        let copy = read_copy(&root, &shelf()).unwrap();
        assert_eq!(copy.tree, read_tree(&root).unwrap(), "round {number}");
        copy.unsaved.iter().for_each(builder::source::Unsaved::save);
    }
}

/// A number of cases: those that `BUILDER_CASES` says, or a few.
fn cases() -> u32 {
    std::env::var("BUILDER_CASES").map_or(400, |cases| cases.parse().unwrap())
}

#[test]
fn a_scan_by_the_index_equals_one_that_reads_everything() {
    let config = ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(rounds in prop::collection::vec(round(), 2..6))| {
        check(&rounds);
    });
    // Otherwise the test would show nothing: a good part has to have been believed.
    let (seen, read) = (SEEN.load(Ordering::Relaxed), READ.load(Ordering::Relaxed));
    println!("{read} of {seen} files were read");
    assert!(read < seen * 4 / 5, "{read} of {seen} files were read");
}

/// A source with one file, its private folder, and a shelf without a margin.
fn one_file() -> (tempfile::TempDir, PathBuf, impl Fn() -> Shelf) {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    let (root, private) = (top.join("src"), top.join(".builder"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&private).unwrap();
    fs::write(root.join("a"), "1").unwrap();
    let shelf = move || Shelf::at(&private).with(None, Some(Duration::ZERO));
    (dir, root, shelf)
}

#[test]
fn an_edit_right_after_a_scan_is_seen_however_often() {
    let (_dir, root, shelf) = one_file();
    for number in 0..300_u32 {
        let text = format!("{number:04}");
        fs::write(root.join("a"), &text).unwrap();
        let found = scan_with(&root, &[], &shelf()).unwrap();
        found
            .unsaved
            .iter()
            .for_each(builder::source::Unsaved::save);
        let digest = builder::digest::Digest::of(text.as_bytes());
        assert_eq!(found.tree.file("a"), Some(digest), "{number}");
    }
}

#[test]
fn files_that_are_written_while_they_are_scanned_are_not_believed() {
    let (_dir, root, shelf) = one_file();
    let path = root.join("a");
    let writing = std::thread::spawn(move || {
        for number in 0..3_000_u32 {
            fs::write(&path, format!("{number:04}")).unwrap();
        }
    });
    while !writing.is_finished() {
        let found = scan_with(&root, &[], &shelf()).unwrap();
        found
            .unsaved
            .iter()
            .for_each(builder::source::Unsaved::save);
    }
    writing.join().unwrap();
    let found = scan_with(&root, &[], &shelf()).unwrap();
    assert_eq!(found.tree, scan(&root, &[]).unwrap().tree);
}

#[test]
fn an_index_is_of_one_directory_alone() {
    let (dir, root, shelf) = one_file();
    tick(dir.path());
    let found = scan_with(&root, &[], &shelf()).unwrap();
    found.unsaved.unwrap().save();
    assert_eq!(scan_with(&root, &[], &shelf()).unwrap().read, 0);
    let moved = dir.path().canonicalize().unwrap().join("moved");
    fs::rename(&root, &moved).unwrap();
    assert_eq!(scan_with(&moved, &[], &shelf()).unwrap().read, 1);
}

#[test]
fn a_file_that_is_not_safely_older_than_its_scan_is_read_again() {
    let (dir, root, shelf) = one_file();
    let scan_and_save = |shelf: Shelf| {
        let found = scan_with(&root, &[], &shelf).unwrap();
        found
            .unsaved
            .iter()
            .for_each(builder::source::Unsaved::save);
        found.read
    };
    // An hour is more than the file is old.
    let careful = || shelf().with(None, Some(Duration::from_secs(3600)));
    assert_eq!([scan_and_save(careful()), scan_and_save(careful())], [1, 1]);
    tick(dir.path());
    assert_eq!([scan_and_save(shelf()), scan_and_save(shelf())], [1, 0]);
    // What bears a time that is yet to come may be written again at that time.
    let file = File::options().write(true).open(root.join("a")).unwrap();
    let later = SystemTime::now() + Duration::from_secs(3600);
    file.set_times(FileTimes::new().set_modified(later))
        .unwrap();
    tick(dir.path());
    assert_eq!([scan_and_save(shelf()), scan_and_save(shelf())], [1, 1]);
}
