//! The containers of a Debian package: ar around compressed tars, without anything of the moment.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::Compression;
use super::blocks::Blocks;
use crate::archive;

/// zstd's own default.
const ZSTD: i32 = 3;

/// The largest size that a member's header holds.
const LARGEST: u64 = 9_999_999_999;

/// A tar's block.
const BLOCK: usize = 512;

impl Compression {
    /// The ending of a member's name.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Xz => "xz",
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }
}

/// A stream that is being compressed.
pub(super) enum Compressor<W: Write> {
    Xz(Box<Blocks<W>>),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Begins; `kept` is a folder of what was compressed before, where the format knows of parts.
    pub(super) fn new(compression: Compression, out: W, kept: Option<PathBuf>) -> io::Result<Self> {
        Ok(match compression {
            Compression::Xz => Self::Xz(Box::new(Blocks::begin(out, kept)?)),
            // Neither a name nor a time, as `gzip -n`.
            Compression::Gzip => {
                Self::Gzip(GzBuilder::new().write(out, flate2::Compression::default()))
            }
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(out, ZSTD)?),
        })
    }

    /// Says that an entry of this name comes next.
    pub(super) fn next_is(&mut self, name: &str) -> io::Result<()> {
        match self {
            Self::Xz(blocks) => blocks.next_is(name),
            Self::Gzip(_) | Self::Zstd(_) => Ok(()),
        }
    }

    /// Says that what follows changes apart from what was before.
    pub(super) fn part_ends(&mut self) -> io::Result<()> {
        match self {
            Self::Xz(blocks) => blocks.end_block(),
            Self::Gzip(_) | Self::Zstd(_) => Ok(()),
        }
    }

    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Xz(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Xz(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Writes what an ar archive begins with.
pub(super) fn begin(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"!<arch>\n")
}

/// Writes a member in the common form of ar, as `deb(5)` wants it: no slash ends the name.
pub(super) fn member(
    out: &mut dyn Write,
    name: &str,
    epoch: u64,
    size: u64,
    data: &mut dyn Read,
) -> io::Result<()> {
    if size > LARGEST {
        let message = format!("{name} has {size} bytes, and a member has at most {LARGEST}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    writeln!(out, "{name:<16}{epoch:<12}0     0     100644  {size:<10}`")?;
    exactly(out, data, size)?;
    // Members begin at even places.
    if size % 2 == 1 {
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn exactly(out: &mut (impl Write + ?Sized), data: &mut dyn Read, size: u64) -> io::Result<()> {
    let copied = io::copy(&mut data.take(size), out)?;
    if copied != size {
        let message = format!("{copied} bytes were there, not {size}");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(())
}

/// A writer of tar entries that belong to root and have one time.
///
/// dpkg reads GNU's extension for long names, and no pax headers.
pub(super) struct TarWriter<W: Write> {
    out: W,
    epoch: u64,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(out: W, epoch: u64) -> Self {
        Self { out, epoch }
    }

    /// Where it writes to.
    pub(super) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes a directory, whose name ends in a slash.
    pub(super) fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, EntryType::Directory, 0o755, 0, "", &mut io::empty())
    }

    pub(super) fn file(
        &mut self,
        name: &str,
        mode: u32,
        size: u64,
        data: &mut dyn Read,
    ) -> io::Result<()> {
        self.entry(name, EntryType::Regular, mode, size, "", data)
    }

    pub(super) fn link(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.entry(name, EntryType::Symlink, 0o777, 0, target, &mut io::empty())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }

    fn entry(
        &mut self,
        name: &str,
        kind: EntryType,
        mode: u32,
        size: u64,
        link: &str,
        data: &mut dyn Read,
    ) -> io::Result<()> {
        let mut header = self.header(kind, mode, size)?;
        let old = header.as_old_mut();
        if !fits(&mut old.name, name) {
            self.long(EntryType::GNULongName, name)?;
        }
        if !fits(&mut old.linkname, link) {
            self.long(EntryType::GNULongLink, link)?;
        }
        self.record(header, size, data)
    }

    /// What a name or target that is too long for its field is preceded by.
    fn long(&mut self, kind: EntryType, text: &str) -> io::Result<()> {
        let bytes = [text.as_bytes(), &[0]].concat();
        let size = bytes.len() as u64;
        let mut header = self.header(kind, 0o644, size)?;
        header.set_mtime(0);
        fits(&mut header.as_old_mut().name, "././@LongLink");
        self.record(header, size, &mut bytes.as_slice())
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> io::Result<Header> {
        archive::header(kind, mode, size, self.epoch)
    }

    fn record(&mut self, mut header: Header, size: u64, data: &mut dyn Read) -> io::Result<()> {
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        exactly(&mut self.out, data, size)?;
        let beyond = (size % BLOCK as u64) as usize;
        if beyond > 0 {
            self.out.write_all(&[0; BLOCK][beyond..])?;
        }
        Ok(())
    }
}

/// Puts as much of a text into a field as it holds; says whether that was all, with a zero after it.
fn fits(field: &mut [u8; 100], text: &str) -> bool {
    let length = text.len().min(field.len() - 1);
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
    length == text.len()
}
