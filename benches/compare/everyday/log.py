"""Jobs on a web server's log in the combined format."""

from everyday.job import Job

JOBS = [
    Job(
        "status_and_hour",
        "answers and bytes by status and hour",
        "gawk: arrays of arrays; Miller: stats1 -a count,sum -g",
        mawk="""{ key = $9 "\\t" substr($4, 14, 2); n[key]++; bytes[key] += $10 }
            END { for (key in n) printf "%s\\t%d\\t%.0f\\n", key, n[key], bytes[key] }""",
        lua="""
            local counts, sums = {}, {}
            for line in lines do
                local hour, status, bytes = line:match('%[[^:]*:(%d+)[^"]*"[^"]*" (%d+) (%S+)')
                local key = status .. "\\t" .. hour
                counts[key] = (counts[key] or 0) + 1
                sums[key] = (sums[key] or 0) + (tonumber(bytes) or 0)
            end
            for key, n in pairs(counts) do
                write(("%s\\t%d\\t%.0f\\n"):format(key, n, sums[key]))
            end""",
        miller="""put '$4 = $4[14:15]; if ($10 == "-") { $10 = 0 }'
            then stats1 -a count,sum -f 10 -g 9,4""",
        polars="""log.group_by('status', c('time').str.slice(13, 2))
            .agg(pl.len(), c('bytes').sum())""",
        duckdb="""select status, time[14:15], count(*), coalesce(sum(bytes), 0)
            from log group by 1, 2""",
        unordered=True,
    ),
    Job(
        "p95",
        "95th percentile of bytes by status, by hand",
        "Miller: stats1 -a p95 -g",
        mawk="""$10 != "-" { rows[$9]++; n[$9, $10]++; if ($10 > most) most = $10 + 0 }
            END { for (status in rows) { rank = int(rows[status] * 95 / 100); smaller = 0
                for (bytes = 0; bytes <= most; bytes++) if ((status, bytes) in n) {
                    smaller += n[status, bytes]
                    if (smaller > rank) { print status "\\t" bytes; break } } } }""",
        lua="""
            local all = {}
            for line in lines do
                local status, bytes = line:match('"[^"]*" (%d+) (%d+)')
                if status then
                    local sizes = all[status] or {}
                    all[status], sizes[#sizes + 1] = sizes, tonumber(bytes)
                end
            end
            for status, sizes in pairs(all) do
                table.sort(sizes)
                write(status, "\\t", sizes[math.floor(#sizes * 95 / 100) + 1], "\\n")
            end""",
        miller="""filter '$10 != "-"' then stats1 -a p95 -f 10 -g 9""",
        polars="""log.filter(c('bytes').is_not_null()).group_by('status')
            .agg(c('bytes').sort().get(pl.len() * 95 // 100))""",
        duckdb="""select status, list_sort(list(bytes))[count(*) * 95 // 100 + 1]
            from log where bytes is not null group by 1""",
        unordered=True,
    ),
    Job(
        "top_paths",
        "the ten most frequent paths",
        "Miller: count-distinct, sort -nr, head",
        mawk="""{ n[$7]++ }
            END { for (i = 0; i < 10; i++) { best = ""
                for (path in n) if (best == "" || n[path] > n[best] ||
                    n[path] == n[best] && path < best) best = path
                print best "\\t" n[best]; delete n[best] } }""",
        lua="""
            local counts, paths = {}, {}
            for line in lines do
                local path = line:match('"%S+ (%S+)')
                if not counts[path] then counts[path], paths[#paths + 1] = 0, path end
                counts[path] = counts[path] + 1
            end
            table.sort(paths, function(a, b)
                if counts[a] ~= counts[b] then return counts[a] > counts[b] end
                return a < b
            end)
            for i = 1, 10 do write(paths[i], "\\t", counts[paths[i]], "\\n") end""",
        miller="count-distinct -f 7 then sort -nr count -f 7 then head",
        polars="""log.group_by(path).len()
            .sort('len', 'path', descending=[True, False]).head(10)""",
        duckdb="""select split_part(request, ' ', 2) path, count(*) n
            from log group by 1 order by n desc, path limit 10""",
    ),
    Job(
        "first_visit",
        "first path of each address",
        "awk: !seen[$1]++; Miller: head -n 1 -g",
        mawk='!seen[$1]++ { print $1 "\\t" $7 }',
        lua="""
            local seen = {}
            for line in lines do
                local address, path = line:match('^(%S+)[^"]*"%S+ (%S+)')
                if not seen[address] then
                    seen[address] = true
                    write(address, "\\t", path, "\\n")
                end
            end""",
        miller="head -n 1 -g 1 then cut -o -f 1,7",
        polars="log.select('address', path).unique('address', keep='first')",
        duckdb="""select address, split_part(first(request order by line), ' ', 2)
            from (select *, row_number() over () line from log) group by 1""",
        unordered=True,
    ),
    Job(
        "pairs",
        "k=v pairs of the query counted",
        "Miller: nest --explode --pairs",
        mawk="""{ at = index($7, "?"); if (at) {
                pairs = split(substr($7, at + 1), pair, "&")
                for (i = 1; i <= pairs; i++) n[pair[i]]++ } }
            END { for (kv in n) { at = index(kv, "=")
                print substr(kv, 1, at - 1) "\\t" substr(kv, at + 1) "\\t" n[kv] } }""",
        lua="""
            local counts = {}
            for line in lines do
                local query = line:match("%?(%S+)")
                if query then
                    for pair in query:gmatch("[^&]+") do counts[pair] = (counts[pair] or 0) + 1 end
                end
            end
            for pair, n in pairs(counts) do
                write(pair:gsub("=", "\\t", 1), "\\t", n, "\\n")
            end""",
        miller="""put -q 'if ($7 =~ "[?](.*)") {
                for (pair in splitax("\\1", "&")) { kv = splitax(pair, "="); @n[kv[1]][kv[2]] += 1 }
            } end { emit @n, "key", "value" }'""",
        polars="""log.select(c('request').str.extract(r'\\?(\\S+)').str.split('&').alias('pair'))
            .explode('pair').drop_nulls().group_by('pair').len()
            .select(c('pair').str.replace('=', '\\t', literal=True), 'len')""",
        duckdb="""select split_part(pair, '=', 1), split_part(pair, '=', 2), count(*)
            from (select unnest(string_split(regexp_extract(request, '\\?(\\S+)', 1), '&')) pair
                from log where contains(request, '?'))
            group by 1, 2""",
        unordered=True,
    ),
    Job(
        "first_and_last",
        "the first and the last field",
        "awk: print $1, $NF; perlrun: -a with pop(@F)",
        mawk='{ print $1 "\\t" $NF }',
        lua="""
            for line in lines do
                local first, last = line:match("^(%S+).* (%S+)")
                write(first, "\\t", last, "\\n")
            end""",
        miller="""put -q 'print $1 . "\\t" . $[[[NF]]]'""",
        polars="""lines.select(line.str.extract(r'^(\\S+)'),
            line.str.extract(r'(\\S+)$').alias('last'))""",
        duckdb="select split_part(line, ' ', 1), split_part(line, ' ', -1) from lines",
    ),
    Job(
        "count_fields",
        "number of fields in all lines",
        "gawk: NF in END",
        mawk='{ n += NF } END { print n }',
        lua="""
            local n = 0
            for line in lines do
                for _ in line:gmatch("%S+") do n = n + 1 end
            end
            write(n, "\\n")""",
        miller="put -q '@n += NF; end { emit @n }'",
        polars="lines.select(line.str.count_matches(r'\\S+').cast(pl.Int64).sum())",
        duckdb="select sum(len(string_split(line, ' '))) from lines",
    ),
    Job(
        "fold_case",
        "lines in lower case",
        "gawk: tolower; perl -pe '$_ = lc'",
        mawk="{ print tolower($0) }",
        lua="""for line in lines do write(line:lower(), "\\n") end""",
        miller="""put -q 'print tolower(joinv($*, " "))'""",
        polars="lines.select(line.str.to_lowercase())",
        duckdb="select lower(line) from lines",
    ),
]
