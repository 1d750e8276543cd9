//! What a measurement was made on.

use std::fs;
use std::process::Command;

use crate::measure::Outcome;

/// The machine and the versions, as lines for people, and the state of the project.
pub struct Machine {
    pub lines: Vec<String>,
    pub commit: String,
    pub date: String,
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    output.status.success().then(|| line.trim().to_owned())
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once([':', '='])?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// Describes machine and programs; a program that is not there is said to be missing.
pub fn describe() -> Outcome<Machine> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let cores = std::thread::available_parallelism()?;
    let mut lines = vec![
        format!(
            "{cores} processors ({}), {} of memory",
            known(field("/proc/cpuinfo", "model name")),
            known(field("/proc/meminfo", "MemTotal")),
        ),
        format!(
            "{}, Linux {}",
            known(field("/etc/os-release", "PRETTY_NAME")),
            known(first_line("uname", &["-r"])),
        ),
    ];
    let programs: [(&str, &[&str]); 12] = [
        (
            "docker",
            &["version", "--format", "Docker engine {{.Server.Version}}"],
        ),
        ("git", &["--version"]),
        ("ninja", &["--version"]),
        ("make", &["--version"]),
        ("terraform", &["version"]),
        ("rsync", &["--version"]),
        ("python3", &["--version"]),
        ("dpkg-deb", &["--version"]),
        ("dh_virtualenv", &["--version"]),
        ("xz", &["--version"]),
        ("uv", &["--version"]),
        ("rustc", &["--version"]),
    ];
    let mut versions = Vec::new();
    for (program, arguments) in programs {
        let uv = crate::rows::uv();
        let path = match (program, uv.to_str()) {
            ("uv", Some(path)) => path,
            _ => program,
        };
        let line = first_line(path, arguments);
        versions.push(match line {
            Some(line) if line.to_lowercase().contains(program) => line,
            Some(line) => format!("{program} {line}"),
            None => format!("no {program}"),
        });
    }
    lines.push(versions.join("; "));
    Ok(Machine {
        lines,
        commit: known(first_line(
            "git",
            &["describe", "--always", "--dirty", "--abbrev=10"],
        )),
        date: known(first_line("date", &["-u", "+%Y-%m-%d"])),
    })
}
