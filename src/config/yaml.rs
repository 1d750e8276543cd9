//! One YAML document as a tree of which every key and value knows its place.
//!
//! The tree is made from the parser's events rather than through serde, which stops at the first
//! mistake and loses the places of keys. YAML 1.2's core schema decides what a plain scalar is;
//! `<<` merges maps as in YAML 1.1, so that flavours can share fields.

mod node;
mod scalar;
pub(super) mod syntax;
mod text;

use std::collections::BTreeMap;

use miette::SourceSpan;
use serde_yaml::granit_parser::{
    self, Event, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag,
};

pub(super) use self::node::{Entry, Node, Value};
use super::Document;
use super::mistake::{File, Mistake};
use super::reader::Found;
use super::report::{Mistakes, Placed};

/// The most bytes of a document.
const MAX_BYTES: usize = 1 << 20;
/// The most values of a document, with what its aliases repeat.
const MAX_VALUES: usize = 20_000;
/// The most levels of a document; bounds the recursion here and in every reader of the tree.
const MAX_DEPTH: usize = 64;

/// Reads a document; adds what is wrong with it as YAML, after which there may be no tree.
pub(super) fn parse(file: File, document: &Document, mistakes: &mut Mistakes) -> Option<Node> {
    let text = text::decode(file, document, MAX_BYTES, mistakes)?;
    let mut options = granit_parser::Options::default();
    options.emit_unresolved_aliases = true;
    options.emit_comments = false;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder {
        file,
        text,
        parser: Parser::new_from_str_with_options(text, options),
        anchors: BTreeMap::new(),
        values: 0,
        depth: 0,
        tab_found: false,
        mistakes,
    };
    match builder.document() {
        Ok(
            Some(Node {
                value: Value::Null, ..
            })
            | None,
        ) => {
            let path = document.path.clone();
            mistakes.push(file, None, Mistake::EmptyFile { path, file });
            None
        }
        Ok(Some(node)) => Some(node),
        Err((_, Mistake::Tab)) if builder.tab_found => None,
        Err((at, mistake)) => {
            mistakes.add(file, at, mistake);
            None
        }
    }
}

/// A mistake after which the rest of the document cannot be read.
type Fatal = (SourceSpan, Mistake);

struct Builder<'t, 'm> {
    file: File,
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, Node>,
    values: usize,
    depth: usize,
    tab_found: bool,
    mistakes: &'m mut Mistakes,
}

