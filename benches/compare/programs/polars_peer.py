"""Polars, streaming: polars_peer.py JOB INPUT OUTPUT.

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
elif job in ("aggregate", "quantile"):
    columns = {"key": pl.String, "number": pl.Int64, "payload": pl.String}
    table = pl.scan_csv(source, separator="\t", quote_char=None, has_header=False, schema=columns)
    number = pl.col("number")
    of_key = {
        "aggregate": (pl.len(), number.sum()),
        "quantile": ((20 * number.quantile(0.95, interpolation="linear")).round(0).cast(pl.Int64),),
    }
    rows = table.group_by("key").agg(*of_key[job])
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
separator = "," if job in ("words", "general") else "\t"
rows.sink_csv(output, include_header=False, separator=separator, quote_style="never", engine="streaming")
