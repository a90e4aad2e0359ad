//! The flows of benches/compare's group `everyday`: what awk, Miller and perl one-liners do. Each
//! takes a file and writes to stdout; benches/compare/everyday says what each is for.
//!
//! A newcomer's trap: these are what a user would write with the operators there are. A flow that
//! is slow is work for the library, not for this file.

use std::io::stdout;

use gleamflow::{Flow, Result, Sort};

/// Runs a flow on an input.
type Run = fn(&str) -> Result<()>;

pub const FLOWS: &[(&str, Run)] = &[
    ("filter_by_hand", filter_by_hand),
    ("filter_number", filter_number),
    ("swap_native", swap_native),
    ("swap_lua", swap_lua),
    ("sum_by_prefix", sum_by_prefix),
    ("grep", grep),
    ("gsub", gsub),
    ("length_and_fields", length_and_fields),
    ("first_upper", first_upper),
    ("join_columns", join_columns),
    ("format_columns", format_columns),
    ("sum_column", sum_column),
    ("max_by_key", max_by_key),
    ("average_by_key", average_by_key),
    ("filter_by_set", filter_by_set),
    ("csv_total", csv_total),
    ("month", month),
    ("money", money),
    ("running_total", running_total),
    ("status_and_hour", status_and_hour),
    ("p95", p95),
    ("top_paths", top_paths),
    ("first_visit", first_visit),
    ("pairs", pairs),
    ("first_and_last", first_and_last),
    ("count_fields", count_fields),
    ("fold_case", fold_case),
    ("grep_not", grep_not),
    ("long_lines", long_lines),
    ("longest_line", longest_line),
    ("line_lengths", line_lengths),
    ("squeeze_blanks", squeeze_blanks),
    ("reverse_fields", reverse_fields),
];

// The table: key, integer, payload.

fn filter_by_hand(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .filter(
            r#"function(line)
                local tab = line:find("\t", 1, true)
                return tonumber(line:sub(tab + 1, line:find("\t", tab + 1, true) - 1)) % 7 == 0
            end"#,
        )
        .save_lines_to(stdout())
}

fn filter_number(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .filter("function(key, n) return n % 7 == 0 end")
        .save_lines_to(stdout())
}

fn swap_native(input: &str) -> Result<()> {
    Flow::new().text_file(input).split("\t").select([3, 1]).save_lines_to(stdout())
}

fn swap_lua(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .map("function(key, n, payload) return payload, key end")
        .save_lines_to(stdout())
}

fn sum_by_prefix(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .map("function(key, n) return key:sub(1, 4), n end")
        .reduce("function(x, y) return x + y end")
        .save_lines_to(stdout())
}

