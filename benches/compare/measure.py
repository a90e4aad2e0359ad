"""Wall time, CPU and memory of a command with all that it starts.

A newcomer's trap: a program's own CPU time leaves out children that it doesn't wait for, and
gleamflow's workers end after it. So this process adopts orphans (PR_SET_CHILD_SUBREAPER) and waits
for each of them."""

import ctypes
import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.05
ORPHAN_SECONDS = 10


class Failed(Exception):
    """A command that ended badly, with the end of its stderr."""


@dataclass
class Run:
    """What one run took; `memory` is 0 where it was not sampled."""

    wall: float
    cpu: float
    memory: int = 0


def adopt_orphans():
    """Once, before the first run."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def run(command, output, environment=None, sample=False):
    """Runs a command with its stdout in a file. Wall time ends with the command; CPU is that of
    the whole tree. `sample` looks at memory all the while, which costs time: not for timed runs."""
    errors = tempfile.TemporaryFile()
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
    ]
    command = [str(word) for word in command]
    sampler = Sampler() if sample else None
    begin = time.monotonic()
    child = os.posix_spawnp(
        command[0], command, {**os.environ, **(environment or {})}, file_actions=files
    )
    if sampler:
        sampler.start()
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - begin
    cpu = usage.ru_utime + usage.ru_stime + reap_orphans(command)
    memory = sampler.stop() if sampler else 0
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        errors.seek(0)
        said = errors.read()[-2000:].decode(errors="replace")
        raise Failed(f"exit code {code} of: {' '.join(command)}\n{said}")
    return Run(wall, cpu, memory)


def reap_orphans(command):
    """CPU seconds of what the command left to us. What doesn't end is ended, and an error."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    cpu = 0.0
    while True:
        try:
            child, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu
        if child:
            cpu += usage.ru_utime + usage.ru_stime
        elif time.monotonic() < deadline:
            time.sleep(0.001)
        else:
            for left in descendants():
                os.kill(left, signal.SIGKILL)
            raise Failed(f"it left processes behind: {' '.join(command)}")


def descendants():
    """Process ids below this process."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(errors="replace")
            except OSError:
                continue
            # The name before may hold spaces and parentheses.
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found = []
    open_ = [os.getpid()]
    while open_:
        below = children.get(open_.pop(), [])
        found += below
        open_ += below
    return found


class Sampler(threading.Thread):
    """The largest sum of PSS over the tree, in bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak = 0
        self.done = threading.Event()

    def run(self):
        while True:
            self.peak = max(self.peak, sum(map(proportional_bytes, descendants())))
            if self.done.wait(SAMPLE_SECONDS):
                return

    def stop(self):
        self.done.set()
        self.join()
        return self.peak


def proportional_bytes(process):
    try:
        with open(f"/proc/{process}/smaps_rollup") as lines:
            for line in lines:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
