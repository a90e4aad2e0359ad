"""A job, what it reads, and the programs that do it.

A newcomer's trap: what has no text here is left out of the comparison; `without` says why."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

import inputs
import tools
from workloads import OUTPUT, Program, Workload, mawk


@dataclass
class Job:
    #: Its flow in benches/everyday.rs.
    name: str
    title: str
    #: Where people meet it.
    manual: str
    mawk: str
    #: `lines` is the iterator over the file's lines, `write` is io.write.
    lua: str
    #: A verb, as on the command line.
    miller: str = ""
    #: An expression; see programs/everyday_polars.py for its names.
    polars: str = ""
    duckdb: str = ""
    #: Between columns of what Polars and DuckDB write.
    separator: str = "\t"
    #: Of fractions, for Polars.
    decimals: int = 2
    #: Not every program has an order: answers are sorted before they are compared.
    unordered: bool = False
    #: A shell filter: what of an answer is compared.
    compared: str = ""
    without: str = ""


@dataclass
class Source:
    """An input, and how the programs are told of its form."""

    path: Callable
    miller: list
    #: Between columns.
    separator: str = " "


TABLE = Source(inputs.table, ["--tsv", "-N"], "\t")
ORDERS = Source(inputs.orders, ["--csv", "-N"], ",")
LOG = Source(inputs.log, "--inidx --ifs space --onidx --ofs tab".split())
#: Whole lines: Miller cuts none at a byte that doesn't occur.
CORPUS = Source(
    lambda size, _: inputs.corpus(size),
    ["-S", "--inidx", "--ifs", "\x01", "--onidx"],
)

LUA = """io.stdout:setvbuf("full", 1048576)
local write, lines = io.write, io.lines("{path}")
"""


def workload(source, job):
    """The job as benches/compare has its workloads."""

    def of(its, size):
        path = source.path(size, its.peers)
        programs = [
            its.ours(job.name, path),
            mawk("mawk", job.mawk, path, fields=source.separator),
            Program("luajit", ["luajit", "-e", LUA.format(path=path) + job.lua]),
        ]
        if job.miller:
            command = ["mlr", *source.miller, *shlex.split(job.miller), path]
            programs.append(Program("Miller", command))
        threads = str(its.workers)
        for name, text, script, *rest in [
            ("Polars", job.polars, "everyday_polars.py", job.decimals),
            ("DuckDB", job.duckdb, "everyday_duckdb.py"),
        ]:
            if text:
                arguments = [text, job.separator, *rest, path, OUTPUT]
                command = [its.python, tools.PROGRAMS / script, *arguments]
                threaded = {f"{name.upper()}_MAX_THREADS": threads}
                programs.append(Program(name, command, threaded))
        if job.compared:
            for program in programs:
                program.as_ours = job.compared
        return Workload(
            f"{job.name}: {job.title}",
            path,
            [job.name],
            programs,
            ordered=not job.unordered,
            discards=True,
        )

    return of
