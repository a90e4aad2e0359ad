"""DuckDB: duckdb_peer.py JOB INPUT OUTPUT, threads from DUCKDB_THREADS.

`regexp_extract_all` took less CPU than `string_split_regex` and than `regexp_replace` with a split."""

import os
import sys

import duckdb

job, source, output = sys.argv[1:]
duckdb.sql(f"set threads = {os.environ['DUCKDB_THREADS']}")


def table(separator, name="", **columns):
    # In plain quotes '\x01' would be four characters.
    return (
        f"read_csv('{source}{name}', delim={separator}, quote='', escape='', header=false,"
        f" auto_detect=false, columns={columns})"
    )


lines = table("chr(1)", line="VARCHAR")
queries = {
    "words": f"""
        select word, count(*)
        from (select unnest(regexp_extract_all(line, '[A-Za-z0-9]+')) word from {lines})
        group by word""",
    # Letters are ASCII: lower-casing after the match keeps others out, as the flow does.
    "general": f"""
        select word, count(*), sum(strlen(word))
        from (
            select lower(unnest(regexp_extract_all(line, '[A-Za-z][A-Za-z0-9_]{{3,}}'))) word
            from {lines} where not starts_with(line, '#'))
        group by word""",
    "aggregate": f"""
        select key, count(*), sum(number)
        from {table("chr(9)", key="VARCHAR", number="BIGINT", payload="VARCHAR")} group by key""",
    "quantile": f"""
        select key, round(20 * quantile_cont(number, 0.95))::BIGINT
        from {table("chr(9)", key="VARCHAR", number="BIGINT", payload="VARCHAR")} group by key""",
    "join": f"""
        select * from {table("chr(9)", "/left", key="VARCHAR", number="VARCHAR", letters="VARCHAR")} l
        join {table("chr(9)", "/right", key="VARCHAR", other="VARCHAR")} r using (key)""",
    "sort": f"""
        select * from {table("chr(9)", key="VARCHAR", number="VARCHAR", payload="VARCHAR")}
        order by key""",
}
separator = "','" if job in ("words", "general") else "chr(9)"
duckdb.sql(f"copy ({queries[job]}) to '{output}' (header false, delimiter {separator}, quote '')")
