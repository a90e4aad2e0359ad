//! The flows under measure. The test below does nothing unless it is started to run one of them.

use std::path::PathBuf;

use gleamflow::{Agg, Flow, Result};

fn path(name: &str) -> PathBuf {
    std::env::var_os(name).expect("set by whoever names a flow").into()
}

#[test]
fn run_named() {
    let Ok(name) = std::env::var("GLEAMFLOW_TEST_FLOW") else { return };
    let (input, output) = (path("GLEAMFLOW_TEST_INPUT"), path("GLEAMFLOW_TEST_OUTPUT"));
    let result = match name.strip_suffix("_error") {
        Some(name) => {
            let error = run(name, input, output.clone()).expect_err("this flow is to fail");
            std::fs::write(output, error.to_string()).unwrap();
            Ok(())
        }
        None => run(&name, input, output),
    };
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn run(name: &str, input: PathBuf, output: PathBuf) -> Result<()> {
    let save_count = |rows: u64| std::fs::write(&output, rows.to_string()).unwrap();
    let flow = Flow::new();
    let sum = "function(x, y) return x + y end";
    match name {
        "sort" => flow.text_file(input).split("\t").sort(1).save_lines(output),
        "sort_files" => flow.text_file(input.join("*")).split("\t").sort(1).save_lines(output),
        "sort_files_apart" => {
            let flow = flow.test_sizes(Some(560), None, None);
            flow.text_file(input.join("*")).split("\t").sort(1).save_lines(output)
        }
        "sort_in_small_runs" => {
            let flow = flow.test_sizes(None, None, Some(20_000));
            flow.text_file(input).split("\t").sort(1).save_lines(output)
        }
        "sort_in_small_tasks" => {
            let flow = flow.test_sizes(Some(30_000), None, None);
            flow.text_file(input).split("\t").sort(1).save_lines(output)
        }
        "reduce" => flow
            .text_file(input)
            .map("function(word) return word, 1 end")
            .reduce(sum)
            .save_text(output, "%s,%d"),
        "sum_by_key" => flow
            .text_file(input)
            .split("\t")
            .select([1, 2])
            .numbers([2])
            .reduce(sum)
            .save_lines(output),
        "distinct_keys" => {
            flow.text_file(input).split("\t").select([1]).distinct().save_lines(output)
        }
        "count" => flow.text_file(input).count().map(save_count),
        "save_lines" => flow.text_file(input).save_lines(output),
        "rows_of_an_iterator" => {
            let rows: u64 = std::fs::read_to_string(input).unwrap().parse().unwrap();
            let text = "payload ".repeat(50);
            let rows = flow.rows((0..rows).map(|row| (row, &text)));
            rows.map("function(row, text) return row end").save_lines(output)
        }
        "hot_join" => {
            let rows: i64 = std::fs::read_to_string(input).unwrap().parse().unwrap();
            let text = "'".to_owned() + &"payload ".repeat(50) + "'";
            let left = flow.range(0..3).map("function(x) return 'hot', x end");
            let right = flow.range(0..rows);
            let right = right.map(format!("function(x) return 'hot', x, {text} end"));
            left.join(&right, 1)
                .map("function(key, l, r) return key, l + 10 * r end")
                .reduce(sum)
                .save_lines(output)
        }
        "one_group" => {
            let rows: i64 = std::fs::read_to_string(input).unwrap().parse().unwrap();
            let sums = "function(key, rows)
                local count, sum = 0, 0
                for i, _, x in rows do count, sum = i, sum + x end
                emit(key, count, sum)
            end";
            let rows = flow.range(0..rows).map("function(x) return 'key', x end");
            rows.group_map(1, sums).save_lines(output)
        }
        "large_aggregates" => {
            let rows: i64 = std::fs::read_to_string(input).unwrap().parse().unwrap();
            let half = rows / 2;
            let twice = flow.range(0..half).union(&flow.range(0..half));
            let all = twice.union(&flow.range(0..1));
            let kinds = [Agg::median(1), Agg::count_distinct(1), Agg::mode(1)];
            all.aggregate([], kinds)
                .map("function(m, n, o) return str(m), n, o end")
                .save_lines(output)
        }
        "count_long" => flow.max_row(400 << 20).text_file(input).count().map(save_count),
        "save_lines_long" => flow.max_row(400 << 20).text_file(input).save_lines(output),
        "expand_into_slow_pipe" => flow
            .text_file(input)
            .flat_map(
                "function(line)
                    local i = 0
                    return function() i = i + 1; if i <= 1000 then return line end end
                end",
            )
            .pipe("sleep 1; cat")
            .count()
            .map(save_count),
        "fork" => {
            let rows = flow.text_file(input).map("function(line) return line end");
            let _ = rows.to_lines_file(&output);
            let slow = rows.pipe("sleep 3; cat");
            let _ = slow.to_lines_file(output.with_extension("slow"));
            flow.run().map(drop)
        }
        "fork_behind_pipe" => {
            let rows = flow.text_file(input).pipe("dd bs=80000 status=none");
            let _ = rows.to_lines_file(&output);
            let slow = rows.pipe("sleep 3; cat");
            let _ = slow.to_lines_file(output.with_extension("slow"));
            flow.run().map(drop)
        }
        "large_temporaries" => flow
            .text_file(input)
            .map("function(line) local s = ('x'):rep(1e6) .. line; return s:sub(-10) end")
            .save_lines(output),
        // A table of about 7 MB for each task of each stage.
        "tables_in_three_stages" => {
            let look_up = "function(...)
                if not seen then
                    seen = {}
                    for i = 1, 1e5 do seen[i] = 'entry number ' .. i end
                end
                return ...
            end";
            let rows = flow.text_file(input).map(look_up).pipe("cat").map(look_up).pipe("cat");
            rows.map(look_up).save_lines(output)
        }
        "partitions" => flow.text_file(input).partition(8).pipe("cat").save_lines(output),
        "thousand_partitions" => flow
            .text_file(input)
            .partition(1000)
            .map("function(line) return line end")
            .save_lines(output),
        "slow_first" => flow
            .text_file(input)
            .map(
                "function(line)
                    if line:find('\t0\t', 1, true) then
                        local begin = os.time()
                        while os.time() - begin < 4 do end
                    end
                    return line
                end",
            )
            .save_lines(output),
        "garbage" => flow
            .text_file(input)
            .map(
                "function(line)
                    local list = {}
                    for i = 1, 50 do list[i] = line .. i end
                    return list[50]:sub(1, -3)
                end",
            )
            .save_lines(output),
        "hoard" => flow
            .lua("kept = {}")
            .text_file(input)
            .map(
                "function(line) kept[#kept + 1] = line .. ('x'):rep(1e5) .. #kept; return line end",
            )
            .save_lines(output),
        other => panic!("there is no flow {other}"),
    }
}
