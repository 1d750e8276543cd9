//! Graphs as text and as an order, and what makes no graph.

use super::*;

/// A render step, which needs nothing.
fn leaf(address: &str) -> Step {
    Step {
        address: Address::typed(address),
        kind: Kind::Render(Render {
            path: RelPath::new(address).unwrap(),
            text: String::new(),
        }),
    }
}

/// A step that needs two others.
fn joint(address: &str, first: &str, second: &str) -> Step {
    Step {
        address: Address::typed(address),
        kind: Kind::Image(Image {
            dockerfile: Address::typed(first),
            base: Address::typed(second),
            repository: "builder/shop".to_owned(),
            tag: "\"deb\"".to_owned(),
        }),
    }
}

/// The steps of a flavour of a project that makes wheels alone.
fn flavour(name: &str, buildscript: bool) -> Vec<Step> {
    packaged(name, buildscript, "none", "")
}

/// The steps of a flavour of a project.
fn packaged(name: &str, buildscript: bool, package: &str, more: &str) -> Vec<Step> {
    let config = format!("{name}:\n  package: {package}\n  base_image: debian\n");
    let script = if buildscript {
        "\n  buildscript: build.sh\n"
    } else {
        "\n"
    };
    let document = |path: &str, text: String| crate::config::Document {
        path: path.to_owned(),
        bytes: text.into_bytes(),
    };
    let project = document(".build.yml", format!("{name}:{script}{more}"));
    let builds = crate::config::load(&document("config.yml", config), &project, &Anything);
    let situation = Situation {
        scope: Scope::default(),
        declared_name: None,
        declared_version: None,
        locks: BTreeMap::new(),
        project: "shop".to_owned(),
        source: Arc::default(),
        version: Handovers::default(),
        base_images: BTreeMap::new(),
        pip_files: BTreeMap::new(),
        epoch: 0,
    };
    let graph = compile(&builds.unwrap(), &situation).unwrap();
    graph.steps().cloned().collect()
}

/// A disk on which every file of a project is.
struct Anything;

impl crate::config::Lookup for Anything {
    fn operator_file(
        &self,
        _: &str,
    ) -> Result<crate::config::FoundFile, crate::config::FileProblem> {
        Err(crate::config::FileProblem::Missing)
    }

    fn project_file(&self, _: &RelPath) -> Result<(), crate::config::FileProblem> {
        Ok(())
    }
}

fn order(graph: &Graph) -> Vec<&str> {
    graph.steps().map(|step| step.address.as_str()).collect()
}

fn addresses(names: &[&str]) -> BTreeSet<Address> {
    names.iter().map(|name| Address::typed(name)).collect()
}

#[test]
fn steps_come_after_what_they_need_and_ties_go_by_address() {
    let check = |steps: Vec<Step>, expected: &[&str]| {
        let reversed = steps.iter().rev().cloned().collect();
        assert_eq!(order(&Graph::new(steps).unwrap()), expected);
        assert_eq!(order(&Graph::new(reversed).unwrap()), expected);
    };
    check(vec![], &[]);
    check(vec![leaf("b"), leaf("a"), leaf("c")], &["a", "b", "c"]);
    check(
        vec![joint("a", "y", "z"), leaf("y"), leaf("z")],
        &["y", "z", "a"],
    );
    let diamond = vec![
        joint("b", "a", "z"),
        joint("c", "b", "d"),
        joint("d", "a", "a"),
        leaf("a"),
        leaf("z"),
    ];
    check(diamond, &["a", "d", "z", "b", "c"]);
}

