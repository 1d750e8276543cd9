//! The operator's file, and the files of projects beside it.

use super::build::{Build, Cache};
use super::mistake::File;
use super::report::{ConfigErrors, Mistakes};
use super::resolve::{self, OperatorFiles};
use super::sections::{self, Settings};
use super::{Document, Lookup, yaml};

/// The operator's file, read once for any number of projects.
pub struct Operator {
    document: Document,
    settings: Option<Settings>,
    files: Vec<OperatorFiles>,
    mistakes: Mistakes,
}

/// What a project's file comes to beside the operator's; whole only where no mistake was found.
pub struct Wanted {
    document: Document,
    builds: Vec<Build>,
    mistakes: Mistakes,
}

impl Operator {
    /// Reads the operator's file, and looks up the files that it names.
    pub fn read(config: Document, lookup: &dyn Lookup) -> Self {
        let mut mistakes = Mistakes::default();
        let settings = yaml::parse(File::Config, &config, &mut mistakes)
            .and_then(|root| sections::settings(&root, &mut mistakes));
        let files = resolve::offered(settings.as_ref(), lookup, &mut mistakes);
        Self {
            document: config,
            settings,
            files,
            mistakes,
        }
    }

    /// Returns the shared cache, where the file names one.
    pub fn cache(&self) -> Option<&Cache> {
        self.settings.as_ref()?.cache.as_ref()
    }

    /// Reads a project's file beside it.
    pub fn project(&self, project: Document, lookup: &dyn Lookup) -> Wanted {
        let mut mistakes = Mistakes::default();
        let wanted = yaml::parse(File::Project, &project, &mut mistakes)
            .and_then(|root| sections::project(&root, self.settings.is_some(), &mut mistakes));
        let offered = self
            .settings
            .as_ref()
            .map(|settings| (settings, &*self.files));
        let builds = resolve::resolve(offered, wanted.as_ref(), lookup, &mut mistakes);
        Wanted {
            document: project,
            builds,
            mistakes,
        }
    }

    /// Returns the builds of each project, or all mistakes of all files.
    pub fn unite(&mut self, wanted: Vec<Wanted>) -> Result<Vec<Vec<Build>>, ConfigErrors> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        let mut builds = Vec::with_capacity(wanted.len());
        let mut of_projects = Vec::new();
        for one in wanted {
            builds.push(one.builds);
            let own = mistakes.take_those_of_config(one.mistakes);
            if own.len() > 0 {
                of_projects.push((one.document, own));
            }
        }
        match mistakes.len() + of_projects.len() {
            0 => Ok(builds),
            _ => Err(ConfigErrors::new((&self.document, mistakes), of_projects)),
        }
    }
}
