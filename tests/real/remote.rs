//! The binary with an engine elsewhere, behind TLS, and with a caller who is not root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::engine_tls::{certificates, proxy};
use crate::site::{Site, finish, run};
use crate::tls::authority;

/// The user and the group `nobody`.
const NOBODY: u32 = 65534;

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_apply_goes_through_an_engine_behind_tls_for_a_caller_without_rights() {
    let site = Site::with("flit");
    let ca = authority();
    let keys = site.path("keys");
    certificates(&keys, &ca, &ca);
    let address = proxy(&ca).await;

    let root = fs::metadata(site.path("home")).expect("it is there").uid() == 0;
    let binary = site.path("builder");
    if root {
        fs::copy(env!("CARGO_BIN_EXE_builder"), &binary).expect("it is copied");
        run(Command::new("chown")
            .args(["-R", &format!("{NOBODY}:{NOBODY}")])
            .arg(site.path("")));
        chown(site.path(""), Some(NOBODY), Some(NOBODY)).expect("its owner is set");
    }
    let go = |arguments: &[&str]| {
        let plain = site.command(arguments);
        let mut command = Command::new(if root {
            binary.as_os_str()
        } else {
            plain.get_program()
        });
        command.args(plain.get_args()).current_dir(site.path(""));
        command.env_clear();
        command.envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command
            .env("DOCKER_HOST", &address)
            .env("DOCKER_TLS_VERIFY", "1");
        command.env("DOCKER_CERT_PATH", &keys);
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        finish(&mut command)
    };
    go(&[]).ends_with(0);
    let wheels = [
        "flit_project-0.4.0-py3-none-any.whl",
        "six-1.17.0-py2.py3-none-any.whl",
    ];
    assert_eq!(site.wheels("deb"), wheels);
    let again = go(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert!(again.out.starts_with("No changes."), "{}", again.out);

    let me = fs::metadata(site.path("home")).expect("it is there").uid();
    for line in run(Command::new("find").arg(site.workspace())).lines() {
        let owner = fs::symlink_metadata(line).expect("it is there").uid();
        assert_eq!(owner, me, "{line}");
    }
    site.left_no_container();
}
