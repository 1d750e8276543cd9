//! Making an index from what a walk found, with what it found unchanged taken from the index before.

use crate::digest::Digest;
use crate::source::ScanStats;
use crate::source::index::{
    BELIEVED, Clock, Content, Directory, Index, Record, Stamp, Text, in_order,
};
use crate::source::walk::{Entries, Folder, Item, ItemContent};
use crate::tree::TreeHasher;

impl Index {
    /// Makes the index of a directory that was walked with the help of `old`.
    pub(crate) fn of(found: &Folder, old: Option<&Index>, identity: Digest, clock: Clock) -> Self {
        let mut build = Build {
            old,
            index: Self {
                identity,
                digest: Digest::of(b""),
                clock,
                stats: ScanStats::default(),
                directories: Vec::new(),
                records: Vec::new(),
                text: String::new(),
            },
        };
        if let Some(old) = old {
            build.index.directories.reserve(old.directories.len());
            build.index.records.reserve(old.records.len());
            build.index.text.reserve(old.text.len());
        }
        build.folder(found);
        let mut index = build.index;
        index.digest = match old.filter(|old| old.has_the_tree_of(&index)) {
            Some(old) => old.digest,
            None => index.tree_digest(),
        };
        index
    }

    fn tree_digest(&self) -> Digest {
        let mut hasher = TreeHasher::new(self.stats.files + self.stats.links);
        self.each(|path, record| {
            if let Some(content) = self.content(record) {
                hasher.entry(path, content);
            }
        });
        hasher.finish()
    }

    /// Whether the files and links of both are the same; folders without any do not count.
    fn has_the_tree_of(&self, other: &Self) -> bool {
        self.records.len() == other.records.len()
            && self.records.iter().zip(&other.records).all(|(one, two)| {
                self.name(one) == other.name(two)
                    && match (one.content, two.content) {
                        // Their numbers follow from the order.
                        (Content::Folder(one), Content::Folder(two)) => one == two,
                        _ => self.content(one).is_some() && self.content(one) == other.content(two),
                    }
            })
    }
}

struct Build<'a> {
    old: Option<&'a Index>,
    index: Index,
}

/// A name of a directory, on its way into the index.
enum Member<'a> {
    Known(&'a str, &'a Record),
    New(&'a Item),
    Folder(&'a Folder),
}

impl Member<'_> {
    fn key(&self) -> (&str, bool) {
        match self {
            Self::Known(name, _) => (name, false),
            Self::New(item) => (&item.name, false),
            Self::Folder(folder) => (&folder.name, true),
        }
    }
}

impl<'a> Build<'a> {
    fn folder(&mut self, found: &'a Folder) -> u32 {
        let old = self.old;
        let known = |number: u32| {
            let old = old.expect("what is known is known from an index");
            let record = old.record(number);
            Member::Known(old.name(record), record)
        };
        let mut members: Vec<Member<'a>> = match &found.entries {
            Entries::Known(directory) => {
                let old = old.expect("what is known is known from an index");
                old.inside(*directory)
                    .filter(|(_, record)| !record.content.is_folder())
                    .map(|(number, _)| known(number))
                    .collect()
            }
            Entries::Listed {
                known: numbers,
                new,
            } => numbers
                .iter()
                .map(|number| known(*number))
                .chain(new.iter().map(Member::New))
                .collect(),
        };
        members.extend(found.folders.iter().map(Member::Folder));
        // A stand-in for what has no proper name may bear the name of something else, and wins.
        members.sort_by(|one, other| in_order(one.key(), other.key()));
        members.dedup_by(|later, earlier| {
            let same = later.key() == earlier.key();
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });

        let number = narrow(self.index.directories.len());
        let first = self.index.records.len();
        self.index.directories.push(Directory {
            first: narrow(first),
            count: narrow(members.len()),
            left_out: found.left_out,
            flags: found.flags | if found.believed { BELIEVED } else { 0 },
            device: found.device,
            stamp: found.stamp,
            rules: found.rules,
        });
        self.index.stats.left_out += found.left_out as usize;
        for member in &members {
            self.member(member);
        }
        for (at, member) in members.iter().enumerate() {
            if let Member::Folder(below) = member {
                let number = self.folder(below);
                self.index.records[first + at].content = Content::Folder(number);
            }
        }
        number
    }

    fn member(&mut self, member: &Member<'_>) {
        let name = self.text(member.key().0);
        let (stamp, believed, content) = match member {
            Member::Known(_, record) => {
                let content = match record.content {
                    Content::Link(target) => {
                        let old = self.old.expect("what is known is known from an index");
                        Content::Link(self.text(old.target(&target)))
                    }
                    content => content,
                };
                (record.stamp, record.believed, content)
            }
            Member::New(item) => {
                let content = match &item.content {
                    ItemContent::File { digest, executable } => Content::File {
                        digest: *digest,
                        executable: *executable,
                    },
                    ItemContent::Link(target) => Content::Link(self.text(target)),
                };
                (item.stamp, item.believed, content)
            }
            Member::Folder(folder) => (folder.stamp, false, Content::Folder(0)),
        };
        self.count(&stamp, &content);
        self.index.records.push(Record {
            name,
            stamp,
            believed,
            content,
        });
    }

    fn count(&mut self, stamp: &Stamp, content: &Content) {
        let stats = &mut self.index.stats;
        match content {
            Content::File { .. } => {
                stats.files += 1;
                stats.bytes += stamp.size;
            }
            Content::Link(_) => stats.links += 1,
            Content::Folder(_) => {}
        }
    }

    fn text(&mut self, text: &str) -> Text {
        let start = narrow(self.index.text.len());
        self.index.text.push_str(text);
        Text {
            start,
            length: narrow(text.len()),
        }
    }
}

/// Four thousand million names are more than a machine can walk in a day.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a source has fewer than 2^32 names and 4 GiB of them")
}
