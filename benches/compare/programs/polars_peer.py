"""Polars, streaming: polars_peer.py words|general|sort|join INPUT OUTPUT.

`scan_lines` was the fastest of three ways to read text (a CSV with a separator that never occurs, and
`replace_all` with `split`, took longer)."""

import sys

import polars as pl

job, source, output = sys.argv[1:]
line = pl.col("line")
if job == "words":
    rows = (
        pl.scan_lines(source, name="line")
        .select(line.str.extract_all("[A-Za-z0-9]+").alias("word"))
        .explode("word")
        .drop_nulls()
        .group_by("word")
        .len()
    )
elif job == "general":
    # Letters are ASCII: lower-casing after the match keeps others out, as the flow does.
    word = pl.col("word")
    size = word.str.len_bytes()
    rows = (
        pl.scan_lines(source, name="line")
        .filter(~line.str.starts_with("#"))
        .select(line.str.extract_all("[A-Za-z][A-Za-z0-9_]{3,}").alias("word"))
        .explode("word")
        .drop_nulls()
        .select(word.str.to_lowercase())
        .group_by("word")
        .agg(pl.len(), size.cast(pl.Int64).sum().alias("size"))
    )
elif job == "join":
    read = {"separator": "\t", "quote_char": None, "has_header": False}
    left = {"key": pl.String, "number": pl.String, "letters": pl.String}
    right = {"key": pl.String, "other": pl.String}
    rows = pl.scan_csv(f"{source}/left", schema=left, **read).join(
        pl.scan_csv(f"{source}/right", schema=right, **read), on="key"
    )
else:
    columns = {"key": pl.String, "number": pl.String, "payload": pl.String}
    table = pl.scan_csv(source, separator="\t", quote_char=None, has_header=False, schema=columns)
    rows = table.sort("key", maintain_order=True)
separator = "\t" if job in ("sort", "join") else ","
rows.sink_csv(output, include_header=False, separator=separator, quote_style="never", engine="streaming")
