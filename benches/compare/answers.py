"""Whether answers are equal: ours byte by byte in every run, others' after sorting where a program
has no order."""

import hashlib
import subprocess
from dataclasses import dataclass


class Differs(Exception):
    """Two programs, or two runs of ours, that do not agree."""


@dataclass
class Answer:
    #: Of the bytes as they are, and of what is compared between programs.
    bytes: str
    canonical: str

    @classmethod
    def read(cls, path, as_ours, ordered):
        raw = digest(path)
        steps = [as_ours] if as_ours else []
        steps += [] if ordered else ["LC_ALL=C sort"]
        if not steps:
            return cls(raw, raw)
        with open(path, "rb") as answer:
            shell = subprocess.Popen(
                ["sh", "-c", " | ".join(steps)], stdin=answer, stdout=subprocess.PIPE
            )
            canonical = hashlib.file_digest(shell.stdout, "sha256").hexdigest()
            if shell.wait() != 0:
                raise Differs(f"cannot bring {path} into order: {' | '.join(steps)}")
        return cls(raw, canonical)

    def check(self, name, first_name, first):
        if self.canonical != first.canonical:
            raise Differs(f"the answer of {name} is not that of {first_name}")

    def check_same_bytes(self, name, path):
        if digest(path) != self.bytes:
            raise Differs(f"{name} gave other bytes in another run")


def digest(path):
    with open(path, "rb") as answer:
        return hashlib.file_digest(answer, "sha256").hexdigest()
