//! What the logs of a CI understand: folds, annotations, and texts that it takes for no command.
//!
//! A runner of GitHub Actions reads commands from the output: `::name …::text` at the start of a
//! line, and `##[name]` anywhere in one
//! (<https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>). GitLab
//! reads its sections from control sequences
//! (<https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections>). So the lines of steps
//! get a prefix and lose both.

/// A CI whose logs are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

/// What an annotation says, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// The file, from the root of the repository.
    pub file: Option<String>,
    /// The line and the column in it, counted from 1.
    pub place: Option<(usize, usize)>,
    /// A few words.
    pub title: String,
    /// The text.
    pub message: String,
}

impl Ci {
    /// Finds the CI by the variables that it sets.
    pub fn of<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let set = |name| variable(name) == Some("true");
        if set("GITHUB_ACTIONS") {
            Some(Self::GitHub)
        } else if set("GITLAB_CI") {
            Some(Self::GitLab)
        } else {
            None
        }
    }

    /// Makes a text that may hold foreign words one that the CI takes for no command.
    pub fn harmless(self, text: &str) -> String {
        text.split_inclusive('\n')
            .map(|line| match line.strip_suffix('\n') {
                Some(line) => self.harmless_line(line) + "\n",
                None => self.harmless_line(line),
            })
            .collect()
    }

    fn harmless_line(self, line: &str) -> String {
        match self {
            Self::GitHub => {
                // A carriage return ends a line too, for the runner.
                let line = line.replace('\r', " ").replace("##[", "# #[");
                match line.trim_start().starts_with("::") {
                    true => format!("| {line}"),
                    false => line,
                }
            }
            Self::GitLab => line
                .chars()
                .filter(|character| !character.is_control() || *character == '\t')
                .collect(),
        }
    }

    /// Folds the lines of a step below a title. `at` is when it ended, in seconds since 1970.
    pub fn fold(self, step: &str, title: &str, lines: &[String], seconds: f64, at: u64) -> String {
        let title = self.harmless(title);
        let body: String = { lines.iter() }
            .map(|line| self.harmless_line(&format!("| {}", line.replace('\n', " "))) + "\n")
            .collect();
        match self {
            Self::GitHub => format!("::group::{}\n{body}::endgroup::\n", data(&title)),
            Self::GitLab => {
                let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                let name: String = { step.chars() }
                    .map(|c| if safe(c) { c } else { '_' })
                    .collect();
                let started = at.saturating_sub(seconds as u64);
                format!(
                    "\u{1b}[0Ksection_start:{started}:builder.{name}[collapsed=true]\r\u{1b}[0K{title}\n\
                     {body}\u{1b}[0Ksection_end:{at}:builder.{name}\r\u{1b}[0K\n"
                )
            }
        }
    }

    /// Writes an annotation, where the CI has any.
    pub fn annotate(self, annotation: &Annotation) -> String {
        let Annotation {
            file,
            place,
            title,
            message,
        } = annotation;
        match self {
            Self::GitHub => {
                let mut properties = Vec::new();
                properties.extend(file.iter().map(|file| format!("file={}", property(file))));
                if let Some((line, column)) = place {
                    properties.push(format!("line={line},col={column}"));
                }
                properties.push(format!("title={}", property(title)));
                format!("::error {}::{}\n", properties.join(","), data(message))
            }
            Self::GitLab => String::new(),
        }
    }
}

/// Escapes the text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_is_known_by_what_it_sets() {
        let of = |set: &'static [(&str, &str)]| {
            Ci::of(|name| {
                set.iter()
                    .find(|(other, _)| *other == name)
                    .map(|(_, value)| *value)
            })
        };
        assert_eq!(of(&[("GITHUB_ACTIONS", "true")]), Some(Ci::GitHub));
        assert_eq!(of(&[("GITLAB_CI", "true")]), Some(Ci::GitLab));
        assert_eq!(of(&[("GITHUB_ACTIONS", "false"), ("CI", "true")]), None);
    }

    #[test]
    fn foreign_lines_are_no_commands() {
        let check = |ci: Ci, line: &str, expected: &str| assert_eq!(ci.harmless(line), expected);
        check(Ci::GitHub, "plain: a::b", "plain: a::b");
        check(
            Ci::GitHub,
            "::error::x\n\t ::y::\n",
            "| ::error::x\n| \t ::y::\n",
        );
        check(Ci::GitHub, "a\r::error::x", "a ::error::x");
        check(Ci::GitHub, "\u{a0}::error::x", "| \u{a0}::error::x");
        check(Ci::GitHub, "a ##[add-mask]x", "a # #[add-mask]x");
        check(
            Ci::GitLab,
            "\u{1b}[0Ksection_end:1:x\r\u{1b}[0K\ty",
            "[0Ksection_end:1:x[0K\ty",
        );
    }

    #[test]
    fn a_fold_holds_each_line_behind_a_bar() {
        let lines = [
            "::endgroup::".to_owned(),
            "a\n::stop-commands::x".to_owned(),
        ];
        assert_eq!(
            Ci::GitHub.fold("deb.wheel", "deb.wheel: 50%\n::x", &lines, 2.5, 100),
            "::group::deb.wheel: 50%25%0A| ::x\n| ::endgroup::\n| a ::stop-commands::x\n::endgroup::\n"
        );
        assert_eq!(
            Ci::GitLab.fold("shop/deb.wheel", "log", &lines[..1], 2.5, 100),
            "\u{1b}[0Ksection_start:98:builder.shop_deb.wheel[collapsed=true]\r\u{1b}[0Klog\n\
             | ::endgroup::\n\u{1b}[0Ksection_end:100:builder.shop_deb.wheel\r\u{1b}[0K\n"
        );
    }

    #[test]
    fn annotations_are_escaped_as_the_rules_demand() {
        let annotation = Annotation {
            file: Some("a,b:c%.yml".to_owned()),
            place: Some((3, 7)),
            title: "one: two, three".to_owned(),
            message: "100%\r\n::error::x, y: z".to_owned(),
        };
        assert_eq!(
            Ci::GitHub.annotate(&annotation),
            "::error file=a%2Cb%3Ac%25.yml,line=3,col=7,title=one%3A two%2C three::100%25%0D%0A::error::x, y: z\n"
        );
        assert_eq!(Ci::GitLab.annotate(&annotation), "");
    }
}
