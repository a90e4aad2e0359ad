"""The workloads: an input, our flows, and what others would write for the same answer.

A newcomer's trap: each peer stands in the fastest form that was found for it; a slower form that
people write as well is `optional` and runs only when `--peers` names it."""

from dataclasses import dataclass, field
from pathlib import Path

import inputs
from tools import PROGRAMS

#: Stands in a command for the file that the program itself writes; without it stdout is the answer.
OUTPUT = "OUTPUT"


@dataclass
class Program:
    name: str
    command: list
    environment: dict = field(default_factory=dict)
    #: A shell filter that brings the answer into the form of ours.
    as_ours: str = ""
    ours: bool = False
    optional: bool = False


@dataclass
class Workload:
    title: str
    input: Path
    #: Functions of benches/flows.rs.
    flows: list
    programs: list
    #: Not every peer has an order: answers are sorted before they are compared.
    ordered: bool = False
    #: Without an answer: timed runs write to /dev/null.
    discards: bool = False


@dataclass
class Tools:
    """Where programs are, and how many workers they may use."""

    flows: str
    word_count: str
    peers: str
    python: str
    workers: int

    def ours(self, flow, source, name="gleamflow", saves=False, **environment):
        """`saves` where the flow's terminal takes a path."""
        environment = {"GLEAMFLOW_WORKERS": str(self.workers), **environment}
        command = [self.flows, flow, source, *([OUTPUT] if saves else [])]
        return Program(name, command, environment, ours=True)

    def compiled(self, name, program, source):
        return Program(name, [self.peers, program, source, self.workers])

    def frames(self, job, source):
        """Polars and DuckDB."""
        threads = str(self.workers)
        return [
            Program(
                "Polars, streaming",
                [self.python, PROGRAMS / "polars_peer.py", job, source, OUTPUT],
                {"POLARS_MAX_THREADS": threads},
            ),
            Program(
                "DuckDB",
                [self.python, PROGRAMS / "duckdb_peer.py", job, source, OUTPUT],
                {"DUCKDB_THREADS": threads},
            ),
        ]


def mawk(name, code, source, fields=" ", **rest):
    return Program(name, ["mawk", "-F", fields, code, source], {"LC_ALL": "C"}, **rest)


def luajit(name, script, *arguments):
    return Program(name, ["luajit", PROGRAMS / script, *arguments])


def shell(name, code, **rest):
    return Program(name, ["sh", "-c", code], {"LC_ALL": "C"}, **rest)


PRINT_COUNTS = 'END { for (word in count) print word "," count[word] }'
PRINT_SUMS = 'END { for (word in count) print word "," count[word] "," size[word] }'
MAWK_WORDS = f'BEGIN {{ RS = "[^A-Za-z0-9]+" }} length {{ count[$0]++ }} {PRINT_COUNTS}'
UNIQ_AS_OURS = r"sed 's/^ *\([0-9]*\) \(.*\)/\2,\1/'"


def words(tools, size):
    source = inputs.corpus(size)
    fields = (
        '{ gsub(/[^A-Za-z0-9]+/, " "); for (i = 1; i <= NF; i++) count[$i]++ } ' + PRINT_COUNTS
    )
    sorting = (
        f"tr -cs A-Za-z0-9 '\\n' < {source} | grep . |"
        f" sort --parallel={tools.workers} -S4G | uniq -c"
    )
    return Workload(
        "W: count words",
        source,
        ["words", "words_called"],
        [
            tools.ours("words", source),
            tools.ours("words_called", source, "gleamflow, functions called"),
            tools.compiled("by hand, Rust and AVX2", "by-hand-words", source),
            tools.compiled("timely, local combiner", "timely-words", source),
            tools.compiled("Renoir, fold_assoc", "renoir-words", source),
            *tools.frames("words", source),
            mawk("mawk, RS", MAWK_WORDS, source),
            luajit("luajit, blocks", "words_blocks.lua", source),
            luajit("luajit, lines", "words_lines.lua", source),
            mawk("mawk, gsub and fields", fields, source, optional=True),
            shell("tr, sort, uniq", sorting, as_ours=UNIQ_AS_OURS, optional=True),
        ],
    )


def general(tools, size):
    source = inputs.corpus(size)
    matching = (
        "/^#/ { next } { text = tolower($0); while (match(text, /[a-z][a-z0-9_]*/)) {"
        " if (RLENGTH > 3) { word = substr(text, RSTART, RLENGTH);"
        " count[word]++; size[word] += RLENGTH }"
        " text = substr(text, RSTART + RLENGTH) } } " + PRINT_SUMS
    )
    fields = (
        'BEGIN { FS = "[^a-z0-9_]+" } /^#/ { next } { $0 = tolower($0);'
        " for (i = 1; i <= NF; i++) { word = $i;"
        " if (word < \"a\") sub(/^[0-9_]+/, \"\", word); n = length(word);"
        " if (n > 3) { count[word]++; size[word] += n } } } " + PRINT_SUMS
    )
    return Workload(
        "G: a general job",
        source,
        ["general"],
        [
            tools.ours("general", source),
            tools.compiled("Renoir, fold_assoc", "renoir-general", source),
            *tools.frames("general", source),
            mawk("mawk, match", matching, source),
            mawk("mawk, fields", fields, source, optional=True),
            luajit("luajit, blocks", "general_blocks.lua", source),
        ],
    )


