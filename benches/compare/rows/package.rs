//! Row 6: one module of a project changed, and its package is made anew.

use std::fs;
use std::path::Path;

use crate::measure::{Contender, Outcome, in_turn, there_is, timed};
use crate::rows::site::{BASE, Site, buildkit, docker, edit};
use crate::rows::wheel::host;
use crate::table::{Comparison, Target, Unit};
use crate::trees::{empty, project, write};

/// What the project requires: distributions that all have wheels, some with compiled code.
const REQUIRED: [&str; 10] = [
    "aiohttp",
    "attrs",
    "click",
    "cryptography",
    "jinja2",
    "msgpack",
    "pydantic",
    "pyyaml",
    "requests",
    "sqlalchemy",
];

/// A project of 300 modules and ten requirements, of which one module changed. Plan and apply to a
/// new `.deb`, which is also installed, run, upgraded and purged in a clean container, beside
///
/// - `dpkg-buildpackage` with dh-virtualenv on this machine, with its virtual environment made anew
///   as it always is; nothing tries the package;
/// - a layered `docker build` (requirements in a layer of their own), then `docker cp` of the
///   environment and `dpkg-deb` with its defaults; nothing tries the package either.
pub fn measure(runs: usize) -> Outcome<Vec<Comparison>> {
    let config = format!("deb:\n  base_image: {BASE}\n");
    let site = Site::new("package", &config, None)?;
    let required = REQUIRED.map(str::to_owned);
    project(&site.project, "own", 300, &required, "deb:\n")?;
    site.apply(&[])?;
    let file = site.project.join("src/own/part_1/m123.py");
    let ours = |_| {
        let seconds = site.apply(&[])?;
        a_package(&site.workspace.join("build/packages/deb"))?;
        Ok(seconds)
    };

    let layered = site.root.join("layered");
    let docker_way = |_| docker_and_dpkg(&site, &layered);
    let mut contenders = vec![
        Contender::new(ours).after(|_| edit(&file)),
        Contender::new(docker_way).after(|_| edit(&file)),
    ];

    let debian = site.root.join("debian-way");
    let has_dh = there_is("dh_virtualenv");
    if has_dh {
        let tree = debian.join("own");
        project(&tree, "own", 300, &required, "deb:\n")?;
        debianise(&tree, &required)?;
        let changed = tree.join("src/own/part_1/m123.py");
        let debian = debian.clone();
        contenders.push(
            Contender::new(move |_| {
                let seconds =
                    timed(host("dpkg-buildpackage", &tree).args(["--build=binary", "--no-sign"]))?;
                a_package(&debian)?;
                Ok(seconds)
            })
            .after(move |_| edit(&changed)),
        );
    } else {
        eprintln!("  dh-virtualenv is not here; benches/peers.sh installs it");
    }
    let samples = in_turn(runs, false, contenders)?;
    let beside = |number: usize, peer: &str, target| Comparison {
        work: "one module changed: plan and apply to a new, checked `.deb`".to_owned(),
        ours: samples[0].clone(),
        peer: peer.to_owned(),
        theirs: samples[number].clone(),
        unit: Unit::Seconds,
        target,
    };
    let mut comparisons = vec![beside(
        1,
        "layered `docker build` and `dpkg-deb`, unchecked",
        Target::Faster(2.0),
    )];
    if has_dh {
        comparisons.push(beside(2, "dh-virtualenv, unchecked", Target::Faster(5.0)));
    }
    Ok(comparisons)
}

fn a_package(folder: &Path) -> Outcome<()> {
    let found = fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(Result::ok)
        .any(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "deb")
        });
    match found {
        true => Ok(()),
        false => Err(format!("{} has no package", folder.display()).into()),
    }
}

fn docker_and_dpkg(site: &Site, folder: &Path) -> Outcome<f64> {
    empty(folder)?;
    let dockerfile = folder.join("Dockerfile");
    let bundle = std::env::var("PIP_CERT").ok();
    // The bundle lies in the context, so that a build behind a proxy that inspects TLS works.
    let trusting = match &bundle {
        Some(path) => {
            fs::copy(path, site.project.join("trust.pem"))?;
            "COPY trust.pem /trust.pem\nENV PIP_CERT=/trust.pem\n"
        }
        None => "",
    };
    write(
        &dockerfile,
        &format!(
            "FROM {BASE}\n{trusting}RUN python -m venv /opt/own\n\
             RUN /opt/own/bin/pip install {}\n\
             COPY pyproject.toml /source/\nCOPY src /source/src\n\
             RUN /opt/own/bin/pip install --no-deps /source\n",
            REQUIRED.join(" ")
        ),
    )?;
    let tree = folder.join("tree");
    write(
        &tree.join("DEBIAN/control"),
        "Package: own\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: Bench <bench@example.invalid>\n\
         Depends: python3.11\nDescription: a project of 300 modules\n",
    )?;
    fs::create_dir_all(tree.join("opt"))?;
    let tag = "builder-bench-layered";
    let mut build = buildkit();
    build.args(["--tag", tag, "--file"]);
    let mut seconds = timed(build.arg(&dockerfile).arg(&site.project))?;
    let name = "builder-bench-layered";
    seconds += timed(&mut docker(&["create", "--name", name, tag]))?;
    let copied = timed(docker(&["cp", &format!("{name}:/opt/own")]).arg(tree.join("opt/own")));
    let removed = timed(&mut docker(&["rm", "--force", name]));
    seconds += copied? + removed?;
    seconds +=
        timed(host("dpkg-deb", folder).args(["--build", "--root-owner-group", "tree", "own.deb"]))?;
    a_package(folder)?;
    if bundle.is_some() {
        fs::remove_file(site.project.join("trust.pem"))?;
    }
    Ok(seconds)
}

/// Writes the folder `debian` as dh-virtualenv's own guide has it.
fn debianise(tree: &Path, required: &[String]) -> Outcome<()> {
    write(
        &tree.join("requirements.txt"),
        &(required.join("\n") + "\n"),
    )?;
    write(
        &tree.join("debian/control"),
        "Source: own\nSection: python\nPriority: optional\nMaintainer: Bench <bench@example.invalid>\n\
         Build-Depends: debhelper-compat (= 13), dh-virtualenv, python3\nStandards-Version: 4.6.2\n\n\
         Package: own\nArchitecture: any\nDepends: ${misc:Depends}, python3\n\
         Description: a project of 300 modules\n It is measured.\n",
    )?;
    write(
        &tree.join("debian/changelog"),
        "own (1.0-1) unstable; urgency=medium\n\n  * Measured.\n\n \
         -- Bench <bench@example.invalid>  Thu, 01 Jan 2026 00:00:00 +0000\n",
    )?;
    // Libraries that wheels bring are no packages of the distribution, and dwz fails on some.
    write(
        &tree.join("debian/rules"),
        "#!/usr/bin/make -f\n%:\n\tdh $@ --with python-virtualenv\n\n\
         override_dh_virtualenv:\n\tdh_virtualenv --builtin-venv --python /usr/bin/python3\n\n\
         override_dh_shlibdeps:\noverride_dh_dwz:\n",
    )?;
    timed(host("chmod", tree).args(["+x", "debian/rules"]))?;
    Ok(())
}
