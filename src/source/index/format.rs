//! The index as bytes: fixed records behind a header, then all names in one text, then a checksum.

use crate::digest::Digest;
use crate::source::ScanStats;
use crate::source::index::{Clock, Content, Directory, Index, Record, Stamp, Text};

/// What the file begins with; the number is its version.
const MAGIC: &[u8; 16] = b"builder index 1\n";

const DIRECTORY: usize = 16 + 8 + 36 + 32;
const RECORD: usize = 8 + 36 + 1 + 32;
const HEADER: usize = 16 + 32 + 32 + 16 + 32 + 24;

const FILE: u8 = 0;
const EXECUTABLE: u8 = 1;
const LINK: u8 = 2;
const FOLDER: u8 = 3;

impl Index {
    /// Writes the index.
    pub fn to_bytes(&self) -> Vec<u8> {
        let records = self.records.len() * RECORD + self.directories.len() * DIRECTORY;
        let mut out = Writer(Vec::with_capacity(HEADER + records + self.text.len() + 32));
        out.bytes(MAGIC);
        out.bytes(self.identity.as_bytes());
        out.bytes(self.digest.as_bytes());
        out.i64(self.clock.now);
        out.i64(self.clock.up);
        let ScanStats {
            files,
            links,
            bytes,
            left_out,
        } = self.stats;
        for count in [files as u64, links as u64, bytes, left_out as u64] {
            out.u64(count);
        }
        for count in [self.directories.len(), self.records.len(), self.text.len()] {
            out.u64(count as u64);
        }
        self.directories.iter().for_each(|it| out.directory(it));
        self.records.iter().for_each(|it| out.record(it));
        out.bytes(self.text.as_bytes());
        let sum = Digest::of(&out.0);
        out.bytes(sum.as_bytes());
        out.0
    }

    /// Reads an index; `None` for anything that is not wholly one of this version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<32>()?;
        let mut read = Reader(body);
        if read.array::<16>()? != MAGIC || Digest::of(body).as_bytes() != sum {
            return None;
        }
        let identity = Digest::from_bytes(*read.array()?);
        let digest = Digest::from_bytes(*read.array()?);
        let clock = Clock {
            now: read.i64()?,
            up: read.i64()?,
        };
        let stats = ScanStats {
            files: read.count()?,
            links: read.count()?,
            bytes: read.u64()?,
            left_out: read.count()?,
        };
        let counts = [read.count()?, read.count()?, read.count()?];
        let directories = read.take(counts[0].checked_mul(DIRECTORY)?)?;
        let records = read.take(counts[1].checked_mul(RECORD)?)?;
        if read.0.len() != counts[2] {
            return None;
        }
        let index = Self {
            identity,
            digest,
            clock,
            stats,
            directories: directories
                .chunks_exact(DIRECTORY)
                .map(|chunk| Reader(chunk).directory())
                .collect::<Option<_>>()?,
            records: records
                .chunks_exact(RECORD)
                .map(|chunk| Reader(chunk).record())
                .collect::<Option<_>>()?,
            text: std::str::from_utf8(read.0).ok()?.to_owned(),
        };
        index.is_whole().then_some(index)
    }

    /// Whether every number that leads somewhere leads inside.
    fn is_whole(&self) -> bool {
        let inside = |text: &Text| self.text.get(text.range()).is_some();
        let directories = self.directories.iter().all(|directory| {
            let end = directory.first.checked_add(directory.count);
            end.is_some_and(|end| end as usize <= self.records.len())
        });
        // A folder comes after the one that it is in, so following them ends.
        let below = self.directories.iter().enumerate().all(|(at, directory)| {
            let Some(range) = self.records.get(directory.range()) else {
                return false;
            };
            range.iter().all(|record| match record.content {
                Content::Folder(folder) => {
                    folder as usize > at && (folder as usize) < self.directories.len()
                }
                Content::Link(target) => inside(&target),
                Content::File { .. } => true,
            })
        });
        directories
            && below
            && !self.directories.is_empty()
            && self.records.iter().all(|record| inside(&record.name))
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn i64(&mut self, number: i64) {
        self.bytes(&number.to_le_bytes());
    }

    fn stamp(&mut self, stamp: &Stamp) {
        self.u64(stamp.ino);
        self.u64(stamp.size);
        self.i64(stamp.mtime);
        self.i64(stamp.ctime);
        self.u32(stamp.mode);
    }

    fn directory(&mut self, directory: &Directory) {
        self.u32(directory.first);
        self.u32(directory.count);
        self.u32(directory.left_out);
        self.u32(directory.flags);
        self.u64(directory.device);
        self.stamp(&directory.stamp);
        self.bytes(directory.rules.as_bytes());
    }

    fn record(&mut self, record: &Record) {
        self.u32(record.name.start);
        self.u32(record.name.length);
        self.stamp(&record.stamp);
        let (kind, content) = match record.content {
            Content::File { digest, executable } => {
                let kind = if executable { EXECUTABLE } else { FILE };
                (kind, *digest.as_bytes())
            }
            Content::Link(text) => (LINK, two(text.start, text.length)),
            Content::Folder(folder) => (FOLDER, two(folder, 0)),
        };
        self.bytes(&[kind | if record.believed { 0x80 } else { 0 }]);
        self.bytes(&content);
    }
}

fn two(first: u32, second: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&first.to_le_bytes());
    bytes[4..8].copy_from_slice(&second.to_le_bytes());
    bytes
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(|bytes| i64::from_le_bytes(*bytes))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp {
            ino: self.u64()?,
            size: self.u64()?,
            mtime: self.i64()?,
            ctime: self.i64()?,
            mode: self.u32()?,
        })
    }

    fn directory(&mut self) -> Option<Directory> {
        Some(Directory {
            first: self.u32()?,
            count: self.u32()?,
            left_out: self.u32()?,
            flags: self.u32()?,
            device: self.u64()?,
            stamp: self.stamp()?,
            rules: Digest::from_bytes(*self.array()?),
        })
    }

    fn record(&mut self) -> Option<Record> {
        let name = Text {
            start: self.u32()?,
            length: self.u32()?,
        };
        let stamp = self.stamp()?;
        let kind = self.array::<1>()?[0];
        let content = self.array::<32>()?;
        let mut numbers = Reader(content);
        Some(Record {
            name,
            stamp,
            believed: kind & 0x80 != 0,
            content: match kind & 0x7f {
                FILE | EXECUTABLE => Content::File {
                    digest: Digest::from_bytes(*content),
                    executable: kind & 0x7f == EXECUTABLE,
                },
                LINK => Content::Link(Text {
                    start: numbers.u32()?,
                    length: numbers.u32()?,
                }),
                FOLDER => Content::Folder(numbers.u32()?),
                _ => return None,
            },
        })
    }
}
