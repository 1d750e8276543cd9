//! Runs that are interrupted or killed: nothing is left, and the next apply ends what they began.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::site::{Ended, Site, docker, finish, run};

/// A `builder` at work.
struct Working {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Working {
    fn start(mut command: Command) -> Self {
        command
            .arg("--verbose")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let reader = BufReader::new(child.stderr.take().expect("it is a pipe"));
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            reader
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| send.send(line))
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits until it says a text.
    fn says(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(120)) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("no `{text}` in {:#?}", self.seen),
            }
            if self.seen.last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
    }

    fn signal(&self, signal: &str) {
        run(Command::new("kill").args([signal, &self.child.id().to_string()]));
    }

    /// Waits for its end.
    fn ended(mut self) -> Ended {
        let begun = Instant::now();
        let status = self.child.wait().expect("it is a child");
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it took {:?}",
            begun.elapsed()
        );
        self.seen.extend(self.lines.iter());
        Ended {
            code: status.code(),
            out: String::new(),
            err: self.seen.join("\n"),
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A project whose wheels take as long as the caller says: the value of a secret is part of no key.
fn slow() -> Site {
    let site = Site::new()
        .config("deb:\n  package: none\n  base_image: base-cpython-debian12\n  secrets: [NAP]\n");
    site.write(".build.yml", "deb:\n  buildscript: build.sh\n");
    site.write(
        "build.sh",
        "echo napping; sleep $NAP; python -m pip wheel six==1.17.0\n",
    );
    site
}

fn for_seconds(site: &Site, nap: &str) -> Command {
    let mut command = site.command(&[]);
    command.env("NAP", nap);
    command
}

#[test]
fn an_interrupt_in_a_wheel_run_leaves_no_container_and_the_next_apply_goes_on() {
    let site = slow();
    let mut working = Working::start(for_seconds(&site, "301"));
    working.says("deb.wheels | napping");
    assert_eq!(site.containers().len(), 1);
    working.signal("-INT");
    working
        .ended()
        .ends_with(130)
        .says("stopping: running steps are stopped and removed")
        .says("deb.wheels: interrupted");
    site.left_no_container();
    assert_eq!(site.wheels("deb"), Vec::<String>::new());

    // The second interrupt does not wait for the engine; the next apply removes what is left.
    let mut working = Working::start(for_seconds(&site, "302"));
    working.says("deb.wheels | napping");
    working.signal("-INT");
    working.signal("-TERM");
    working.ended().ends_with(130);

    // Neither does a kill.
    let mut working = Working::start(for_seconds(&site, "303"));
    working.says("deb.wheels | napping");
    let killed = site.containers();
    assert_eq!(killed.len(), 1, "what the run before left is gone");
    working.signal("-KILL");
    working.ended();
    assert_eq!(site.containers(), killed);
    let plan = finish(&mut for_seconds(&site, "0")).ends_with(0);
    assert!(plan.out.contains("interrupted last time"), "{}", plan.out);
    assert_eq!(
        plan.ran(),
        ["deb.wheels"],
        "what was finished is kept: {}",
        plan.err
    );
    site.left_no_container();
    assert_eq!(site.wheels("deb"), ["six-1.17.0-py2.py3-none-any.whl"]);
    site.is_done();
}

#[test]
fn an_interrupt_in_an_image_build_ends_the_build_and_the_next_apply_goes_on() {
    let site = Site::with("flit")
        .config("deb:\n  package: none\n  base_image: base-cpython-debian12\n  dockerfile_template: slow.j2\n");
    let nap = format!("sleep 30{}", std::process::id());
    let template = |command: &str| {
        let text = format!("FROM {{{{ base_image }}}}\nRUN echo napping && {command}\n");
        std::fs::write(site.path("slow.j2"), text).expect("the template is written");
    };
    template(&nap);
    let naps = || docker(&["ps", "--all", "--no-trunc", "--format", "{{.Command}}"]).contains(&nap);
    let mut working = Working::start(site.command(&[]));
    working.says("deb.image | napping");
    assert!(naps());
    working.signal("-INT");
    working
        .ended()
        .ends_with(130)
        .says("deb.image: interrupted");
    let begun = Instant::now();
    while naps() {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "the build's container lives on"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(site.images(), Vec::<String>::new());

    template("true");
    let ended = site.built();
    assert!(
        !ended.ran().contains(&"deb.base"),
        "what was finished is kept: {}",
        ended.err
    );
    site.is_done();
}
