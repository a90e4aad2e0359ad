"""Polars, streaming: everyday_polars.py EXPRESSION SEPARATOR DECIMALS INPUT OUTPUT.

An expression names `pl`, `c` for `pl.col`, and the input: `tab`, `orders`, `log` or `lines`; also
`line`, and `path` of the log."""

import sys

import polars as pl

expression, separator, decimals, source, output = sys.argv[1:]
c = pl.col
line = c("line")
path = c("request").str.split(" ").list.get(1).alias("path")


def csv(separator, columns, **options):
    return pl.scan_csv(
        source,
        separator=separator,
        has_header=False,
        schema={name: pl.String if kind is str else pl.Int64 for name, kind in columns.items()},
        **{"quote_char": None, **options},
    )


tab = csv("\t", {"key": str, "n": int, "payload": str})
orders = csv(
    ",",
    {"number": str, "date": str, "country": str, "item": str, "quantity": int, "price": str},
)
log_columns = {"address": str, "ident": str, "user": str, "time": str, "zone": str}
log_columns |= {"request": str, "status": str, "bytes": int, "referrer": str, "agent": str}
log = csv(" ", log_columns, quote_char='"', null_values={"bytes": "-"})
lines = pl.scan_lines(source, name="line")
# In brackets, since it may be of several lines.
eval(f"({expression})").sink_csv(
    output,
    include_header=False,
    separator=separator,
    quote_style="never",
    float_precision=int(decimals),
    engine="streaming",
)
