//! The reference model: what every step is made from, computed from scratch, and what has to run.
//!
//! It shares no code with `builder`. A step's inputs and what it leaves are written out as texts;
//! two texts are equal exactly when the real contents are.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{BASES, FLAVOURS, Flavour, PACKAGES, World};

/// A step by its address.
pub type Name = String;

/// A step as it should be: what enters it, and what it leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    pub inputs: BTreeMap<&'static str, String>,
    pub needs: Vec<Name>,
    /// What it leaves, by the path in the workspace.
    pub files: BTreeMap<String, String>,
    pub image: Option<String>,
    /// The base image that it pulls when the engine has none.
    pub base: Option<&'static str>,
}

/// What was built before, and what became of it since.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub records: BTreeMap<Name, Made>,
    /// The files that steps left, as they are on disk now.
    pub disk: BTreeMap<String, String>,
    /// Whether somebody touched the copy of the source.
    pub copy_damaged: bool,
    /// The builder images that the engine has.
    pub images: BTreeMap<Name, String>,
    /// Base images that are not what their name first resolved to; `None` is one that is not there.
    pub bases: BTreeMap<&'static str, Option<String>>,
    /// The user's own files in the workspace.
    pub strays: BTreeSet<String>,
}

/// What is asked for on the command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub target: Option<Name>,
    pub replace: Option<Name>,
}

fn text(parts: &[&str]) -> String {
    parts.join("\u{1}")
}

impl World {
    /// Writes out these files and all that they include, as pip would read them.
    fn pip_files(&self, flavour: &Flavour, settings: &[(bool, &str)]) -> String {
        let mut found = String::new();
        if flavour.operator && settings.iter().any(|(_, path)| *path == "limits/top.txt") {
            found += &format!("operator {}\n", self.operator_text);
        }
        for (_, path) in settings.iter().filter(|(on, _)| *on) {
            let file = &self.files[*path].text;
            found += &text(&[path, file]);
            if file.contains("-c more/deep.txt") {
                found += &text(&["deep", &self.files["limits/more/deep.txt"].text]);
            }
        }
        found
    }
}

/// Evaluates every step of a project from scratch, in an order in which they could run.
pub fn evaluate(
    world: &World,
    bases: &BTreeMap<&'static str, Option<String>>,
) -> Vec<(Name, Made)> {
    let source = world.source();
    let tree = format!("{source:?}");
    let copy = Made {
        inputs: BTreeMap::from([("source", tree.clone())]),
        ..Made::default()
    };
    let mut steps = vec![("source".to_owned(), copy)];
    for (number, flavour) in &world.flavours {
        let name = FLAVOURS[*number];
        let address = |part: &str| format!("{name}.{part}");
        let base = BASES[flavour.base];
        let id = bases.get(base).cloned().flatten().unwrap_or_default() + base;
        let packages: Vec<_> = flavour.packages.iter().map(|n| PACKAGES[*n]).collect();
        // It does not name the flavour: equal flavours have equal images.
        let dockerfile = text(&[base, &packages.join(" ")]);

        steps.push((
            address("base"),
            Made {
                inputs: BTreeMap::from([("base image", id.clone())]),
                files: BTreeMap::from([(format!(".builder/facts/{name}.json"), String::new())]),
                base: Some(base),
                ..Made::default()
            },
        ));
        steps.push((
            address("dockerfile"),
            Made {
                inputs: BTreeMap::from([("text", dockerfile.clone())]),
                files: BTreeMap::from([(format!("{name}-builder.dockerfile"), dockerfile.clone())]),
                ..Made::default()
            },
        ));
        steps.push((
            address("image"),
            Made {
                inputs: BTreeMap::from([("dockerfile", dockerfile.clone()), ("base", id.clone())]),
                needs: vec![address("base"), address("dockerfile")],
                // The fake engine makes an image of the dockerfile alone.
                image: Some(dockerfile.clone()),
                ..Made::default()
            },
        ));

        let common = BTreeMap::from([
            ("image", text(&[&dockerfile, &id])),
            ("environment", flavour.environment.to_string()),
            (
                "build constraints",
                world.pip_files(flavour, &[(flavour.build_constraints, "limits/build.txt")]),
            ),
        ]);
        let resolution = world.pip_files(
            flavour,
            &[
                (flavour.constraints, "limits/top.txt"),
                (flavour.requirements, "requirements.txt"),
            ],
        );
        let wheelhouse = |file: &str| format!("build/wheelhouse/{name}/{file}-py3-none-any.whl");
        let shipped: Vec<_> = source
            .iter()
            .filter(|(path, _)| !path.starts_with("tests/"))
            .map(|(path, file)| (path, &file.text))
            .collect();
        let own = text(&[&dockerfile, &format!("{shipped:?}")]);
        let own = BTreeMap::from([(wheelhouse("fake_project-1.0"), own)]);

        if flavour.buildscript {
            let mut inputs = common;
            inputs.insert("source", tree.clone());
            inputs.insert("resolution", resolution);
            let made = Made {
                inputs,
                needs: vec!["source".to_owned(), address("image")],
                files: own,
                ..Made::default()
            };
            steps.push((address("wheels"), made));
            continue;
        }
        let requires = &source["requires.txt"].text;
        let web = flavour.web.to_string();
        let built = requires.lines().map(|line| {
            let name: String = line
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            (wheelhouse(&format!("{name}-1")), text(&[line, &web]))
        });
        let dependencies = Made {
            inputs: common
                .clone()
                .into_iter()
                .chain([
                    ("requirements", requires.clone()),
                    ("extras", web.clone()),
                    ("resolution", resolution),
                ])
                .collect(),
            needs: vec![address("wheel"), address("image")],
            files: built.collect(),
            ..Made::default()
        };
        let mut inputs = common;
        inputs.insert("source", tree.clone());
        let wheel = Made {
            inputs,
            needs: vec!["source".to_owned(), address("image")],
            files: own,
            ..Made::default()
        };
        steps.push((address("wheel"), wheel));
        steps.push((address("dependencies"), dependencies));
    }
    steps
}

