"""The programs side by side: what is built, what is installed, and of which version."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from inputs import DATA

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = HERE / "programs"
#: Programs that may be missing, and who has them.
PACKAGES = {
    "mawk": "Debian's package mawk",
    "luajit": "Debian's package luajit",
    "mlr": "Debian's package miller",
}


def say(*words):
    """Progress goes to stderr: stdout is the report."""
    print(*words, file=sys.stderr, flush=True)


def output_of(*command):
    return subprocess.run(
        command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout.strip()


def built(manifest, *arguments, environment=None):
    """Builds with cargo; executables by the name of their target."""
    command = ["cargo", "build", "--release", "--manifest-path", manifest, *arguments]
    say("building:", *(str(word) for word in command))
    lines = subprocess.run(
        [*command, "--message-format=json-render-diagnostics"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    ).stdout.splitlines()
    found = {}
    for message in map(json.loads, lines):
        if message.get("executable"):
            found[message["target"]["name"]] = message["executable"]
    return found


def gleamflow():
    return built(ROOT / "Cargo.toml", "--bin", "bench_flows", "--example", "word_count")


def compiled_peers():
    """Beside gleamflow's own target folder, so that neither build throws out the other's."""
    named = os.environ.get("CARGO_TARGET_DIR")
    target = f"{named}-peers" if named else str(DATA / "peers-target")
    manifest = ROOT / "benches" / "peers" / "Cargo.toml"
    return built(manifest, environment={"CARGO_TARGET_DIR": target})["gleamflow-peers"]


def python_peers():
    """Python of a virtual environment with Polars and DuckDB."""
    python = DATA / "venv" / "bin" / "python"
    if not python.exists():
        say("making a virtual environment with polars and duckdb")
        subprocess.run([sys.executable, "-m", "venv", DATA / "venv"], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "polars", "duckdb"],
            check=True,
            stdout=sys.stderr,
        )
    return str(python)


def installed(name):
    return shutil.which(name) is not None


def versions(python):
    """Name and version of each peer that is here."""
    lock = (ROOT / "benches" / "peers" / "Cargo.lock").read_text()
    locked = dict(re.findall(r'name = "(renoir|timely)"\nversion = "(.*?)"', lock))
    code = "import polars, duckdb; print(polars.__version__, duckdb.__version__)"
    polars, duckdb = output_of(python, "-c", code).split()
    found = {"Polars": polars, "DuckDB": duckdb}
    found |= {"Renoir": locked["renoir"], "timely": locked["timely"]}
    found["sort"] = output_of("sort", "--version").split("\n")[0].split()[-1]
    if installed("mawk"):
        found["mawk"] = output_of("mawk", "-W", "version").split()[1]
    if installed("luajit"):
        found["luajit"] = output_of("luajit", "-v").split()[1]
    if installed("mlr"):
        found["Miller"] = output_of("mlr", "--version").split()[-1]
    return found


def machine():
    """A line of what this was measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return (
        f"{cpu[1] if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} cores,"
        f" {int(memory[1]) / 2**20:.0f} GiB, Linux {platform.release()}"
    )


def commit():
    """The commit that was measured, marked where the files differ from it."""
    name = output_of("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = output_of("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return name + (" with changes" if changed else "")
