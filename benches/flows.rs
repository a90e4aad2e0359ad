//! The flows that benches/compare measures: `bench_flows NAME INPUT [OUTPUT]`. A flow whose
//! terminal takes no path writes to stdout.
//!
//! A newcomer's trap: the comparison prints each flow as it stands here, so a function holds its
//! flow and nothing else.

mod everyday;

use std::io::stdout;
use std::time::Instant;

use gleamflow::{Agg, Flow, Join, OnError, Result};

/// Runs a flow on an input and, if the flow takes one, an output.
type Run = fn(&str, &str) -> Result<()>;

const FLOWS: &[(&str, Run)] = &[
    ("words", words),
    ("words_called", words_called),
    ("general", general),
    ("find", find),
    ("change", change),
    ("chain", chain),
    ("chain_letters", chain_letters),
    ("sort", sort),
    ("distinct_keys", distinct_keys),
    ("distinct_keys_called", distinct_keys_called),
    ("pipe", pipe),
    ("pipe_columns", pipe_columns),
    ("whole_rows_through", whole_rows_through),
    ("one_column_through", one_column_through),
    ("aggregate", aggregate),
    ("aggregate_in_lua", aggregate_in_lua),
    ("quantile", quantile),
    ("join", join),
    ("join_broadcast", join_broadcast),
    ("lookup", lookup),
    ("lookup_text", lookup_text),
    ("lookup_text_in_lua", lookup_text_in_lua),
    ("lookup_none", lookup_none),
    ("lookup_text_none", lookup_text_none),
    ("one_row", one_row),
    ("closures", closures),
    ("arguments", arguments),
];

