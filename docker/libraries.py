"""Finds the shared libraries that ELF files need, and the distribution packages that bring them."""

import glob
import os
import re
import shutil
import struct
import subprocess
import tempfile

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 14, 15, 29
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
ET_EXEC, ET_DYN = 2, 3

DEFAULT_DIRS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")


class Elf:
    """What the dynamic linker reads of one ELF file; `dynamic` is false for objects and static programs."""

    def __init__(self, data):
        self.needed, self.run_path, self.versions = [], [], []
        self.soname, self.dynamic, self.program = "", False, False
        wide, little = data[4] == 2, data[5] == 1
        order = "<" if little else ">"
        kind, machine = struct.unpack_from(order + "HH", data, 16)
        self.target = (data[4], data[5], machine)
        self.wide = wide
        if wide:
            offset, size, count = struct.unpack_from(order + "Q", data, 32) + struct.unpack_from(order + "HH", data, 54)
        else:
            offset, size, count = struct.unpack_from(order + "I", data, 28) + struct.unpack_from(order + "HH", data, 42)
        loads, dynamic = [], None
        for at in range(offset, offset + size * count, size):
            if wide:
                segment, _, start, address, _, length = struct.unpack_from(order + "IIQQQQ", data, at)
            else:
                segment, start, address, _, length = struct.unpack_from(order + "IIIII", data, at)
            if segment == PT_LOAD:
                loads.append((address, start, length))
            elif segment == PT_DYNAMIC:
                dynamic = (start, length)
            elif segment == PT_INTERP:
                self.program = True
        self.program = self.program or kind == ET_EXEC
        if dynamic is None or kind not in (ET_EXEC, ET_DYN):
            return
        self.dynamic = True

        entry = order + ("qQ" if wide else "iI")
        table = []
        for at in range(dynamic[0], dynamic[0] + dynamic[1], struct.calcsize(entry)):
            tag, value = struct.unpack_from(entry, data, at)
            if tag == 0:
                break
            table.append((tag, value))
        first = dict(reversed(table))

        def place(address):
            for start, offset, length in loads:
                if start <= address < start + length:
                    return address - start + offset
            raise ValueError("an address outside of the file")

        strings = place(first[DT_STRTAB]) if DT_STRTAB in first else 0

        def string(index):
            end = data.find(b"\0", strings + index)
            return os.fsdecode(bytes(data[strings + index : end]))

        self.needed = [string(value) for tag, value in table if tag == DT_NEEDED]
        if DT_SONAME in first:
            self.soname = string(first[DT_SONAME])
        path = first.get(DT_RUNPATH, first.get(DT_RPATH))
        if path is not None:
            self.run_path = [part for part in string(path).split(":") if part]
        at = place(first[DT_VERNEED]) if DT_VERNEED in first else 0
        for _ in range(first.get(DT_VERNEEDNUM, 0)):
            _, count, name, aux, following = struct.unpack_from(order + "HHIII", data, at)
            library, member = string(name), at + aux
            for _ in range(count):
                _, _, _, version, after = struct.unpack_from(order + "IHHII", data, member)
                self.versions.append((library, string(version)))
                member += after
            at += following


def parse_elf(data):
    """The ELF file in `data`, or nothing if it is none or is damaged."""
    try:
        return Elf(data) if data[:4] == b"\x7fELF" else None
    except (ValueError, struct.error, IndexError):
        return None


def read_elf(path):
    """The ELF file at `path`, or nothing if there is none."""
    with open(path, "rb") as file:
        return parse_elf(file.read())


