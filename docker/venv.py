"""Makes the virtual environment of a package at its final path, and packs it as /build/out/content.tar.

    python /build/venv.py        reads /build/venv.json, writes /build/out/content.tar and /build/out/report.json

Status 9 says that a check failed: each failure is a line `broken: …`. Files are packed in the order of their names,
owned by root, with the time of the epoch and with modes that follow from what they are, so that the same wheels give
the same bytes.
"""

import base64
import glob
import hashlib
import json
import mmap
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile

import bytecode
import libraries
from distributions import Distribution, normalised

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "out")
WHEELS = os.path.join(HERE, "wheels")
SHOWN = 20

# What the engine's steps use below /build; a bare `/build/` is a route or a rule in many a project.
BUILD_NAMES = rb"(?:wheelhouse|wheels|out|venv\.(?:py|json)|ca-bundle\.crt)"
SOURCE_NAMES = ["src", "lib", "build", "python", "setup.py", "setup.cfg", "pyproject.toml", "CMakeLists.txt"]
PIP_PATH = rb"/tmp/pip-[a-z]+(?:-[a-z]+)*-[a-z0-9_]{8}"


def main():
    with open(os.path.join(HERE, "venv.json"), encoding="utf-8") as file:
        job = json.load(file)
    same_start(job["interpreter"])
    os.umask(0o022)
    os.chdir("/")
    Stage(job).run()


def same_start(interpreter):
    """Starts again with the distribution's interpreter and nothing of the image's environment but the search paths."""
    if os.environ.get("BUILDER_VENV") == "1":
        return
    environment = {
        "PATH": os.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "BUILDER_VENV": "1",
    }
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    os.execve(interpreter, [interpreter, "-s", os.path.abspath(__file__)], environment)


