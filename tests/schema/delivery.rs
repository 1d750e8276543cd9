//! The rows about packages and runtime images.

use super::{Config, Project, check, entry};

/// Wraps a value, quoted for YAML, in the field that it is to be judged in.
fn value(field: &str, text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string is JSON");
    match field.split_once('.') {
        Some((section, field)) => format!("deb: {{{section}: {{{field}: {quoted}}}}}"),
        None => format!("deb: {{{field}: {quoted}}}"),
    }
}

#[test]
fn both_agree_on_shapes_of_packages() {
    for (text, good) in [
        (
            "deb:\n  package:\n  maintainer:\n  distribution_suffix:\n  runtime_image:",
            true,
        ),
        ("rpm: {sign_key: }", true),
        ("rpm: {sign_key: 0123456789ABCDEF}", true),
        (
            "el9: {package: rpm, sign_key: packages@example.org, runtime_image: ubi9}",
            true,
        ),
        ("deb: {package: none}", true),
        ("deb: {package: [deb]}", false),
        ("deb: {package: false}", false),
        ("deb: {maintainer: [a]}", false),
        ("deb: {distribution_suffix: 12}", false),
        ("rpm: {sign_key: 1234567890123456}", false),
        ("deb: {runtime_image: Debian}", false),
        ("deb: {name: shop}", false),
        ("deb: {image: {}}", false),
        ("deb: {systemd: {}}", false),
        ("deb: {test: [a]}", false),
    ] {
        check(Config, text, good);
    }
    for (text, good) in [
        (
            "deb:\n  package:\n  name:\n  maintainer:\n  section:\n  revision:\n  preinstall:\n  postinstall:\n  preremove:\n  postremove:\n  systemd:\n  files:\n  image:\n  test:",
            true,
        ),
        (
            "deb: {systemd: {units: , enable: , start: , restart_after_upgrade: }}",
            true,
        ),
        ("deb: {systemd: {}, files: {}, test: []}", true),
        (
            "deb: {package: none, systemd: {}, files: {}, test: []}",
            true,
        ),
        ("deb: {package: none, image: {}, test: [a]}", true),
        ("deb: {package: rpm, revision: 2, section: web}", true),
        ("deb: {revision: 1}", true),
        ("deb: {revision: 4294967295}", true),
        ("deb: {revision: 4294967296}", false),
        ("deb: {revision: 0}", false),
        ("deb: {revision: -1}", false),
        ("deb: {revision: 1.5}", false),
        ("deb: {revision: '2'}", false),
        ("deb: {revision: [2]}", false),
        ("deb: {revision: true}", false),
        (
            "deb: {preinstall: a.sh, preremove: b.sh, postremove: ./c.sh}",
            true,
        ),
        ("deb: {preinstall: [a.sh]}", false),
        ("deb: {postinstall: /a.sh}", false),
        ("deb: {preremove: ../a.sh}", false),
        ("deb: {postremove: ''}", false),
        ("deb: {systemd: [a.service]}", false),
        ("deb: {systemd: {units: a.service}}", false),
        ("deb: {systemd: {units: [a.service], enable: yes}}", false),
        ("deb: {systemd: {units: [a.service], start: false}}", true),
        ("deb: {systemd: {unit: [a.service]}}", false),
        ("deb: {files: [a]}", false),
        ("deb: {files: {/etc/a: }}", false),
        ("deb: {files: {/etc/a: [b]}}", false),
        ("deb: {files: {/etc/a: /b}}", false),
        ("deb: {files: {/etc/a: a, /etc/ab: b}}", true),
        ("deb: {distribution_suffix: deb12}", false),
        ("deb: {sign_key: 0123456789ABCDEF}", false),
        ("deb: {runtime_image: debian}", false),
        ("deb: {test: shop}", false),
        ("deb: {test: [1]}", false),
        ("deb: {test: [~]}", false),
    ] {
        check(Project, text, good);
    }
}