fn words(input: &str, _: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .flat_map(r#"function(line) return line:gmatch("%w+") end"#)
        .map("function(word) return word, 1 end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(stdout(), "%s,%d")
}

/// The same in words that are not recognised, so that each function is called.
fn words_called(input: &str, _: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .flat_map(r#"function(line) return line:gmatch("%w+") end"#)
        .map("function(word) local one = 1 return word, one end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(stdout(), "%s,%d")
}

fn general(input: &str, _: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .filter(r##"function(line) return line:sub(1, 1) ~= "#" end"##)
        .flat_map(
            r#"function(line)
                local words = {}
                for word in line:lower():gmatch("%a[%w_]*") do
                    if #word > 3 then words[#words + 1] = word end
                end
                return words
            end"#,
        )
        .map("function(word) return word, 1, #word end")
        .reduce("function(n, size, m, more) return n + m, size + more end")
        .save_text_to(stdout(), "%s,%d,%d")
}

fn find(input: &str, output: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .filter(r#"function(line) return line:find("static", 1, true) end"#)
        .save_lines(output)
}

fn change(input: &str, output: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map(
            r#"function(line) return line:sub(1, 8) .. ":" .. #line * 2 + (line:byte(1) or 0) end"#,
        )
        .save_lines(output)
}

fn chain(input: &str, _: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(line) return #line % 80, line end")
        .map("function(size, line) return size, line:sub(1, 20) end")
        .filter("function(size) return size > 20 end")
        .save_text_to(stdout(), "%d %s")
}

/// `chain`, whose steps would put bad rows into a file. There are none.
fn chain_letters(input: &str, _: &str) -> Result<()> {
    let letters = std::env::temp_dir().join(format!("letters-{}", std::process::id()));
    let bad = || OnError::dead_letter(&letters);
    Flow::new()
        .text_file(input)
        .map("function(line) return #line % 80, line end")
        .on_error(bad())
        .map("function(size, line) return size, line:sub(1, 20) end")
        .on_error(bad())
        .filter("function(size) return size > 20 end")
        .on_error(bad())
        .save_text_to(stdout(), "%d %s")
}

fn sort(input: &str, output: &str) -> Result<()> {
    Flow::new().text_file(input).split("\t").sort(1).save_lines(output)
}

fn distinct_keys(input: &str, _: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(key) return key, 1 end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(stdout(), "%s,%d")
}

/// The same in words that are not recognised.
fn distinct_keys_called(input: &str, _: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .map("function(key) local one = 1 return key, one end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(stdout(), "%s,%d")
}

fn pipe(input: &str, _: &str) -> Result<()> {
    Flow::new().text_file(input).pipe("cat").save_lines_to(stdout())
}

fn pipe_columns(input: &str, _: &str) -> Result<()> {
    Flow::new().text_file(input).split("\t").pipe("cat").save_text_to(stdout(), "%s %s %s")
}

fn whole_rows_through(input: &str, output: &str) -> Result<()> {
    Flow::new().text_file(input).split("\t").pipe("cat").save_lines(output)
}

/// The same with one column only going through the command.
fn one_column_through(input: &str, output: &str) -> Result<()> {
    Flow::new().text_file(input).split("\t").pipe_columns([2], "cat").save_lines(output)
}

fn aggregate(input: &str, output: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .aggregate(1, [Agg::count(), Agg::sum(2)])
        .save_lines(output)
}

fn aggregate_in_lua(input: &str, output: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .map("function(key, n) return key, 1, n end")
        .reduce("function(n, sum, m, more) return n + m, sum + more end")
        .save_lines(output)
}

fn quantile(input: &str, output: &str) -> Result<()> {
    Flow::new()
        .text_file(input)
        .split("\t")
        .numbers([2])
        .aggregate(1, [Agg::quantile(2, 0.95)])
        // A twentieth is what ranks are parted in; so no program has to round a half.
        .map("function(key, n) return key, math.floor(20 * n + 0.5) end")
        .save_lines(output)
}

/// `input` is a folder with `left` and `right`.
fn join(input: &str, output: &str) -> Result<()> {
    let flow = Flow::new();
    let left = flow.text_file(format!("{input}/left")).split("\t");
    let right = flow.text_file(format!("{input}/right")).split("\t");
    left.join(&right, 1).save_lines(output)
}

fn join_broadcast(input: &str, output: &str) -> Result<()> {
    let flow = Flow::new();
    let left = flow.text_file(format!("{input}/left")).split("\t");
    let right = flow.text_file(format!("{input}/right")).split("\t");
    left.join(&right, Join::inner(1).broadcast()).save_lines(output)
}

/// A million rows, looked up ten million times in no order.
fn lookup(_: &str, _: &str) -> Result<()> {
    let flow = Flow::new();
    let table = flow.range(0..1_000_000).map("function(n) return n, 'value ' .. n end");
    flow.range(0..10_000_000)
        .with_table("of", &table)
        .map("function(n) return #tables.of[n * 7919 % 1000000] end")
        .fold("function(x, y) return x + y end")
        .save_text_to(stdout(), "%d")
}

/// The same by text.
fn lookup_text(_: &str, _: &str) -> Result<()> {
    let flow = Flow::new();
    let table = flow.range(0..1_000_000).map("function(n) return 'key ' .. n, n end");
    flow.range(0..10_000_000)
        .with_table("of", &table)
        .map("function(n) return tables.of['key ' .. n * 7919 % 1000000] end")
        .fold("function(x, y) return x + y end")
        .save_text_to(stdout(), "%d")
}

/// The same with a table of Lua's own, which one task makes and holds.
fn lookup_text_in_lua(_: &str, _: &str) -> Result<()> {
    Flow::new()
        .range(0..10_000_000)
        .map_partitions(
            "function(rows)
                local of, sum = {}, 0
                for n = 0, 999999 do of['key ' .. n] = n end
                for _, n in rows do sum = sum + of['key ' .. n * 7919 % 1000000] end
                return { sum }
            end",
        )
        .save_text_to(stdout(), "%d")
}

/// What of `lookup` is not the lookup.
fn lookup_none(_: &str, _: &str) -> Result<()> {
    Flow::new()
        .range(0..10_000_000)
        .map("function(n) return #'value' + n * 7919 % 1000000 end")
        .fold("function(x, y) return x + y end")
        .save_text_to(stdout(), "%d")
}

/// What of `lookup_text` is not the lookup.
fn lookup_text_none(_: &str, _: &str) -> Result<()> {
    Flow::new()
        .range(0..10_000_000)
        .map("function(n) return #('key ' .. n * 7919 % 1000000) end")
        .fold("function(x, y) return x + y end")
        .save_text_to(stdout(), "%d")
}

/// Prints the milliseconds of each of a hundred runs, the first among them.
fn one_row(_: &str, _: &str) -> Result<()> {
    for _ in 0..100 {
        let begin = Instant::now();
        let row: Option<i64> =
            Flow::new().rows([20]).map("function(x) return x + 1 end").first()?;
        assert_eq!(row, Some(21));
        println!("{:.3}", begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Prints the seconds of the same map in Lua and as a closure, one after the other, of so many rows
/// of an integer, a text and a double: ten million, or as `input` says.
fn closures(input: &str, _: &str) -> Result<()> {
    let count: u64 = input.parse().unwrap_or(10_000_000);
    let text = |n: u64| format!("user-{:05}", n * 7919 % 100_003);
    let rows = Flow::new().rows((0..count).map(|n| (n, text(n), n as f64 / 8.0)));
    let in_lua = rows.map("function(n, user, x) return n * 2 + 1, user, x * 0.5 end");
    let in_rust = rows.map_rows(|(n, user, x): (u64, String, f64)| (n * 2 + 1, user, x * 0.5));
    for round in 0..6 {
        let mut answers = Vec::new();
        for (name, mapped) in [("lua", &in_lua), ("rust", &in_rust)] {
            let begin = Instant::now();
            let (mut rows, mut sum) = (0u64, 0.0);
            if round % 2 == 0 {
                rows = mapped.count()?;
            } else {
                mapped.for_each_row(|(n, user, x): (u64, String, f64)| {
                    rows += 1;
                    sum += n as f64 + x + user.len() as f64;
                })?;
            }
            let what = if round % 2 == 0 { "count" } else { "for_each_row" };
            println!("{name} {what} {:.3}", begin.elapsed().as_secs_f64());
            answers.push((rows, sum));
        }
        assert_eq!(answers[0], answers[1]);
    }
    Ok(())
}

/// Runs `true` for each of so many rows.
fn arguments(input: &str, _: &str) -> Result<()> {
    let count = input.parse().unwrap_or(5000);
    assert_eq!(Flow::new().range(0..count).pipe_as_args("true").count()?, 0);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |nth: usize| arguments.get(nth).map_or("", String::as_str);
    if let Some((_, flow)) = everyday::FLOWS.iter().find(|(name, _)| *name == argument(1)) {
        return flow(argument(2));
    }
    let Some((_, flow)) = FLOWS.iter().find(|(name, _)| *name == argument(1)) else {
        let names = FLOWS.iter().map(|(name, _)| *name);
        let names: Vec<&str> = names.chain(everyday::FLOWS.iter().map(|(name, _)| *name)).collect();
        eprintln!("usage: bench_flows {} [INPUT [OUTPUT]]", names.join("|"));
        std::process::exit(2);
    };
    flow(argument(2), argument(3))
}
