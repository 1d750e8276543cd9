//! The kinds of names: what each is called, and what to write instead of a wrong one.

use super::BadName;

/// What a text should be the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A build flavour.
    Flavour,
    /// An image.
    Image,
    /// A distribution package that is installed into the builder image.
    Package,
    /// A distribution package, perhaps with a version relation, that is required at run time.
    RuntimePackage,
    /// An environment variable.
    Variable,
    /// An extra of the project.
    Extra,
    /// A Python distribution, or `:all:`.
    BinaryChoice,
    /// The URL of a package index.
    Index {
        /// The variable by which pip takes such a URL too.
        variable: &'static str,
    },
    /// The format of a package.
    Format,
    /// A package that is made.
    PackageName,
    /// Who answers for a package.
    Maintainer,
    /// An archive section.
    Section,
    /// What tells versions for several distributions apart.
    Suffix,
    /// An OpenPGP key.
    SigningKey,
    /// A file of a systemd unit.
    Unit,
    /// The path of a file in a package.
    Destination,
    /// A program of an image.
    Program,
    /// An argument of a program.
    Argument,
    /// A port of an image.
    Port,
    /// A directory of an image.
    Directory,
    /// The user of an image.
    User,
    /// A name under which an image is tagged.
    Tag,
    /// A command that the check runs.
    TestLine,
    /// A shared cache.
    Cache,
    /// What is done with a shared cache.
    CacheMode,
    /// The region of an object store.
    Region,
    /// Where an object store answers.
    Endpoint,
}

