//! What a probe found out about a base image.

use serde::{Deserialize, Serialize};

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
}

impl Facts {
    /// Reads what the probe wrote.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
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
