"""Photographs the file system, so that what a package leaves behind can be named."""

import fnmatch
import hashlib
import os
import stat

# Not of the package: what the kernel and the engine mount, and the steps' own files.
SKIPPED = ("/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/run", "/var/run", "/build", "/.dockerenv")
# What package managers and the loader write when they work at all.
VOLATILE = (
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/lib/rpm",
    "/var/lib/dnf",
    "/usr/lib/sysimage",
    "/root/.rpmdb",
    "/etc/ld.so.cache",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/mtab",
    "/etc/.pwd.lock",
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/subuid-",
    "/etc/subgid-",
    "/var/cache/apt",
    "/var/cache/debconf",
    "/var/cache/dnf",
    "/var/cache/ldconfig",
    "/var/cache/man",
    "/var/log/apt",
    "/var/log/alternatives.log",
    "/var/log/dpkg.log",
    "/var/log/dnf*",
    "/var/log/hawkey.log",
    "/var/log/lastlog",
    "/var/log/wtmp",
    "/var/log/btmp",
    "/var/log/faillog",
    "/var/lib/systemd/catalog",
)
# A user that a package made stays, so that files of it never get another owner.
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
INTERPRETERS = ("/usr/lib/python", "/usr/lib64/python", "/usr/lib/pypy")
# Where times say enough, and hashing would cost more than the rest of a check.
UNHASHED = ("/usr/", "/lib", "/bin", "/sbin")


def photograph(allowed=()):
    """{path: what a change of it would show in}; folders by mode and owner, since their times always change."""
    skipped = [*SKIPPED, *VOLATILE]
    exact = {name for name in skipped if "*" not in name}
    patterns = [name for name in [*skipped, *allowed] if name not in exact]
    taken = {}

    def walk(folder):
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path = entry.path
            if path in exact or any(fnmatch.fnmatch(path, pattern) for pattern in patterns):
                continue
            # The interpreter's own byte code is written by whoever runs it first as root.
            if entry.name == "__pycache__" and path.startswith(INTERPRETERS):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            taken[path] = describe(path, status)
            if stat.S_ISDIR(status.st_mode):
                walk(path)

    walk("/")
    return taken


def describe(path, status):
    owner = (stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    if stat.S_ISLNK(status.st_mode):
        return owner + (os.readlink(path),)
    if not stat.S_ISREG(status.st_mode):
        return owner
    if path.startswith(UNHASHED):
        return owner + (status.st_size, status.st_mtime_ns)
    try:
        with open(path, "rb") as file:
            return owner + (status.st_size, hashlib.sha256(file.read()).hexdigest())
    except OSError:
        return owner + (status.st_size, status.st_mtime_ns)


def difference(before, after):
    """What is new, what changed, what is gone, and which empty folders are gone.

    Of a new folder only the folder is named, as `path/`.
    """
    new = {path for path in after if path not in before}
    left = []
    for path in sorted(new):
        if os.path.dirname(path) not in new:
            left.append(path + "/" if stat.S_ISDIR(after[path][0]) else path)
    changed = [path for path in sorted(before) if path in after and before[path] != after[path]]
    lost = before.keys() - after.keys()
    gone = [path for path in sorted(lost) if os.path.dirname(path) not in lost]
    # dpkg removes a folder of the package that is empty and no other package lists: /opt, for one.
    filled = {os.path.dirname(path) for path in before}
    empty = [path for path in gone if stat.S_ISDIR(before[path][0]) and path not in filled]
    return left, changed, [path for path in gone if path not in empty], empty
