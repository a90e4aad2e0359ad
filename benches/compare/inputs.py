"""The inputs, made or fetched when they are missing, in the folder that GLEAMFLOW_BENCH_DATA names.

The corpus is C and its documentation: Debian's package linux-source-6.1; the regular files of its
tarball that PATTERNS name, in `LC_ALL=C sort` order, one behind another, cut at the last newline
before 1e9 and before 1e8 bytes. Tables are made from a fixed seed by benches/peers."""

import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

DATA = Path(
    os.environ.get("GLEAMFLOW_BENCH_DATA") or Path.home() / ".cache" / "gleamflow" / "bench"
)
#: Answers on their way to be compared; two comparisons may run at once.
ANSWER = DATA / f"answer-{os.getpid()}"
PACKAGE = "linux-source-6.1"
PATTERNS = (
    "*.c *.h *.rst *.txt *.S *.dts *.dtsi *.yaml *.py *.sh *.pl *.json Makefile* Kconfig*".split()
)
#: Name of a size, bytes of the corpus, rows of the table and of the orders, distinct keys, lines of
#: the log.
SIZES = {
    "10M": (10**7, 189_000, 200_000, 50_000),
    "100M": (10**8, 1_890_000, 2_000_000, 500_000),
    "1G": (10**9, 10_000_000, 20_000_000, 5_000_000),
    "4G": (4 * 10**9, None, None, None),
}


def corpus(size):
    path = DATA / f"corpus-{size}"
    if path.exists():
        return path
    if size == "4G":
        return made(path, lambda part: repeat(corpus("1G"), 4, part))
    if size != "1G":
        return made(path, lambda part: cut(corpus("1G"), SIZES[size][0], part))
    return made(path, fetch_corpus)


def table(size, peers):
    return generated(peers, "table", SIZES[size][1])


def few(size, peers):
    return generated(peers, "few", SIZES[size][1])


def keys(size, peers):
    return generated(peers, "keys", SIZES[size][2])


def log(size, peers):
    return generated(peers, "log", SIZES[size][3])


def orders(size, peers):
    return generated(peers, "orders", SIZES[size][1])


def join(size, peers):
    """A folder with the two sides."""
    left = SIZES[size][1] // 2
    path = DATA / f"join-{left}"
    if path.exists():
        return path

    def make(part):
        part.mkdir(exist_ok=True)
        generate(peers, "left", left, part / "left")
        generate(peers, "right", left // 5, part / "right")

    return made(path, make)


def generated(peers, what, number):
    path = DATA / f"{what}-{number}"
    return path if path.exists() else made(path, lambda part: generate(peers, what, number, part))


def made(path, make):
    """A file that appears whole or not at all."""
    print(f"making {path}", file=sys.stderr, flush=True)
    DATA.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    make(part)
    part.rename(path)
    return path


def generate(peers, what, number, part):
    with open(part, "wb") as out:
        subprocess.run([peers, what, str(number)], stdout=out, check=True)


def repeat(source, times, part):
    with open(part, "wb") as out:
        for _ in range(times):
            with open(source, "rb") as whole:
                shutil.copyfileobj(whole, out, 1 << 20)


def cut(source, most, part):
    with open(source, "rb") as whole, open(part, "wb") as out:
        text = whole.read(most)
        out.write(text[: text.rindex(b"\n") + 1])


def fetch_corpus(part):
    most = SIZES["1G"][0]
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True, stdout=sys.stderr)
        (package,) = Path(folder).glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        package.unlink()
        (tarball,) = Path(folder).glob("usr/src/*.tar.*")
        with tarfile.open(tarball, "r|*") as files:
            texts = {
                file.name.encode(errors="surrogateescape"): files.extractfile(file).read()
                for file in files
                if file.isreg() and is_named(os.path.basename(file.name))
            }
    text = bytearray()
    for name in sorted(texts):
        text += texts.pop(name)
        if len(text) > most:
            break
    part.write_bytes(text[: text.rindex(b"\n", 0, most) + 1])


def is_named(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in PATTERNS)


def files(path):
    """The files of an input."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def warm(path):
    """Reads an input so that it is in the page cache."""
    buffer = bytearray(1 << 20)
    for name in files(path):
        with open(name, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
