"""Finds out which files a project's dependencies are, and downloads none that it can help.

`/build/pip/resolve.json` says what is wanted. uv does it, where the index has it and where it can be
told everything that steers pip here; it leaves a lock, `/build/out/pylock.toml`. Else pip does it, and
leaves its report, `/build/out/report.json`. Nobody needs uv: without it the same takes longer.

Status 7 says that nothing here can resolve without building, and 8 that the versions that were to be
kept do not fit together with what is required.
"""

import ast
import glob
import hashlib
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile

NOTHING = 7
IMPOSSIBLE = 8

# What pip reads from its configuration and uv has no need to know.
OF_NO_EFFECT = {
    "break-system-packages", "cache-dir", "cert", "disable-pip-version-check", "exists-action",
    "log", "no-cache-dir", "no-color", "no-input", "no-warn-script-location", "progress-bar",
    "quiet", "retries", "root-user-action", "timeout", "use-pep517", "verbose", "wheel-dir",
}

# What both know, by pip's name.
OPTIONS = {
    "index-url": "--index-url",
    "extra-index-url": "--extra-index-url",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
    "constraint": "--constraints",
    "build-constraint": "--build-constraints",
    "only-binary": "--only-binary",
    "no-binary": "--no-binary",
}


class PipInstead(Exception):
    """Why pip resolves."""


def told_by_pip():
    """What pip reads from its files and variables: names with their sections, and values."""
    try:
        # The same as the command below, without another Python.
        from pip._internal.configuration import Configuration

        configuration = Configuration(isolated=False)
        configuration.load()
        items = list(configuration.items())
        if all(isinstance(value, str) for _, value in items):
            return items
    except Exception:  # Whatever a pip of another version makes of it.
        pass
    command = [sys.executable, "-m", "pip", "config", "list"]
    asked = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if asked.returncode:
        raise PipInstead("pip does not say how it is configured")
    pairs = [line.partition("=") for line in asked.stdout.splitlines()]
    return [(name, str(ast.literal_eval(value))) for name, separator, value in pairs if separator]


def pip_configuration():
    """The settings that pip finds, by name, those of variables last."""
    found = {}
    items = told_by_pip()
    for variables in (False, True):
        for name, value in items:
            section, _, key = name.rpartition(".")
            if (section == ":env:") == variables and section in (":env:", "global", "wheel"):
                found[key.replace("_", "-")] = value
    return found


def formats(only, no):
    if ":all:" in only + no and len(only + no) > 1:
        raise PipInstead("`:all:` stands beside names in only_binary and no_binary")
    words = [word for name in only for word in ("--only-binary", name)]
    return words + [word for name in no for word in ("--no-binary", name)]


def uv_options(settings, configured):
    """Everything that steers pip here, as uv's options."""
    words = []
    for key, value in sorted(configured.items()):
        if key in OF_NO_EFFECT or (key == "find-links" and value == settings["wheelhouse"]):
            continue
        if key == "index-url" and settings["index_url"]:
            continue
        if key in ("only-binary", "no-binary"):
            if settings["only_binary"] or settings["no_binary"]:
                raise PipInstead(f"pip is configured with {key} beside the settings of the build")
            names = value.split(",")
            words += formats(names, []) if key == "only-binary" else formats([], names)
        elif key in OPTIONS:
            words += [word for one in value.split() for word in (OPTIONS[key], one)]
        elif key in ("no-index", "pre") and value.lower() in ("1", "true", "yes", "on"):
            words += ["--no-index"] if key == "no-index" else ["--prerelease", "allow"]
        else:
            raise PipInstead(f"pip is configured with {key}")
    if settings["index_url"]:
        words += ["--index-url", settings["index_url"]]
    for url in settings["extra_index_urls"]:
        words += ["--extra-index-url", url]
    words += formats(settings["only_binary"], settings["no_binary"])
    for option, field in (("--constraints", "constraints"), ("--build-constraints", "build_constraints")):
        words += [word for path in settings[field] for word in (option, path)]
    if settings["kept"]:
        words += ["--constraints", settings["kept"]]
    return words + settings["requirements"] + [settings["metadata"]]


