//! Where source and workspace lie to each other, and whether that can work.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crate::source::error::SourceError;

/// The parts of a workspace that `builder` writes and removes as it needs.
const OWNED: [&str; 3] = ["source", "build", ".builder"];

/// Source and workspace, found to go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The source directory, canonical.
    pub source: PathBuf,
    /// The workspace, canonical as far as it exists.
    pub workspace: PathBuf,
    /// What a scan of the source leaves out whatever the rules say: a workspace inside of it.
    pub exclude: Vec<PathBuf>,
}

/// Resolves both directories and refuses what cannot work.
///
/// - The same directory is refused: the copy of the source would be part of the source.
/// - A source inside the workspace is refused in the parts that `builder` owns, where it would be
///   overwritten, by its name as well as by what a link there leads to. Elsewhere it is left alone,
///   as everything that `builder` did not make, so `WORKSPACE/my-project` works.
/// - A workspace inside the source works, and is excluded from the scan, so that no build sees its
///   own output. One that exists with files but without `.builder` is refused: somebody meant a
///   directory of the project, such as `src`, which would silently go missing.
pub fn check_layout(source: &Path, workspace: &Path) -> Result<Layout, SourceError> {
    let real = real_directory(source)?;
    let workspace = resolve(workspace)?;
    if real == workspace {
        return Err(SourceError::SameDirectory { path: real });
    }
    let named = std::path::absolute(source).map_err(SourceError::io("resolve", source))?;
    for owned in OWNED.map(|part| workspace.join(part)) {
        if real.starts_with(&owned) || named.starts_with(&owned) {
            return Err(SourceError::InsideWorkspace {
                source_dir: source.to_owned(),
                owned,
            });
        }
    }
    let mut exclude = Vec::new();
    if workspace.starts_with(&real) {
        if holds_foreign_files(&workspace)? {
            return Err(SourceError::WorkspaceHasFiles { workspace });
        }
        exclude.push(workspace.clone());
    }
    Ok(Layout {
        source: real,
        workspace,
        exclude,
    })
}

/// Returns the canonical path of a source directory that can be listed.
pub(crate) fn real_directory(path: &Path) -> Result<PathBuf, SourceError> {
    let missing = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
    let real = match path.canonicalize() {
        Err(error) if missing(&error) => {
            return Err(SourceError::Missing {
                path: path.to_owned(),
            });
        }
        real => real.map_err(SourceError::io("resolve", path))?,
    };
    match fs::read_dir(&real) {
        Ok(_) => Ok(real),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(SourceError::NotADirectory {
            what: "source",
            path: path.to_owned(),
        }),
        Err(error) => Err(SourceError::io("read", path)(error)),
    }
}

/// Resolves a path whose end need not exist yet.
///
/// `..` behind the last part that exists is taken by its text, as it will be true once the
/// directories are made.
fn resolve(path: &Path) -> Result<PathBuf, SourceError> {
    let full = std::path::absolute(path).map_err(SourceError::io("resolve", path))?;
    let components: Vec<Component<'_>> = full.components().collect();
    for existing in (1..=components.len()).rev() {
        let head: PathBuf = components[..existing].iter().collect();
        let mut real = match head.canonicalize() {
            // A dangling link is no directory that could be made: only what is not there at all
            // may be.
            Err(error)
                if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(&head).is_err() =>
            {
                continue;
            }
            real => real.map_err(SourceError::io("resolve", path))?,
        };
        if !real.is_dir() {
            return Err(SourceError::NotADirectory {
                what: "workspace",
                path: path.to_owned(),
            });
        }
        let missing = &components[existing..];
        for component in missing {
            match component {
                Component::ParentDir => {
                    real.pop();
                }
                component => real.push(component),
            }
        }
        // `..` may have led back to what exists, and to a link there.
        return match missing.contains(&Component::ParentDir) {
            true => resolve(&real),
            false => Ok(real),
        };
    }
    Ok(full)
}

fn holds_foreign_files(workspace: &Path) -> Result<bool, SourceError> {
    if fs::symlink_metadata(workspace.join(".builder")).is_ok() {
        return Ok(false);
    }
    match fs::read_dir(workspace) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(SourceError::io("read", workspace)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Makes directories, then checks a layout of paths relative to where they are.
    fn check(dirs: &[&str], source: &str, workspace: &str, expected: Result<&[&str], &str>) {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        for made in dirs {
            fs::create_dir_all(top.join(made)).unwrap();
        }
        fs::write(top.join("file"), "").unwrap();
        symlink("src", top.join("link")).unwrap();
        symlink("nowhere", top.join("dangling")).unwrap();
        let outcome = check_layout(&top.join(source), &top.join(workspace));
        let outcome = outcome
            .map(|layout| layout.exclude)
            .map_err(|error| error.to_string().replace(top.to_str().unwrap(), "TOP"));
        let expected = expected
            .map(|paths| paths.iter().map(|path| top.join(path)).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(outcome, expected, "{source} and {workspace}");
    }

    #[test]
    fn every_layout_works_or_is_refused_with_its_reason() {
        check(&["src"], "src", "ws", Ok(&[]));
        check(&["src"], "link", "ws/deep/er", Ok(&[]));
        check(&["src"], "src", "src/ws", Ok(&["src/ws"]));
        check(&["src"], "link", "link/a/../ws", Ok(&["src/ws"]));
        check(&["src/ws/.builder"], "src", "src/ws", Ok(&["src/ws"]));
        check(&["ws/mine"], "ws/mine", "ws", Ok(&[]));
        check(&["src-2", "src"], "src", "src-2", Ok(&[]));
        let same = Err("the workspace is the source directory itself: TOP/src");
        check(&["src"], "src", "src", same);
        check(&["src"], "link", "src/.", same);
        check(&["src"], "src", "new/../link", same);
        let overwritten =
            |dir| format!("the source TOP/ws/{dir} lies in TOP/ws/{dir}, which builder overwrites");
        for owned in ["source", "build", ".builder"] {
            let path = format!("ws/{owned}");
            check(&[&path], &path, "ws", Err(&overwritten(owned)));
        }
        let foreign = "the workspace TOP/src/pkg lies inside the source and holds files that builder did not make";
        check(&["src/pkg/sub"], "src", "src/pkg", Err(foreign));
        check(&[], "src", "ws", Err("the source TOP/src does not exist"));
        check(
            &[],
            "file",
            "ws",
            Err("the source TOP/file is not a directory"),
        );
        check(
            &["src"],
            "src",
            "file",
            Err("the workspace TOP/file is not a directory"),
        );
        check(
            &["src"],
            "src",
            "file/ws",
            Err("could not resolve TOP/file/ws: Not a directory (os error 20)"),
        );
        check(
            &["src"],
            "src",
            "dangling/ws",
            Err("could not resolve TOP/dangling/ws: No such file or directory (os error 2)"),
        );
    }

    #[test]
    fn a_link_in_the_copys_place_is_no_source() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("ws")).unwrap();
        fs::create_dir_all(top.join("src")).unwrap();
        symlink("../src", top.join("ws/source")).unwrap();
        let refused = check_layout(&top.join("ws/source"), &top.join("ws"));
        assert!(matches!(refused, Err(SourceError::InsideWorkspace { .. })));
    }
}
