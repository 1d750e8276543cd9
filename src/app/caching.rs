//! Which caches a command uses.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::app::{AppError, Environment};
use crate::cache::{Caches, Local, Shared, location};
use crate::config::build::Cache;
use crate::config::names::{CacheMode, ImageName};
use crate::engine::{Engine, docker};

/// What the command line says of caches, and of the indexes of files.
#[derive(Clone, Debug, Default)]
pub struct CacheChoice {
    /// The folder of the local cache, if it is not the usual one.
    pub folder: Option<PathBuf>,
    /// Whether to do without any.
    pub off: bool,
    /// Whether every file is read, also those that the indexes of the workspace have as they are.
    pub without_index: bool,
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
    /// and then there is a warning and no cache, since a shared one goes through the local one.
    pub(super) fn open(
        &self,
        environment: &Environment,
        shared: Option<&Cache>,
    ) -> Result<(Option<Arc<Caches>>, Option<String>), AppError> {
        if self.off {
            return Ok((None, None));
        }
        let shared = self.shared(environment, shared)?;
        let local = match self.local_folder(environment) {
            Some(folder) => Local::open(&folder),
            None if shared.is_none() => return Ok((None, None)),
            None => {
                let text = "there is no local cache, and so no shared one: neither XDG_CACHE_HOME nor HOME is set, and --cache-dir names none";
                return Ok((None, Some(text.to_owned())));
            }
        };
        match local {
            Ok(local) => Ok((Some(Arc::new(Caches::new(local, shared))), None)),
            Err(error) if self.folder.is_some() => Err(error.into()),
            Err(error) => Ok((None, Some(format!("there is no local cache: {error}")))),
        }
    }

    /// Finds the ids of base images that the engine has not got, from their registries: only where there
    /// is a shared cache, since without one they have to be brought anyhow.
    ///
    /// What cannot be found is left out: it is brought when its step runs.
    pub(super) async fn absent_images(
        &self,
        environment: &Environment,
        shared: Option<&Cache>,
        engine: &dyn Engine,
        names: impl Iterator<Item = &ImageName>,
    ) -> Result<BTreeMap<ImageName, String>, AppError> {
        let names: Vec<&ImageName> = names.collect();
        let variables = &environment.variables;
        if self.off
            || names.is_empty()
            || location::choose(shared, variables).is_ok_and(|cache| cache.is_none())
        {
            return Ok(BTreeMap::new());
        }
        let Some(platform) = engine.platform().await? else {
            return Ok(BTreeMap::new());
        };
        let docker = docker_environment(environment);
        let lookups = names.into_iter().map(|name| {
            let patience = location::Patience {
                tries: 1,
                ..location::Patience::default()
            };
            let (platform, docker) = (&platform, &docker);
            async move {
                let found = location::image_id(name.as_str(), platform, docker, patience).await;
                Some((name.clone(), found.ok()??))
            }
        });
        Ok(join_all(lookups).await.into_iter().flatten().collect())
    }

    /// Prepares the shared cache that the environment or the configuration names.
    fn shared(
        &self,
        environment: &Environment,
        configured: Option<&Cache>,
    ) -> Result<Option<Shared>, AppError> {
        let refused = |error: location::BadLocation| AppError::Environment {
            what: error.what,
            help: error.help,
        };
        let variables = &environment.variables;
        let Some(cache) = location::choose(configured, variables).map_err(refused)? else {
            return Ok(None);
        };
        let docker = docker_environment(environment);
        let patience = location::Patience::default();
        Ok(Some(Shared {
            remote: location::connect(&cache, &docker, patience).map_err(refused)?,
            writes: cache.mode == CacheMode::ReadWrite,
        }))
    }
}

/// What docker's own configuration is read from.
fn docker_environment(environment: &Environment) -> docker::Environment {
    docker::Environment {
        vars: environment.variables.clone(),
        home: environment.variable("HOME").map(Into::into),
    }
}
