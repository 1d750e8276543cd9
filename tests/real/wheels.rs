//! The wheels of dependencies are the same, however they come.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use builder::facts::Facts;

use crate::site::{Site, finish};

const BASES: [(&str, &str); 3] = [
    ("twelve", "base-cpython-debian12"),
    ("thirteen", "base-cpython-debian13"),
    ("pypy", "base-pypy-debian12"),
];

#[test]
fn tags_rank_as_the_pip_of_each_base_image_ranks_them() {
    let (mut config, mut project) = (String::new(), String::new());
    for (flavour, base) in BASES {
        config += &format!("{flavour}:\n  package: none\n  base_image: {base}\n");
        project += &format!("{flavour}:\n");
    }
    let site = Site::with("flit").config(&config);
    site.write(".build.yml", &project);
    let targets = BASES.map(|(flavour, _)| format!("--target={flavour}.base"));
    let mut arguments = vec!["apply", "--auto-approve"];
    arguments.extend(targets.iter().map(String::as_str));
    finish(&mut site.command(&arguments)).ends_with(0);
    for (flavour, base) in BASES {
        let place = site
            .workspace()
            .join(format!(".builder/facts/{flavour}.json"));
        let text = fs::read_to_string(&place).expect("the probe left its facts");
        let facts: Facts = serde_json::from_str(&text).expect("they are facts");
        let program =
            "from pip._vendor.packaging.tags import sys_tags\nfor t in sys_tags(): print(t)";
        let output = Command::new("docker")
            .args(["run", "--rm", base, "python", "-c", program])
            .output()
            .expect("docker starts");
        let tags = String::from_utf8(output.stdout).expect("tags are text");
        assert!(tags.lines().count() > 100, "{base}: {tags}");
        let ranks = facts.tags.ranks();
        for (number, tag) in tags.lines().enumerate() {
            let rank = ranks.of(&format!("a-1-{tag}.whl")).map(|(rank, _)| rank);
            assert_eq!(rank, Some(number), "{base}: {tag}");
        }
    }
}

/// Three wheels, of which one is compiled, with what they require.
const PROJECT: &str = "[build-system]
requires = [\"setuptools\"]
build-backend = \"setuptools.build_meta\"

[project]
name = \"several\"
version = \"1.0\"
dependencies = [\"requests==2.32.3\", \"click==8.1.7\", \"markupsafe==3.0.2\"]

[tool.setuptools]
py-modules = []
";

fn wheels(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let folder = site.workspace().join("build/wheelhouse/deb");
    let names = site.wheels("deb").into_iter();
    names
        .map(|name| {
            let bytes = fs::read(folder.join(&name)).expect("the wheel is there");
            (name, bytes)
        })
        .collect()
}

#[test]
fn uv_and_pip_come_to_the_same_bytes_with_and_without_caches_and_side_by_side() {
    let made = |settings: &str, arguments: &[&str], cached: bool, says: &str| {
        let site = Site::new().config(
            "deb:\n  package: none\n  base_image: base-cpython-debian12\n  base_dependencies:\n    \
             build: [build-essential, python3-dev]\n",
        );
        site.write("pyproject.toml", PROJECT);
        site.write("plain.txt", "six==1.17.0\n");
        site.write("odd.txt", "--prefer-binary\nsix==1.17.0\n");
        site.write(
            ".build.yml",
            &format!("deb:\n  pip:\n    no_binary: [markupsafe]\n    requirements: [{settings}]\n"),
        );
        let mut words = vec!["apply", "--auto-approve", "--verbose"];
        words.extend(arguments);
        let mut command = site.command(&words);
        if cached {
            command.env("BUILDER_NO_CACHE", "0");
        }
        let ended = finish(&mut command).ends_with(0);
        assert!(
            ended.err.contains(says) || ended.out.contains(says),
            "{}{}",
            ended.out,
            ended.err
        );
        site.left_no_container();
        wheels(&site)
    };
    let by_uv = made("plain.txt", &[], false, "resolved");
    assert_eq!(by_uv.len(), 9, "{:?}", by_uv.keys());
    let by_pip = made("odd.txt", &["--jobs", "1"], false, "pip resolves: ");
    let kept = made("plain.txt", &["--jobs", "1"], true, "fetched: ");
    for other in [by_pip, kept] {
        // The project's own wheel is the same too.
        assert_eq!(
            other.keys().collect::<Vec<_>>(),
            by_uv.keys().collect::<Vec<_>>()
        );
        assert!(other == by_uv, "the bytes of wheels differ");
    }
}