#[test]
fn a_graph_is_written_as_dot_in_that_order() {
    let steps = vec![joint("b", "c", "a"), leaf("c"), leaf("a")];
    insta::assert_snapshot!(Graph::new(steps).unwrap().to_dot(), @r#"
    digraph builder {
        rankdir = LR;
        node [shape = box];
        "a" [label = "a\nrender a"];
        "c" [label = "c\nrender c"];
        "b" [label = "b\nbuild image builder/shop:\"deb\""];
        "a" -> "b";
        "c" -> "b";
    }
    "#);
}

#[test]
fn what_makes_no_graph_is_named() {
    let check = |steps: Vec<Step>, expected: &str| {
        assert_eq!(Graph::new(steps).unwrap_err().to_string(), expected);
    };
    check(
        vec![leaf("a"), leaf("b"), leaf("a")],
        "two steps are called a",
    );
    check(
        vec![leaf("a"), joint("b", "a", "x")],
        "b reads x, and there is no such step",
    );
    check(vec![joint("a", "a", "a")], "a waits for itself");
    check(
        vec![leaf("z"), joint("b", "z", "c"), joint("c", "z", "b")],
        "b waits for itself",
    );
}

#[test]
fn a_flavour_is_these_steps() {
    let check = |buildscript, expected: &[&str]| {
        let steps = flavour("deb", buildscript);
        let names: Vec<_> = steps.iter().map(|step| step.address.as_str()).collect();
        assert_eq!(names, expected);
    };
    let plain = [
        "deb.base",
        "deb.dockerfile",
        "deb.image",
        "source",
        "deb.wheel",
        "deb.dependencies",
    ];
    check(false, &plain);
    let scripted = [
        "deb.base",
        "deb.dockerfile",
        "deb.image",
        "source",
        "deb.wheels",
    ];
    check(true, &scripted);
}

#[test]
fn a_package_and_an_image_add_these_steps() {
    let check = |package, more, expected: &[&str]| {
        let steps = packaged("deb", false, package, more);
        let names: Vec<_> = steps.iter().map(|step| step.address.as_str()).collect();
        assert_eq!(names[6..], *expected);
    };
    check("none", "", &[]);
    let package = ["deb.venv", "deb.application", "deb.package", "deb.check"];
    check("deb", "", &package);
    let image = [
        "deb.venv",
        "deb.application",
        "deb.runtime-dockerfile",
        "deb.runtime-image",
        "deb.check",
    ];
    check("none", "  image: {}\n", &image);
}

#[test]
fn a_step_knows_its_neighbours_and_all_that_it_stands_on() {
    let graph = Graph::new(flavour("deb", false)).unwrap();
    let image = Address::typed("deb.image");
    let needs: Vec<_> = graph
        .needs(&image)
        .into_iter()
        .map(Address::as_str)
        .collect();
    assert_eq!(needs, ["deb.base", "deb.dockerfile"]);
    let readers: Vec<_> = graph
        .needed_by(&image)
        .into_iter()
        .map(Address::as_str)
        .collect();
    assert_eq!(readers, ["deb.dependencies", "deb.wheel"]);
    assert_eq!(
        graph.with_needs(&addresses(&["deb.image", "source"])),
        addresses(&["deb.base", "deb.dockerfile", "deb.image", "source"])
    );
    assert!(graph.needs(&Address::typed("deb.nothing")).is_empty());
}

#[test]
fn included_files_are_found_as_pip_finds_them() {
    let check = |path: &str, text: &str, expected: Result<&[&str], &str>| {
        let found = included_files(&RelPath::new(path).unwrap(), text)
            .map(|paths| paths.iter().map(RelPath::to_string).collect::<Vec<_>>())
            .map_err(|(target, _)| target);
        let expected = expected
            .map(|paths| paths.iter().map(|path| (*path).to_owned()).collect())
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{text:?}");
    };
    check("c.txt", "a==1\n# -r no.txt\n", Ok(&[]));
    check(
        "limits/c.txt",
        "-c more.txt\n-r ../r.txt # why\n",
        Ok(&["limits/more.txt", "r.txt"]),
    );
    check(
        "c.txt",
        "--requirement=r.txt\n --constraint  c/d.txt\n",
        Ok(&["r.txt", "c/d.txt"]),
    );
    check("c.txt", "-r https://index.example/r.txt\n", Ok(&[]));
    check("c.txt", "-r ../r.txt\n", Err("../r.txt"));
    check("c.txt", "-r /r.txt\n", Err("/r.txt"));
    // pip's short options also come without a space.
    check("c.txt", "-rr.txt\n", Ok(&["r.txt"]));
}
