"""Makes the wheels that a lock names: from the files that it names, and from no index page.

`/build/pip/lock.json` says what is wanted. Of each package the wheel is taken that pip itself would
prefer for this interpreter, or else the source distribution. pip fetches and checks the files; what a
source distribution needs for its build comes from the index, as in any build of pip's.

Each thing that is wrong is a line `broken: …`; with one of them the program ends with status 9.
"""

import json
import re
import subprocess
import sys

from pip._vendor.packaging.tags import parse_tag, sys_tags

BROKEN = 9


def end_with(problems):
    for problem in problems:
        print(f"broken: {problem}", flush=True)
    sys.exit(BROKEN)


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def formats(name, settings):
    """Which kinds of files are allowed, as pip's --only-binary and --no-binary decide it."""
    only, no = (
        [normalised(entry) if entry != ":all:" else entry for entry in settings[field]]
        for field in ("only_binary", "no_binary")
    )
    if name in only:
        return ("wheel",)
    if name in no:
        return ("sdist",)
    if ":all:" in only:
        return ("wheel",)
    if ":all:" in no:
        return ("sdist",)
    return ("wheel", "sdist")


def best_wheel(wheels, ranks):
    """The wheel whose best tag stands first among those that this interpreter takes."""
    found = []
    for wheel in wheels:
        parts = wheel["name"][: -len(".whl")].split("-")
        fitting = [ranks[tag] for tag in parse_tag("-".join(parts[-3:])) if tag in ranks]
        if fitting:
            build = re.match(r"\d+", parts[2]) if len(parts) == 6 else None
            number = int(build.group()) if build else -1
            found.append((min(fitting), -number, wheel["name"], wheel))
    return min(found, key=lambda entry: entry[:3])[3] if found else None


def chosen(settings):
    ranks = {}
    for rank, tag in enumerate(sys_tags()):
        ranks.setdefault(tag, rank)
    lines, problems = [], []
    for package in settings["packages"]:
        allowed = formats(package["name"], settings)
        file = best_wheel(package["wheels"], ranks) if "wheel" in allowed else None
        if file is None and "sdist" in allowed:
            file = package["sdist"]
        known = f"{package['name']} {package['version']}"
        if file is None:
            kinds = " or ".join(allowed)
            problems.append(f"{settings['lock']} has no {kinds} of {known} for this interpreter")
            continue
        print(f"{known}: {file['name']}", flush=True)
        hashes = [f"--hash={kind}:{value}" for kind, value in sorted(file["hashes"].items())]
        lines.append(" ".join([package["name"], "@", file["url"], *hashes]) + "\n")
    if problems:
        end_with(problems)
    return lines


def run(command):
    """Runs a command, and returns its status with what it said, which is passed on."""
    said = []
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    for line in process.stdout:
        said.append(line.rstrip("\n"))
        print(line, end="", flush=True)
    return process.wait(), said


def other_bytes(said):
    """The packages whose files are not the locked ones, from what pip says of their hashes."""
    heads = [n for n, line in enumerate(said) if "DO NOT MATCH THE HASHES" in line]
    names = []
    for line in said[heads[0] + 1 :] if heads else ():
        found = re.match(r"    ([A-Za-z0-9][A-Za-z0-9._-]*)\s*(@|==| from )", line)
        if found and normalised(found.group(1)) not in names:
            names.append(normalised(found.group(1)))
    return names


def main():
    with open("/build/pip/lock.json", encoding="utf-8") as text:
        settings = json.load(text)
    lock = settings["lock"]
    with open("/build/pip/locked.txt", "w", encoding="utf-8") as out:
        out.writelines(chosen(settings))
    status, said = run(
        settings["pip"] + ["--no-deps", "--require-hashes", "--requirement", "/build/pip/locked.txt"]
    )
    if status:
        names = other_bytes(said)
        if names:
            end_with(f"the file of {name} has another hash than in {lock}" for name in names)
        sys.exit(status)
    # pip itself judges whether what was locked is all that the project asks for.
    complete = [sys.executable, "-m", "pip", "download", "--quiet", "--no-index"]
    complete += ["--find-links", settings["wheelhouse"], "--dest", "/tmp/complete"]
    status, said = run(complete + ["--requirement", "/build/pip/metadata.txt"])
    if status:
        wanted = [line.split("found for ", 1)[1] for line in said if "distribution found for " in line]
        if wanted:
            end_with(f"{lock} does not satisfy `{line}`" for line in wanted)
        sys.exit(status)


main()
