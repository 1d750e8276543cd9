//! What changed in a repository since a revision.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::ScmError;
use super::git::Git;

/// Returns the files that differ from where the history of `HEAD` left that of `revision`: those that
/// were committed since, those that are changed and not committed, and those that git does not know
/// yet and does not ignore. `folder` lies anywhere in the repository.
pub fn changes_since(folder: &Path, revision: &str) -> Result<BTreeSet<PathBuf>, ScmError> {
    let git = Git {
        source: folder,
        variable: "",
    };
    let outside = || ScmError::NoRepository {
        path: folder.to_owned(),
    };
    let is_none = |stderr: &str| stderr.contains("not a git repository");
    let top = git.try_text(&["rev-parse", "--show-toplevel"], is_none);
    let top = match top {
        Err(ScmError::NoGit { .. }) => return Err(outside()),
        top => PathBuf::from(top?.ok_or_else(outside)?),
    };
    let unknown = |shallow| ScmError::Revision {
        revision: revision.to_owned(),
        path: top.clone(),
        shallow,
    };
    let is_shallow =
        || Ok::<_, ScmError>(git.text(&["rev-parse", "--is-shallow-repository"])? == "true");
    let named = format!("{revision}^{{commit}}");
    let commit = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &named,
    ];
    let Some(commit) = git
        .try_text(&commit, |_| true)?
        .filter(|text| !text.is_empty())
    else {
        return Err(unknown(is_shallow()?));
    };
    let Some(base) = git.try_text(&["merge-base", &commit, "HEAD"], str::is_empty)? else {
        return Err(unknown(is_shallow()?));
    };
    let diff = [
        "diff",
        "--name-only",
        "-z",
        "--no-renames",
        "--no-ext-diff",
        &base,
    ];
    let others = [
        "ls-files",
        "--others",
        "--exclude-standard",
        "--full-name",
        "-z",
    ];
    let mut changed = BTreeSet::new();
    let top_git = Git {
        source: &top,
        variable: "",
    };
    for arguments in [diff.as_slice(), &others] {
        let listed = top_git.bytes(arguments)?;
        let names = listed
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty());
        changed.extend(names.map(|name| top.join(OsStr::from_bytes(name))));
    }
    Ok(changed)
}
