"""Prints each requirement of an installed distribution that is not met, as `pip check` does, without pip.

    PREFIX/bin/python /build/requirements.py

Status 1 says that there are some. Requirements follow PEP 508, versions PEP 440; requirements of extras are left out.
"""

import os
import platform
import re
import sys
from importlib.metadata import distributions

VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_number>\d*))?"
    r"(?P<post>-(?P<post_short>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$",
    re.IGNORECASE,
)
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*([^;]*?)\s*(?:;(.*))?$")
TOKEN = re.compile(r"\s*(?:(\(|\)|===|~=|==|!=|<=|>=|<|>)|'([^']*)'|\"([^\"]*)\"|(not\s+in\b|[A-Za-z_.]+))")

VERSIONED = ("python_version", "python_full_version", "implementation_version", "platform_release")


def normalised(name):
    """The name in the form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Version:
    """A version of PEP 440."""

    def __init__(self, text):
        match = VERSION.match(text.strip())
        if not match:
            raise ValueError(text)
        self.epoch = int(match["epoch"] or 0)
        self.release = [int(part) for part in match["release"].split(".")]
        pre = (match["pre"] or "").lower()
        pre = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}.get(pre, pre)
        self.pre = (pre, int(match["pre_number"] or 0)) if pre else None
        self.post = int(match["post_short"] or match["post_number"] or 0) if match["post"] else None
        self.dev = int(match["dev_number"] or 0) if match["dev"] else None
        self.local = re.split(r"[-_.]", match["local"].lower()) if match["local"] else None

    def trimmed(self):
        release = list(self.release)
        while len(release) > 1 and release[-1] == 0:
            release.pop()
        return tuple(release)

    def public(self):
        """The key of the order, without the local part."""
        if self.pre:
            pre = (0,) + self.pre
        elif self.post is None and self.dev is not None:
            pre = (-1,)
        else:
            pre = (1,)
        post = -1 if self.post is None else self.post
        dev = (1, 0) if self.dev is None else (0, self.dev)
        return (self.epoch, self.trimmed(), pre, post, dev)

    def key(self):
        local = () if self.local is None else tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in self.local)
        return self.public() + ((0,) if self.local is None else (1,) + local,)

    def prefix(self, length):
        return (self.epoch, tuple((self.release + [0] * length)[:length]))

    @property
    def early(self):
        return self.pre is not None or self.dev is not None


def satisfies(version, operator, wanted):
    """Whether a version is in one clause of a specifier."""
    if operator == "===":
        return version.strip().lower() == wanted.strip().lower()
    have = Version(version)
    if wanted.endswith(".*"):
        base = Version(wanted[:-2])
        same = have.prefix(len(base.release)) == base.prefix(len(base.release))
        return same if operator == "==" else not same
    want = Version(wanted)
    mine = have.key() if want.local else have.public()
    theirs = want.key() if want.local else want.public()
    if operator == "==":
        return mine == theirs
    if operator == "!=":
        return mine != theirs
    if operator == "<=":
        return have.public() <= want.public()
    if operator == ">=":
        return have.public() >= want.public()
    same_release = (have.epoch, have.trimmed()) == (want.epoch, want.trimmed())
    if operator == "<":
        # Not the early releases of the version itself.
        own = want.post is None or (have.pre is None and have.post == want.post)
        return have.public() < want.public() and (want.early or not (have.early and same_release and own))
    if operator == ">":
        # Not the post-releases of the version itself.
        own = have.post is not None and want.post is None and want.dev is None and have.pre == want.pre
        return have.public() > want.public() and not (same_release and own)
    if operator == "~=":
        length = max(len(want.release) - 1, 1)
        return have.public() >= want.public() and have.prefix(length) == want.prefix(length)
    raise ValueError(operator)


def contains(specifier, version):
    for clause in specifier.strip().strip("()").split(","):
        match = re.match(r"\s*(===|~=|==|!=|<=|>=|<|>)\s*(\S+)\s*$", clause)
        if match and not satisfies(version, match.group(1), match.group(2)):
            return False
    return True


def environment():
    """The variables of environment markers."""
    implementation = sys.implementation.version
    version = "{0.major}.{0.minor}.{0.micro}".format(implementation)
    if implementation.releaselevel != "final":
        version += implementation.releaselevel[0] + str(implementation.serial)
    return {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": version,
        "extra": "",
    }


class Marker:
    """One environment marker, read and answered from left to right."""

    def __init__(self, text, variables):
        self.tokens, self.variables, at = [], variables, 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise ValueError(text)
            at = match.end()
            symbol, single, double, word = match.groups()
            if single is not None or double is not None:
                self.tokens.append(("text", single if single is not None else double))
            elif symbol:
                self.tokens.append(("symbol", symbol))
            else:
                self.tokens.append(("word", " ".join(word.split())))

    def take(self):
        return self.tokens.pop(0) if self.tokens else ("end", "")

    def accept(self, kind, value):
        if self.tokens and self.tokens[0] == (kind, value):
            self.tokens.pop(0)
            return True
        return False

    def either(self):
        result = self.both()
        while self.accept("word", "or"):
            result = self.both() or result
        return result

    def both(self):
        result = self.single()
        while self.accept("word", "and"):
            result = self.single() and result
        return result

    def single(self):
        if self.accept("symbol", "("):
            result = self.either()
            if not self.accept("symbol", ")"):
                raise ValueError("a parenthesis is open")
            return result
        (left, versioned), (_, operator), (right, also) = self.value(), self.take(), self.value()
        if operator in ("in", "not in"):
            return (left in right) == (operator == "in")
        try:
            if versioned or also:
                return satisfies(left, operator, right)
        except ValueError:
            pass
        return {"==": left == right, "===": left == right, "!=": left != right, "<": left < right, ">": left > right,
                "<=": left <= right, ">=": left >= right}[operator]  # fmt: skip

    def value(self):
        kind, value = self.take()
        if kind == "text":
            return value, False
        name = value.replace("os.name", "os_name").replace("sys.platform", "sys_platform").replace(".", "_")
        if name == "python_implementation":
            name = "platform_python_implementation"
        return self.variables[name], name in VERSIONED


def problems():
    variables = environment()
    installed, requirements = {}, []
    for distribution in distributions():
        name = distribution.metadata["Name"]
        # The first folder of the search path wins, as it does for `import`.
        if name and normalised(name) not in installed:
            installed[normalised(name)] = (name, distribution.version)
            requirements.append((name, distribution.version, distribution.requires or []))
    for name, version, wanted in sorted(requirements, key=lambda entry: normalised(entry[0])):
        for text in wanted:
            # Of a requirement by address only the name and the marker count.
            match = REQUIREMENT.match(re.sub(r"\s*@\s+?\S+", "", text))
            try:
                if not match or (match.group(3) and not Marker(match.group(3), variables).either()):
                    continue
                needed = installed.get(normalised(match.group(1)))
                if needed is None:
                    yield "%s %s requires %s, which is not installed" % (name, version, match.group(1))
                elif not contains(match.group(2), needed[1]):
                    yield "%s %s requires %s, but %s %s is installed" % (
                        name, version, text.split(";")[0].strip(), needed[0], needed[1])  # fmt: skip
            except (ValueError, KeyError):
                print("note: %s %s: the requirement `%s` cannot be read" % (name, version, text))


def main():
    found = list(problems())
    for sentence in found:
        print(sentence)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