impl Kind {
    /// Names the kind, with its article.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Flavour => "a flavour's name",
            Self::Image => "the name of an image",
            Self::Package => "the name of a package",
            Self::RuntimePackage => "a runtime dependency",
            Self::Variable => "the name of an environment variable",
            Self::Extra => "the name of an extra",
            Self::BinaryChoice => "the name of a Python distribution",
            Self::Index { .. } => "the URL of a package index",
            Self::Format => "a package format",
            Self::PackageName => "the name of a package that can be made",
            Self::Maintainer => "a maintainer",
            Self::Section => "an archive section",
            Self::Suffix => "a distribution's suffix",
            Self::SigningKey => "the name of an OpenPGP key",
            Self::Unit => "the file of a systemd unit",
            Self::Destination => "a place for a file of the package",
            Self::Program => "a program",
            Self::Argument => "an argument",
            Self::Port => "a port",
            Self::Directory => "a directory of the image",
            Self::User => "a user of the image",
            Self::Tag => "a tag of the image",
            Self::TestLine => "a command of the check",
            Self::Cache => "the URL of a shared cache",
            Self::CacheMode => "a way to use a cache",
            Self::Region => "a region",
            Self::Endpoint => "the address of an object store",
        }
    }

    /// Says what to write.
    pub(crate) fn help(self, problem: BadName) -> &'static str {
        match (self, problem) {
            (Self::Flavour, BadName::Reserved) => "choose another name, such as `src`",
            (Self::Flavour, _) => {
                "use lower-case letters, digits, `-` and `_`, 64 at most: `deb`, `el9`, `py3-12`"
            }
            (Self::Image, BadName::ImageScheme) => {
                "write the registry's host alone: `registry.example.com/team/base:1`"
            }
            (Self::Image, BadName::ImageId) => {
                "tag the image and name the tag, or write `name@sha256:...`"
            }
            (Self::Image, _) => {
                "write `debian:12`, `registry.example.com:5000/team/base:1` or `debian@sha256:...`"
            }
            (Self::Package, BadName::Character(' ' | ',' | '\n' | '\t')) => {
                "write each package as an entry of its own: `[libffi-dev, libssl-dev]`"
            }
            (Self::Package, BadName::End('-')) => {
                "apt would remove the package: name only what is to be installed"
            }
            (Self::Package, BadName::Start('-')) => {
                "options belong into the `$PKG_INSTALL` of the base image"
            }
            (Self::Package, BadName::Character('<' | '>')) => {
                "pin a version as apt and dnf do: `libffi-dev=3.4.4-1`"
            }
            (Self::Package, _) => {
                "write the name alone, as apt or dnf know it: `libffi-dev`, `gcc:arm64`, `pkgconfig(libffi)`"
            }
            (Self::RuntimePackage, BadName::Character(',')) => {
                "write each package as an entry of its own: `[libffi8, openssl]`"
            }
            (Self::RuntimePackage, _) => {
                "write `openssl`, `libffi8 (>= 3.4)`, or alternatives: `libssl3 | libssl1.1`"
            }
            (Self::Variable, _) => {
                "use letters, digits and `_`, and no digit first: `PIP_INDEX_URL`"
            }
            (Self::Extra, _) => "write the name alone, without brackets: `[dev, postgres]`",
            (Self::BinaryChoice, _) => {
                "write the name alone, without a version, or `:all:` for every distribution"
            }
            (Self::Index { .. }, _) => {
                "write `https://pypi.example.com/simple` or, for a directory, `file:///srv/wheels`"
            }
            (Self::Format, _) => {
                "write `deb`, `rpm`, or `none` for a flavour that makes no package"
            }
            (Self::PackageName, _) => {
                "use lower-case letters, digits, `+`, `-` and `.`, a letter or digit first: `shop-server`"
            }
            (Self::Maintainer, _) => "write `Ada Lovelace <ada@example.org>`",
            (Self::Section, _) => {
                "write a section that the archive knows: `python`, `web`, `contrib/net`"
            }
            (Self::Suffix, _) => {
                "use lower-case letters and digits, with dots between: `deb12`, `el9`, `ubuntu24.04`"
            }
            (Self::SigningKey, _) => {
                "write the fingerprint that gpg --list-secret-keys shows, without spaces, or the key's address"
            }
            (Self::Unit, BadName::UnitSuffix) => {
                "name a `.service`, `.socket`, `.timer`, `.path`, `.target` or `.mount` file; other files go under `files`"
            }
            (Self::Unit, _) => {
                "name the file as systemd is to name the unit, with letters, digits and `:-_.@`: `shop.service`"
            }
            (Self::Destination, BadName::Directory) => {
                "write the whole path, the file's name too: `/etc/shop/shop.toml`"
            }
            (Self::Destination, BadName::Character(_)) => {
                "use letters, digits and `._+@:=,~^-`: `/etc/shop/shop.toml`"
            }
            (Self::Destination, BadName::Administrator) => "write it below `/usr`, or `/opt`",
            (Self::Destination, BadName::Written) => {
                "remove it: it is made of the licences in the wheels and of the version; a file of another name in the package's folder below /usr/share/doc is fine"
            }
            (Self::Destination, BadName::Merged) => "write `/usr` before it",
            (Self::Destination, BadName::Unit) => {
                "list the file under `systemd`: `units: [deploy/shop.service]`"
            }
            (Self::Destination, _) => {
                "write an absolute path below /etc, /usr or /var, or in the package's own directory of /opt"
            }
            (Self::Program, _) => "name the program first, then its arguments: `[shop, serve]`",
            (Self::Argument, _) => "remove the `\\0`: an argument ends there",
            (Self::Port, _) => {
                "write the port that the program listens on: `8080`, or `53/udp`; the host's port is chosen when it is run"
            }
            (Self::Directory, _) => "write an absolute path: `/var/lib/shop`",
            (Self::User, BadName::Root) => {
                "choose a number without rights, such as `10001`; ports below 1024 need no root in a container"
            }
            (Self::User, _) => "write the user's number, or user and group: `10001:10001`",
            (Self::Tag, _) => "write `registry.example.com:5000/team/shop:1`",
            (Self::Cache, BadName::UrlCredentials) => {
                "keep them out of the file: a registry's are those of `docker login`, and S3's stand in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            (Self::Cache, _) => {
                "write `oci://registry.example.com/team/builder-cache` or `s3://bucket/prefix`"
            }
            (Self::CacheMode, _) => "write `mode: read-write` or `mode: read-only`",
            (Self::Region, _) => "write it as the store names it: `eu-central-1`",
            (Self::Endpoint, _) => {
                "write scheme, host and perhaps a port: `https://s3.example.com:9000`"
            }
            (Self::TestLine, _) => {
                "write one line for a shell in each entry: `[shop --version, shop check]`"
            }
        }
    }
}