def run(*command, **options):
    """The output of a command, whatever its status."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, **options)
    return result.stdout.decode("utf-8", "surrogateescape")


def manager():
    """The package manager whose database has packages: `dpkg`, `rpm` or nothing."""
    status = "/var/lib/dpkg/status"
    if shutil.which("dpkg-query") and os.path.isfile(status) and os.path.getsize(status):
        return "dpkg"
    return "rpm" if shutil.which("rpm") else None


def spellings(path):
    """The names under which a package may list a file, since / and /usr are one folder on most systems."""
    names = []
    for name in (path, os.path.realpath(path)):
        names += [name, name[4:] if name.startswith("/usr/") else "/usr" + name]
    return list(dict.fromkeys(names))


def owners(paths):
    """The packages that own each of the paths, as {path: name}; a path that no package owns is left out."""
    kind, found = manager(), {}
    if kind == "dpkg" and paths:
        listed = {}
        output = run("dpkg-query", "-S", *[name for path in paths for name in spellings(path)])
        for line in output.splitlines():
            packages, _, name = line.partition(": ")
            if not packages.startswith("diversion "):
                listed.setdefault(name, packages.split(", ")[0])
        for path in paths:
            for name in spellings(path):
                if name in listed:
                    found.setdefault(path, listed[name])
    elif kind == "rpm":
        for path in paths:
            for name in spellings(path):
                result = subprocess.run(
                    ["rpm", "-qf", "--qf", "%{NAME}\n", name],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
                if result.returncode == 0 and path not in found:
                    found[path] = result.stdout.decode().split()[0]
    return found


class System:
    """The libraries of the image, for one kind of processor."""

    def __init__(self, target):
        self.target = target
        self.cache = {}
        ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:" + os.environ.get("PATH", ""))
        for line in run(ldconfig, "-p").splitlines() if ldconfig else ():
            name, arrow, path = line.strip().partition(" => ")
            if arrow:
                self.cache.setdefault(name.split(" ")[0], []).append(path)

    def find(self, soname, run_path, origin):
        """The path of a library as the dynamic linker would find it, or nothing."""
        folders = [re.sub(r"\$(ORIGIN|\{ORIGIN\})", lambda _: origin, folder) for folder in run_path]
        places = [os.path.join(folder, soname) for folder in folders] + self.cache.get(soname, [])
        for path in places + [os.path.join(folder, soname) for folder in DEFAULT_DIRS]:
            if os.path.isfile(path):
                elf = read_elf(path)
                if elf is not None and elf.target == self.target:
                    return path
        return None


class Needs:
    """What the ELF files of a stage need from the distribution."""

    def __init__(self):
        self.sonames, self.packages, self.depends, self.rpm_requires = [], [], [], []
        self.vendored, self.missing = [], []


def needs(files, everything, prefix, target):
    """What `files` need, a map from paths to `Elf`; `everything` are the paths of all files under the prefix.

    A library that any folder of the environment brings is not looked for elsewhere.
    """
    result = Needs()
    brought = {}
    for path in everything:
        name = os.path.basename(path)
        if ".so" in name:
            brought.setdefault(name, set()).add(os.path.dirname(path))
    for path, elf in files.items():
        if elf is not None and elf.soname:
            brought.setdefault(elf.soname, set()).add(os.path.dirname(path))

    native = {path: elf for path, elf in files.items() if elf is not None and elf.dynamic and elf.target == target}
    vendored, external, missing, requires = set(), {}, {}, set()
    system = System(target) if native else None
    for path, elf in sorted(native.items()):
        outside = set()
        for soname in elf.needed:
            if soname in brought:
                vendored |= brought[soname]
                continue
            outside.add(soname)
            if soname not in external:
                external[soname] = system.find(soname, elf.run_path, os.path.dirname(path))
            if external[soname] is None:
                missing.setdefault(soname, path)
        suffix = "(64bit)" if elf.wide else ""
        requires |= {soname + "()" + suffix for soname in outside}
        requires |= {"%s(%s)%s" % (soname, version, suffix) for soname, version in elf.versions if soname in outside}
    # auditwheel and its like keep libraries in a folder of their own, used by this stage or not.
    vendored |= {os.path.dirname(path) for path in native if os.path.dirname(path).endswith((".libs", "/.dylibs"))}

    result.missing = sorted(missing.items())
    result.sonames = sorted(name for name, path in external.items() if path)
    result.rpm_requires = sorted(name for name in requires if name.partition("(")[0] not in missing)
    result.vendored = sorted(folder for folder in vendored if folder.startswith(prefix + "/"))
    paths = {name: path for name, path in external.items() if path}
    owner = owners(sorted(set(paths.values())))
    result.packages = sorted({name.split(":")[0] for name in owner.values()})
    if manager() == "dpkg" and paths:
        usable = [path for path, elf in sorted(native.items()) if not any(name in missing for name in elf.needed)]
        result.depends = shlibdeps(usable, result.vendored)
        if result.depends is None:
            result.depends = from_shlibs(paths, owner)
    return result


def shlibdeps(files, vendored):
    """The dependencies as dpkg-shlibdeps finds them, by symbol; nothing where it is missing or fails."""
    if not shutil.which("dpkg-shlibdeps"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "debian"))
        with open(os.path.join(folder, "debian", "control"), "w", encoding="utf-8") as control:
            control.write("Source: stub\n\nPackage: stub\nArchitecture: any\n")
        command = ["dpkg-shlibdeps", "-O", "--ignore-missing-info", "--warnings=0"]
        command += ["-l" + name for name in vendored] + ["-e" + name for name in files]
        result = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False
        )
    if result.returncode != 0:
        print("note: dpkg-shlibdeps ended with status %d: %s" % (result.returncode, result.stderr.strip()[-300:]))
        return None
    for line in result.stdout.splitlines():
        name, _, value = line.partition("=")
        if name == "shlibs:Depends":
            return sorted(part for part in value.split(", ") if part)
    return []


def from_shlibs(paths, owner):
    """The dependencies by the shlibs files of the packages: right, if less exact than by symbol.

    A library without such a file gives its package without a version (Debian Policy 8.6).
    """
    depends = set()
    for soname, path in paths.items():
        package = owner.get(path)
        if package is None:
            continue
        match = re.match(r"(.+)\.so\.(.+)$", soname) or re.match(r"(.+)-(\d.*)\.so$", soname)
        wanted = match.groups() if match else None
        clause = package.split(":")[0]
        for file in glob.glob("/var/lib/dpkg/info/%s.shlibs" % glob.escape(package)) or glob.glob(
            "/var/lib/dpkg/info/%s*.shlibs" % glob.escape(clause)
        ):
            with open(file, encoding="utf-8") as lines:
                for line in lines:
                    fields = line.split(None, 2)
                    # A line for another type of package opens with `type:`.
                    if len(fields) == 3 and not fields[0].endswith(":") and (fields[0], fields[1]) == wanted:
                        clause = fields[2].strip()
        depends |= set(clause.split(", "))
    return sorted(depends)
