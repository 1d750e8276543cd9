"""Installs a package in a clean container, tries what it brings, and takes it away again; or tries a runtime image.

    python /build/check.py        reads /build/check.json, writes /build/out/report.json

Each check is a line `ok   …` or `FAIL …`, followed by the end of what the command said. Status 9 says that one failed.
"""

import fnmatch
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import filesystem

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 30
NOBODY = 65534
# What `filesystem` and `systemd` own on a distribution of rpms, and no package brings along.
RPM_FOLDERS = ["/usr/lib/systemd/system", "/usr/lib/systemd/system-preset", "/usr/share/licenses"]
IMPORT = """
import importlib, os, sys
module, prefix = importlib.import_module(sys.argv[1]), sys.argv[2]
places = [module.__file__] if getattr(module, "__file__", None) else list(getattr(module, "__path__", []))
if places and not any(os.path.realpath(place).startswith(os.path.realpath(prefix) + os.sep) for place in places):
    sys.exit("comes from %s, not from %s" % (places[0], prefix))
print("from", getattr(module, "__file__", None))
"""


class Failed(Exception):
    """A check failed without which the rest makes no sense."""


class Check:
    """The checks of one package or image, and what they said so far."""

    def __init__(self, job):
        self.job = job
        self.prefix = job["prefix"].rstrip("/")
        self.python = os.path.join(self.prefix, "bin", "python")
        self.checks, self.notes, self.left_over = [], [], []
        self.image = job["kind"] == "image"
        self.place = tempfile.mkdtemp(prefix="check-") if writable() else "/"
        if self.place != "/":
            os.chmod(self.place, 0o777)
        if self.image:
            self.environment = dict(os.environ)
        else:
            self.environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": self.place, "TERM": "dumb"}

    def result(self, name, ok, detail="", output=""):
        detail = "" if ok else detail.strip()
        print("%s %s%s" % ("ok  " if ok else "FAIL", name, ": " + detail if detail else ""), flush=True)
        tail = "" if ok else "\n".join("     | " + line for line in output.strip().splitlines()[-15:])
        if tail:
            print(tail, flush=True)
        if not ok and output.strip():
            detail = (detail + "\n" + "\n".join(output.strip().splitlines()[-15:])).strip()
        self.checks.append({"name": name, "ok": ok, "detail": detail})
        return ok

    def note(self, sentence):
        if sentence not in self.notes:
            print("note " + sentence, flush=True)
            self.notes.append(sentence)

    def execute(self, command, seconds=SECONDS, user=None):
        """Runs a command, without input and for a limited time: its status, or a sentence, and what it said."""

        def become():
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)

        try:
            process = subprocess.Popen(
                command,
                cwd=self.place,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=become if user is not None else None,
            )
        except OSError as error:
            return "does not start: %s" % error.strerror, ""
        late = None
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = "did not end within %d seconds" % seconds
        try:
            # What the command left running in the background ends with it.
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            pass
        if late:
            output, _ = process.communicate()
        return late or process.returncode, output.decode("utf-8", "replace")

    def succeeds(self, name, command, seconds=SECONDS, user=None):
        status, output = self.execute(command, seconds, user)
        return self.result(name, status == 0, said(status), output)

    def run(self):
        started = time.monotonic()
        try:
            {"deb": self.deb, "rpm": self.rpm, "image": self.runtime}[self.job["kind"]]()
        except Failed:
            pass
        finally:
            if self.place != "/":
                shutil.rmtree(self.place, ignore_errors=True)
        failed = [check["name"] for check in self.checks if not check["ok"]]
        report = {"ok": not failed, "checks": self.checks, "left_over": self.left_over, "notes": self.notes}
        try:
            # A runtime image has nothing that its user may write to here; the lines say the same.
            if not self.image:
                self.write(report)
        except OSError as error:
            self.note("the report cannot be written: %s" % error)
        verdict = "%d failed" % len(failed) if failed else "all right"
        print("%d checks, %s, %.1f s" % (len(self.checks), verdict, time.monotonic() - started))
        return 9 if failed else 0

    def write(self, report):
        os.makedirs(os.path.join(HERE, "out"), exist_ok=True)
        with open(os.path.join(HERE, "out", "report.json"), "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")

    # What is tried wherever the environment lies.

    def tries(self, tests=True):
        """Everything that the installed environment promises."""
        self.requirements()
        modules = self.job.get("modules", [])
        scripts = self.job.get("scripts", [])
        for module in modules:
            self.succeeds("import " + module, [self.python, "-I", "-c", IMPORT, module, self.prefix])
        for script in scripts:
            self.on_path(script)
        commands = self.job.get("tests", [])
        if commands and tests:
            for command in commands:
                self.succeeds(command, ["/bin/sh", "-c", command])
        elif not commands:
            for script in scripts:
                self.succeeds(script + " --help", [script, "--help"])
        if os.getuid() == 0:
            self.unprivileged(modules, [] if commands else scripts)

    def unprivileged(self, modules, scripts):
        """Once more without root's rights, and said only if it fails: files that only root can read."""
        trials = [("import " + name, [self.python, "-I", "-c", IMPORT, name, self.prefix]) for name in modules]
        trials += [(name + " --help", [name, "--help"]) for name in scripts]
        passed = {check["name"] for check in self.checks if check["ok"]}
        fine = True
        for name, command in trials:
            if name not in passed:
                continue
            status, output = self.execute(command, user=NOBODY)
            title = name + " as a user other than root"
            if status != 0:
                fine = self.result(title, False, said(status), output)
            # A package in a folder that the user cannot read imports as an empty namespace.
            elif name.startswith("import ") and output.endswith("from None\n") and not self.is_namespace(command):
                fine = self.result(title, False, "its files cannot be read")
        if trials and fine:
            self.result("the same as a user other than root", True)

    def is_namespace(self, command):
        return self.execute(command)[1].endswith("from None\n")

    def requirements(self):
        """`pip check` by the image's pip, or the same in a small way where there is none, as in a runtime image."""
        pip = None if self.image else self.lent_pip()
        if pip:
            self.environment["PYTHONPATH"] = pip
            self.succeeds("pip check", [self.python, "-s", "-m", "pip", "--disable-pip-version-check", "check"], 120)
            del self.environment["PYTHONPATH"]
        else:
            command = [self.python, "-s", "-B", os.path.join(HERE, "requirements.py")]
            self.succeeds("requirements of every distribution are met", command)

    def lent_pip(self):
        """A folder with nothing but the image's pip in it, for the environment's python."""
        status, output = self.execute([sys.executable, "-c", "import pip; print(pip.__path__[0])"])
        if status != 0 or self.place == "/":
            return None
        folder = os.path.join(self.place, "lent")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.symlink(output.strip(), os.path.join(folder, "pip"))
        return folder

    def on_path(self, script):
        found = shutil.which(script, path=self.environment.get("PATH", PATH))
        if found is None:
            self.result("%s is on PATH" % script, False, "no folder of PATH has it")
        else:
            real = os.path.realpath(found)
            inside = real.startswith(os.path.realpath(self.prefix) + os.sep)
            self.result("%s is on PATH" % script, inside, "it is %s, not the package's" % real)

    # A runtime image.

    def runtime(self):
        user = os.getuid()
        if not self.job.get("allow_root"):
            self.result("runs as a user other than root", user != 0, "it is uid %d" % user)
        if not os.path.exists(self.python):
            self.result("%s is there" % self.python, False)
            raise Failed
        self.tries()

    # Packages.

    def deb(self):
        package = self.job["package"]
        name = field(package, "Package")
        self.environment["DEBIAN_FRONTEND"] = "noninteractive"
        before = self.photograph()
        audit = self.execute(["dpkg", "--audit"])[1]

        self.dpkg("install", package)
        self.sound(name, package, audit)
        self.tries()
        if self.succeeds("install again", install_deb(package), 600):
            self.quick("works after it was installed again")
        kept = self.conffiles(name)
        self.dpkg_remove("remove", "-r", name)
        missing = [path for path in kept if not os.path.lexists(path)]
        if kept:
            self.result("configuration stays", not missing, "gone: " + ", ".join(missing))
        self.gone()
        self.dpkg_remove("purge", "-P", name)
        self.compare("nothing is left over", before)

        previous = self.job.get("previous")
        if not previous:
            return
        status, output = self.execute(install_deb(previous), 600)
        if status != 0:
            self.note("the upgrade is not tried: the previous package does not install here")
            self.execute(["dpkg", "-P", name], 600)
            return
        old, new = field(previous, "Version"), field(package, "Version")
        self.dpkg("upgrade from %s to %s" % (old, new), package)
        self.sound(name, package, audit)
        self.quick("works after the upgrade")
        self.dpkg_remove("purge after the upgrade", "-P", name)
        self.compare("nothing is left over after the upgrade", before)

    def dpkg(self, name, package):
        status, output = self.execute(install_deb(package), 600)
        lacking = re.findall(r"depends on (.+); however", output)
        if lacking:
            self.result(name, False, "dependencies that the container lacks: " + "; ".join(dict.fromkeys(lacking)))
        elif self.result(name, status == 0, said(status), output):
            return
        raise Failed

    def dpkg_remove(self, name, option, package):
        if not self.succeeds(name, ["dpkg", option, package], 600):
            raise Failed

    def sound(self, name, package, audit):
        """What dpkg itself says of the installed package."""
        _, version = self.execute(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", name])
        wanted = "ii  " + field(package, "Version")
        self.result("dpkg says it is installed", version.strip() == wanted.strip(), "it says `%s`" % version.strip())
        _, output = self.execute(["dpkg", "--audit"])
        self.result("dpkg --audit", output == audit, "", output)
        status, output = self.execute(["dpkg", "-V", name])
        excluded, lines = exclusions(), []
        for line in output.splitlines():
            if not line.startswith("missing") or not excluded(line[line.find("/") :]):
                lines.append(line)
        self.result("dpkg -V", not lines, "files differ from the package", "\n".join(lines))

    def conffiles(self, name):
        _, output = self.execute(["dpkg-query", "-W", "-f", "${Conffiles}", name])
        lines = [line.strip() for line in output.splitlines() if line.strip() and not line.endswith("obsolete")]
        return [line.rsplit(None, 1)[0] for line in lines]

    def rpm(self):
        package = self.job["package"]
        name = rpm_field(package, "%{NAME}")
        _, installed = self.execute(["rpm", "-qa"])
        options = []
        if not [line for line in installed.splitlines() if not line.startswith(("gpg-pubkey", "rpm:"))]:
            options = ["--nodeps"]
            self.note("the image has no rpm packages: what the package requires is not checked")
            for folder in RPM_FOLDERS:
                os.makedirs(folder, exist_ok=True)
        before = self.photograph()

        self.rpm_step("install", ["-i", *options, package])
        self.rpm_sound(name, package)
        self.tries()
        if self.rpm_step("install again", ["-U", "--replacepkgs", *options, package], fatal=False):
            self.quick("works after it was installed again")
        self.rpm_step("remove", ["-e", *options, name])
        self.gone()
        self.compare("nothing is left over", before)

        previous = self.job.get("previous")
        if not previous:
            return
        status, _ = self.execute(["rpm", "-i", *options, previous], 600)
        if status != 0:
            self.note("the upgrade is not tried: the previous package does not install here")
            self.execute(["rpm", "-e", *options, name], 600)
            return
        query = "%{VERSION}-%{RELEASE}"
        title = "upgrade from %s to %s" % (rpm_field(previous, query), rpm_field(package, query))
        # A rebuilt package may have the version of its predecessor, or a lower one.
        self.rpm_step(title, ["-U", "--replacepkgs", "--oldpackage", *options, package])
        self.rpm_sound(name, package)
        self.quick("works after the upgrade")
        self.rpm_step("remove after the upgrade", ["-e", *options, name])
        self.compare("nothing is left over after the upgrade", before)

    def rpm_step(self, name, arguments, fatal=True):
        status, output = self.execute(["rpm", *arguments], 600)
        lacking = re.findall(r"^\s*(.+) is needed by ", output, re.MULTILINE)
        if lacking:
            self.result(name, False, "dependencies that the container lacks: " + "; ".join(dict.fromkeys(lacking)))
        # A scriptlet of removal that fails is but a warning to rpm.
        elif self.result(name, status == 0 and "scriptlet failed" not in output, said(status), output):
            return True
        if fatal:
            raise Failed
        return False

    def rpm_sound(self, name, package):
        query = "%{EPOCH}:%{VERSION}-%{RELEASE}"
        _, version = self.execute(["rpm", "-q", "--qf", query, name])
        wanted = rpm_field(package, query)
        self.result("rpm says it is installed", version.strip() == wanted, "it says `%s`" % version.strip())
        status, output = self.execute(["rpm", "-V", "--nodeps", name])
        self.result("rpm -V", status == 0, "files differ from the package", output)

    def quick(self, name):
        """That the environment still runs, in one line unless it does not."""
        for module in self.job.get("modules", []):
            status, output = self.execute([self.python, "-I", "-c", IMPORT, module, self.prefix])
            if status != 0:
                self.result(name, False, "import %s: %s" % (module, said(status)), output)
                return
        commands = [["/bin/sh", "-c", command] for command in self.job.get("tests", [])]
        for command in commands or [[script, "--help"] for script in self.job.get("scripts", [])]:
            status, output = self.execute(command)
            if status != 0:
                self.result(name, False, "%s: %s" % (" ".join(command), said(status)), output)
                return
        self.result(name, True)

    def gone(self):
        """After removal, no command may hang in the air."""
        for script in self.job.get("scripts", []):
            dangling = [os.path.join(folder, script) for folder in PATH.split(":")]
            dangling = [path for path in dangling if os.path.islink(path) and not os.path.exists(path)]
            if dangling:
                self.result("%s is gone" % script, False, "%s points to nothing" % dangling[0])

    def photograph(self):
        return filesystem.photograph(self.job.get("extra_paths", []))

    def compare(self, name, before):
        left, changed, gone, empty = filesystem.difference(before, self.photograph())
        for path in empty:
            self.note("%s, an empty folder that no package owns, went with the package" % path)
        if any(path in filesystem.ACCOUNTS for path in changed):
            self.note("the package made a user or a group, which stays on purpose")
        changed = [path for path in changed if path not in filesystem.ACCOUNTS]
        lines = ["left over: " + path for path in left]
        lines += ["changed: " + path for path in changed] + ["gone: " + path for path in gone]
        self.left_over += [line for line in lines if line not in self.left_over]
        self.result(name, not lines, "%d paths" % len(lines), "\n".join(lines[:15]))
        for line in lines[15:]:
            print("     | " + line)


def install_deb(package):
    # Nobody answers questions here, and nothing has to survive a power failure.
    return ["dpkg", "--force-confdef", "--force-confold", "--force-unsafe-io", "-i", package]


def field(package, name):
    return output_of("dpkg-deb", "-f", package, name)


def rpm_field(package, query):
    return output_of("rpm", "-qp", "--nosignature", "--qf", query, package)


def output_of(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return result.stdout.decode("utf-8", "replace").strip()


def said(status):
    """A status as a sentence."""
    if isinstance(status, str):
        return status
    return "ended by signal %d" % -status if status < 0 else "exit status %d" % status


def exclusions():
    """Whether dpkg was told not to unpack a path: images of the `slim` kind have no documentation."""
    rules = []
    for name in sorted(glob.glob("/etc/dpkg/dpkg.cfg.d/*")) + ["/etc/dpkg/dpkg.cfg"]:
        try:
            with open(name, encoding="utf-8") as lines:
                rules += re.findall(r"^\s*path-(include|exclude)[=\s]\s*(\S+)", lines.read(), re.MULTILINE)
        except OSError:
            pass

    def excluded(path):
        answer = False
        for kind, pattern in rules:
            if fnmatch.fnmatchcase(path.strip(), pattern):
                answer = kind == "exclude"
        return answer

    return excluded


def writable():
    """Whether there is a place for temporary files: a read-only root file system may have none."""
    try:
        tempfile.gettempdir()
    except OSError:
        return False
    return os.access(tempfile.gettempdir(), os.W_OK) and tempfile.gettempdir() != "/"


def main():
    with open(os.path.join(HERE, "check.json"), encoding="utf-8") as file:
        job = json.load(file)
    os.umask(0o022)
    sys.exit(Check(job).run())


if __name__ == "__main__":
    main()
