//! Edits of a project, of its workspace and of the engine, and histories of them.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use crate::model::{Asked, Model, evaluate};
use crate::world::{
    BASES, FIXED_FILES, FLAVOURS, FREE_FILES, File, Flavour, PACKAGES, World, constraints, requires,
};

/// Something that happens between two applies. Numbers are taken modulo what there is to choose from.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    Write(usize, u8),
    Remove(usize),
    Add(u8),
    Chmod(usize),
    WriteFixed(usize, u8),
    Constraints(u8),
    Requires(u8),
    Operator(u8),
    AddFlavour(usize),
    RemoveFlavour(usize),
    Package(usize, usize),
    Switch(usize, Switch),
    Environment(usize, u8),
    ChangeBase(usize, usize),
    MoveBase(usize, u8),
    PruneBase(usize),
    PruneImage(usize),
    DeleteLeft(usize),
    AlterLeft(usize),
    Stray(usize, u8),
    AlterCopy(usize),
    DeleteFromCopy(usize),
    AddToCopy(u8),
    TouchAll,
}

/// What a flavour has or has not.
#[derive(Clone, Copy, Debug)]
pub enum Switch {
    Buildscript,
    Web,
    Constraints,
    BuildConstraints,
    Requirements,
    Operator,
}

/// What an edit does beyond the project: in the workspace or in the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Gives a file of the workspace this text.
    Write(String, String),
    /// Deletes a file of the workspace.
    Delete(String),
    /// Lets an image's name resolve to this id.
    Move(&'static str, String),
    /// Takes a base image from the engine; its registry still has it.
    Prune(&'static str),
    /// Takes the builder image of this step from the engine.
    ForgetImage(String),
    /// Gives every file of the source a new modification time.
    Touch,
}

/// What happens, and then how an apply is asked for.
#[derive(Clone, Debug)]
pub struct Round {
    pub edits: Vec<Edit>,
    pub target: Option<usize>,
    pub replace: Option<usize>,
    pub jobs: usize,
}

impl Edit {
    /// Makes the edit in the project and in the model; returns what is to be done beside that.
    pub fn perform(self, world: &mut World, model: &mut Model) -> Vec<Effect> {
        match self {
            Self::Write(n, version) => {
                let name = FREE_FILES[n % FREE_FILES.len()].to_owned();
                world
                    .files
                    .insert(name, File::plain(format!("# {version}\n")));
            }
            Self::Remove(n) => {
                world.files.remove(FREE_FILES[n % FREE_FILES.len()]);
            }
            Self::Add(n) => {
                let name = format!("pkg/extra_{n}.py");
                world.files.insert(name, File::plain("extra\n"));
            }
            Self::Chmod(n) => {
                let count = world.files.len();
                if let Some(file) = world.files.values_mut().nth(n % count) {
                    file.executable = !file.executable;
                }
            }
            Self::WriteFixed(n, version) => {
                let name = FIXED_FILES[n % FIXED_FILES.len()].to_owned();
                world
                    .files
                    .insert(name, File::plain(format!("# {version}\n")));
            }
            Self::Constraints(variant) => {
                let file = File::plain(constraints(variant));
                world.files.insert("limits/top.txt".to_owned(), file);
            }
            Self::Requires(bits) => {
                let file = File::plain(requires(bits));
                world.files.insert("requires.txt".to_owned(), file);
            }
            Self::Operator(version) => world.operator_text = version,
            Self::AddFlavour(n) => {
                world.flavours.entry(n % FLAVOURS.len()).or_default();
            }
            Self::RemoveFlavour(n) if world.flavours.len() > 1 => {
                let key = *nth(world.flavours.keys(), n);
                world.flavours.remove(&key);
            }
            Self::RemoveFlavour(_) => {}
            Self::Package(n, package) => {
                let packages = &mut flavour(world, n).packages;
                if !packages.remove(&(package % PACKAGES.len())) {
                    packages.insert(package % PACKAGES.len());
                }
            }
            Self::Switch(n, switch) => {
                let flavour = flavour(world, n);
                let which = match switch {
                    Switch::Buildscript => &mut flavour.buildscript,
                    Switch::Web => &mut flavour.web,
                    Switch::Constraints => &mut flavour.constraints,
                    Switch::BuildConstraints => &mut flavour.build_constraints,
                    Switch::Requirements => &mut flavour.requirements,
                    Switch::Operator => &mut flavour.operator,
                };
                *which = !*which;
            }
            Self::Environment(n, value) => flavour(world, n).environment = value,
            Self::ChangeBase(n, base) => flavour(world, n).base = base % BASES.len(),
            Self::MoveBase(..)
            | Self::PruneBase(_)
            | Self::PruneImage(_)
            | Self::DeleteLeft(_)
            | Self::AlterLeft(_)
            | Self::Stray(..)
            | Self::AlterCopy(_)
            | Self::DeleteFromCopy(_)
            | Self::AddToCopy(_)
            | Self::TouchAll => return self.around(model),
        }
        Vec::new()
    }

    /// Tells whether the edit leaves alone what steps left.
    pub fn spares_the_workspace(&self) -> bool {
        !matches!(
            self,
            Self::PruneImage(_)
                | Self::DeleteLeft(_)
                | Self::AlterLeft(_)
                | Self::AlterCopy(_)
                | Self::DeleteFromCopy(_)
                | Self::AddToCopy(_)
        )
    }

    /// Makes an edit that is none of the project.
    fn around(self, model: &mut Model) -> Vec<Effect> {
        let copied = model.records.contains_key("source") && !model.copy_damaged;
        let left: Vec<String> = model.disk.keys().cloned().collect();
        let effect = match self {
            Self::MoveBase(n, to) => {
                let (base, id) = (BASES[n % BASES.len()], format!("sha256:moved-to-{to}"));
                model.bases.insert(base, Some(id.clone()));
                Effect::Move(base, id)
            }
            Self::PruneBase(n) => {
                let base = BASES[n % BASES.len()];
                model.bases.insert(base, None);
                Effect::Prune(base)
            }
            Self::PruneImage(n) if !model.images.is_empty() => {
                let step = nth(model.images.keys(), n).clone();
                // Flavours whose images are equal have one.
                let id = model.images.remove(&step);
                model.images.retain(|_, other| Some(&*other) != id.as_ref());
                Effect::ForgetImage(step)
            }
            Self::DeleteLeft(n) if !left.is_empty() => {
                let path = nth(left.iter(), n).clone();
                model.disk.remove(&path);
                Effect::Delete(path)
            }
            Self::AlterLeft(n) if !left.is_empty() => {
                let path = nth(left.iter(), n).clone();
                model.disk.insert(path.clone(), "altered".to_owned());
                Effect::Write(path, "altered".to_owned())
            }
            Self::Stray(n, number) => {
                let folder = match n % (FLAVOURS.len() + 2) {
                    4 => "",
                    5 => "build/",
                    n => &format!("build/wheelhouse/{}/", FLAVOURS[n]),
                };
                let path = format!("{folder}mine_{number}-1-py3-none-any.whl");
                model.strays.insert(path.clone());
                Effect::Write(path, "mine".to_owned())
            }
            Self::AlterCopy(n) if copied => {
                model.copy_damaged = true;
                let name = FIXED_FILES[n % FIXED_FILES.len()];
                Effect::Write(format!("source/{name}"), "altered".to_owned())
            }
            Self::DeleteFromCopy(n) if copied => {
                model.copy_damaged = true;
                Effect::Delete(format!("source/{}", FIXED_FILES[n % FIXED_FILES.len()]))
            }
            Self::AddToCopy(n) if copied => {
                model.copy_damaged = true;
                Effect::Write(format!("source/foreign_{n}.py"), "foreign".to_owned())
            }
            _ => Effect::Touch,
        };
        vec![effect]
    }
}

fn nth<T>(mut all: impl ExactSizeIterator<Item = T>, n: usize) -> T {
    let count = all.len();
    all.nth(n % count).expect("there is one to choose")
}

fn flavour(world: &mut World, n: usize) -> &mut Flavour {
    let key = *nth(world.flavours.keys(), n);
    world
        .flavours
        .get_mut(&key)
        .expect("the key was found there")
}

impl Round {
    /// Names what is asked for: a flavour by an even number, a step by an odd one.
    pub fn asked(&self, world: &World) -> Asked {
        let steps: Vec<String> = evaluate(world, &BTreeMap::new())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let name = |n: usize| {
            let step = nth(steps.iter(), n / 2);
            match step.split_once('.') {
                Some((flavour, _)) if n.is_multiple_of(2) => flavour.to_owned(),
                _ => step.clone(),
            }
        };
        Asked {
            target: self.target.map(name),
            replace: self.replace.map(name),
        }
    }
}

fn switch() -> impl Strategy<Value = Switch> {
    prop::sample::select(vec![
        Switch::Buildscript,
        Switch::Web,
        Switch::Constraints,
        Switch::BuildConstraints,
        Switch::Requirements,
        Switch::Operator,
    ])
}

fn edit() -> impl Strategy<Value = Edit> {
    let n = || any::<usize>();
    let version = || 0u8..4;
    prop_oneof![
        3 => (n(), version()).prop_map(|(n, v)| Edit::Write(n, v)),
        1 => n().prop_map(Edit::Remove),
        1 => version().prop_map(Edit::Add),
        1 => n().prop_map(Edit::Chmod),
        2 => (n(), version()).prop_map(|(n, v)| Edit::WriteFixed(n, v)),
        1 => version().prop_map(Edit::Constraints),
        2 => (0u8..16).prop_map(Edit::Requires),
        1 => version().prop_map(Edit::Operator),
        1 => n().prop_map(Edit::AddFlavour),
        1 => n().prop_map(Edit::RemoveFlavour),
        2 => (n(), n()).prop_map(|(n, p)| Edit::Package(n, p)),
        3 => (n(), switch()).prop_map(|(n, s)| Edit::Switch(n, s)),
        1 => (n(), version()).prop_map(|(n, v)| Edit::Environment(n, v)),
        1 => (n(), n()).prop_map(|(n, b)| Edit::ChangeBase(n, b)),
        1 => (n(), version()).prop_map(|(n, v)| Edit::MoveBase(n, v)),
        1 => n().prop_map(Edit::PruneBase),
        1 => n().prop_map(Edit::PruneImage),
        2 => n().prop_map(Edit::DeleteLeft),
        2 => n().prop_map(Edit::AlterLeft),
        1 => (n(), version()).prop_map(|(n, v)| Edit::Stray(n, v)),
        1 => n().prop_map(Edit::AlterCopy),
        1 => n().prop_map(Edit::DeleteFromCopy),
        1 => version().prop_map(Edit::AddToCopy),
        1 => Just(Edit::TouchAll),
    ]
}

prop_compose! {
    fn any_flavour()(
        base in 0..BASES.len(),
        packages in btree_set(0..PACKAGES.len(), 0..2),
        on in any::<[bool; 6]>(),
        environment in 0u8..2,
    ) -> Flavour {
        let [buildscript, web, constraints, build_constraints, requirements, operator] = on;
        Flavour {
            base, packages, buildscript, web, constraints, build_constraints, requirements,
            operator, environment,
        }
    }
}

/// Projects with one to four flavours.
pub fn world() -> impl Strategy<Value = World> {
    (
        btree_map(0..FLAVOURS.len(), any_flavour(), 1..=4),
        any::<bool>(),
    )
        .prop_map(|(flavours, outside)| World::new(flavours, outside))
}

/// Histories of up to `length` rounds, with targets or always of the whole project.
pub fn history(length: usize, targets: bool) -> impl Strategy<Value = Vec<Round>> {
    let some = |often| prop::option::weighted(often, any::<usize>());
    let round = (vec(edit(), 0..4), some(0.2), some(0.1), 1usize..=4);
    let round = round.prop_map(move |(edits, target, replace, jobs)| Round {
        edits,
        target: target.filter(|_| targets),
        replace,
        jobs,
    });
    vec(round, 1..=length)
}
