//! Timing of whole programs.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a run took, in seconds; of several runs what the median of them took.
#[derive(Clone, Debug, Default)]
pub struct Samples(pub Vec<f64>);

impl Samples {
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn most(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }
}

/// One of those that are measured beside each other.
pub struct Contender<'a> {
    /// Brings about the state that a run starts from; it is not timed. It is told the run's number.
    pub before: Box<dyn FnMut(usize) -> Outcome<()> + 'a>,
    /// What is timed; it returns how many seconds that took.
    pub work: Box<dyn FnMut(usize) -> Outcome<f64> + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(work: impl FnMut(usize) -> Outcome<f64> + 'a) -> Self {
        Self {
            before: Box::new(|_| Ok(())),
            work: Box::new(work),
        }
    }

    pub fn after(self, before: impl FnMut(usize) -> Outcome<()> + 'a) -> Self {
        Self {
            before: Box::new(before),
            ..self
        }
    }
}

/// Runs all of them in turn, `runs` times. With `warm`, one round goes before that does not count.
pub fn in_turn(
    runs: usize,
    warm: bool,
    mut contenders: Vec<Contender<'_>>,
) -> Outcome<Vec<Samples>> {
    let mut samples = vec![Samples::default(); contenders.len()];
    for round in 0..runs + usize::from(warm) {
        for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
            (contender.before)(round)?;
            let seconds = (contender.work)(round)?;
            if round > 0 || !warm {
                samples.0.push(seconds);
            }
        }
    }
    Ok(samples)
}

/// Runs a command to its end and returns the seconds; another status than 0 is an error with the
/// end of what it said.
pub fn timed(command: &mut Command) -> Outcome<f64> {
    Ok(told(command)?.0)
}

/// Runs a command and returns the seconds and its standard output.
pub fn told(command: &mut Command) -> Outcome<(f64, String)> {
    let mut said: File = tempfile::tempfile()?;
    let mut output: File = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(said.try_clone()?);
    let start = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    let text = |file: &mut File| -> Outcome<String> {
        file.rewind()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let out = text(&mut output)?;
    if !status.success() {
        let all = out + &text(&mut said)?;
        let lines: Vec<&str> = all.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        return Err(format!("{command:?} ended with {status}:\n{last}").into());
    }
    Ok((seconds, out))
}

/// The same, with the largest resident memory in KiB, as GNU time tells it.
pub fn memory(program: &Path, arguments: &[&str], folder: &Path) -> Outcome<(f64, f64)> {
    let figures = tempfile::NamedTempFile::new()?;
    let mut command = Command::new("/usr/bin/time");
    command
        .args(["--format", "%M", "--output"])
        .arg(figures.path())
        .arg(program)
        .args(arguments)
        .current_dir(folder);
    let seconds = timed(&mut command)?;
    let kib = std::fs::read_to_string(figures.path())?;
    Ok((seconds, kib.trim().parse()?))
}

/// Whether a program is on the machine.
pub fn there_is(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}
