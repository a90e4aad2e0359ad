"""What is printed: the flows as they stand in benches/flows.rs and everyday.rs; tables, as
Markdown."""

import re
from statistics import median

from inputs import files
from tools import ROOT


def flows(workload):
    print(f"#### {workload.title}, {size_of(workload.input)}\n")
    files = ("flows.rs", "everyday.rs")
    source = "".join((ROOT / "benches" / file).read_text() for file in files)
    # No doc test where this is pasted: `input` and `output` are not there.
    print("```text")
    print("\n\n".join(flow_text(source, name) for name in workload.flows))
    print("```\n")


def flow_text(source, name):
    """The flow of one function, without the function around it."""
    body = re.search(rf"^fn {name}\(.*?\{{\n(.*?)^\}}", source, re.MULTILINE | re.DOTALL)[1]
    return re.sub("^    ", "", body, flags=re.MULTILINE).rstrip()


def size_of(path):
    return f"{megabytes_of(path):,.0f} MB"


def megabytes_of(path):
    return sum(file.stat().st_size for file in files(path)) / 1e6


def table(workload, programs, runs, memory):
    """Medians; ratios are of wall time to each of ours. Returns rows for `summary`."""
    ours = [program for program in programs if program.ours]
    walls = {name: median(run.wall for run in these) for name, these in runs.items()}
    cpus = {name: median(run.cpu for run in these) for name, these in runs.items()}
    megabytes = megabytes_of(workload.input)
    print("Answers equal.\n")
    head = ["", "CPU s", "wall s", "min–max", "MB / CPU s", "memory MB"]
    head += [f"wall ÷ {program.name}" for program in ours]
    rows = []
    for program in sorted(programs, key=lambda program: walls[program.name]):
        name = program.name
        these = sorted(run.wall for run in runs[name])
        row = [
            f"**{name}**" if program.ours else name,
            f"{cpus[name]:.2f}",
            f"{walls[name]:.2f}",
            f"{these[0]:.2f}–{these[-1]:.2f}",
            f"{megabytes / cpus[name]:,.0f}",
            f"{memory[name] / 1e6:,.0f}",
        ]
        row += [f"{walls[name] / walls[one.name]:.2f}" for one in ours]
        rows.append(row)
    lines(head, rows)
    names = {program.name for program in programs if not program.ours}
    others = sorted(names, key=walls.get)
    return [
        [
            workload.title,
            program.name,
            f"{cpus[program.name]:.2f}",
            f"{walls[program.name]:.2f}",
            "; ".join(f"{name} {walls[name] / walls[program.name]:.2f}" for name in others),
        ]
        for program in ours
    ]


def medians(runs):
    """Wall and CPU seconds of each program."""
    return {
        name: (median(run.wall for run in these), median(run.cpu for run in these))
        for name, these in runs.items()
    }


def jobs(medians, size, notes):
    """The group `everyday`: seconds, and in brackets how many times as long as ours."""
    print(f"#### everyday, inputs of {size}\n")
    peers = list(dict.fromkeys(name for each in medians.values() for name in each))[1:]
    rows, ratios = [], {peer: [] for peer in peers}
    for job, each in medians.items():
        wall, cpu = each["gleamflow"]
        row = [job, f"{cpu:.2f}", f"{wall:.2f}"]
        for peer in peers:
            if peer in each:
                ratio = each[peer][0] / wall
                ratios[peer].append((ratio, each[peer][1] / cpu))
                row.append(f"{each[peer][0]:.2f} ({ratio:.2f})")
            else:
                row.append("–")
        rows.append(row)
    lines(["", "gleamflow CPU s", "wall s", *peers], rows)
    for note in notes:
        print(f"- {note}")
    print("\nIn how many jobs the other takes so many times as long as ours:\n")
    rows = []
    for peer in peers:
        walls, cpus = zip(*ratios[peer])
        counts = [above(walls, 1), above(walls, 2), above(walls, 3), above(cpus, 1)]
        rows.append([peer, str(len(walls)), f"{median(walls):.2f}", *map(str, counts)])
    lines(["", "jobs", "median", "wall ≥ 1", "wall ≥ 2", "wall ≥ 3", "CPU ≥ 1"], rows)


def above(ratios, limit):
    return sum(ratio >= limit for ratio in ratios)


def summary(rows):
    """A line for each of ours; above 1 the other is slower."""
    print("#### In short\n")
    lines(["", "", "CPU s", "wall s", "wall of others ÷ ours"], rows, texts=(0, 1, 4))


def lines(head, rows, texts=(0,)):
    """A table; columns of numbers stand to the right."""
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if at in texts else "--:" for at in range(len(head))) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)
