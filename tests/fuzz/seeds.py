#!/usr/bin/env python3
"""Makes the seeds of the target `plan`: what engine and worker tell each other while some flows run.

Run after the plan's types have changed: `cargo build && tests/fuzz/seeds.py`. Needs strace.
"""
import pathlib
import re
import struct
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = ROOT / "tests/fuzz/seeds/plan"
# Kinds of blocks (src/row/block.rs), and the byte by which the target knows them.
KINDS = {16: 0, 17: 1, 33: 2, 34: 3}
MAGIC = b"GFW2"
HEAD = 36
PASS = "function(x) return x end"
FLOWS = [
    ["reduce", "IN", "function(x) return x, 1 end", "function(x, y) return x + y end"],
    ["sort", "IN"],
    ["map_pipe_map", "IN", PASS, "cat", PASS],
    ["map", "IN", "function(x) error('no') end"],
    ["shared", "IN", "n = 1", "function(x) return x, n end"],
]


def blocks(program, arguments):
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder, "in.txt")
        text.write_text("".join(f"line {i}\n" for i in range(30)))
        trace = pathlib.Path(folder, "trace")
        arguments = [str(text) if a == "IN" else a for a in arguments]
        subprocess.run(
            ["strace", "-f", "-xx", "-s", "200000", "-e", "trace=write,writev,sendmsg,sendto",
             "-o", trace, program, *arguments],
            env={"PATH": "/usr/bin:/bin", "GLEAMFLOW_WORKERS": "1", "FAULT_SPLIT": "100"},
            capture_output=True)
        for line in trace.read_text().splitlines():
            sent = re.findall(r'iov_base="((?:\\x..)*)"', line) or re.findall(r'\(\d+, "((?:\\x..)*)"', line)
            data = b"".join(bytes.fromhex(part.replace("\\x", "")) for part in sent)
            while data[:4] == MAGIC and len(data) >= HEAD:
                _, kind, _, _, _, _, length, _, _ = struct.unpack("<9I", data[:HEAD])
                if len(data) >= HEAD + length:
                    yield kind, data[HEAD:HEAD + length]
                data = data[HEAD + length:]


def main():
    import sys
    program = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/fault_program")
    SEEDS.mkdir(parents=True, exist_ok=True)
    for old in SEEDS.iterdir():
        old.unlink()
    seen = set()
    for number, arguments in enumerate(FLOWS):
        for kind, payload in blocks(program, arguments):
            # One of each kind and flow is enough.
            if kind in KINDS and (number, kind) not in seen:
                seen.add((number, kind))
                SEEDS.joinpath(f"{arguments[0]}-{kind}").write_bytes(bytes([KINDS[kind]]) + payload)
    print(f"{len(seen)} seeds")


main()
