//! The lock command: what can be typed of it, its run, and what it says in the end.

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::args::{CacheArgs, EngineArgs, Target, default_jobs, parse_jobs};
use super::terminal::{Terminal, interruptions};
use super::voice::Voice;
use crate::app::{self, AppError, Environment, Exit, LockEnd, LockOptions, Relocked, Upgrade};
use crate::lock::{Layout, VersionChange};

#[derive(Args)]
pub(super) struct LockArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// Only this flavour; may be given again
    #[arg(long = "target", value_name = "FLAVOUR")]
    flavours: Vec<String>,
    /// Let all versions move, or those of NAME alone; may be given again
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    upgrade: Vec<String>,
    /// How many steps run side by side, where the project's wheel has to be made first
    #[arg(long, short, value_name = "N", default_value_t = default_jobs(), value_parser = parse_jobs)]
    jobs: usize,
    /// Also print what pip says
    #[arg(long, short)]
    verbose: bool,
}

impl LockArgs {
    /// Locks, and prints what became of the lock files.
    pub async fn run(self, environment: &Environment, voice: &Voice) -> Result<Exit, AppError> {
        let Self {
            target,
            engine,
            cache,
            flavours,
            upgrade,
            jobs,
            verbose,
        } = self;
        let options = LockOptions {
            flavours,
            upgrade: if upgrade.iter().any(String::is_empty) {
                Upgrade::Everything
            } else if upgrade.is_empty() {
                Upgrade::Nothing
            } else {
                Upgrade::These(upgrade)
            },
            jobs,
            caches: cache.choice(),
        };
        let (places, workspace) = target.places()?;
        if places.are_named() {
            return Err(AppError::NotLockable {
                what: "builder lock takes one project at a time, and several are named".to_owned(),
                help: "name one SOURCE and a workspace of its own; its lock files stand beside its .build.yml, where a plan of all projects finds them".to_owned(),
            });
        }
        let cancel = CancellationToken::new();
        tokio::spawn(interruptions(cancel.clone()));
        let engine = engine.engines().connect(environment).await?;
        let mut terminal = Terminal::open(voice.clone(), environment, false, None, verbose)?;
        let end = app::lock(
            &places,
            &workspace,
            environment,
            engine,
            &options,
            cancel,
            &mut terminal,
        );
        match end.await? {
            LockEnd::Done(relocked) => {
                voice.print(&words(&relocked));
                Ok(Exit::Done)
            }
            LockEnd::Ended(exit) => Ok(exit),
        }
    }
}

/// Words what became of the lock files: each with the versions that moved in it.
fn words(relocked: &Relocked) -> String {
    let Layout {
        write,
        remove,
        flavours,
    } = &relocked.layout;
    let mut text = String::new();
    let mut told: Vec<(&str, &[VersionChange])> = Vec::new();
    for served in flavours {
        // Flavours that share a file mostly share what became of it.
        if told.contains(&(&served.file, &served.changes)) {
            continue;
        }
        told.push((&served.file, &served.changes));
        let shared = flavours.iter().filter(|other| other.file == served.file);
        let whose = match shared.clone().all(|other| other.changes == served.changes) {
            true => String::new(),
            false => format!(" for {}", served.flavour),
        };
        let count = match served.packages {
            1 => "1 package".to_owned(),
            count => format!("{count} packages"),
        };
        let state = match (write.contains_key(&served.file), served.changes.is_empty()) {
            (false, _) => ", nothing changed",
            (true, true) => ", the same versions",
            (true, false) => "",
        };
        text.push_str(&format!("{}{whose}: {count}{state}\n", served.file));
        for change in &served.changes {
            text.push_str(&format!("  {}\n", change.line()));
        }
    }
    for name in remove {
        text.push_str(&format!(
            "{name}: removed, its flavours have their lock elsewhere now\n"
        ));
    }
    for flavour in &relocked.passed_over {
        text.push_str(&format!(
            "{flavour}: no lock, for its buildscript resolves by itself\n"
        ));
    }
    text
}
