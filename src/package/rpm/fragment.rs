//! A project's own piece of a script, put into a scriptlet.

use crate::package::PackageError;

/// A piece, and what reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    text: &'a str,
    /// The interpreter that its first line names, with its argument; else `sh`, which stops at the
    /// first failure.
    command: Vec<&'a str>,
}

impl<'a> Fragment<'a> {
    /// Reads the piece that the project configured as `field`; none where it is empty.
    ///
    /// # Errors
    ///
    /// It has a NUL in it, or its first line names no absolute path.
    pub fn of(field: &str, text: Option<&'a str>) -> Result<Option<Self>, PackageError> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        if text.contains('\0') {
            return Err(PackageError::Value {
                what: format!("the script `{field}` has a NUL in it"),
                help: "scripts are text: run a file of the package instead".to_owned(),
            });
        }
        let first = text.lines().next().unwrap_or_default();
        let command = match first.strip_prefix("#!").map(str::trim) {
            None => vec!["/bin/sh", "-e"],
            Some(line) if !line.starts_with('/') => {
                return Err(PackageError::Value {
                    what: format!("`{first}` names no interpreter of `{field}`"),
                    help: "begin the script with `#!/bin/sh`, or with no such line".to_owned(),
                });
            }
            // The kernel splits once: the program, and all the rest as one argument.
            Some(line) => match line.split_once([' ', '\t']) {
                Some((program, argument)) => vec![program, argument.trim()],
                None => vec![line],
            },
        };
        Ok(Some(Self { text, command }))
    }

    /// The program that has to be there for it.
    pub fn program(&self) -> &'a str {
        self.command[0]
    }

    /// Writes the shell that runs it, and leaves the scriptlet with its status when it fails.
    ///
    /// It is a file while it runs: so its `exit` ends nothing else, an error in its syntax is its
    /// own, and any interpreter can read it.
    pub fn run(&self) -> String {
        let text = self.text.trim_end_matches('\n');
        let mut end = "END_OF_FRAGMENT".to_owned();
        while text.lines().any(|line| line == end) {
            end.push('_');
        }
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let command = command.join(" ");
        format!(
            "fragment=$(mktemp)\n\
             cat >\"$fragment\" <<'{end}'\n\
             {text}\n\
             {end}\n\
             status=0\n\
             {command} \"$fragment\" || status=$?\n\
             rm -f \"$fragment\"\n\
             if [ \"$status\" -ne 0 ]; then exit \"$status\"; fi\n"
        )
    }
}

/// Quotes a word for the shell, whatever is in it.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shebang_decides_who_reads_a_piece() {
        let check = |text: &str, expected: Result<&[&str], &str>| {
            let read = Fragment::of("postinstall", Some(text));
            let command = read.map(|read| read.map(|read| read.command).unwrap_or_default());
            let command = command.map_err(|error| error.to_string());
            let expected = expected.map(<[&str]>::to_vec).map_err(str::to_owned);
            assert_eq!(command, expected, "{text}");
        };
        check(" \n", Ok(&[]));
        check("echo 1", Ok(&["/bin/sh", "-e"]));
        check("#!/bin/sh\necho 1", Ok(&["/bin/sh"]));
        check("#! /bin/bash  -eu \n", Ok(&["/bin/bash", "-eu"]));
        check(
            "#!/usr/bin/env -S python3 -u\n",
            Ok(&["/usr/bin/env", "-S python3 -u"]),
        );
        check(
            "#!python\n",
            Err("`#!python` names no interpreter of `postinstall`"),
        );
        check("a\0", Err("the script `postinstall` has a NUL in it"));
    }

    #[test]
    fn a_piece_is_ended_by_a_line_that_is_not_its_own() {
        let text = "cat <<END_OF_FRAGMENT\nEND_OF_FRAGMENT\n";
        let script = Fragment::of("preremove", Some(text))
            .unwrap()
            .unwrap()
            .run();
        assert!(script.contains("<<'END_OF_FRAGMENT_'\n"), "{script}");
        assert!(script.contains("\nEND_OF_FRAGMENT_\n"), "{script}");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