def straight_from_the_index(settings, configured, folder):
    """Brings uv's wheel from the page that the index has of it; returns why not, if it does not.

    pip does the same in its own ways, and takes several times as long for it.
    """
    others = configured.get("find-links") not in (None, settings["wheelhouse"])
    if others or "no-index" in configured or "trusted-host" in configured:
        return "pip is configured otherwise"
    try:
        from pip._internal.models.index import PyPI
        from pip._vendor.packaging.tags import sys_tags
        from pip._vendor.packaging.utils import parse_wheel_filename

        index = settings["index_url"] or configured.get("index-url") or PyPI.simple_url
        if "@" in urllib.parse.urlsplit(index).netloc:
            return "the index wants credentials"
        page = index.rstrip("/") + "/uv/"
        kind = {"Accept": "application/vnd.pypi.simple.v1+json"}
        with urllib.request.urlopen(urllib.request.Request(page, headers=kind), timeout=15) as answer:
            page, files = answer.url, json.load(answer)["files"]
        ranks = {tag: rank for rank, tag in reversed(list(enumerate(sys_tags())))}
        fit = []
        for file in files:
            name = file["filename"]
            if name.startswith("uv-%s-" % settings["uv"]) and name.endswith(".whl"):
                tags = parse_wheel_filename(name)[3] & ranks.keys()
                fit += [(min(ranks[tag] for tag in tags), name, file)] if tags else []
        if not fit:
            return "the index has none that fits"
        _, name, file = min(fit, key=lambda one: one[:2])
        with urllib.request.urlopen(urllib.parse.urljoin(page, file["url"]), timeout=15) as answer:
            wheel = answer.read()
        if hashlib.sha256(wheel).hexdigest() != file["hashes"]["sha256"]:
            return "it came with other bytes than the index says"
        with open(os.path.join(folder, name), "wb") as out:
            out.write(wheel)
        return None
    except Exception as error:  # Of a page of another form, or of a pip of another version, too.
        return f"{type(error).__name__}: {error}"


def brought_uv(settings, configured):
    """Brings uv from the index."""
    folder = "/tmp/uv"
    os.makedirs(folder)
    if straight_from_the_index(settings, configured, folder):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]
        command += ["--only-binary", ":all:"] + settings["index"] + ["--dest", folder]
        command += ["uv==" + settings["uv"]]
        brought = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if brought.returncode:
            last = [line for line in brought.stdout.splitlines() if line.strip()][-1:]
            raise PipInstead(f"uv {settings['uv']} is not to be had: {''.join(last)}")
    [wheel] = glob.glob(folder + "/uv-*.whl")
    with zipfile.ZipFile(wheel) as wheel:
        [member] = [name for name in wheel.namelist() if name.endswith(".data/scripts/uv")]
        program = wheel.extract(member, folder)
    os.chmod(program, 0o755)
    return program


def by_uv(settings):
    if not settings["uv"]:
        raise PipInstead(settings["why"])
    configured = pip_configuration()
    options = uv_options(settings, configured)
    program = brought_uv(settings, configured)
    command = [program, "--no-config", "pip", "compile", "--quiet", "--no-cache", "--no-header"]
    command += ["--no-annotate", "--no-sources", "--no-python-downloads", "--python", sys.executable]
    command += ["--index-strategy", "unsafe-best-match", "--format", "pylock.toml"]
    command += ["--output-file", "/build/out/pylock.toml"] + options
    env = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    # pip is at hand where an index does not answer, and waits for it in its own way.
    env["UV_HTTP_RETRIES"] = "1"
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env
    )
    if not ended.returncode:
        print(f"uv {settings['uv']} resolved", flush=True)
        return
    if settings["kept"] and "No solution found" in ended.stdout:
        print(ended.stdout, flush=True)
        sys.exit(IMPOSSIBLE)
    first = [line.strip() for line in ended.stdout.splitlines() if line.strip()][:1]
    raise PipInstead(f"uv could not: {''.join(first)}")


def main():
    with open("/build/pip/resolve.json", encoding="utf-8") as text:
        settings = json.load(text)
    os.makedirs("/build/out", exist_ok=True)
    try:
        by_uv(settings)
    except PipInstead as why:
        print(f"pip resolves: {why}", flush=True)
        if not settings["pip"]:
            sys.exit(NOTHING)
        sys.exit(subprocess.run(settings["pip"]).returncode)


main()
