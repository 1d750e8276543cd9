//! An engine that is not there.

use crate::site::{Site, finish};

#[test]
fn an_engine_that_is_not_there_is_named_with_what_to_do() {
    let site = Site::with("flit");
    for command in [&["apply", "--auto-approve"][..], &["plan"], &[]] {
        for address in ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9"] {
            let mut command = site.command(command);
            let ended = finish(command.env("DOCKER_HOST", address)).ends_with(4);
            let words = ended.err.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(address), "{words}");
            assert!(words.contains("help:"), "{words}");
            assert_eq!(ended.out, "");
        }
    }
}
