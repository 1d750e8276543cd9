//! The lock, the journal and the files of a workspace.

use super::*;

fn workspace() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::at(folder.path().to_owned());
    (folder, workspace)
}

#[test]
fn a_second_lock_is_refused_and_names_the_holder() {
    let (_folder, workspace) = workspace();
    let lock = workspace.lock("builder apply").unwrap();
    let refused = workspace.lock("builder apply").err().unwrap().to_string();
    assert!(
        refused.contains(&format!("process {} (builder apply)", std::process::id())),
        "{refused}"
    );
    drop(lock);
    workspace.lock("builder apply").unwrap();
}

#[test]
fn what_the_journal_says_is_read_back_and_its_identity_stays() {
    let (_folder, workspace) = workspace();
    let lock = workspace.lock("test").unwrap();
    let mut journal = workspace.journal(&lock).unwrap();
    let identity = journal.manifest().workspace.clone();
    assert_eq!(identity.len(), 16);
    journal
        .add(Line::Begun {
            step: Address::source(),
            at: 1,
        })
        .unwrap();
    assert_eq!(workspace.manifest().unwrap(), *journal.manifest());
    drop(journal);
    assert_eq!(
        workspace.journal(&lock).unwrap().manifest().workspace,
        identity
    );
}

#[test]
fn a_removed_file_takes_its_empty_folders_along_and_no_others() {
    let (folder, workspace) = workspace();
    let path = |text: &str| RelPath::new(text).unwrap();
    workspace
        .write(&path("build/wheelhouse/deb/a.whl"), b"a")
        .unwrap();
    workspace.write(&path("build/mine.txt"), b"b").unwrap();
    workspace
        .remove(&path("build/wheelhouse/deb/a.whl"))
        .unwrap();
    assert!(!folder.path().join("build/wheelhouse").exists());
    assert!(folder.path().join("build/mine.txt").exists());
}
