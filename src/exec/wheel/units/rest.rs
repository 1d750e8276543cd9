//! What cannot be fetched straight: pip brings it, with its hashes.
#![expect(
    clippy::disallowed_methods,
    reason = "files wait in the step's staging"
)]

use std::fs;
use std::sync::{Arc, Mutex};

use crate::exec::StepError;
use crate::exec::wheel::units::{Units, Wanted, disk};
use crate::exec::wheel::{PIP_FILES, WHEELHOUSE, succeeded};

impl Units<'_> {
    /// Has pip bring and build what cannot be fetched straight, with its hashes, in one container.
    pub(super) async fn by_pip(&self, rest: &[Wanted]) -> Result<(), StepError> {
        let lines = rest.iter().map(|one| {
            let hashes = one
                .hashes()
                .into_iter()
                .map(|hash| format!(" --hash={hash}"));
            let hashes: String = hashes.collect();
            format!("{} @ {}{hashes}\n", one.name, one.file.url)
        });
        let list = format!("{PIP_FILES}/rest.txt");
        let mut files = self.run.files.to_vec();
        files.push((list.clone(), lines.collect::<String>().into_bytes(), 0o644));
        let mut command = self.run.pip.wheel();
        let options = ["--no-deps", "--require-hashes", "--requirement"];
        command.extend(options.map(str::to_owned));
        command.push(format!("/{list}"));
        let said = Arc::new(Mutex::new(Vec::new()));
        let (log, heard) = (Arc::clone(&self.run.job.log), Arc::clone(&said));
        let sink = move |line: &str| {
            { heard.lock().expect("no holder of the lock panics") }.push(line.to_owned());
            log(line);
        };
        let call = self.call(Arc::new(sink));
        let out = self.work.join("rest");
        fs::create_dir(&out).map_err(disk)?;
        let outcome = self
            .run
            .contained(&command, files, WHEELHOUSE, &out, &call)
            .await?;
        let said = std::mem::take(&mut *said.lock().expect("no holder of the lock panics"));
        if outcome.status != 0
            && let Some(one) = rest.iter().find(|one| mismatched(&said, &one.name))
        {
            return Err(self.other(&one.name));
        }
        succeeded(outcome, &command)?;
        for entry in fs::read_dir(&out).map_err(disk)? {
            let entry = entry.map_err(disk)?;
            fs::rename(entry.path(), self.wheels.join(entry.file_name())).map_err(disk)?;
        }
        Ok(())
    }
}

/// Tells whether pip says that the file of a distribution has another hash.
fn mismatched(said: &[String], name: &str) -> bool {
    let head = { said.iter() }.position(|line| line.contains("DO NOT MATCH THE HASHES"));
    let after = head.map(|head| &said[head + 1..]).unwrap_or_default();
    after.iter().any(|line| {
        let words = line.trim_start();
        let end = words.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let (of, tail) = words.split_at(end.unwrap_or(words.len()));
        let stated = ["@", "==", "from"]
            .iter()
            .any(|sign| tail.trim_start().starts_with(sign));
        stated && crate::wheel::normalised(of) == name
    })
}
