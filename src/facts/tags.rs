//! Which wheels an interpreter takes, the best first.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The tags of an interpreter in the order in which its pip prefers them, as runs: an interpreter and
/// an ABI on each of a list of platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// The lists of platforms.
    platforms: Vec<Vec<String>>,
    /// The runs: interpreter, ABI, and the number of the list.
    groups: Vec<(String, String, usize)>,
}

/// How far ahead each tag stands.
pub struct Ranks<'a>(HashMap<(&'a str, &'a str, &'a str), usize>);

impl Tags {
    /// Tells whether the interpreter's pip told none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Spreads the runs out.
    pub fn ranks(&self) -> Ranks<'_> {
        let mut ranks = HashMap::new();
        for (interpreter, abi, list) in &self.groups {
            for platform in self.platforms.get(*list).into_iter().flatten() {
                let next = ranks.len();
                let tag = (interpreter.as_str(), abi.as_str(), platform.as_str());
                ranks.entry(tag).or_insert(next);
            }
        }
        Ranks(ranks)
    }
}

impl Ranks<'_> {
    /// Returns how a wheel ranks by its file name, the least being the best; `None` where the
    /// interpreter does not take it. Between wheels of one tag the greater build number is better.
    pub fn of(&self, wheel: &str) -> Option<(usize, std::cmp::Reverse<u64>)> {
        let parts: Vec<&str> = wheel.strip_suffix(".whl")?.split('-').collect();
        let [.., interpreters, abis, platforms] = parts.as_slice() else {
            return None;
        };
        let build = match parts.len() {
            5 => 0,
            6 => {
                let digits = parts[2].chars().take_while(char::is_ascii_digit);
                digits
                    .collect::<String>()
                    .parse::<u64>()
                    .ok()?
                    .saturating_add(1)
            }
            _ => return None,
        };
        let mut best: Option<usize> = None;
        for interpreter in interpreters.split('.') {
            for abi in abis.split('.') {
                for platform in platforms.split('.') {
                    if let Some(rank) = self.0.get(&(interpreter, abi, platform)) {
                        best = Some(best.map_or(*rank, |best| best.min(*rank)));
                    }
                }
            }
        }
        Some((best?, std::cmp::Reverse(build)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_rank_by_their_best_tag_and_then_by_their_build_number() {
        let tags: Tags = serde_json::from_str(
            r#"{"platforms": [["manylinux_2_36_x86_64", "manylinux2014_x86_64", "linux_x86_64"], ["any"]],
                "groups": [["cp311", "cp311", 0], ["cp311", "abi3", 0], ["py3", "none", 0], ["py3", "none", 1]]}"#,
        )
        .unwrap();
        let ranks = tags.ranks();
        let check = |wheel: &str, expected: Option<usize>| {
            assert_eq!(ranks.of(wheel).map(|(rank, _)| rank), expected, "{wheel}");
        };
        check("a-1-cp311-cp311-manylinux_2_36_x86_64.whl", Some(0));
        check(
            "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            Some(1),
        );
        check("a-1-cp311-abi3-linux_x86_64.whl", Some(5));
        check("a-1-py2.py3-none-any.whl", Some(9));
        check("a-1-cp312-cp312-manylinux2014_x86_64.whl", None);
        check("a-1-cp311-cp311-musllinux_1_1_x86_64.whl", None);
        check("a-1.tar.gz", None);
        check("a-1-none-any.whl", None);
        check("a-1-x-py3-none-any.whl", None);
        let (plain, built) = ("a-1-py3-none-any.whl", "a-1-2b-py3-none-any.whl");
        assert!(ranks.of(built) < ranks.of(plain));
        assert!(ranks.of("a-1-10-py3-none-any.whl") < ranks.of(built));
        assert!(Tags::default().is_empty() && !tags.is_empty());
    }
}
