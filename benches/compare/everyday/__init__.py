"""The group `everyday`: what awk, Miller and perl one-liners do, one row a job.

The first nine are those that were slower than mawk, or close to it; the others come from the
manuals that each job names.

A newcomer's trap: answers are compared on files, but timed runs write to /dev/null, so that a row
tells of the work and not of the page cache."""

from everyday import corpus, job, log, orders, table

NINE = [
    "filter_by_hand",
    "filter_number",
    "swap_native",
    "swap_lua",
    "sum_by_prefix",
    "grep",
    "gsub",
    "length_and_fields",
    "first_upper",
]
SOURCES = [
    (job.TABLE, table.JOBS),
    (job.ORDERS, orders.JOBS),
    (job.LOG, log.JOBS),
    (job.CORPUS, corpus.JOBS),
]
BY_NAME = {one.name: (source, one) for source, jobs in SOURCES for one in jobs}
#: The nine, then by input.
ORDER = NINE + [name for name in BY_NAME if name not in NINE]
#: Each as a workload of its own.
WORKLOADS = {name: job.workload(*BY_NAME[name]) for name in ORDER}
#: What is left out, and why.
NOTES = [
    *(f"{name}: {one.without}" for name, (_, one) in BY_NAME.items() if one.without),
    "xan: not compared, since Debian has no package of it",
]