#[test]
fn both_agree_on_shapes_of_images() {
    for (text, good) in [
        (
            "entrypoint: , command: , environment: , ports: , workdir: , user: , healthcheck: , tags: ",
            true,
        ),
        ("entrypoint: [shop, '', '-x']", true),
        ("entrypoint: []", false),
        ("entrypoint: ['']", false),
        ("entrypoint: shop", false),
        ("entrypoint: [shop, 8080]", false),
        ("entrypoint: [shop, \"\\0\"]", false),
        ("healthcheck: [shop, check]", true),
        ("healthcheck: []", false),
        ("command: []", true),
        ("command: ['']", true),
        ("command: [\"\\0\"]", false),
        ("command: [~]", false),
        ("environment: {A: '1', B: ''}", true),
        ("environment: {A: 1}", false),
        ("environment: {A-B: '1'}", false),
        ("environment: {A: \"\\0\"}", false),
        ("ports: [8080, '53/udp', 1, 65535]", true),
        ("ports: [0]", false),
        ("ports: [65536]", false),
        ("ports: [-1]", false),
        ("ports: [1.5]", false),
        ("ports: [true]", false),
        ("ports: [[8080]]", false),
        ("ports: 8080", false),
        ("user: 10001", true),
        ("user: 2147483647", true),
        ("user: 2147483648", false),
        ("user: 0", false),
        ("user: [10001]", false),
        ("user: shop", false),
        ("workdir: /", true),
        ("workdir: 1", false),
        ("cmd: [shop]", false),
    ] {
        check(Project, &format!("deb: {{image: {{{text}}}}}"), good);
    }
    check(Project, "deb: {image: []}", false);
    check(Project, "deb: {image: true}", false);
}

#[test]
fn both_agree_on_the_operators_names() {
    let (id, fingerprint) = ("0123456789abCDEF", "A1".repeat(20));
    for (field, text, good) in [
        ("package", "deb", true),
        ("package", "rpm", true),
        ("package", "none", true),
        ("package", "Deb", false),
        ("package", "", false),
        ("distribution_suffix", "deb12", true),
        ("distribution_suffix", "ubuntu24.04", true),
        ("distribution_suffix", "a..b", false),
        ("distribution_suffix", ".a", false),
        ("distribution_suffix", "El9", false),
        ("distribution_suffix", "a-b", false),
        ("distribution_suffix", "a\n", false),
        ("distribution_suffix", &"a".repeat(32), true),
        ("distribution_suffix", &"a".repeat(33), false),
        ("distribution_suffix", "", false),
        ("sign_key", id, true),
        ("sign_key", &format!("0x{id}!"), true),
        ("sign_key", &fingerprint, true),
        ("sign_key", "a.b+c@example.org", true),
        ("sign_key", "89ABCDEF", false),
        ("sign_key", "Packages", false),
        ("sign_key", "-a@b", false),
        ("sign_key", "=a@b", false),
        ("sign_key", "a@b@c", false),
        ("sign_key", "a@", false),
        ("sign_key", "", false),
        ("sign_key", "0123456789abCDEF\n", false),
    ] {
        check(Config, &value(field, text).replacen("deb", "rpm", 1), good);
    }
}

#[test]
fn both_agree_on_the_names_of_a_package() {
    let long = "a".repeat(101);
    for (field, text, good) in [
        ("package", "rpm", true),
        ("package", "apk", false),
        ("name", "shop", true),
        ("name", "libstdc++6", true),
        ("name", "0ad.x-y", true),
        ("name", "a", false),
        ("name", "Shop", false),
        ("name", "-a", false),
        ("name", "a/b", false),
        ("name", "a_b", false),
        ("name", "ab\n", false),
        ("name", "", false),
        ("name", &long[1..], true),
        ("name", &long, false),
        ("maintainer", "Ada Lovelace <ada@example.org>", true),
        ("maintainer", "Zoë (a, b) <z.o'h+a@mail.example.org>", true),
        ("maintainer", "A <a@localhost>", true),
        ("maintainer", "ada@example.org", false),
        ("maintainer", "<ada@example.org>", false),
        ("maintainer", " <ada@example.org>", false),
        ("maintainer", " A <ada@example.org>", false),
        ("maintainer", "A  <ada@example.org>", false),
        ("maintainer", "A<ada@example.org>", false),
        ("maintainer", "A <ada@example.org> ", false),
        ("maintainer", "A <B> <ada@example.org>", false),
        ("maintainer", "A <ada@example..org>", false),
        ("maintainer", "A <ada@-example.org>", false),
        ("maintainer", "A <ad a@example.org>", false),
        ("maintainer", "A <ada>", false),
        ("maintainer", "A <a@b@c>", false),
        ("maintainer", "A\nB <ada@example.org>", false),
        ("maintainer", "A <ada@example.org>\n", false),
        ("section", "python", true),
        ("section", "non-free/web", true),
        ("section", "", false),
        ("section", "/web", false),
        ("section", "a//b", false),
        ("section", "a/b/c", false),
        ("section", "Web", false),
        ("section", "web\n", false),
    ] {
        check(Project, &value(field, text), good);
    }
    for (text, good) in [
        ("shop.service", true),
        ("./deploy//my units/shop-web@.socket", true),
        ("a.b.timer", true),
        ("a.path", true),
        ("a.target", true),
        ("a.mount", true),
        ("a.conf", false),
        ("service", false),
        (".service", false),
        ("deploy/.service", false),
        ("a.service/", false),
        ("a.service\n", false),
        ("a b.service", false),
        ("a$b.service", false),
        ("-a.service", false),
        ("é.service", false),
        ("/a.service", false),
        ("../a.service", false),
        ("", false),
    ] {
        check(Project, &entry("systemd.units", text), good);
    }
}

