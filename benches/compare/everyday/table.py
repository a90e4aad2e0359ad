"""Jobs on the table: a random key, an integer and a payload, between TABs."""

from everyday.job import Job

FILTER = {
    "mawk": "$2 % 7 == 0",
    "lua": """
        for line in lines do
            local tab = line:find("\\t", 1, true)
            if tonumber(line:sub(tab + 1, line:find("\\t", tab + 1, true) - 1)) % 7 == 0 then
                write(line, "\\n")
            end
        end""",
    "miller": "filter '$2 % 7 == 0'",
    "polars": "tab.filter(c('n') % 7 == 0)",
    "duckdb": "from tab where n % 7 = 0",
}
SWAP = {
    "mawk": '{ print $3 "\\t" $1 }',
    "lua": """
        for line in lines do
            local first = line:find("\\t", 1, true)
            local second = line:find("\\t", first + 1, true)
            write(line:sub(second + 1), "\\t", line:sub(1, first - 1), "\\n")
        end""",
    "miller": "cut -o -f 3,1",
    "polars": "tab.select('payload', 'key')",
    "duckdb": "select payload, key from tab",
}

JOBS = [
    Job("filter_by_hand", "filter by a number, by hand", "awk: patterns", **FILTER),
    Job("filter_number", "filter by a number", "POSIX awk: field 3 greater than 5", **FILTER),
    Job("swap_native", "swap columns", "POSIX awk: fields in opposite order", **SWAP),
    Job("swap_lua", "swap columns in Lua", "POSIX awk: fields in opposite order", **SWAP),
    Job(
        "sum_by_prefix",
        "sum by a prefix",
        "mawk: sum the second field by the first",
        mawk='{ sum[substr($1, 1, 4)] += $2 } END { for (k in sum) print k "\\t" sum[k] }',
        lua="""
            local sums = {}
            for line in lines do
                local tab = line:find("\\t", 1, true)
                local key = line:sub(1, 4)
                local n = tonumber(line:sub(tab + 1, line:find("\\t", tab + 1, true) - 1))
                sums[key] = (sums[key] or 0) + n
            end
            for key, sum in pairs(sums) do write(key, "\\t", sum, "\\n") end""",
        miller="put '$1 = $1[1:4]' then stats1 -a sum -f 2 -g 1",
        polars="tab.group_by(c('key').str.head(4)).agg(c('n').sum())",
        duckdb="select key[:4], sum(n) from tab group by 1",
        unordered=True,
    ),
    Job(
        "join_columns",
        "join columns by `..`",
        "Miller: the dot operator",
        mawk='{ print $1 ":" $2 ":" $3 }',
        lua="""
            for line in lines do
                local first = line:find("\\t", 1, true)
                local second = line:find("\\t", first + 1, true)
                local key, n = line:sub(1, first - 1), line:sub(first + 1, second - 1)
                write(key .. ":" .. n .. ":" .. line:sub(second + 1), "\\n")
            end""",
        miller="""put -q 'print $1 . ":" . $2 . ":" . $3'""",
        polars="tab.select(pl.concat_str('key', 'n', 'payload', separator=':'))",
        duckdb="select key || ':' || n || ':' || payload from tab",
    ),
    Job(
        "format_columns",
        "string.format of a number and a text",
        "gawk: printf examples",
        mawk='{ printf "%08d %-24s|\\n", $2, $1 }',
        lua="""
            local format = string.format
            for line in lines do
                local first = line:find("\\t", 1, true)
                local n = line:sub(first + 1, line:find("\\t", first + 1, true) - 1)
                write(format("%08d %-24s|\\n", n, line:sub(1, first - 1)))
            end""",
        polars="""tab.select(pl.concat_str(c('n').cast(pl.String).str.zfill(8), pl.lit(' '),
            c('key').str.pad_end(24), pl.lit('|')))""",
        duckdb="select printf('%08d %-24s|', n, key) from tab",
        without="Miller's fmtnum is for numbers only",
    ),
    Job(
        "sum_column",
        "sum of a column",
        "gawk: total number of bytes; POSIX awk: add up a column",
        mawk='{ sum += $2 } END { printf "%.0f\\n", sum }',
        lua="""
            local sum = 0
            for line in lines do
                local tab = line:find("\\t", 1, true)
                sum = sum + tonumber(line:sub(tab + 1, line:find("\\t", tab + 1, true) - 1))
            end
            write(("%.0f\\n"):format(sum))""",
        miller="stats1 -a sum -f 2",
        polars="tab.select(c('n').sum())",
        duckdb="select sum(n) from tab",
    ),
    Job(
        "max_by_key",
        "greatest of each key",
        "Miller: stats1 -a max -g",
        mawk="""{ key = substr($1, 1, 2); if (!(key in most) || $2 > most[key]) most[key] = $2 + 0 }
            END { for (key in most) print key "\\t" most[key] }""",
        lua="""
            local most = {}
            for line in lines do
                local tab = line:find("\\t", 1, true)
                local key = line:sub(1, 2)
                local n = tonumber(line:sub(tab + 1, line:find("\\t", tab + 1, true) - 1))
                most[key] = math.max(most[key] or n, n)
            end
            for key, n in pairs(most) do write(key, "\\t", n, "\\n") end""",
        miller="put '$1 = $1[1:2]' then stats1 -a max -f 2 -g 1",
        polars="tab.group_by(c('key').str.head(2)).agg(c('n').max())",
        duckdb="select key[:2], max(n) from tab group by 1",
        unordered=True,
    ),
    Job(
        "average_by_key",
        "average of each key",
        "Miller: stats1 -a mean -g; POSIX awk: sum and average",
        mawk="""{ key = substr($1, 1, 2); sum[key] += $2; rows[key]++ }
            END { for (key in sum) printf "%s\\t%.6f\\n", key, sum[key] / rows[key] }""",
        lua="""
            local sums, rows = {}, {}
            for line in lines do
                local tab = line:find("\\t", 1, true)
                local key = line:sub(1, 2)
                local n = tonumber(line:sub(tab + 1, line:find("\\t", tab + 1, true) - 1))
                sums[key], rows[key] = (sums[key] or 0) + n, (rows[key] or 0) + 1
            end
            for key, sum in pairs(sums) do
                write(("%s\\t%.6f\\n"):format(key, sum / rows[key]))
            end""",
        miller="""put '$1 = $1[1:2]' then stats1 -a mean -f 2 -g 1
            then put '${2_mean} = fmtnum(${2_mean}, "%.6f")'""",
        polars="tab.group_by(c('key').str.head(2)).agg(c('n').mean())",
        duckdb="select key[:2], printf('%.6f', avg(n)) from tab group by 1",
        # Not 2: LuaJIT's printf and others' part where the next digit is a lone 5.
        decimals=6,
        unordered=True,
    ),
]
