"""Compiles modules to byte code whose bytes depend on the wheel alone.

As a program it is the worker: the names of modules come on standard input, one per line and terminated by NUL, and
the names of those that do not compile go to standard output.

CPython's marshal writes down which objects were shared in the process that wrote them, so the same module has other
bytes after other modules were compiled. Therefore every wheel is compiled in interpreters of its own, in batches that
are cut the same way on every machine, and the hash seed is fixed.
"""

import os
import py_compile
import subprocess
import sys
from collections import deque

BATCH = 64


def compile_all(interpreter, groups):
    """Compiles each group's modules, in place, and returns the modules that do not compile.

    Groups are lists of absolute paths; what is in another group never has an influence on the bytes.
    """
    batches = deque()
    for group in groups:
        names = sorted(group, key=os.fsencode)
        for start in range(0, len(names), BATCH):
            batches.append(names[start : start + BATCH])
    environment = dict(os.environ, PYTHONHASHSEED="0", PYTHONUTF8="1")
    failed = []
    running = []
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:
        processors = os.cpu_count() or 1
    while batches or running:
        while batches and len(running) < processors:
            worker = subprocess.Popen(
                [interpreter, "-S", "-s", "-B", "-W", "ignore", os.path.abspath(__file__)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
            )
            # A batch is far smaller than what a pipe takes once the worker reads, and the worker reads it all first.
            worker.stdin.write(b"".join(os.fsencode(name) + b"\0" for name in batches.popleft()))
            worker.stdin.close()
            running.append(worker)
        worker = running.pop(0)
        failed += [os.fsdecode(name) for name in worker.stdout.read().split(b"\0") if name]
        worker.stdout.close()
        if worker.wait() != 0:
            raise SystemExit("venv: the byte-code compiler ended with status %d" % worker.returncode)
    return failed


def main():
    names = [os.fsdecode(name) for name in sys.stdin.buffer.read().split(b"\0") if name]
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for name in names:
        try:
            py_compile.compile(name, doraise=True, invalidation_mode=mode)
        except (py_compile.PyCompileError, SyntaxError, ValueError, RecursionError, MemoryError):
            # Templates and modules for other Pythons are no mistake: nobody imports them.
            sys.stdout.buffer.write(os.fsencode(name) + b"\0")


if __name__ == "__main__":
    main()
