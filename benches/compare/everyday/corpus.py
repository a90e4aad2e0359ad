"""Jobs on the corpus, lines of C and its documentation."""

from everyday.job import Job

CHARACTERS = "Miller's strlen counts characters"

JOBS = [
    Job(
        "grep",
        "grep with a pattern",
        "gawk: /pattern/; perl -ne 'print if'",
        mawk="/return.*NULL/",
        lua="""
            for line in lines do
                if line:find("return.*NULL") then write(line, "\\n") end
            end""",
        miller="""filter '$1 =~ "return.*NULL"'""",
        polars="lines.filter(line.str.contains('return.*NULL'))",
        duckdb="from lines where regexp_matches(line, 'return.*NULL')",
    ),
    Job(
        "gsub",
        "gsub of numbers",
        "gawk: gsub; perl -pe 's/\\d+/#/g'",
        mawk='{ gsub(/[0-9]+/, "#"); print }',
        lua="""for line in lines do write(line:gsub("%d+", "#"), "\\n") end""",
        miller="""put -q 'print gsub($1 ?? "", "[0-9]+", "#")'""",
        polars="lines.select(line.str.replace_all('[0-9]+', '#'))",
        duckdb="select regexp_replace(line, '[0-9]+', '#', 'g') from lines",
    ),
    Job(
        "length_and_fields",
        "length and number of fields",
        "awk: length, NF",
        mawk="{ print length, NF }",
        lua="""
            for line in lines do
                local n = 0
                for _ in line:gmatch("[^ \\t]+") do n = n + 1 end
                write(#line, " ", n, "\\n")
            end""",
        polars="lines.select(line.str.len_bytes(), line.str.count_matches('[^ \\t]+').alias('n'))",
        duckdb="select strlen(line), len(regexp_extract_all(line, '[^ \\t]+')) from lines",
        separator=" ",
        without=CHARACTERS,
    ),
    Job(
        "first_upper",
        "the first field in upper case",
        "gawk: toupper; perl -lane 'print uc $F[0]'",
        mawk="{ print toupper($1) }",
        lua="""
            for line in lines do write((line:match("[^ \\t]+") or ""):upper(), "\\n") end""",
        miller="""put -q 'line = $1 ?? "";
            if (line =~ "([^ \\t]+)") { print toupper("\\1") } else { print "" }'""",
        polars="lines.select(line.str.extract('([^ \\t]+)').fill_null('').str.to_uppercase())",
        duckdb="select upper(regexp_extract(line, '[^ \\t]+')) from lines",
        # To others a letter may be any of Unicode's.
        compared="LC_ALL=C grep -av '[^ -~]'",
    ),
    Job(
        "grep_not",
        "lines that are no comment",
        "grep -v; perl -ne 'print unless'",
        mawk="!/^[ \\t\\r\\v\\f]*\\/?\\*/",
        lua="""
            for line in lines do
                if not line:find("^%s*/?%*") then write(line, "\\n") end
            end""",
        miller="""put -q 'line = $1 ?? "";
            if (line !=~ "^[ \\t\\r\\v\\f]*/?\\*") { print line }'""",
        polars="lines.filter(~line.str.contains('^[ \\t\\r\\x0b\\x0c]*/?[*]'))",
        duckdb="from lines where not regexp_matches(line, '^[ \\t\\r\\x0b\\x0c]*/?[*]')",
    ),
    Job(
        "long_lines",
        "lines longer than 80",
        "gawk: length($0) > 80",
        mawk="length > 80",
        lua="""for line in lines do if #line > 80 then write(line, "\\n") end end""",
        polars="lines.filter(line.str.len_bytes() > 80)",
        duckdb="from lines where strlen(line) > 80",
        without=CHARACTERS,
    ),
    Job(
        "longest_line",
        "length of the longest line",
        "gawk: the longest line",
        mawk="{ n = length; if (n > most) most = n } END { print most }",
        lua="""
            local most = 0
            for line in lines do most = math.max(most, #line) end
            write(most, "\\n")""",
        polars="lines.select(line.str.len_bytes().max())",
        duckdb="select max(strlen(line)) from lines",
        without=CHARACTERS,
    ),
    Job(
        "line_lengths",
        "histogram of line lengths",
        "Miller: histogram; gawk: arrays",
        mawk="""{ n = length; count[n - n % 10]++ }
            END { for (n in count) print n "\\t" count[n] }""",
        lua="""
            local counts = {}
            for line in lines do
                local n = #line - #line % 10
                counts[n] = (counts[n] or 0) + 1
            end
            for n, count in pairs(counts) do write(n, "\\t", count, "\\n") end""",
        polars="lines.group_by(line.str.len_bytes() // 10 * 10).len()",
        duckdb="select strlen(line) // 10 * 10, count(*) from lines group by 1",
        unordered=True,
        without=CHARACTERS,
    ),
    Job(
        "squeeze_blanks",
        "runs of blanks to one",
        "perlop: tr///s; Miller: collapse_whitespace",
        mawk='{ gsub(/[ \\t]+/, " "); print }',
        lua="""for line in lines do write(line:gsub("[ \\t]+", " "), "\\n") end""",
        miller="""put -q 'print gsub($1 ?? "", "[ \\t]+", " ")'""",
        polars="lines.select(line.str.replace_all('[ \\t]+', ' '))",
        duckdb="select regexp_replace(line, '[ \\t]+', ' ', 'g') from lines",
    ),
    Job(
        "reverse_fields",
        "fields in reverse order",
        "POSIX awk: fields in reverse order",
        mawk='{ for (i = NF; i > 1; i--) printf "%s ", $i; print $1 }',
        lua="""
            for line in lines do
                local fields, reversed = {}, {}
                for field in line:gmatch("[^ \\t]+") do fields[#fields + 1] = field end
                for i = #fields, 1, -1 do reversed[#reversed + 1] = fields[i] end
                write(table.concat(reversed, " "), "\\n")
            end""",
        miller="""put -q 'reversed = "";
            line = gsub(gsub($1 ?? "", "[ \\t]+", " "), "^ | $", "");
            for (field in splitax(line, " ")) {
                reversed = reversed == "" ? field : field . " " . reversed
            } print reversed'""",
        polars="lines.select(line.str.extract_all('[^ \\t]+').list.reverse().list.join(' '))",
        duckdb="""select array_to_string(list_reverse(regexp_extract_all(line, '[^ \\t]+')), ' ')
            from lines""",
    ),
]
