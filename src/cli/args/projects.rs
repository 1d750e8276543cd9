//! What can be typed of projects and their workspace.

use std::path::PathBuf;

use clap::Args;

use crate::app::{AppError, Places};

#[derive(Args)]
pub(in crate::cli) struct Files {
    /// The operator's file, which defines the flavours
    #[arg(long, value_name = "CONFIG")]
    config: PathBuf,
    /// The project's file, if it is not SOURCE/.build.yml
    #[arg(long, value_name = "FILE")]
    build_file: Option<PathBuf>,
    /// A file that lists the projects, a path or a pattern such as services/* a line
    #[arg(long, value_name = "FILE", conflicts_with = "build_file")]
    projects: Option<PathBuf>,
    /// The directory of the Python project, or of each
    #[arg(value_name = "SOURCE")]
    sources: Vec<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct Target {
    /// The operator's file, which defines the flavours
    #[arg(long, value_name = "CONFIG")]
    config: PathBuf,
    /// The project's file, if it is not SOURCE/.build.yml
    #[arg(long, value_name = "FILE")]
    build_file: Option<PathBuf>,
    /// A file that lists the projects, a path or a pattern such as services/* a line
    #[arg(long, value_name = "FILE", conflicts_with = "build_file")]
    projects: Option<PathBuf>,
    /// The directory of the Python project, or of each; last, the one for everything that is built
    #[arg(value_name = "SOURCE|WORKSPACE", required = true)]
    paths: Vec<PathBuf>,
}

/// Projects with their workspace, or a saved plan alone: `--config` tells which.
#[derive(Args)]
pub(in crate::cli) struct ProjectsOrPlan {
    /// The operator's file, which defines the flavours; a saved plan names its own
    #[arg(long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// The project's file, if it is not SOURCE/.build.yml
    #[arg(long, value_name = "FILE", requires = "config")]
    build_file: Option<PathBuf>,
    /// A file that lists the projects, a path or a pattern such as services/* a line
    #[arg(
        long,
        value_name = "FILE",
        requires = "config",
        conflicts_with = "build_file"
    )]
    projects: Option<PathBuf>,
    /// The directory of the Python project, or of each, and last the one for everything that is built;
    /// or, without --config, a plan that `plan --out` saved
    #[arg(value_name = "SOURCE|WORKSPACE|PLAN", required = true)]
    paths: Vec<PathBuf>,
}

#[derive(Args, Default)]
pub(in crate::cli) struct Since {
    /// Only projects of which something changed since this git revision, committed or not
    #[arg(long, value_name = "REV")]
    pub changed_since: Option<String>,
}

/// What an apply is of.
pub(in crate::cli) enum Subject {
    Projects(Box<Places>, PathBuf),
    Plan(PathBuf),
}

const USAGE: &str = "the directory of the project, or of each, comes first, and that for everything that is built last: `--config CONFIG SOURCE... WORKSPACE`, or `--config CONFIG --projects FILE WORKSPACE`";

fn wrong(problem: impl Into<String>) -> AppError {
    AppError::Projects {
        problems: vec![problem.into()],
        help: USAGE.to_owned(),
    }
}

impl Files {
    /// Returns where the projects are.
    pub fn places(self) -> Result<Places, AppError> {
        let Self {
            config,
            build_file,
            projects,
            mut sources,
        } = self;
        match (projects, sources.len()) {
            (Some(list), 0) => Places::listed(config, list),
            (Some(_), _) => Err(wrong(
                "projects are named, and --projects names a file that lists them",
            )),
            (None, 0) => Err(wrong("no project is named")),
            (None, 1) => Ok(Places::one(config, build_file, sources.remove(0))),
            (None, _) if build_file.is_some() => Err(wrong(
                "--build-file is the file of one project, and several are named",
            )),
            (None, _) => Places::several(config, sources),
        }
    }
}

impl Target {
    /// Returns where the projects are, and the workspace.
    pub fn places(self) -> Result<(Places, PathBuf), AppError> {
        let Self {
            config,
            build_file,
            projects,
            mut paths,
        } = self;
        let Some(workspace) = paths.pop() else {
            return Err(wrong("no workspace is named"));
        };
        if paths.is_empty() && projects.is_none() {
            let only = workspace.display();
            return Err(wrong(format!(
                "a project and a workspace have to be named, and {only} is only one of them"
            )));
        }
        let files = Files {
            config,
            build_file,
            projects,
            sources: paths,
        };
        Ok((files.places()?, workspace))
    }
}

impl ProjectsOrPlan {
    pub fn subject(self, since: Since) -> Result<Subject, AppError> {
        let Self {
            config,
            build_file,
            projects,
            mut paths,
        } = self;
        let Some(config) = config else {
            return match (paths.pop(), paths.is_empty(), since.changed_since) {
                (Some(plan), true, None) => Ok(Subject::Plan(plan)),
                (Some(_), true, Some(_)) => Err(wrong(
                    "--changed-since chooses projects for a plan, and a saved plan has its projects",
                )),
                _ => Err(wrong("no --config is given, and a saved plan stands alone")),
            };
        };
        let target = Target {
            config,
            build_file,
            projects,
            paths,
        };
        let (mut places, workspace) = target.places()?;
        places.changed_since = since.changed_since;
        Ok(Subject::Projects(Box::new(places), workspace))
    }
}