fn join_columns(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .map(r#"function(key, n, payload) return key .. ":" .. n .. ":" .. payload end"#)
        .save_lines_to(stdout())
}

fn format_columns(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .map(r#"function(key, n) return string.format("%08d %-24s|", n, key) end"#)
        .save_lines_to(stdout())
}

fn sum_column(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .select([2])
        .numbers([1])
        .fold("function(x, y) return x + y end")
        .save_lines_to(stdout())
}

fn max_by_key(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .map("function(key, n) return key:sub(1, 2), n end")
        .reduce("math.max")
        .save_lines_to(stdout())
}

fn average_by_key(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .map("function(key, n) return key:sub(1, 2), n, 1 end")
        .reduce("function(sum, rows, more, others) return sum + more, rows + others end")
        .map("function(key, sum, rows) return key, sum / rows end")
        .save_text_to(stdout(), "%s\t%.6f")
}

// Orders: number, date, country, item, quantity, price.

fn filter_by_set(input: &str) -> Result<()> {
    Flow::new()
        .lua("wanted = { DE = true, FR = true, NL = true, AT = true, CH = true }")
        .text_file(input)
        .split(",")
        .filter("function(number, date, country) return wanted[country] end")
        .save_text_to(stdout(), "%s,%s,%s,%s,%s,%s")
}

fn csv_total(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split(",")
        .map(
            "function(number, date, country, item, quantity, price)
                return number, country, quantity * price:sub(2)
            end",
        )
        .save_text_to(stdout(), "%s,%s,%.2f")
}

fn month(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split(",")
        .numbers([5])
        .map(
            "function(number, date, country, item, quantity)
                return date:sub(1, 7), quantity
            end",
        )
        .reduce("function(x, y) return x + y end")
        .save_lines_to(stdout())
}

fn money(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split(",")
        .select([4, 6])
        .map(r#"function(item, price) return item, tonumber((price:gsub("%$", ""))) end"#)
        .reduce("function(x, y) return x + y end")
        .save_text_to(stdout(), "%s\t%.2f")
}

fn running_total(input: &str) -> Result<()> {
    let mut total = 0;
    Flow::new()
        .text_file(input)
        .split(",")
        .select([2, 5])
        .numbers([2])
        .reduce("function(x, y) return x + y end")
        .for_each_row(|(date, quantity): (String, i64)| {
            total += quantity;
            println!("{date}\t{total}");
        })
}

// The log: address, -, user, time, zone, method, path, protocol, status, bytes, referrer, agent.

fn status_and_hour(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .fields()
        .select([4, 9, 10])
        .map(
            "function(time, status, bytes)
                return status, time:sub(14, 15), 1, tonumber(bytes) or 0
            end",
        )
        .reduce_by([1, 2], "function(n, bytes, m, more) return n + m, bytes + more end")
        .save_lines_to(stdout())
}

fn p95(input: &str) -> Result<()> {
    let counts: Vec<(String, u64, u64)> = Flow::new()
        .text_file(input)
        .fields()
        .select([9, 10])
        .filter("function(status, bytes) return bytes ~= '-' end")
        .numbers([2])
        .count_by([1, 2])
        .collect()?;
    for of_status in counts.chunk_by(|(status, ..), (next, ..)| status == next) {
        let answers: u64 = of_status.iter().map(|(.., n)| n).sum();
        let mut smaller = 0;
        for (status, bytes, n) in of_status {
            smaller += n;
            if smaller > answers * 95 / 100 {
                println!("{status}\t{bytes}");
                break;
            }
        }
    }
    Ok(())
}

fn top_paths(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .fields()
        .select([7])
        .count_by([1])
        .top(10, Sort::by(2).descending())
        .save_lines_to(stdout())
}

fn first_visit(input: &str) -> Result<()> {
    Flow::new().text_file(input).fields().select([1, 7]).distinct_by([1]).save_lines_to(stdout())
}

fn pairs(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .flat_map(
            r#"function(line)
                local query = line:match("%?(%S+)") or ""
                return query:gmatch("([^&=]+)=([^&]*)")
            end"#,
        )
        .count_by([1, 2])
        .save_lines_to(stdout())
}

fn first_and_last(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .fields()
        .map("function(...) return (...), (select(-1, ...)) end")
        .save_lines_to(stdout())
}

fn count_fields(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .fields()
        .map("function(...) return select('#', ...) end")
        .fold("function(x, y) return x + y end")
        .save_lines_to(stdout())
}

fn fold_case(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(line) return line:lower() end")
        .save_lines_to(stdout())
}

// The corpus: C and its documentation.

fn grep(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .filter("function(line) return line:find('return.*NULL') end")
        .save_lines_to(stdout())
}

fn gsub(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(line) return (line:gsub('%d+', '#')) end")
        .save_lines_to(stdout())
}

fn length_and_fields(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map(
            r#"function(line)
                local n = 0
                for _ in line:gmatch("[^ \t]+") do n = n + 1 end
                return #line, n
            end"#,
        )
        .save_text_to(stdout(), "%d %d")
}

fn first_upper(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map(r#"function(line) return (line:match("[^ \t]+") or ""):upper() end"#)
        .save_lines_to(stdout())
}

fn grep_not(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .filter("function(line) return not line:find('^%s*/?%*') end")
        .save_lines_to(stdout())
}

fn long_lines(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .filter("function(line) return #line > 80 end")
        .save_lines_to(stdout())
}

fn longest_line(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(line) return #line end")
        .fold("math.max")
        .save_lines_to(stdout())
}

fn line_lengths(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(line) return #line - #line % 10, 1 end")
        .reduce("function(x, y) return x + y end")
        .save_lines_to(stdout())
}

fn squeeze_blanks(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map(r#"function(line) return (line:gsub("[ \t]+", " ")) end"#)
        .save_lines_to(stdout())
}

fn reverse_fields(input: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .fields()
        .map(
            r#"function(...)
                local fields, reversed = { ... }, {}
                for i = #fields, 1, -1 do reversed[#reversed + 1] = fields[i] end
                return table.concat(reversed, " ")
            end"#,
        )
        .save_lines_to(stdout())
}
