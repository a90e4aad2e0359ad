"""What is not one flow on one input: starting up, and how cost grows with the input and workers."""

import os
from statistics import median

import inputs
import measure
import report
import tools
from answers import Differs, digest
from workloads import MAWK_WORDS

PASSWD = "/etc/passwd"
STARTS = 21
#: What scaling measures, up to `--size`; beyond it where that is the whole corpus.
STEPS = ["10M", "100M", "1G", "4G"]


def start(its, arguments):
    """From start to exit on a file of a few lines, and a flow of one row in a running program."""
    workers = {"GLEAMFLOW_WORKERS": str(its.workers)}
    programs = {"**gleamflow**": ([its.word_count, PASSWD], workers)}
    others = {
        "mawk": ["mawk", MAWK_WORDS, PASSWD],
        "luajit": ["luajit", tools.PROGRAMS / "words_lines.lua", PASSWD],
        "Python with Polars": [
            its.python, tools.PROGRAMS / "polars_peer.py", "words", PASSWD, os.devnull,
        ],
    }
    for name, command in others.items():
        if tools.installed(command[0]):
            programs[name] = (command, {})
    walls = {name: [] for name in programs}
    tools.say("start")
    for _ in range(STARTS):
        for name, (command, environment) in programs.items():
            walls[name].append(1e3 * measure.run(command, os.devnull, environment).wall)
    print(f"#### Start: count the words of {PASSWD}, from start to exit, {STARTS} times\n")
    report.lines(
        ["", "wall ms", "min–max"],
        [
            [name, f"{median(these):.1f}", f"{min(these):.1f}–{max(these):.1f}"]
            for name, these in walls.items()
        ],
    )
    measure.run([its.flows, "one_row"], inputs.ANSWER, workers)
    first, *rest = map(float, inputs.ANSWER.read_text().split())
    inputs.ANSWER.unlink()
    print(f"A flow of one row in a running program: the first {first:.1f} ms,")
    print(f"each later one {median(rest):.2f} ms ({min(rest):.2f}–{max(rest):.2f}).\n")


def scaling(its, arguments):
    """W by size, in turn; and with one worker."""
    sizes = STEPS[: STEPS.index(arguments.size) + 1]
    if arguments.size == "1G":
        sizes.append("4G")
    runs, memory = {}, {}
    for size in sizes:
        inputs.warm(inputs.corpus(size))
    for nth in range(arguments.runs):
        tools.say(f"scaling: run {nth + 1} of {arguments.runs}")
        for size in sizes:
            done = measure.run(*words(its, size, its.workers), sample=nth == 0)
            memory[size] = max(memory.get(size, 0), done.memory)
            runs.setdefault(size, []).append(done)
    rows = []
    for size in sizes:
        bytes_ = inputs.corpus(size).stat().st_size
        wall = median(run.wall for run in runs[size])
        cpu = median(run.cpu for run in runs[size])
        nanoseconds = [f"{1e9 * seconds / bytes_:.2f}" for seconds in (cpu, wall)]
        rows.append([size, f"{cpu:.2f}", f"{wall:.2f}", *nanoseconds, f"{memory[size] / 1e6:,.0f}"])
    print(f"#### Scaling: W by size, {its.workers} workers\n")
    report.lines(["", "CPU s", "wall s", "CPU ns/byte", "wall ns/byte", "memory MB"], rows)
    by_workers(its, arguments)


def by_workers(its, arguments):
    size = arguments.size
    walls, answers = {}, set()
    for nth in range(arguments.runs):
        for workers in (1, its.workers):
            command = words(its, size, workers)
            walls.setdefault(workers, []).append(measure.run(*command).wall)
            answers.add(digest(command[1]))
    if len(answers) != 1:
        raise Differs(f"W gives other bytes with 1 and with {its.workers} workers")
    inputs.ANSWER.unlink()
    one, many = median(walls[1]), median(walls[its.workers])
    print(f"W of {size} with one worker {one:.2f} s, with {its.workers} {many:.2f} s:", end=" ")
    print(f"{one / many:.2f} times as fast, and the same bytes.\n", flush=True)


def words(its, size, workers):
    """Command, output and environment."""
    command = [its.flows, "words", inputs.corpus(size)]
    return command, inputs.ANSWER, {"GLEAMFLOW_WORKERS": str(workers)}