def lines(flow, title, code, saves=False):
    """Plain Lua on lines, beside mawk and the same loop in LuaJIT."""

    def workload(tools, size):
        source = inputs.corpus(size)
        return Workload(
            title,
            source,
            [flow],
            [
                tools.ours(flow, source, saves=saves),
                mawk("mawk", code, source),
                luajit("luajit, lines", "lines.lua", flow, source),
            ],
            ordered=True,
        )

    return workload


def sort(tools, size):
    source = inputs.table(size, tools.peers)
    gnu = f"sort -s -t'\t' -k1,1 --parallel={tools.workers} {source}"
    return Workload(
        "S: sort a TSV by its first column",
        source,
        ["sort"],
        [
            tools.ours("sort", source, saves=True),
            tools.ours("sort", source, "gleamflow, 256M", saves=True, GLEAMFLOW_MEMORY="256M"),
            *tools.frames("sort", source),
            shell("sort", gnu),
        ],
        ordered=True,
    )


def join(tools, size):
    source = inputs.join(size, tools.peers)
    code = (
        'NR == FNR { other[$1] = $2; next } $1 in other { print $0 "\t" other[$1] }'
    )
    hashed = ["mawk", "-F", "\t", code, source / "right", source / "left"]
    gnu = (
        f"sort -s -t'\t' -k1,1 {source}/left > OUTPUT.left; sort -s -t'\t' -k1,1 {source}/right |"
        f" join -t'\t' OUTPUT.left -; rm OUTPUT.left"
    ).replace("OUTPUT", str(inputs.ANSWER) + ".sorted")
    return Workload(
        "J: join two TSVs",
        source,
        ["join", "join_broadcast"],
        [
            tools.ours("join", source, saves=True),
            tools.ours("join_broadcast", source, "gleamflow, broadcast", saves=True),
            tools.ours("join", source, "gleamflow, 128M", saves=True, GLEAMFLOW_MEMORY="128M"),
            *tools.frames("join", source),
            Program("mawk, hashed", hashed, {"LC_ALL": "C"}),
            shell("sort, join", gnu),
        ],
    )


def aggregate(title, make):
    """Count and sum by a text key: natively, and beside it the same reduce in Lua."""

    def workload(tools, size):
        source = make(size, tools.peers)
        code = (
            '{ count[$1]++; sum[$1] += $2 }'
            ' END { for (key in count) print key "\t" count[key] "\t" sum[key] }'
        )
        return Workload(
            title,
            source,
            ["aggregate", "aggregate_in_lua"],
            [
                tools.ours("aggregate", source, saves=True),
                tools.ours("aggregate_in_lua", source, "gleamflow, reduce in Lua", saves=True),
                *tools.frames("aggregate", source),
                Program("mawk", ["mawk", "-F", "\t", "-v", "CONVFMT=%.0f", "-v", "OFMT=%.0f", code, source], {"LC_ALL": "C"}),
            ],
        )

    return workload


def quantile(tools, size):
    source = inputs.few(size, tools.peers)
    return Workload(
        "Q: exact 95th percentile by key",
        source,
        ["quantile"],
        [
            tools.ours("quantile", source, saves=True),
            *tools.frames("quantile", source),
        ],
    )


def distinct_keys(tools, size):
    source = inputs.keys(size, tools.peers)
    gnu = f"sort -S512M --parallel={tools.workers} {source} | uniq -c"
    return Workload(
        "R: count keys, most of them distinct, in 512M",
        source,
        ["distinct_keys", "distinct_keys_called"],
        [
            tools.ours("distinct_keys", source, GLEAMFLOW_MEMORY="512M"),
            tools.ours(
                "distinct_keys_called",
                source,
                "gleamflow, functions called",
                GLEAMFLOW_MEMORY="512M",
            ),
            shell("sort, uniq", gnu, as_ours=UNIQ_AS_OURS),
        ],
        ordered=True,
    )


def pipe(tools, size):
    source = inputs.corpus(size)
    return Workload(
        "P1: through a command",
        source,
        ["pipe"],
        [tools.ours("pipe", source), shell("cat, cat", f"cat {source} | cat")],
        ordered=True,
        discards=True,
    )


def pipe_columns(tools, size):
    source = inputs.table(size, tools.peers)
    return Workload(
        "P2: split, through a command, and format",
        source,
        ["pipe_columns"],
        [
            tools.ours("pipe_columns", source),
            shell("cat, cat", f"cat {source} | cat", as_ours="tr '\\t' ' '"),
        ],
        ordered=True,
        discards=True,
    )


BYTES = 'BEGIN { for (i = 1; i < 256; i++) byte[sprintf("%c", i)] = i; byte[""] = 0 } '

WORKLOADS = {
    "W": words,
    "G": general,
    "L1": lines("find", "L1: filter with plain find", 'index($0, "static")', saves=True),
    "L2": lines(
        "change",
        "L2: map with sub, byte, arithmetic and ..",
        BYTES + '{ print substr($0, 1, 8) ":" length($0) * 2 + byte[substr($0, 1, 1)] }',
        saves=True,
    ),
    "L3": lines(
        "chain",
        "L3: map, map, filter into text",
        '{ size = length($0) % 80; if (size > 20) print size " " substr($0, 1, 20) }',
    ),
    "S": sort,
    "J": join,
    "A1": aggregate("A1: count and sum by key, all distinct", inputs.table),
    "A2": aggregate("A2: count and sum by key, a thousand of them", inputs.few),
    "Q": quantile,
    "R": distinct_keys,
    "P1": pipe,
    "P2": pipe_columns,
}