#[test]
fn both_agree_on_places_of_files() {
    let long = format!("/etc/{}", "a".repeat(251));
    for (text, good) in [
        ("/etc/shop/shop.toml", true),
        ("/usr/share/shop/a+b_c@d~1", true),
        ("/usr/locale", true),
        ("/var/lib/shop/x", true),
        ("/var/runner", true),
        ("/opt/shop/share/x", true),
        ("/etc/systemd/system/a.service.d/b.conf", true),
        ("/etc/..a/b..", true),
        (&long[..255], true),
        (&long, false),
        ("", false),
        ("/", false),
        ("etc/a", false),
        ("/etc", false),
        ("/etc/", false),
        ("/etc/a/", false),
        ("/etc//a", false),
        ("/etc/./a", false),
        ("/etc/../a", false),
        ("/etc/..", false),
        ("/etc/a b", false),
        ("/etc/a\n", false),
        ("/etc/é", false),
        ("/etc/*", false),
        ("/opt/shop", false),
        ("/opt/../a/b", false),
        ("/usr/local", false),
        ("/usr/local/bin/a", false),
        ("/var/run/a", false),
        ("/var/tmp", false),
        ("/var/lock/a", false),
        ("/var/www/a", false),
        ("/lib/a", false),
        ("/bin/a", false),
        ("/tmp/a", false),
        ("/proc/a", false),
        ("/sys/a", false),
        ("/dev/a", false),
        ("/home/a/b", false),
        ("/run/a", false),
        ("/root/a", false),
        ("/srv/a", false),
        ("/a", false),
        ("/usr/lib/systemd/system/a.service", false),
        ("/etc/systemd/system/a.timer", false),
    ] {
        let quoted = serde_json::to_string(text).unwrap();
        check(Project, &format!("deb: {{files: {{{quoted}: a}}}}"), good);
    }
}

#[test]
fn both_agree_on_the_names_of_an_image() {
    for (field, text, good) in [
        ("image.workdir", "/srv/shop", true),
        ("image.workdir", "/", true),
        ("image.workdir", "//", false),
        ("image.workdir", "srv", false),
        ("image.workdir", "/srv/", false),
        ("image.workdir", "/srv/..", false),
        ("image.workdir", "/a b", false),
        ("image.workdir", "/a\n", false),
        ("image.workdir", "", false),
        ("image.user", "10001", true),
        ("image.user", "10001:10001", true),
        ("image.user", "10001:0", true),
        ("image.user", "0", false),
        ("image.user", "0:1", false),
        ("image.user", "00", false),
        ("image.user", "root", false),
        ("image.user", "1:", false),
        ("image.user", "1:01", false),
        ("image.user", "1:2:3", false),
        ("image.user", "1\n", false),
        ("image.user", "", false),
    ] {
        check(Project, &value(field, text), good);
    }
    let digest = format!("a@sha256:{}", "0a".repeat(32));
    let long = "a".repeat(4001);
    for (field, text, good) in [
        ("image.ports", "8080", true),
        ("image.ports", "8080/tcp", true),
        ("image.ports", "65535/udp", true),
        ("image.ports", "65536", false),
        ("image.ports", "99999", false),
        ("image.ports", "0", false),
        ("image.ports", "080", false),
        ("image.ports", "80/sctp", false),
        ("image.ports", "80/", false),
        ("image.ports", "80:80", false),
        ("image.ports", "80-90", false),
        ("image.ports", "80\n", false),
        ("image.ports", "", false),
        ("image.tags", "registry.example.com/team/shop:1", true),
        ("image.tags", "shop", true),
        ("image.tags", &digest, false),
        ("image.tags", "Shop", false),
        ("image.tags", "", false),
        ("test", "shop --version | grep '1'", true),
        ("test", "é", true),
        ("test", &long[1..], true),
        ("test", &long, false),
        ("test", "", false),
        ("test", "  ", false),
        ("test", "a\nb", false),
        ("test", "a\n", false),
        ("test", "a\0", false),
    ] {
        check(Project, &entry(field, text), good);
    }
}