/// Tells whether a name that was typed means a step.
fn means(typed: &str, step: &str) -> bool {
    typed == step
        || step
            .split_once('.')
            .is_some_and(|(flavour, _)| flavour == typed)
}

impl Model {
    /// Returns the steps that are looked at: the targets and all that they need.
    fn wanted(steps: &[(Name, Made)], asked: &Asked) -> BTreeSet<Name> {
        let mut wanted = BTreeSet::new();
        for (name, made) in steps.iter().rev() {
            let aimed = asked.target.as_ref().is_none_or(|typed| means(typed, name));
            if aimed || wanted.contains(name) {
                wanted.insert(name.clone());
                wanted.extend(made.needs.iter().cloned());
            }
        }
        wanted
    }

    /// Tells whether what a record says a step left is not there as it was left.
    fn is_damaged(&self, name: &str, record: &Made) -> bool {
        let files = record
            .files
            .iter()
            .any(|(path, was)| self.disk.get(path) != Some(was));
        let image = record
            .image
            .as_ref()
            .is_some_and(|id| self.images.get(name) != Some(id));
        files || image || (name == "source" && self.copy_damaged)
    }

    /// Returns the steps that have to run, and no others.
    pub fn must_run(&self, world: &World, asked: &Asked) -> BTreeSet<Name> {
        let steps = evaluate(world, &self.bases);
        let wanted = Self::wanted(&steps, asked);
        let must = steps.iter().filter(|(name, made)| {
            let replaced = asked
                .replace
                .as_ref()
                .is_some_and(|typed| means(typed, name));
            let awaits = made
                .base
                .is_some_and(|base| self.bases.get(base) == Some(&None));
            wanted.contains(name)
                && self.records.get(name).is_none_or(|record| {
                    record.inputs != made.inputs
                        || self.is_damaged(name, record)
                        || replaced
                        || awaits
                })
        });
        must.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the steps whose leavings have to go.
    pub fn must_go(&self, world: &World, asked: &Asked) -> BTreeSet<Name> {
        if asked.target.is_some() {
            return BTreeSet::new();
        }
        let steps: BTreeMap<_, _> = evaluate(world, &self.bases).into_iter().collect();
        let gone = self
            .records
            .keys()
            .filter(|name| !steps.contains_key(*name));
        gone.cloned().collect()
    }

    /// Takes note of an apply that ended well.
    pub fn applied(&mut self, world: &World, asked: &Asked) {
        let ran = self.must_run(world, asked);
        let gone = self.must_go(world, asked);
        for (name, made) in evaluate(world, &self.bases) {
            if ran.contains(&name) {
                self.copy_damaged &= name != "source";
                if let Some(base) = made.base.filter(|base| self.bases.get(base) == Some(&None)) {
                    self.bases.remove(base);
                }
                if let Some(image) = &made.image {
                    self.images.insert(name.clone(), image.clone());
                    // An image that is there again is there for every flavour that has the same.
                    let equal = { self.records.iter() }
                        .filter(|(_, record)| record.image.as_ref() == Some(image));
                    self.images
                        .extend(equal.map(|(name, _)| (name.clone(), image.clone())));
                }
                self.disk.extend(made.files.clone());
                let before = self.records.insert(name, made);
                self.forget(before);
            }
        }
        for name in gone {
            self.images.remove(&name);
            let before = self.records.remove(&name);
            self.forget(before);
        }
    }

    /// Drops the files of a record that no record has any more.
    fn forget(&mut self, before: Option<Made>) {
        let records = &self.records;
        let claimed = |path: &String| records.values().any(|made| made.files.contains_key(path));
        for path in before.into_iter().flat_map(|made| made.files.into_keys()) {
            if !claimed(&path) {
                self.disk.remove(&path);
            }
        }
    }

    /// Returns the files that must be in the wheelhouses, the user's own among them.
    pub fn wheelhouses(&self) -> BTreeSet<String> {
        let files = self.disk.keys().chain(&self.strays);
        files
            .filter(|path| path.starts_with("build/"))
            .cloned()
            .collect()
    }
}
