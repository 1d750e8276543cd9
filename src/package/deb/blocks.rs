//! An xz stream of blocks that are compressed side by side, and kept for the next package.
//!
//! A stream of xz consists of blocks that know nothing of each other (The .xz File Format, 3). Here
//! they are cut where the content says so, not where a number of bytes is full: what is before a file
//! that grew, and what is some files behind it, is in the blocks that it was in. A block that was
//! compressed before is taken as it was kept, so the bytes are those that compressing gives.
//! dpkg reads no streams that follow each other, so that the blocks are put into one stream here.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use flate2::Crc;
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;

use crate::digest::{ContentHasher, Digest};

/// The level at which dpkg-deb itself compresses by xz.
const LEVEL: u32 = 6;

/// At most so many threads: each takes some 110 MiB of memory at that level.
const THREADS: usize = 4;

/// The least that a block has before it may end, unless a part of the payload ends.
const LEAST: usize = 4 << 20;

/// The most that a block has: the dictionary of the level, beyond which little is won. Against one
/// block for all, Python code grows by some two hundredths.
const MOST: usize = 8 << 20;

/// One in so many files begins a block, once the one before it has its least size.
const ONE_IN: u8 = 8;

/// What a change of anything above must change, so that kept blocks of before are not taken.
const CONTEXT: &str = "xz block of a package, level 6, CRC64, at most 8 MiB, version 1";

const MAGIC: &[u8] = b"\xfd7zXZ\0";
/// The stream's flags: blocks are checked by CRC64.
const FLAGS: [u8; 2] = [0, 4];
const HEADER: usize = 12;
const FOOTER: usize = 12;

/// A writer that compresses what is written to it.
pub(super) struct Blocks<W> {
    out: W,
    block: Vec<u8>,
    /// Blocks that are not written yet, in their order.
    ahead: VecDeque<Ahead>,
    threads: usize,
    /// The sizes of the blocks that were written.
    index: Vec<(u64, u64)>,
    kept: Option<Kept>,
}

enum Ahead {
    Made(Block),
    Making(JoinHandle<io::Result<Block>>),
}

/// A compressed block.
#[derive(Debug, PartialEq)]
struct Block {
    /// It as it is in the stream, with its padding.
    bytes: Vec<u8>,
    /// Its size without the padding.
    unpadded: u64,
    /// The size of what it holds.
    content: u64,
}

impl<W: Write> Blocks<W> {
    /// Begins a stream; `kept` is a folder of blocks that were compressed before.
    pub(super) fn begin(mut out: W, kept: Option<PathBuf>) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&FLAGS)?;
        out.write_all(&sum(&FLAGS))?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            out,
            block: Vec::new(),
            ahead: VecDeque::new(),
            threads: processors.min(THREADS),
            index: Vec::new(),
            kept: kept.map(Kept::new),
        })
    }

    /// Says that a file of this name comes next: a block may end here.
    pub(super) fn next_is(&mut self, name: &str) -> io::Result<()> {
        let first = Digest::of(name.as_bytes()).to_string();
        let number = u8::from_str_radix(&first[..2], 16).unwrap_or_default();
        let one = number.is_multiple_of(ONE_IN);
        if self.block.len() >= LEAST && one {
            self.end_block()?;
        }
        Ok(())
    }

    /// Ends the block: what follows changes apart from what was before.
    pub(super) fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        while self.ahead.len() >= self.threads {
            self.write_first()?;
        }
        let content = std::mem::take(&mut self.block);
        let digest = ContentHasher::new(CONTEXT).bytes(&content).finish();
        let place = self.kept.as_mut().map(|kept| kept.place(&digest));
        let kept = place.as_deref().and_then(read);
        self.ahead.push_back(match kept {
            Some(block) => Ahead::Made(block),
            None => Ahead::Making(std::thread::spawn(move || {
                let block = compress(&content)?;
                if let Some(place) = place {
                    // A block that cannot be kept is compressed again the next time.
                    let _ = keep(&place, &block);
                }
                Ok(block)
            })),
        });
        Ok(())
    }

    fn write_first(&mut self) -> io::Result<()> {
        let block = match self.ahead.pop_front() {
            None => return Ok(()),
            Some(Ahead::Made(block)) => block,
            Some(Ahead::Making(thread)) => thread
                .join()
                .map_err(|_| io::Error::other("the compression panicked"))??,
        };
        self.out.write_all(&block.bytes)?;
        self.index.push((block.unpadded, block.content));
        Ok(())
    }

    /// Ends the stream, and forgets the kept blocks that are not in it.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.end_block()?;
        while !self.ahead.is_empty() {
            self.write_first()?;
        }
        let mut index = vec![0];
        number(&mut index, self.index.len() as u64);
        for (unpadded, content) in &self.index {
            number(&mut index, *unpadded);
            number(&mut index, *content);
        }
        index.resize(index.len().next_multiple_of(4), 0);
        index.extend(sum(&index));
        self.out.write_all(&index)?;
        let length = u32::try_from(index.len() / 4 - 1).map_err(io::Error::other)?;
        let end = [&length.to_le_bytes()[..], &FLAGS].concat();
        self.out.write_all(&sum(&end))?;
        self.out.write_all(&end)?;
        self.out.write_all(b"YZ")?;
        if let Some(kept) = &self.kept {
            kept.forget_others();
        }
        Ok(self.out)
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(MOST - self.block.len());
        if self.block.capacity() == 0 {
            self.block.reserve_exact(MOST);
        }
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == MOST {
            self.end_block()?;
        }
        Ok(count)
    }

    /// Does nothing: a block ends where the content says so.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses a block: it is the only one of a stream that liblzma makes.