impl<'t> Builder<'t, '_> {
    fn document(&mut self) -> Result<Option<Node>, Fatal> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(..) if root.is_some() => {
                    self.mistakes
                        .add(self.file, place(&span), Mistake::SeveralDocuments);
                    return Ok(root);
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, &span)?);
                }
                // Nothing else stands between documents.
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Fatal> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax::explain(self.text, &error, MAX_DEPTH)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Result<Node, Fatal> {
        let at = place(span);
        self.count(at, 1)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = match self.tag(tag.as_deref(), span) {
                    Tagged::Text => Value::Text(text.into_owned()),
                    Tagged::Wrong => Value::Wrong,
                    Tagged::No if style != ScalarStyle::Plain => Value::Text(text.into_owned()),
                    Tagged::No => scalar::resolve(&text),
                };
                (Node { at, value }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let tagged = self.tag(tag.as_deref(), span);
                (self.list(span, style)?.but_for(tagged), anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                let tagged = self.tag(tag.as_deref(), span);
                (self.map(span, style)?.but_for(tagged), anchor)
            }
            Event::Alias(id) => (self.alias(id, at)?, 0),
            Event::UnresolvedAlias(name) => {
                let name = name.into_owned();
                self.mistakes
                    .add(self.file, at, Mistake::UnknownAlias { name });
                (
                    Node {
                        at,
                        value: Value::Wrong,
                    },
                    0,
                )
            }
            _ => (
                Node {
                    at,
                    value: Value::Wrong,
                },
                0,
            ),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, start: &Span, style: StructureStyle) -> Result<Node, Fatal> {
        self.deeper(place(start))?;
        let mut nodes = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                self.depth -= 1;
                let at = self.extent(start, &span, style, None);
                return Ok(Node {
                    at,
                    value: Value::List(nodes),
                });
            }
            nodes.push(self.node(event, &span)?);
        }
    }

    fn map(&mut self, start: &Span, style: StructureStyle) -> Result<Node, Fatal> {
        self.deeper(place(start))?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        let mut first = None;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                self.depth -= 1;
                self.merge(&mut entries, merged);
                let at = self.extent(start, &span, style, first);
                let value = match entries.is_empty() && first.is_some() {
                    true => Value::Wrong,
                    false => Value::Map(entries),
                };
                return Ok(Node { at, value });
            }
            let at = place(&span);
            if style == StructureStyle::Block {
                self.look_for_tab(at);
            }
            first = first.or(Some(at));
            let merges =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, &span)?;
            let (event, span) = self.next()?;
            let node = self.node(event, &span)?;
            if merges {
                merged.push(node);
                continue;
            }
            let Value::Text(key) = key.value else {
                if let Some(found) = Found::of(&key) {
                    self.mistakes
                        .add(self.file, at, Mistake::KeyNotString { found });
                }
                continue;
            };
            match entries.iter().find(|entry| entry.key == key) {
                Some(earlier) => self.mistakes.place(Placed {
                    file: self.file,
                    at: Some(at),
                    earlier: Some((earlier.at, "given here")),
                    mistake: Mistake::DuplicateKey { key },
                }),
                None => entries.push(Entry { key, at, node }),
            }
        }
    }

    /// Adds the first tab that indents a key; the parser itself accepts some of them.
    fn look_for_tab(&mut self, key: SourceSpan) {
        if self.tab_found {
            return;
        }
        if let Some(tab) = text::tab_before(self.text, key.offset()) {
            self.tab_found = true;
            self.mistakes.add(self.file, tab, Mistake::Tab);
        }
    }

    /// Adds the entries of merged maps; a key that is there already stays as it is.
    fn merge(&mut self, entries: &mut Vec<Entry>, merged: Vec<Node>) {
        let sources = merged.into_iter().flat_map(|node| match node.value {
            Value::List(nodes) => nodes,
            _ => vec![node],
        });
        for source in sources {
            let found = Found::of(&source);
            match (source.value, found) {
                (Value::Map(more), _) => {
                    for entry in more {
                        if !entries.iter().any(|own| own.key == entry.key) {
                            entries.push(entry);
                        }
                    }
                }
                (_, Some(found)) => {
                    self.mistakes
                        .add(self.file, source.at, Mistake::MergeNotMap { found })
                }
                (_, None) => {}
            }
        }
    }

    fn alias(&mut self, id: usize, at: SourceSpan) -> Result<Node, Fatal> {
        // An anchor is known only after its node, so that no node can hold itself.
        let Some(target) = self.anchors.get(&id) else {
            let name = text::slice(self.text, at)
                .trim_start_matches('*')
                .to_owned();
            self.mistakes
                .add(self.file, at, Mistake::UnknownAlias { name });
            return Ok(Node {
                at,
                value: Value::Wrong,
            });
        };
        let (values, depth) = target.measure();
        if self.depth + depth > MAX_DEPTH {
            return Err((at, Mistake::TooDeep { limit: MAX_DEPTH }));
        }
        let value = match self.values + values > MAX_VALUES {
            true => Value::Wrong,
            false => target.value.clone(),
        };
        self.count(at, values)?;
        Ok(Node { at, value })
    }

    fn count(&mut self, at: SourceSpan, values: usize) -> Result<(), Fatal> {
        self.values += values;
        match self.values > MAX_VALUES {
            true => Err((at, Mistake::TooManyValues { limit: MAX_VALUES })),
            false => Ok(()),
        }
    }

    fn deeper(&mut self, at: SourceSpan) -> Result<(), Fatal> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err((at, Mistake::TooDeep { limit: MAX_DEPTH })),
            false => Ok(()),
        }
    }

    /// Judges a tag: `!!str`, `!!seq` and `!!map` say what is so anyway, any other means nothing.
    fn tag(&mut self, tag: Option<&Tag>, span: &Span) -> Tagged {
        let Some(tag) = tag else { return Tagged::No };
        match tag.core_suffix() {
            Some("str") => Tagged::Text,
            Some("seq" | "map") => Tagged::No,
            _ => {
                let at = span.tag_span().map_or(place(span), |span| place(&span));
                let tag = text::slice(self.text, at).to_owned();
                self.mistakes.add(self.file, at, Mistake::Tag { tag });
                Tagged::Wrong
            }
        }
    }

    /// Places a collection: its brackets if they share a line, else what it starts with.
    fn extent(
        &self,
        start: &Span,
        end: &Span,
        style: StructureStyle,
        first: Option<SourceSpan>,
    ) -> SourceSpan {
        let start = place(start);
        let whole = SourceSpan::from(start.offset()..place(end).offset() + 1);
        match style {
            StructureStyle::Flow if !text::slice(self.text, whole).contains('\n') => whole,
            StructureStyle::Flow => start,
            StructureStyle::Block => first.unwrap_or_else(|| (start.offset(), 1).into()),
        }
    }
}

/// What a tag makes of its value.
enum Tagged {
    No,
    Text,
    Wrong,
}

impl Node {
    fn but_for(self, tagged: Tagged) -> Self {
        match tagged {
            Tagged::No => self,
            Tagged::Text | Tagged::Wrong => Self {
                value: Value::Wrong,
                ..self
            },
        }
    }
}

fn place(span: &Span) -> SourceSpan {
    let start = span.start.byte_offset().unwrap_or(0);
    SourceSpan::from(start..span.end.byte_offset().unwrap_or(start).max(start))
}
