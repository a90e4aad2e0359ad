"""DuckDB: everyday_duckdb.py QUERY SEPARATOR INPUT OUTPUT, threads from DUCKDB_MAX_THREADS.

A query names `tab`, `orders`, `log` or `lines`."""

import os
import sys

import duckdb

query, separator, source, output = sys.argv[1:]
LOG = ["address", "ident", "user", "time", "zone", "request", "status", "bytes", "referrer", "agent"]
# In plain quotes '\x01' would be four characters.
VIEWS = {
    "tab": (9, "", ["key", "n", "payload"]),
    "orders": (44, "", ["number", "date", "country", "item", "quantity", "price"]),
    "log": (32, '"', LOG),
    "lines": (1, "", ["line"]),
}
NUMBERS = {"n", "quantity", "bytes"}

duckdb.sql(f"set threads = {os.environ['DUCKDB_MAX_THREADS']}")
for name, (byte, quote, names) in VIEWS.items():
    columns = {column: "BIGINT" if column in NUMBERS else "VARCHAR" for column in names}
    nulls = ", nullstr='-'" if name == "log" else ""
    # An empty line of a single column is null.
    chosen = "coalesce(line, '') as line" if name == "lines" else "*"
    duckdb.sql(
        f"create view {name} as select {chosen} from read_csv('{source}', delim=chr({byte}), quote='{quote}',"
        f" escape='', header=false, auto_detect=false, columns={columns}{nulls})"
    )
# Without `use_tmp_file false` it would put a file in the place of /dev/null.
duckdb.sql(
    f"copy ({query}) to '{output}'"
    f" (header false, delimiter chr({ord(separator)}), quote '', use_tmp_file false)"
)
