//! What can be wrong about packages and runtime images beyond a name.

use miette::Diagnostic;

use crate::config::legible::legible;

/// What is wrong with the package or the runtime image of a flavour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum DeliveryMistake {
    /// A number is not one that counts from 1.
    #[error("`{field}` is {}, not a whole number from 1 to {}", legible(.number), u32::MAX)]
    #[diagnostic(
        code(builder::config::not_whole),
        help("write digits alone, such as `{field}: 2`")
    )]
    NotWhole {
        /// The field.
        field: &'static str,
        /// The number as it is written.
        number: String,
    },
    /// A field says something about a package that is not made.
    #[error("`{field}` is about a package, and the flavour `{}` makes none", legible(.flavour))]
    #[diagnostic(
        code(builder::config::no_package),
        help("write `package: deb` or `package: rpm` in the flavour, or remove `{field}` from it")
    )]
    NoPackage {
        /// The field.
        field: &'static str,
        /// The flavour.
        flavour: String,
    },
    /// The check has commands to run, and nothing to run them in.
    #[error("there is nothing to test: the flavour `{}` makes neither a package nor an image", legible(.flavour))]
    #[diagnostic(
        code(builder::config::nothing_to_test),
        help(
            "write `package: deb`, `package: rpm` or `image: {{}}` in the flavour, or remove `test` from it"
        )
    )]
    NothingToTest {
        /// The flavour.
        flavour: String,
    },
    /// A key signs packages of a format that has no signatures of its own.
    #[error("`sign_key` signs an rpm, and the flavour `{}` makes a deb", legible(.flavour))]
    #[diagnostic(
        code(builder::config::sign_key_of_deb),
        help(
            "apt trusts the signed index of a repository, not a package: remove `sign_key` from the flavour in config.yml, or let it make an rpm"
        )
    )]
    SignKeyOfDeb {
        /// The flavour.
        flavour: String,
    },
    /// Two files would be one unit.
    #[error("the unit `{}` is listed twice", legible(.name))]
    #[diagnostic(
        code(builder::config::duplicate_unit),
        help("keep one of the two, or rename one: a unit has the name of its file")
    )]
    DuplicateUnit {
        /// The unit.
        name: String,
    },
    /// It is said what happens to units, of which there are none.
    #[error("`{field}` without `units`")]
    #[diagnostic(
        code(builder::config::no_units),
        help("list the units beside it: `units: [deploy/shop.service]`")
    )]
    NoUnits {
        /// The field.
        field: &'static str,
    },
    /// A file of the package would be in a folder that is a file too.
    #[error("`{}` lies below `{}`, which is a file", legible(.path), legible(.outer))]
    #[diagnostic(
        code(builder::config::nested_destination),
        help("choose another path for one of the two")
    )]
    NestedDestination {
        /// The inner path.
        path: String,
        /// The outer one.
        outer: String,
    },
    /// A file of the package would be in another package's directory of `/opt`.
    #[error("`{}` is not in the package's own directory of /opt", legible(.path))]
    #[diagnostic(
        code(builder::config::foreign_directory),
        help("write it below `/opt/{}`, or below /etc, /usr or /var", legible(.name))
    )]
    ForeignDirectory {
        /// The path.
        path: String,
        /// The package's name.
        name: String,
    },
    /// A command has no program.
    #[error("`{field}` names no program")]
    #[diagnostic(
        code(builder::config::empty_command),
        help(
            "write the program and its arguments, `{field}: [shop, --quiet]`, or remove the field"
        )
    )]
    EmptyCommand {
        /// The field.
        field: &'static str,
    },
}

impl DeliveryMistake {
    /// Says what stands at the place of the mistake.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::NotWhole { .. } => "not such a number",
            Self::NoPackage { .. } => "of no effect",
            Self::NothingToTest { .. } => "never run",
            Self::SignKeyOfDeb { .. } => "a deb carries no signature",
            Self::DuplicateUnit { .. } => "and again here",
            Self::NoUnits { .. } => "about no unit",
            Self::NestedDestination { .. } => "no file can be here",
            Self::ForeignDirectory { .. } => "another package's",
            Self::EmptyCommand { .. } => "empty",
        }
    }
}
