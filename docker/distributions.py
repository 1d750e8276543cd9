"""Reads what the installed wheels say of themselves: RECORD, METADATA, entry points, licences, importable names."""

import configparser
import csv
import os
import re

LICENSE_NAME = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
MODULE_SUFFIX = re.compile(r"\.(py|so|cpython-[^.]+\.so|abi3\.so|pypy[^.]*\.so)$")


def normalised(name):
    """The name in the form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_text(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


class Distribution:
    """One `.dist-info` folder in the environment."""

    def __init__(self, info):
        self.info = info
        self.site = os.path.dirname(info)
        self.fields = fields(os.path.join(info, "METADATA"))
        self.name = self.fields.get("name", [""])[0]
        self.version = self.fields.get("version", [""])[0]
        self.tags = fields(os.path.join(info, "WHEEL")).get("tag", [])
        self.record = {}
        with open(os.path.join(info, "RECORD"), encoding="utf-8", errors="surrogateescape", newline="") as file:
            for row in csv.reader(file):
                if row:
                    path = os.path.normpath(os.path.join(self.site, row[0]))
                    self.record[path] = row[1] if len(row) > 1 else ""

    @property
    def title(self):
        return self.name + " " + self.version

    @property
    def made_elsewhere(self):
        """Whether the wheel cannot come from this build: such tags are given only by repair tools."""
        return any("manylinux" in tag or "musllinux" in tag for tag in self.tags)

    def entry_points(self, group):
        parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
        parser.optionxform = str
        try:
            parser.read_string(read_text(os.path.join(self.info, "entry_points.txt")))
        except (OSError, configparser.Error):
            return {}
        return {name: value.strip() for name, value in parser.items(group)} if parser.has_section(group) else {}

    def license(self):
        """What the metadata calls the licence; an expression where there is one."""
        value = self.fields.get("license-expression", [""])[0]
        if value:
            return value
        value = self.fields.get("license", [""])[0].strip()
        if value and value != "UNKNOWN" and "\n" not in value and len(value) <= 80:
            return value
        classifiers = [name for name in self.fields.get("classifier", []) if name.startswith("License ::")]
        names = [name.split("::")[-1].strip() for name in classifiers]
        return ", ".join(name for name in names if name != "OSI Approved") or None

    def license_texts(self):
        """The texts that lie in `.dist-info`, each once, in the order of their names."""
        texts = []
        for path in sorted(self.record):
            inside = os.path.relpath(path, self.info)
            if inside.startswith("..") or not os.path.isfile(path):
                continue
            if inside.startswith(("licenses/", "license_files/")) or LICENSE_NAME.match(inside):
                text = read_text(path)
                if text.strip() and text not in texts:
                    texts.append(text)
        return texts

    def top_level(self):
        """The first parts of the paths below site-packages, without the distribution's own folders."""
        names = set()
        for path in self.record:
            inside = os.path.relpath(path, self.site)
            if not inside.startswith(".."):
                names.add(inside.split("/")[0])
        return {name for name in names if not name.endswith((".dist-info", ".libs")) and name != "__pycache__"}

    def modules(self):
        """The names that `import` should know, a namespace package's by its portions' dotted names."""
        tree = {}
        for path in self.record:
            inside = os.path.relpath(path, self.site)
            if not inside.startswith(".."):
                parts = inside.split("/")
                folder = tree
                for part in parts[:-1]:
                    folder = folder.setdefault(part, {})
                    if folder is None:
                        break
                else:
                    folder[parts[-1]] = None
        try:
            declared = set(read_text(os.path.join(self.info, "top_level.txt")).split())
        except OSError:
            declared = set()
        names = sorted(name for name in importable(tree) if not declared or name.split(".")[0] in declared)
        # Suites and manuals that slipped into a wheel need what only their authors have installed.
        stray = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "conftest", "setup"}
        return [name for name in names if name.split(".")[0] not in stray] or names


def importable(tree, depth=0):
    """Packages and modules of one folder, and below folders without `__init__` the portions they hold."""
    names = set()
    for name, content in tree.items():
        if content is None:
            stem = MODULE_SUFFIX.sub("", name)
            if stem != name and stem.isidentifier() and not stem.startswith("__"):
                names.add(stem)
        elif name.isidentifier() and not name.startswith("__"):
            if any(MODULE_SUFFIX.sub("", file) == "__init__" and file != "__init__" for file in content):
                names.add(name)
            elif depth < 4:
                names |= {name + "." + inner for inner in importable(content, depth + 1)}
    # Modules beside packages in a namespace are rather data, such as the scripts of migrations.
    packages = {name for name in names if "." in name or tree.get(name) is not None}
    return packages or names if depth else names


def fields(path):
    """The header of a METADATA or WHEEL file: {lower-case name: values}."""
    found, last = {}, None
    try:
        text = read_text(path)
    except OSError:
        return found
    for line in text.splitlines():
        if not line:
            break
        if line[0] in " \t" and last:
            found[last][-1] += "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            last = name.strip().lower()
            found.setdefault(last, []).append(value.strip())
    return found