class Stage:
    """One stage: what was there before, what pip brought, and what is wrong with it."""

    def __init__(self, job):
        self.job = job
        self.prefix = job["prefix"].rstrip("/")
        self.python = os.path.join(self.prefix, "bin", "python")
        self.application = job["stage"] == "application"
        self.broken = {}
        self.compiled = set()

    def breaks(self, kind, sentence):
        self.broken.setdefault(kind, []).append(sentence)

    def run(self):
        before = snapshot(self.prefix)
        if not self.application:
            if before:
                sys.exit("venv: %s is there already" % self.prefix)
            self.make()
        elif not os.path.exists(self.python):
            sys.exit("venv: %s has no bin/python that runs: is the dependencies' environment there?" % self.prefix)
        self.check_interpreter()
        self.install()
        after = snapshot(self.prefix)
        self.everything = [path for path, state in after.items() if state[0] == "file"]
        changed = {path for path, state in after.items() if before.get(path) != state}
        changed = {path for path in changed if after[path][0] != "dir" or path not in before}
        changed -= self.overwritten(before, changed)

        infos = sorted(path for path in changed if path.endswith(".dist-info") and after[path][0] == "dir")
        self.distributions = [Distribution(info) for info in infos]
        self.owner = {path: dist for dist in self.distributions for path in dist.record}
        overlaps = self.overlaps()
        self.adopt(changed)
        changed |= {path for path in self.compile(changed) if path not in before}
        entries = [path for path in sorted(changed, key=os.fsencode) if os.path.lexists(path)]

        modes, elfs = self.inspect(entries)
        need = libraries.needs(elfs, self.everything, self.prefix, elf_target(self.job["interpreter"]))
        for soname, path in need.missing:
            self.breaks("library", "%s needs the library %s, which neither the image nor a wheel has" % (path, soname))
        if self.broken:
            self.fail()
        size = self.pack(entries, modes)
        self.report(modes, size, elfs, need, overlaps)

    def make(self):
        """Makes the empty environment, without what a package should not carry."""
        interpreter = self.job["interpreter"]
        os.makedirs(os.path.dirname(self.prefix), exist_ok=True)
        command = [interpreter, "-m", "venv", "--without-pip", "--symlinks", self.prefix]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit("venv: `%s` failed" % " ".join(command))
        # The scripts for POSIX shells, csh and fish stay: they hold the final path, and people use them to look at an
        # installation. No target has PowerShell. A .gitignore is a stray file in a package.
        for name in ("bin/Activate.ps1", ".gitignore"):
            path = os.path.join(self.prefix, name)
            if os.path.lexists(path):
                os.unlink(path)
        for folder, _, _ in os.walk(os.path.join(self.prefix, "include"), topdown=False):
            os.rmdir(folder)
        self.pin(interpreter)

    def pin(self, interpreter):
        """Has every link of bin/ that leaves the environment point to the interpreter by its real path."""
        folder = os.path.join(self.prefix, "bin")
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.islink(path) and os.readlink(path).startswith("/"):
                if os.path.realpath(path) == os.path.realpath(interpreter) and os.readlink(path) != interpreter:
                    os.unlink(path)
                    os.symlink(interpreter, path)

    def check_interpreter(self):
        """The package's interpreter has to come with a package of the target."""
        if self.job.get("package") == "none":
            return
        real = os.path.realpath(self.python)
        if not libraries.owners([real]):
            self.breaks(
                "interpreter",
                "%s is %s, which no package of the distribution owns: the base image's python is not the "
                "distribution's, and the target has none" % (self.python, real),
            )

    def install(self):
        """Has the image's pip install the wheels, as programs run by the environment's python.

        pip is lent through a folder that holds nothing but its package, so that it takes neither itself nor what lies
        beside it for installed; it works for every pip, unlike its option --python.
        """
        wheels = sorted(self.job["wheels"])
        if self.application:
            wheels = [name for name in wheels if normalised(name.split("-")[0]) == normalised(self.job["own"])]
            if not wheels:
                sys.exit("venv: there is no wheel of %s" % self.job["own"])
        if not wheels:
            return
        import pip

        lent = os.path.join(HERE, "pip")
        shutil.rmtree(lent, ignore_errors=True)
        os.mkdir(lent)
        os.symlink(os.path.dirname(os.path.abspath(pip.__file__)), os.path.join(lent, "pip"))
        pins = []
        for name in wheels:
            project, version = name.split("-")[:2]
            pins.append("%s==%s" % (project, version.replace("_", "-")))
        command = [self.python, "-s", "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check"]
        command += ["install", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--no-warn-script-location"]
        command += ["--find-links", WHEELS] + pins
        # Never by file name: pip would write direct_url.json, which holds the path.
        if subprocess.run(command, env=dict(os.environ, PYTHONPATH=lent), check=False).returncode != 0:
            sys.exit("venv: pip could not install the wheels")

    def overwritten(self, before, changed):
        """The files of the dependencies that pip replaced by the same bytes; other bytes are a mistake."""
        touched = {path for path in changed if path in before}
        if not touched:
            return set()
        same = set()
        for info in glob.glob(os.path.join(glob.escape(self.prefix), "lib*", "*", "site-packages", "*.dist-info")):
            if info in changed or not os.path.exists(os.path.join(info, "RECORD")):
                continue
            dist = Distribution(info)
            for path in touched & set(dist.record):
                if dist.record[path] == record_hash(path):
                    same.add(path)
                else:
                    self.breaks("overwrite", "%s of %s is overwritten by the project's wheel" % (path, dist.title))
                    same.add(path)
        for path in sorted(touched - same):
            self.breaks("overwrite", "%s of the dependencies' environment is overwritten by the project's wheel" % path)
        return same

    def overlaps(self):
        """Files that several wheels of this stage bring: pip keeps the last one's, whatever the others hold."""
        found, titles = [], {}
        for dist in self.distributions:
            for path in dist.record:
                titles.setdefault(path, []).append(dist.title)
        for path in sorted(path for path, owners in titles.items() if len(owners) > 1):
            hashes = {dist.record[path] for dist in self.distributions if path in dist.record}
            if len(hashes) > 1:
                found.append({"path": path, "distributions": titles[path]})
                print("note: %s comes with %s; the last one installed stays" % (path, " and with ".join(titles[path])))
        return found

    def compile(self, changed):
        """Compiles the modules of this stage and returns the files and folders that came into being."""
        groups, cached = {}, {}
        for path in changed:
            if path.endswith(".py") and "/site-packages/" in path and os.path.isfile(path):
                dist = self.owner.get(path)
                groups.setdefault(dist.info if dist else "", []).append(path)
                folder, name = os.path.split(path)
                cached[path] = os.path.join(folder, "__pycache__", name[:-2] + sys.implementation.cache_tag + ".pyc")
        # A wheel's own byte code gives way: it is stale once files have another time, and may hold foreign paths.
        for path in cached.values():
            if path in self.owner and os.path.exists(path):
                os.unlink(path)
        failed = bytecode.compile_all(self.job["interpreter"], [groups[name] for name in sorted(groups)])
        made = set()
        for path in set(cached) - set(failed):
            made |= {cached[path], os.path.dirname(cached[path])}
        self.compiled = set(cached.values())
        self.amend_records({path: "" for path in self.compiled})
        return made

    def adopt(self, changed):
        """Has commands that ask for just any Python run by the environment's, as pip does for `#!python`.

        A script of `.data/scripts` or a data file in bin/ comes as its author wrote it, with `#!/usr/bin/env python3`:
        that one has none of the environment's modules. Another version than the environment's stays, and is refused.
        """
        wanted = self.python.encode()
        ours = {b"python", b"python3", b"python%d.%d" % sys.version_info[:2]}
        if sys.implementation.name == "pypy":
            ours |= {name.replace(b"python", b"pypy") for name in ours}
        start = re.compile(rb"#!\s*(?:\S*/)?(?:env\s+(?:-S\s*)?(?:\S*/)?)?([a-z0-9.]+)(\s.*)?$")
        adopted = {}
        for path in sorted(changed):
            if os.path.dirname(path) != os.path.join(self.prefix, "bin") or path not in self.owner:
                continue
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                data = file.read()
            first, newline, rest = data.partition(b"\n")
            match = start.match(first.rstrip())
            if not match or match.group(1) not in ours or rest.startswith(b"'''exec' "):
                continue
            if os.path.dirname(first[2:].split()[0]) == os.path.dirname(wanted):
                continue
            with open(path, "wb") as file:
                file.write(b"#!" + wanted + (match.group(2) or b"") + newline + rest)
            adopted[path] = "%s,%d" % (record_hash(path), os.path.getsize(path))
            print("note: %s is run by %s, not by `%s`" % (path, self.python, os.fsdecode(first.strip())))
        self.amend_records(adopted)

    def amend_records(self, amended):
        """Writes what RECORD says of files that are other than in the wheel, without those that no longer are.

        Recompiled byte code has neither hash nor size there.
        """
        for dist in self.distributions:
            if not set(amended) & set(dist.record):
                continue
            name = os.path.join(dist.info, "RECORD")
            with open(name, encoding="utf-8", errors="surrogateescape", newline="") as file:
                lines = file.read().splitlines(True)
            with open(name, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                for line in lines:
                    written = line.rsplit(",", 2)[0]
                    path = os.path.normpath(os.path.join(dist.site, written.strip('"').replace('""', '"')))
                    if path not in amended:
                        file.write(line)
                    elif os.path.exists(path):
                        file.write("%s,%s\n" % (written, amended[path] or ","))

    def inspect(self, entries):
        """Looks into every file of the stage once: the modes that they get, and the ELF files among them."""
        modes, elfs = {}, {}
        leaks = self.leak_pattern()
        for path in entries:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                continue
            with open(path, "rb") as file:
                if status.st_size > 1 << 24:
                    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                else:
                    data = file.read()
            self.check_leak(path, data, leaks)
            script, elf = data[:2] == b"#!", data[:4] == b"\x7fELF"
            command = os.path.dirname(path) == os.path.join(self.prefix, "bin") and path in self.owner
            if command:
                self.check_shebang(path, bytes(data[:512]))
            executable = command or (script and status.st_mode & 0o111)
            if elf:
                elfs[path] = libraries.parse_elf(data)
                # dpkg's world has shared objects without the bit, rpm's has them with it.
                shared = self.kind() == "rpm" or (elfs[path] is not None and elfs[path].program)
                executable = command or (status.st_mode & 0o111 and shared)
            modes[path] = 0o755 if executable else 0o644
            if os.path.basename(path) == "direct_url.json" and path in self.owner:
                self.breaks("path", "%s names the folder that a wheel was installed from" % path)
        return modes, elfs

    def kind(self):
        return self.job.get("package") or {"dpkg": "deb", "rpm": "rpm"}.get(libraries.manager(), "none")

    def leak_pattern(self):
        """What a build path looks like; /source is the project's folder, which only its own wheel can have seen."""
        choices = [rb"/build/" + BUILD_NAMES]
        if self.application:
            names = set(self.job.get("source_names") or SOURCE_NAMES)
            for dist in self.distributions:
                names |= dist.top_level()
            choices.append(rb"/source/(?:" + rb"|".join(re.escape(os.fsencode(name)) for name in sorted(names)) + rb")")
        # A path starts where no name, address or other path goes on, or after a compiler's -I and -L.
        start = rb"(?:(?<![\w.~)}\]%*/-])|(?<=-[IL])|(?<=file://))"
        return re.compile(start + rb"(?:" + rb"|".join(choices) + rb")(?![\w-])|" + PIP_PATH)

    def check_leak(self, path, data, pattern):
        if path in self.compiled or all(data.find(text) < 0 for text in (b"/tmp/pip-", b"/build/", b"/source/")):
            return
        dist = self.owner.get(path)
        if dist is not None and dist.made_elsewhere:
            return
        found = pattern.search(data)
        if found:
            self.breaks("path", "%s contains the build path %s" % (path, os.fsdecode(found.group())))

    def check_shebang(self, path, head):
        """Commands run by this environment's python, or by something that is no Python."""
        first, _, rest = head.partition(b"\n")
        if not first.startswith(b"#!"):
            return
        if len(first) >= 128 or rest.startswith(b"'''exec' "):
            self.breaks("shebang", "%s: its first line has 128 bytes or more, which not every system reads" % path)
            return
        wanted = os.path.join(self.prefix, "bin")
        words = first[2:].split() or [b""]
        if os.path.basename(words[0]) == b"env":
            words = [word for word in words[1:] if not word.startswith(b"-") and b"=" not in word] or [b""]
        if re.match(rb"(?:python|pypy)[0-9.]*$", os.path.basename(words[0])):
            if os.path.dirname(os.fsdecode(words[0])) != wanted:
                self.breaks("shebang", "%s is run by `%s`, not by %s/python" % (path, os.fsdecode(first), wanted))

    def fail(self):
        for sentences in self.broken.values():
            for sentence in sentences[:SHOWN]:
                print("broken: " + sentence)
            if len(sentences) > SHOWN:
                print("broken: … and %d more like the last" % (len(sentences) - SHOWN))
        sys.exit(9)

    def pack(self, entries, modes):
        """Writes content.tar and returns the sum of the files' sizes."""
        os.makedirs(OUT, exist_ok=True)
        size = 0
        # GNU's format takes names of any length and any bytes as they are.
        with tarfile.open(
            os.path.join(OUT, "content.tar"), "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
        ) as tar:
            for path in entries:
                member = tarfile.TarInfo(path.lstrip("/"))
                member.mtime = self.job["epoch"]
                member.uname = member.gname = "root"
                if os.path.islink(path):
                    member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
                    tar.addfile(member)
                elif path in modes:
                    member.mode, member.size = modes[path], os.lstat(path).st_size
                    size += member.size
                    with open(path, "rb") as file:
                        tar.addfile(member, file)
                else:
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(member)
        return size

    def report(self, modes, size, elfs, need, overlaps):
        folder = os.path.join(self.prefix, "bin")
        console, gui, modules = {}, {}, []
        for dist in self.distributions:
            console.update(dist.entry_points("console_scripts"))
            gui.update(dist.entry_points("gui_scripts"))
            modules += dist.modules() if self.application else []
        licenses = [
            {"distribution": dist.title, "license": dist.license(), "texts": dist.license_texts()}
            for dist in self.distributions
        ]
        report = {
            "scripts": sorted(os.path.basename(path) for path in self.owner if os.path.dirname(path) == folder),
            "console_scripts": console,
            "gui_scripts": gui,
            "modules": modules,
            "elf": bool(elfs),
            "vendored": [path.lstrip("/") for path in need.vendored],
            "depends": need.depends,
            "packages": need.packages,
            "sonames": need.sonames,
            "rpm_requires": need.rpm_requires,
            "licenses": sorted(licenses, key=lambda entry: normalised(entry["distribution"])),
            "overlaps": overlaps,
            "files": len(modes),
            "bytes": size,
            "python": "%d.%d" % sys.version_info[:2],
        }
        with open(os.path.join(OUT, "report.json"), "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2, sort_keys=True, ensure_ascii=True)
            file.write("\n")
        wheels = "%d wheel%s" % (len(self.distributions), "" if len(self.distributions) == 1 else "s")
        print("%s: %s, %d files, %.1f MB" % (self.prefix, wheels, len(modes), size / 1e6))
        if need.depends or need.packages:
            print("needs %s" % ", ".join(need.depends or need.packages))


def snapshot(prefix):
    """What lies below a folder, itself included: {path: (kind, size, time, inode)}."""
    found = {}

    def add(path, status):
        mode = status.st_mode
        kind = "dir" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "file"
        found[path] = (kind, status.st_size, status.st_mtime_ns, status.st_ino)
        return kind

    def walk(folder):
        with os.scandir(folder) as entries:
            for entry in entries:
                if add(entry.path, entry.stat(follow_symlinks=False)) == "dir":
                    walk(entry.path)

    if os.path.lexists(prefix):
        add(prefix, os.lstat(prefix))
        walk(prefix)
    return found


def record_hash(path):
    """The hash of a file as RECORD spells it."""
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def elf_target(path):
    elf = libraries.read_elf(path)
    return elf.target if elf else None


if __name__ == "__main__":
    main()
