//! The runtime image: what is in it, who it runs as, and that it serves.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::site::{BASE, Site, docker, finish, image};

/// The project's file for an image alone.
const WEB: &str = "web:\n  image:\n    ports: [\"8080\"]\n    command: [--host, 0.0.0.0]\n";

/// The name of the runtime image of a flavour.
pub fn runtime(site: &Site, flavour: &str) -> String {
    let label = site.label().expect("the workspace has a manifest");
    let step = format!("label=builder.step={flavour}.runtime-image");
    let format = "{{.Repository}}:{{.Tag}}";
    let filters = ["--filter", &label, "--filter", &step, "--format", format];
    let name = docker(&[&["images"], &filters[..]].concat());
    name.trim().to_owned()
}

/// Removes a container when the test ends, however it ends.
struct Running(String);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", "--volumes", &self.0])
            .output();
    }
}

/// Asks a server for a path, for as long as it takes it to start.
fn get(address: &str, path: &str) -> String {
    let mut cause = String::new();
    for _ in 0..100 {
        let answer = TcpStream::connect(address).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(stream, "GET {path} HTTP/1.0\r\nHost: station\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text).map(|_| text)
        });
        match answer {
            Ok(text) if !text.is_empty() => return text,
            Ok(_) => cause = "an empty answer".to_owned(),
            Err(error) => cause = error.to_string(),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{address} does not answer: {cause}")
}

#[test]
fn a_runtime_image_serves_as_another_user_than_root_with_a_read_only_root() {
    let site = Site::with("station")
        .config("web:\n  base_image: base-cpython-debian12\n  runtime_image: debian:12-slim\n");
    site.write(".build.yml", WEB);
    site.built();
    let image = runtime(&site, "web");
    let options = [
        "run",
        "--detach",
        "--read-only",
        "--publish",
        "127.0.0.1::8080",
    ];
    let container = docker(&[&options[..], &[&image]].concat());
    let running = Running(container.trim().to_owned());
    let address = docker(&["port", &running.0, "8080/tcp"]);
    let answer = get(address.lines().next().unwrap_or_default(), "/platform/9");
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with("departure by uid 10001 from /platform/9"),
        "{answer}"
    );

    let inspect = |format: &str| docker(&["inspect", "--format", format, &image]);
    let config = inspect("{{.Config.User}} {{.Config.Entrypoint}} {{.Config.Cmd}}");
    assert_eq!(
        config.trim(),
        "10001:10001 [/opt/station/bin/station] [--host 0.0.0.0]"
    );
    let label = |name: &str| {
        let format = format!("{{{{index .Config.Labels \"org.opencontainers.image.{name}\"}}}}");
        inspect(&format).trim().to_owned()
    };
    for (name, value) in [
        ("title", "station"),
        ("version", "1.2.0"),
        ("licenses", "MIT"),
        ("base.name", "debian:12-slim"),
        ("description", "Tells the time of departure over HTTP"),
        ("url", "https://station.example/"),
    ] {
        assert_eq!(label(name), value, "{name}");
    }

    // Neither what it was built with, nor what it was built from.
    let script = "for name in pip pip3 gcc cc make; do command -v $name; done; \
                  find / -xdev \\( -name '*.whl' -o -name 'pip' -o -name 'wheelhouse' -o -name '*.deb' \\
                  -o -path '/var/lib/apt/lists/*_*' -o -path '/root/.cache' -o -name '*.tar' \\) 2>/dev/null; true";
    let options = ["run", "--rm", "--network", "none", "--user", "0"];
    let more = ["--entrypoint", "sh", &image, "-c", script];
    assert_eq!(docker(&[&options[..], &more].concat()), "");
    site.is_done();
}

#[test]
fn several_console_scripts_want_an_entry_point_and_the_error_says_how() {
    let site = Site::with("station").config(&format!("web:\n  base_image: {BASE}\n"));
    site.write(".build.yml", WEB);
    site.edit(
        "pyproject.toml",
        "[project.scripts]\n",
        "[project.scripts]\narrivals = \"station.serve:main\"\n",
    );
    let ended = site.apply().ends_with(1);
    let ended = ended.says("the project has 2 console scripts: arrivals, station");
    ended.says("choose one in .build.yml: image: {entrypoint: [arrivals]}");
    site.edit(
        ".build.yml",
        "  image:\n",
        "  image:\n    entrypoint: [station, --port, \"9\"]\n    environment: {PLATFORM: \"9 and 3/4\"}\n",
    );
    site.built();
    let image = runtime(&site, "web");
    let format = "{{.Config.Entrypoint}} {{.Config.Env}}";
    let config = docker(&["inspect", "--format", format, &image]);
    assert!(config.starts_with("[station --port 9] "), "{config}");
    assert!(config.contains("PLATFORM=9 and 3/4"), "{config}");
    let ended = finish(Command::new("docker").args(["run", "--rm", &image, "--help"]));
    ended.ends_with(0);
}

#[test]
fn the_certificate_authorities_of_the_operator_reach_the_build_and_not_the_image() {
    // A base whose installer notes which bundle the environment names, and what is in it.
    let mut keeper = Site::new();
    let base = image(
        &mut keeper,
        "noting",
        &format!(
            "FROM {BASE}\nCOPY noting /usr/local/bin/noting\nRUN chmod 755 /usr/local/bin/noting\n\
             ENV INSTALLER=\"$PKG_INSTALL\" PKG_INSTALL=/usr/local/bin/noting\n"
        ),
        &[(
            "noting",
            b"#!/bin/sh\nsed -n 1p \"$SSL_CERT_FILE\" > /noted\nexec $INSTALLER \"$@\"\n".to_vec(),
        )],
    );
    let site = Site::with("station").config(&format!(
        "web:\n  base_image: {BASE}\n  runtime_image: {base}\n  ca_bundle: ca.pem\n"
    ));
    site.write(".build.yml", WEB);
    let trusted = std::env::var("SSL_CERT_FILE").ok();
    let trusted = trusted.and_then(|path| fs::read_to_string(path).ok());
    let bundle = format!("# of the operator\n{}", trusted.unwrap_or_default());
    fs::write(site.path("ca.pem"), bundle).expect("the bundle is written");
    site.built();
    let image = runtime(&site, "web");
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "sh",
        &image,
        "-c",
    ];
    let script = "cat /noted; ls -d /build; env | grep -c ca-bundle";
    let ended = finish(Command::new("docker").args(run).arg(script));
    assert_eq!(ended.out, "# of the operator\n0\n", "{}", ended.err);
    assert!(ended.err.contains("'/build'"), "{}", ended.err);
}