///
/// The encoder for threads is taken because it writes the sizes before the block, by which dpkg
/// unpacks several at once.
fn compress(content: &[u8]) -> io::Result<Block> {
    let stream = MtStreamBuilder::new()
        .threads(1)
        .block_size(MOST as u64)
        .preset(LEVEL)
        .check(Check::Crc64)
        .encoder()?;
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(content)?;
    cut_out(encoder.finish()?).ok_or_else(|| io::Error::other("liblzma wrote no single block"))
}

/// Takes the block out of a stream that has one.
fn cut_out(mut stream: Vec<u8>) -> Option<Block> {
    let footer = stream.len().checked_sub(FOOTER)?;
    let length = stream.get(footer + 4..footer + 8)?.try_into().ok()?;
    let length = (u32::from_le_bytes(length) as usize + 1) * 4;
    let index = footer.checked_sub(length)?;
    // The index: a zero, how many blocks there are, and the sizes of each.
    let mut at = index + 1;
    let mut next = || {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = *stream.get(at)?;
            at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    let (count, unpadded, content) = (next()?, next()?, next()?);
    if count != 1 || unpadded.next_multiple_of(4) != (index - HEADER) as u64 {
        return None;
    }
    stream.truncate(index);
    stream.drain(..HEADER);
    Some(Block {
        bytes: stream,
        unpadded,
        content,
    })
}

/// Writes a number in seven bits a byte, the low ones first.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// A folder of blocks, each in a file that is named by what it holds.
struct Kept {
    folder: PathBuf,
    used: BTreeSet<PathBuf>,
}

impl Kept {
    fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            used: BTreeSet::new(),
        }
    }

    fn place(&mut self, digest: &Digest) -> PathBuf {
        let place = self.folder.join(digest.to_string());
        self.used.insert(place.clone());
        place
    }

    /// Removes the blocks that were not asked for; one that cannot go may stay.
    fn forget_others(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            if !self.used.contains(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// How much of a kept file follows the block: two sizes, and the digest of all before it.
const SEAL: usize = 16 + 32;

/// Reads a kept block; one that is not as it was written is none.
fn read(place: &Path) -> Option<Block> {
    let mut bytes = fs::read(place).ok()?;
    let sealed = bytes.len().checked_sub(32)?;
    if blake3::hash(&bytes[..sealed]).as_bytes()[..] != bytes[sealed..] {
        return None;
    }
    let sizes = bytes.split_off(bytes.len().checked_sub(SEAL)?);
    let size = |at: usize| Some(u64::from_le_bytes(sizes[at..at + 8].try_into().ok()?));
    Some(Block {
        unpadded: size(0)?,
        content: size(8)?,
        bytes,
    })
}

/// Keeps a block: its file is there whole, or not.
fn keep(place: &Path, block: &Block) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut bytes = block.bytes.clone();
    bytes.extend(block.unpadded.to_le_bytes());
    bytes.extend(block.content.to_le_bytes());
    let seal = blake3::hash(&bytes);
    bytes.extend(seal.as_bytes());
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.persist(place).map_err(|error| error.error)?;
    Ok(())
}
