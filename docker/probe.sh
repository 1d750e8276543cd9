#!/bin/sh
# Checks what a base image promises and writes its facts to /build/out/facts.json.
# Each broken promise is a line `broken: …`; with one of them the script ends with status 9.
set -u
broken=0
promise() {
    echo "broken: $1"
    broken=1
}

python=$(command -v python || true)
if [ -z "$python" ]; then
    promise '`python` is not on PATH'
elif ! python -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
    promise "\`python\` is no Python 3.8 or later: $(python --version 2>&1)"
    python=
fi

if [ -z "${PKG_INSTALL:-}" ]; then
    promise 'the variable PKG_INSTALL is not set'
else
    # shellcheck disable=SC2086 # the value may carry arguments
    set -- $PKG_INSTALL
    command -v "$1" >/dev/null || promise "PKG_INSTALL names \`$1\`, which is no command of the image"
fi

if ! command -v pip >/dev/null; then
    promise '`pip` is not on PATH'
elif [ -n "$python" ]; then
    python -m pip --version >/dev/null 2>&1 || promise '`python -m pip` does not run, though `pip` is on PATH'
    # What pip installs has to be found on PATH: a wheel with one command, made here, shows it.
    probe=$(mktemp -d)
    python - "$probe" <<'PYTHON'
import sys, zipfile
name = sys.argv[1] + "/builder_probe-0-py3-none-any.whl"
info = "builder_probe-0.dist-info/"
with zipfile.ZipFile(name, "w") as wheel:
    wheel.writestr("builder_probe.py", "def main():\n    print('found')\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: builder-probe\nVersion: 0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: builder\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "entry_points.txt", "[console_scripts]\nbuilder-probe = builder_probe:main\n")
    wheel.writestr(info + "RECORD", "")
PYTHON
    if ! output=$(pip install --no-index --no-deps --quiet "$probe/builder_probe-0-py3-none-any.whl" 2>&1); then
        promise "\`pip install\` fails: $(echo "$output" | tail -n 1)"
    elif [ "$(builder-probe 2>/dev/null)" != found ]; then
        promise '`pip install` puts commands where PATH does not find them'
    fi
fi

[ "$broken" = 0 ] || exit 9

real=$(python -c 'import os, sys; print(os.path.realpath(sys.executable))')
if command -v dpkg-query >/dev/null; then
    # Debian's merged /usr: the package may list the path with or without the leading /usr.
    owner=$( (dpkg-query -S "$real" || dpkg-query -S "${real#/usr}") 2>/dev/null | head -n 1 | cut -d: -f1)
elif command -v rpm >/dev/null; then
    owner=$(rpm -qf --qf '%{NAME}' "$real" 2>/dev/null) || owner=
else
    owner=
fi

mkdir -p /build/out
OWNER=$owner python - <<'PYTHON'
import json, os, platform, sys, sysconfig

release = {}
try:
    with open("/etc/os-release", encoding="utf-8") as lines:
        for line in lines:
            name, _, value = line.strip().partition("=")
            release[name] = value.strip('"')
except OSError:
    pass
libc, libc_version = platform.libc_ver()
import pip

# What pip takes, the best first: most wheels' tags are an interpreter and an ABI on each of the same
# platforms in the same order.
try:
    from pip._vendor.packaging.tags import sys_tags
    platforms, groups, last = [], [], None
    for tag in sys_tags():
        if (tag.interpreter, tag.abi) != last:
            last = (tag.interpreter, tag.abi)
            groups.append([tag.interpreter, tag.abi, []])
        groups[-1][2].append(tag.platform)
    for group in groups:
        if group[2] not in platforms:
            platforms.append(group[2])
        group[2] = platforms.index(group[2])
except ImportError:
    platforms, groups = [], []
facts = {
    "python": ".".join(str(part) for part in sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "abi": sysconfig.get_config_var("SOABI") or "",
    "interpreter": os.path.realpath(sys.executable),
    "interpreter_package": os.environ["OWNER"] or None,
    "pip": pip.__version__,
    "distribution": release.get("ID", ""),
    "distribution_version": release.get("VERSION_ID", ""),
    "architecture": platform.machine(),
    "libc": (libc + " " + libc_version).strip() or "musl",
    "tags": {"platforms": platforms, "groups": groups},
}
with open("/build/out/facts.json", "w", encoding="utf-8") as out:
    json.dump(facts, out, indent=2, sort_keys=True)
    out.write("\n")
PYTHON
