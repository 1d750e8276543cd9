//! Apply, edit, apply: what of package and image is made again, and what the plan says of it.

use std::fs;

use crate::parcel::{CONFIG, checked, named, package};
use crate::runtime::runtime;
use crate::site::{Site, docker, finish};

/// The layers of the runtime image, and its id.
fn layers(site: &Site) -> Vec<String> {
    let image = runtime(site, "deb");
    let format = "{{range .RootFS.Layers}}{{println .}}{{end}}";
    let layers = docker(&["inspect", "--format", format, &image]);
    layers.split_whitespace().map(str::to_owned).collect()
}

/// Expects that a plan, with its warnings, says something.
fn plan_says(site: &Site, text: &str) {
    let plan = finish(&mut site.command(&["plan"])).ends_with(0);
    let whole = format!("{}{}", plan.out, plan.err);
    assert!(whole.contains(text), "no `{text}` in\n{whole}");
}

#[test]
fn a_change_of_code_makes_the_application_again_and_leaves_the_dependencies() {
    let site = Site::with("station").config(CONFIG);
    site.built();
    assert_eq!(named(&site, "deb"), "station_1.2.0-1~deb12_all.deb");
    let (before, bytes) = (
        layers(&site),
        fs::read(package(&site, "deb")).expect("read"),
    );

    // A test, which is in no wheel: the wheel's bytes stay, and with them all that follows.
    site.write(
        "tests/test_station.py",
        "def test_nothing():\n    assert True\n",
    );
    let ended = site.built();
    assert_eq!(ended.ran(), ["source", "deb.wheel"], "{}", ended.err);
    for step in [
        "deb.application",
        "deb.package",
        "deb.runtime-image",
        "deb.check",
    ] {
        assert!(
            ended.err.contains(&format!("{step}: skipped, ")),
            "{step}: {}",
            ended.err
        );
    }
    assert_eq!(layers(&site), before);
    assert!(fs::read(package(&site, "deb")).expect("read") == bytes);

    // Code: the version stays, so the revision grows.
    site.edit("src/station/serve.py", "departure by", "departing by");
    plan_says(&site, "revision grows to 2 if the version stays 1.2.0");
    let ended = site.built();
    let mut ran = ended.ran();
    ran.sort_unstable();
    assert_eq!(
        ran,
        [
            "deb.application",
            "deb.check",
            "deb.package",
            "deb.runtime-image",
            "deb.wheel",
            "source"
        ],
        "{}",
        ended.err
    );
    assert_eq!(named(&site, "deb"), "station_1.2.0-2~deb12_all.deb");
    let after = layers(&site);
    let last = after.len() - 1;
    assert_eq!(after.len(), before.len());
    assert_eq!(
        after[..last],
        before[..last],
        "all but the application's layer"
    );
    assert_ne!(after[last], before[last]);
    checked(
        &site,
        "deb.check",
        &[
            "ok   upgrade from 1.2.0-1~deb12 to 1.2.0-2~deb12",
            "ok   works after the upgrade",
            "ok   nothing is left over after the upgrade",
        ],
    );
    site.is_done();

    // A version from which no upgrade leads, and then one to which one does.
    site.edit("pyproject.toml", "1.2.0", "1.2.0rc1");
    plan_says(
        &site,
        "deb.package: version 1.2.0rc1 sorts below 1.2.0, which was built before",
    );
    site.edit("pyproject.toml", "1.2.0rc1", "1.10");
    let plan = finish(&mut site.command(&["plan"])).ends_with(0);
    let whole = format!("{}{}", plan.out, plan.err);
    assert!(!whole.contains("sorts below"), "{whole}");
    site.built();
    assert_eq!(named(&site, "deb"), "station_1.10-1~deb12_all.deb");
    checked(
        &site,
        "deb.check",
        &["ok   upgrade from 1.2.0-2~deb12 to 1.10-1~deb12"],
    );
    site.is_done();
    assert_eq!(site.images().len(), 3, "builder, check and runtime image");
}
