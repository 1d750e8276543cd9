//! What a compiled file needs from others, read from the file itself, and rpm's words for it.
//!
//! Only section headers are followed, as by rpm's own `elfdeps`: a file without them seems to need
//! nothing.

mod scan;

use std::collections::BTreeSet;

use object::Endianness;
use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, EM_386, EM_AARCH64, EM_ALPHA, EM_ARM, EM_LOONGARCH,
    EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, FileHeader32, FileHeader64, Machine,
};
use object::read::elf::FileHeader;

pub use scan::scan;

/// The bytes that an ELF file begins with.
pub const MAGIC: &[u8; 4] = b"\x7fELF";

/// The dynamic section of an executable or a shared library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    /// The libraries that it is linked with (`DT_NEEDED`), in its own order.
    pub needed: Vec<String>,
    /// The name that it goes by as a library (`DT_SONAME`).
    pub soname: Option<String>,
    /// The symbol versions that it needs, each after the library that has it.
    pub versions: Vec<(String, String)>,
    /// The folders that it is looked in first (`DT_RUNPATH`, else `DT_RPATH`), separated by `:`.
    pub runpath: Option<String>,
    /// Whether its addresses have 64 bits.
    pub class64: bool,
    /// The machine as `uname -m` names it; `None` for one that has no name here.
    pub machine: Option<&'static str>,
    /// Whether rpm marks what it needs with `(64bit)`.
    marked: bool,
}

impl Elf {
    /// Reads a file; `None` when it is no ELF file, or a broken one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        // The class is the byte after the magic: 1 for 32 bits, 2 for 64.
        match bytes.get(MAGIC.len()) {
            Some(1) => read::<FileHeader32<Endianness>>(bytes).ok(),
            Some(2) => read::<FileHeader64<Endianness>>(bytes).ok(),
            _ => None,
        }
    }
}

fn read<Header>(data: &[u8]) -> object::Result<Elf>
where
    Header: FileHeader<Endian = Endianness>,
{
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let machine = header.e_machine(endian);
    let mut elf = Elf {
        class64: header.is_class_64(),
        machine: named(machine, endian),
        marked: header.is_class_64() && machine != EM_ALPHA,
        ..Elf::default()
    };
    let sections = header.sections(endian, data)?;
    let table = sections.dynamic_table(endian, data)?;
    let mut rpath = None;
    for entry in &table {
        match entry.tag {
            DT_NEEDED => elf.needed.push(text(table.string(entry)?)),
            DT_SONAME => elf.soname = Some(text(table.string(entry)?)),
            DT_RUNPATH => elf.runpath = Some(text(table.string(entry)?)),
            DT_RPATH => rpath = Some(text(table.string(entry)?)),
            _ => {}
        }
    }
    elf.runpath = elf.runpath.or(rpath);
    if let Some((needs, strings)) = sections.gnu_verneed(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        for need in needs {
            let (need, versions) = need?;
            let file = text(need.file(endian, strings)?);
            for version in versions {
                let version = text(version?.name(endian, strings)?);
                elf.versions.push((file.clone(), version));
            }
        }
    }
    Ok(elf)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn named(machine: Machine, endian: Endianness) -> Option<&'static str> {
    Some(match (machine, endian) {
        (EM_X86_64, _) => "x86_64",
        (EM_AARCH64, Endianness::Little) => "aarch64",
        (EM_386, _) => "i686",
        (EM_ARM, Endianness::Little) => "armv7l",
        (EM_PPC64, Endianness::Little) => "ppc64le",
        (EM_S390, _) => "s390x",
        (EM_RISCV, _) => "riscv64",
        (EM_LOONGARCH, _) => "loongarch64",
        _ => return None,
    })
}

/// Lists what a package of these files requires from others, in rpm's words, sorted.
///
/// Each file stands with its path. A library that is inside the package is not required: its
/// soname, or its file name where a wheel's vendored copy has no soname. The words are those of
/// rpm's `elfdeps`: `libffi.so.8()(64bit)` for a library, `libc.so.6(GLIBC_2.14)(64bit)` for a
/// version of its symbols, and both without `(64bit)` on machines of 32 bits.
///
/// A wheel may bring files for several machines: the caller leaves those of other machines out.
pub fn rpm_requires(elfs: &[(String, Elf)]) -> Vec<String> {
    let inside: BTreeSet<&str> = elfs
        .iter()
        .flat_map(|(path, elf)| {
            let name = path.rsplit('/').next();
            name.into_iter().chain(elf.soname.as_deref())
        })
        .collect();
    let mut requires = BTreeSet::new();
    for (_, elf) in elfs {
        let (bare, mark) = if elf.marked {
            ("()", "(64bit)")
        } else {
            ("", "")
        };
        for library in &elf.needed {
            if !inside.contains(library.as_str()) {
                requires.insert(format!("{library}{bare}{mark}"));
            }
        }
        for (library, version) in &elf.versions {
            if !inside.contains(library.as_str()) {
                requires.insert(format!("{library}({version}){mark}"));
            }
        }
    }
    requires.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(needed: &[&str], soname: Option<&str>, versions: &[(&str, &str)]) -> Elf {
        Elf {
            needed: needed.iter().map(|name| (*name).to_owned()).collect(),
            soname: soname.map(str::to_owned),
            versions: versions
                .iter()
                .map(|(file, version)| ((*file).to_owned(), (*version).to_owned()))
                .collect(),
            class64: true,
            marked: true,
            ..Elf::default()
        }
    }

    #[test]
    fn a_library_inside_the_package_is_not_required_and_the_rest_is_in_rpms_words() {
        let elfs = [
            (
                "opt/shop/lib/python3.11/site-packages/shop/_fast.so".to_owned(),
                library(
                    &["libz-1234.so.1", "libffi.so.8", "libc.so.6"],
                    None,
                    &[("libc.so.6", "GLIBC_2.14"), ("libz-1234.so.1", "ZLIB_1.2")],
                ),
            ),
            (
                "opt/shop/lib/python3.11/site-packages/shop.libs/libz-1234.so.1".to_owned(),
                library(&["libc.so.6", "libown.so.2"], None, &[]),
            ),
            (
                "opt/shop/lib/python3.11/site-packages/shop.libs/other.so".to_owned(),
                library(&[], Some("libown.so.2"), &[]),
            ),
        ];
        assert_eq!(
            rpm_requires(&elfs),
            [
                "libc.so.6()(64bit)",
                "libc.so.6(GLIBC_2.14)(64bit)",
                "libffi.so.8()(64bit)",
            ]
        );
    }

    #[test]
    fn a_machine_of_32_bits_has_no_mark() {
        let elf = Elf {
            marked: false,
            ..library(&["libc.so.6"], None, &[("libc.so.6", "GLIBC_2.0")])
        };
        let requires = rpm_requires(&[("a.so".to_owned(), elf)]);
        assert_eq!(requires, ["libc.so.6", "libc.so.6(GLIBC_2.0)"]);
    }

    #[test]
    fn what_is_no_elf_file_or_a_broken_one_is_passed_over() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x01\x01"] {
            assert_eq!(Elf::parse(bytes), None);
        }
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(4096, 0xff);
        assert_eq!(Elf::parse(&header), None);
    }
}
