//! Which caches a command uses.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::Environment;
use crate::cache::{CacheError, Caches, Local};

/// What the command line says of caches.
#[derive(Clone, Debug, Default)]
pub struct CacheChoice {
    /// The folder of the local cache, if it is not the usual one.
    pub folder: Option<PathBuf>,
    /// Whether to do without any.
    pub off: bool,
}

impl CacheChoice {
    /// Returns the folder of the local cache: the one that was named, else `builder` in the
    /// user's cache folder as the XDG base directory specification has it; `None` where there is
    /// no home.
    pub fn local_folder(&self, environment: &Environment) -> Option<PathBuf> {
        if let Some(folder) = &self.folder {
            return Some(folder.clone());
        }
        // The specification has relative paths ignored.
        let cache = environment
            .variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let home = || Some(PathBuf::from(environment.variable("HOME")?).join(".cache"));
        Some(cache.or_else(home)?.join("builder"))
    }

    /// Opens the caches. A folder that the user named has to be of use; the usual one may fail,
    /// and then there is a warning and no cache.
    pub(super) fn open(
        &self,
        environment: &Environment,
    ) -> Result<(Option<Arc<Caches>>, Option<String>), CacheError> {
        if self.off {
            return Ok((None, None));
        }
        let Some(folder) = self.local_folder(environment) else {
            return Ok((None, None));
        };
        match Local::open(&folder) {
            Ok(local) => Ok((Some(Arc::new(Caches::new(local, None))), None)),
            Err(error) if self.folder.is_some() => Err(error),
            Err(error) => Ok((None, Some(format!("there is no local cache: {error}")))),
        }
    }
}
