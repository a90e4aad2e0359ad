"""Jobs on orders, a CSV without quotes: number, date, country, item, quantity, price in dollars."""

from everyday.job import Job

JOBS = [
    Job(
        "filter_by_set",
        "filter by a set",
        "gawk: the `in` operator",
        mawk="""BEGIN { split("DE FR NL AT CH", list, " "); for (i in list) wanted[list[i]] }
            $3 in wanted""",
        lua="""
            local wanted = { DE = true, FR = true, NL = true, AT = true, CH = true }
            for line in lines do
                if wanted[line:match("^[^,]*,[^,]*,([^,]*)")] then write(line, "\\n") end
            end""",
        miller="""filter 'begin { @wanted = {"DE": 1, "FR": 1, "NL": 1, "AT": 1, "CH": 1} }
            haskey(@wanted, $3)'""",
        polars="orders.filter(c('country').is_in(['DE', 'FR', 'NL', 'AT', 'CH']))",
        # DuckDB makes a join of it, which has no order.
        duckdb="from orders where country in ('DE', 'FR', 'NL', 'AT', 'CH')",
        unordered=True,
        separator=",",
    ),
    Job(
        "csv_total",
        "a CSV with a computed column",
        "Miller: put '$z = $x * $y'",
        mawk='{ printf "%s,%s,%.2f\\n", $1, $3, $5 * substr($6, 2) }',
        lua="""
            local format = string.format
            for line in lines do
                local number, country, quantity, price =
                    line:match("^([^,]*),[^,]*,([^,]*),[^,]*,([^,]*),.(.*)")
                write(format("%s,%s,%.2f\\n", number, country, quantity * price))
            end""",
        miller="""put -q 'total = $5 * float(ssub($6, "$", ""));
            print $1 . "," . $3 . "," . fmtnum(total, "%.2f")'""",
        polars="""orders.select('number', 'country',
            c('quantity') * c('price').str.slice(1).cast(pl.Float64))""",
        duckdb="""select number, country, printf('%.2f', quantity * price[2:]::double)
            from orders""",
        separator=",",
    ),
    Job(
        "month",
        "dates cut by `sub`, quantities by month",
        "Miller: sec2gmtdate, substr; gawk: substr",
        mawk="""{ sum[substr($2, 1, 7)] += $5 }
            END { for (month in sum) print month "\\t" sum[month] }""",
        lua="""
            local sums = {}
            for line in lines do
                local date, quantity = line:match("^[^,]*,([^,]*),[^,]*,[^,]*,([^,]*)")
                local month = date:sub(1, 7)
                sums[month] = (sums[month] or 0) + quantity
            end
            for month, sum in pairs(sums) do write(month, "\\t", sum, "\\n") end""",
        miller="--ofs tab put '$2 = $2[1:7]' then stats1 -a sum -f 5 -g 2",
        polars="orders.group_by(c('date').str.head(7)).agg(c('quantity').sum())",
        duckdb="select date[:7], sum(quantity) from orders group by 1",
        unordered=True,
    ),
    Job(
        "money",
        "tonumber of money, summed by item",
        "Miller: questions about the DSL, sums of currency",
        mawk="""{ sub(/\\$/, "", $6); sum[$4] += $6 }
            END { for (item in sum) printf "%s\\t%.2f\\n", item, sum[item] }""",
        lua="""
            local sums = {}
            for line in lines do
                local item, price = line:match("^[^,]*,[^,]*,[^,]*,([^,]*),[^,]*,%$(.*)")
                sums[item] = (sums[item] or 0) + price
            end
            for item, sum in pairs(sums) do write(("%s\\t%.2f\\n"):format(item, sum)) end""",
        miller="""--ofs tab put '$6 = float(ssub($6, "$", ""))' then stats1 -a sum -f 6 -g 4
            then put '${6_sum} = fmtnum(${6_sum}, "%.2f")'""",
        polars="""orders.group_by('item').agg(
            c('price').str.replace('$', '', literal=True).cast(pl.Float64).sum())""",
        duckdb="""select item, printf('%.2f', sum(replace(price, '$', '')::double))
            from orders group by 1""",
        unordered=True,
    ),
    Job(
        "running_total",
        "running total by day",
        "Miller: step -a rsum",
        # Dates are ISO: all that there may be are gone through in order.
        mawk="""{ sum[$2] += $5 }
            END { for (i = 101; i <= 1231; i++) {
                date = sprintf("2026-%02d-%02d", i / 100, i % 100)
                if (date in sum) { total += sum[date]; print date "\\t" total } } }""",
        lua="""
            local sums, dates, total = {}, {}, 0
            for line in lines do
                local date, quantity = line:match("^[^,]*,([^,]*),[^,]*,[^,]*,([^,]*)")
                if not sums[date] then sums[date], dates[#dates + 1] = 0, date end
                sums[date] = sums[date] + quantity
            end
            table.sort(dates)
            for _, date in ipairs(dates) do
                total = total + sums[date]
                write(date, "\\t", total, "\\n")
            end""",
        miller="""--ofs tab stats1 -a sum -f 5 -g 2 then sort -f 2
            then step -a rsum -f 5_sum then cut -x -f 5_sum""",
        polars="""orders.group_by('date').agg(c('quantity').sum()).sort('date')
            .select('date', c('quantity').cum_sum())""",
        duckdb="""select date, sum(sum(quantity)) over (order by date)
            from orders group by date order by date""",
    ),
]
