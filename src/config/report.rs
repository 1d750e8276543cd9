//! The error that shows every mistake of both files in its place.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

use super::Document;
use super::legible::{legible, legible_source};
use super::mistake::{File, Mistake};

/// The mistakes of both files, as they are found.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Placed>);

/// A mistake and where it is.
#[derive(Debug)]
pub(super) struct Placed {
    pub file: File,
    /// `None` where there is no text to point at.
    pub at: Option<SourceSpan>,
    /// An earlier place in the same file that the mistake is about, and what stands there.
    pub earlier: Option<(SourceSpan, &'static str)>,
    pub mistake: Mistake,
}

impl Mistakes {
    /// Adds a mistake at a place.
    pub fn add(&mut self, file: File, at: SourceSpan, mistake: Mistake) {
        self.push(file, Some(at), mistake);
    }

    /// Adds a mistake that is perhaps at no place of the text.
    pub fn push(&mut self, file: File, at: Option<SourceSpan>, mistake: Mistake) {
        let earlier = None;
        self.place(Placed {
            file,
            at,
            earlier,
            mistake,
        });
    }

    /// Adds a mistake with all that is known about its place.
    pub fn place(&mut self, placed: Placed) {
        self.0.push(placed);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes those of the operator's file out of `others`, and returns the rest.
    pub fn take_those_of_config(&mut self, others: Self) -> Self {
        let of_config = |placed: &Placed| matches!(placed.file, File::Config);
        let (config, project) = others.0.into_iter().partition(of_config);
        let config: Vec<Placed> = config;
        self.0.extend(config);
        Self(project)
    }

    /// Returns the mistakes by file and place; one that an alias repeats is there once.
    fn sorted(self) -> Vec<Placed> {
        let mut mistakes = self.0;
        let key = |placed: &Placed| {
            let offset = placed.at.map(|at| at.offset());
            (placed.file, offset, placed.mistake.to_string())
        };
        mistakes.sort_by_cached_key(key);
        mistakes.dedup_by_key(|placed| key(placed));
        mistakes
    }
}

/// The most mistakes that are shown at once.
const MOST_SHOWN: usize = 50;

/// All mistakes of all files: never empty, by file and place.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the configuration has {}", Count(*.total))]
#[diagnostic(code(builder::config))]
pub struct ConfigErrors {
    #[related]
    mistakes: Vec<Report>,
    /// How many there are, shown or not.
    total: usize,
}

impl ConfigErrors {
    /// Takes the mistakes of the operator's file, and those of each project's.
    pub(super) fn new(
        (config, of_config): (&Document, Mistakes),
        of_projects: Vec<(Document, Mistakes)>,
    ) -> Self {
        let mut errors = Self {
            mistakes: Vec::new(),
            total: 0,
        };
        errors.add(config, of_config);
        for (project, mistakes) in &mut { of_projects } {
            errors.add(project, std::mem::take(mistakes));
        }
        errors
    }

    fn add(&mut self, document: &Document, mistakes: Mistakes) {
        let text = legible_source(&String::from_utf8_lossy(&document.bytes));
        let source = Arc::new(NamedSource::new(legible(&document.path), text));
        let mistakes = mistakes.sorted();
        self.total += mistakes.len();
        let room = MOST_SHOWN.saturating_sub(self.mistakes.len());
        let shown = mistakes.into_iter().take(room);
        self.mistakes.extend(shown.map(|placed| Report {
            source: Arc::clone(&source),
            placed,
        }));
    }

    /// Returns the first fifty mistakes, those of `config.yml` first, then each project's, by place.
    pub fn mistakes(&self) -> &[Report] {
        &self.mistakes
    }
}

/// A number of mistakes in words.
struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("a mistake"),
            many if many <= MOST_SHOWN => write!(f, "{many} mistakes"),
            many => write!(f, "{many} mistakes, of which the first {MOST_SHOWN} follow"),
        }
    }
}

/// One mistake with the text that it is in.
#[derive(Debug)]
pub struct Report {
    source: Arc<NamedSource<String>>,
    placed: Placed,
}

impl Report {
    /// Returns what is wrong.
    pub fn mistake(&self) -> &Mistake {
        &self.placed.mistake
    }

    /// Returns the line and the column, counted from 1, where there is a place to point at.
    pub fn place(&self) -> Option<(usize, usize)> {
        let at = self.placed.at?;
        let seen = self.source.read_span(&at, 0, 0).ok()?;
        Some((seen.line() + 1, seen.column() + 1))
    }

    /// Returns the file as it is shown.
    pub fn file(&self) -> &str {
        self.source.name()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.placed.mistake.fmt(f)
    }
}

impl std::error::Error for Report {}

impl Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.placed.mistake.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.placed.mistake.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.placed
            .at
            .map(|_| self.source.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.placed.at?;
        let here = LabeledSpan::new_primary_with_span(Some(self.placed.mistake.label()), at);
        let earlier = self.placed.earlier;
        let earlier =
            earlier.map(|(at, text)| LabeledSpan::new_with_span(Some(text.to_owned()), at));
        Some(Box::new([Some(here), earlier].into_iter().flatten()))
    }
}
