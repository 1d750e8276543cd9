//! What a probe found out about a base image.

mod tags;

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};
use serde::{Deserialize, Serialize};

pub use tags::{Ranks, Tags};

/// Facts about a base image, as the probe writes them to `facts.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Python's version: `3.11.2`.
    pub python: String,
    /// Python's implementation: `cpython` or `pypy`.
    pub implementation: String,
    /// The ABI of extension modules: `cpython-311-x86_64-linux-gnu`.
    pub abi: String,
    /// The interpreter's path with every link resolved.
    pub interpreter: String,
    /// The distribution package that owns the interpreter.
    pub interpreter_package: Option<String>,
    /// pip's version.
    pub pip: String,
    /// `ID` of os-release(5): `debian`.
    pub distribution: String,
    /// `VERSION_ID` of os-release(5): `12`.
    pub distribution_version: String,
    /// The machine as `uname -m` names it.
    pub architecture: String,
    /// The C library with its version: `glibc 2.36`.
    pub libc: String,
    /// The wheels that its pip takes.
    #[serde(default)]
    pub tags: Tags,
}

impl Facts {
    /// Reads what the probe wrote.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Returns the values of environment markers (PEP 508); `None` where Python's version cannot be read.
    ///
    /// Known gap: PyPy's own version and the kernel's are not among the facts. The language's version
    /// and an empty text stand in their places.
    pub fn markers(&self) -> Option<MarkerEnvironment> {
        let mut parts = self.python.split('.');
        let short = format!("{}.{}", parts.next()?, parts.next()?);
        let builder = MarkerEnvironmentBuilder {
            implementation_name: &self.implementation,
            implementation_version: &self.python,
            os_name: "posix",
            platform_machine: &self.architecture,
            platform_python_implementation: match self.implementation.as_str() {
                "cpython" => "CPython",
                "pypy" => "PyPy",
                other => other,
            },
            platform_release: "",
            platform_system: "Linux",
            platform_version: "",
            python_full_version: &self.python,
            python_version: &short,
            sys_platform: "linux",
        };
        MarkerEnvironment::try_from(builder).ok()
    }

    /// Names this environment by a marker that holds in it, for a lock that was made there.
    pub fn as_marker(&self) -> String {
        let short: Vec<&str> = self.python.split('.').take(2).collect();
        format!(
            "implementation_name == '{}' and platform_machine == '{}' and python_version == '{}' and sys_platform == 'linux'",
            self.implementation,
            self.architecture,
            short.join(".")
        )
    }

    /// Tells whether pip is at least this version; one that cannot be read is taken for old.
    pub fn pip_is_at_least(&self, major: u64, minor: u64) -> bool {
        let mut parts = self
            .pip
            .split('.')
            .map(|part| part.parse::<u64>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_told_by_its_marker() {
        let facts = |python: &str, implementation: &str| Facts {
            python: python.to_owned(),
            implementation: implementation.to_owned(),
            abi: String::new(),
            interpreter: String::new(),
            interpreter_package: None,
            pip: String::new(),
            distribution: String::new(),
            distribution_version: String::new(),
            architecture: "x86_64".to_owned(),
            libc: String::new(),
            tags: Tags::default(),
        };
        let own: pep508_rs::MarkerTree = facts("3.11.2", "cpython").as_marker().parse().unwrap();
        let check = |python: &str, implementation: &str, expected: bool| {
            let markers = facts(python, implementation).markers().unwrap();
            assert_eq!(
                own.evaluate(&markers, &[]),
                expected,
                "{python} {implementation}"
            );
        };
        check("3.11.2", "cpython", true);
        check("3.11.9", "cpython", true);
        check("3.12.0", "cpython", false);
        check("3.11.2", "pypy", false);
        assert!(facts("odd", "cpython").markers().is_none());
    }

    #[test]
    fn versions_of_pip_compare_as_numbers() {
        let check = |pip: &str, expected: bool| {
            let json = format!(
                r#"{{"python":"3.11.2","implementation":"cpython","abi":"","interpreter":"/usr/bin/python3.11",
                "interpreter_package":null,"pip":"{pip}","distribution":"debian","distribution_version":"12",
                "architecture":"x86_64","libc":"glibc 2.36"}}"#
            );
            assert_eq!(
                Facts::parse(&json).unwrap().pip_is_at_least(25, 3),
                expected,
                "{pip}"
            );
        };
        check("25.3", true);
        check("25.10", true);
        check("26.0.1", true);
        check("25.2", false);
        check("9.0.1", false);
        check("odd", false);
    }
}
