//! What the caller's environment gives to a run: certificate authorities, proxies, secrets.

use std::fs;
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::{Site, docker, finish};
use crate::tls::{authority, serve};

/// Lays out a project whose build script is all that counts.
fn scripted(config: &str, script: &str) -> Site {
    let config = format!("deb:\n  package: none\n  base_image: base-cpython-debian12\n{config}");
    let site = Site::new().config(&config);
    site.write(".build.yml", "deb:\n  buildscript: build.sh\n");
    let wheel = "python - <<'END'
import os, zipfile
with zipfile.ZipFile(os.environ['WHEELHOUSE'] + '/a-1-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('a-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: a\\nVersion: 1\\n')
END
";
    site.write("build.sh", &format!("set -eu\n{script}\n{wheel}"));
    site
}

#[test]
fn secrets_reach_the_run_alone_and_proxies_are_no_reason() {
    let site = scripted(
        "  secrets: [TOKEN]\n",
        "test \"$(printf %s \"$TOKEN\" | tr a-z A-Z)\" = S3CRET-VALUE/+1\n\
         echo the token is $TOKEN; echo dG9rZW46 $(printf %s $TOKEN | base64)\n\
         echo proxies $HTTP_PROXY $no_proxy",
    );
    let value = "s3cret-value/+1";
    let with = |arguments: &[&str], value: &str, proxy: &str| {
        let mut command = site.command(arguments);
        command
            .env("TOKEN", value)
            .env("HTTP_PROXY", proxy)
            .env("no_proxy", "internal");
        finish(&mut command)
    };
    let ended = with(
        &["apply", "--auto-approve", "--verbose"],
        value,
        "http://one:1",
    )
    .ends_with(0);
    assert!(
        ended.err.contains("proxies http://one:1 internal"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("the token is "), "{}", ended.err);

    let hidden = |text: &str, place: &str| assert!(!text.contains(value), "{place}: {text}");
    hidden(&ended.err, "standard error");
    hidden(&ended.out, "standard output");
    let mut search = Command::new("grep");
    search.args(["-rlF", value]).arg(site.workspace());
    assert_eq!(
        finish(&mut search).out,
        "",
        "no file of the workspace has it"
    );
    for image in site.images() {
        hidden(&docker(&["image", "inspect", &image]), "the image");
        hidden(
            &docker(&["history", "--no-trunc", &image]),
            "the image's history",
        );
    }
    let explained = with(&["explain", "deb.wheels"], value, "").ends_with(0);
    hidden(&explained.out, "explain");
    assert!(
        explained.out.contains("[TOKEN]"),
        "its name is in the key: {}",
        explained.out
    );

    // Neither another value nor another proxy is a change; another name is.
    let plan = with(&["plan", "--detailed-exitcode"], "another", "http://two:2").ends_with(0);
    assert!(plan.out.starts_with("No changes."), "{}", plan.out);
    let mut unset = site.command(&["apply", "--auto-approve", "--replace", "deb.wheels"]);
    finish(unset.env_remove("TOKEN"))
        .ends_with(3)
        .says("the secret TOKEN is not set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_authority_of_the_configuration_reaches_every_tool() {
    let gateway = docker(&[
        "network",
        "inspect",
        "bridge",
        "--format",
        "{{(index .IPAM.Config 0).Gateway}}",
    ]);
    let ca = authority();
    let address = serve(gateway.trim(), &ca, false, async |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let body = "<!DOCTYPE html>\n<p>trusted</p>\n";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body.as_bytes()).await;
        let _ = stream.shutdown().await;
    })
    .await;
    let site = scripted(
        "  ca_bundle: ca.pem\n",
        &format!(
            "export no_proxy={host} NO_PROXY={host}\n\
             for file in $PIP_CERT $REQUESTS_CA_BUNDLE $SSL_CERT_FILE $CURL_CA_BUNDLE $GIT_SSL_CAINFO \
                 /etc/ssl/certs/ca-certificates.crt\n\
             do grep -qF \"$(sed -n 2p /source/line)\" $file; echo found in $file; done\n\
             python -c 'import urllib.request as u; print(u.urlopen(\"https://{address}/\").read())'\n\
             python -c 'from pip._vendor import requests; print(requests.get(\"https://{address}/\").text)'\n\
             python -m pip download -v --no-deps --index-url https://{address}/simple thing 2>&1 | tee /tmp/log || true\n\
             grep -q 'No matching distribution found for thing' /tmp/log\n\
             ! grep -qi 'certificate verify failed' /tmp/log",
            host = gateway.trim(),
        ),
    );
    fs::write(site.path("ca.pem"), ca.pem()).expect("the bundle is written");
    site.write("line", &ca.pem());
    let ended = tokio::task::block_in_place(|| {
        finish(&mut site.command(&["apply", "--auto-approve", "--verbose"]))
    })
    .ends_with(0);
    assert_eq!(ended.err.matches("found in ").count(), 6, "{}", ended.err);
    assert_eq!(ended.err.matches("trusted").count(), 2, "{}", ended.err);

    // Which authorities are trusted is no part of a key: what was built stays built.
    fs::write(site.path("ca.pem"), authority().pem()).expect("the bundle is written");
    site.is_done();
}
