//! What user code can observe is a function of the input and the plan alone.
//!
//! A newcomer's trap: idle workers are kept, so each run here finds workers that have run others'
//! steps before.

use gleamflow::{Flow, Result};

use crate::harness::{
    assert_says, lines, many_words, same, same_error, same_for_each_split, values,
};

/// Fills the workers' VMs with strings, globals and altered libraries that no other test has.
fn leave_traces(workers: usize) {
    let salt =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let flow = Flow::new().workers(workers).test_sizes(Some(40), None, None);
    let step = format!(
        "function(x)
            leaked = (leaked or 0) + 1
            local t = {{}}
            for i = 1, 50 do t['k' .. i * {salt} % 99991] = i end
            string.shout = string.upper
            string.upper = nil
            math.pi = 3
            table.insert = nil
            _G.print = nil
            math.randomseed(x)
            setmetatable(_G, {{__index = function() return 'anything' end}})
            getmetatable('').__index = function() return 'broken' end
            return leaked, t
        end"
    );
    flow.range(0..40).map(step).count().unwrap();
}

#[test]
fn globals_of_one_flow_are_not_seen_by_the_next() {
    let text = same_for_each_split(|flow| {
        leave_traces(2);
        lines(&flow.lua("seen = 0").range(0..2).limit(1).map(
            "function(x) seen = seen + 1
             return x, seen, tostring(leaked), ('a'):upper(), tostring(string.shout),
                math.pi > 3.14, type(table.insert), type(print) end",
        ))
    });
    assert_eq!(text[0], "0\t1\tnil\tA\tnil\ttrue\tfunction\tfunction\n");
    assert_eq!(text[0], text[1]);
}

#[test]
fn globals_last_for_one_task() {
    let [one_task, tasks] = same_for_each_split(|flow| {
        leave_traces(5);
        let rows =
            flow.lines(many_words(60, 60)).map("function(w) n = (n or 0) + 1 return w, n end");
        lines(&rows)
    });
    let numbers: Vec<usize> =
        one_task.lines().map(|row| row.split('\t').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
    let begun = tasks.lines().filter(|row| row.ends_with("\t1")).count();
    assert!(begun > 3, "{begun} tasks:\n{tasks}");
}

#[test]
fn the_state_of_a_step_s_outer_function_lasts_for_one_task() {
    let step = "(function() local n = 0 return function(w) n = n + 1 return w, n end end)()";
    let [one_task, tasks] =
        same_for_each_split(|flow| lines(&flow.lines(many_words(30, 30)).map(step)));
    assert!(one_task.ends_with("\t30\n"), "{one_task}");
    assert!(tasks.matches("\t1\n").count() > 1, "{tasks}");
}

#[test]
fn steps_of_one_task_share_their_globals() {
    let text = same(|flow| {
        let rows = flow
            .lua("last = 'none'")
            .range(0..3)
            .map("function(x) last = 'saw ' .. x return x end")
            .filter("function(x) return last == 'saw ' .. x end");
        lines(&rows)
    });
    assert_eq!(text, "0\n1\n2\n");
}

#[test]
fn random_numbers_are_the_same_for_any_workers() {
    let random = "function(x) return x, math.random(1000000), math.random() end";
    let texts = same_for_each_split(|flow| {
        leave_traces(2);
        lines(&flow.range(0..200).map(random))
    });
    for text in texts {
        let mut numbers: Vec<&str> =
            text.lines().map(|row| row.split('\t').nth(1).unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() > 190, "{} different ones of 200", numbers.len());
    }
}

#[test]
fn random_numbers_differ_between_steps() {
    let random = "function(x) return math.random(1000000) end";
    let text = same(|flow| {
        let rows = flow.range(0..1);
        let one: Option<i64> = rows.map(random).first()?;
        let other: Option<i64> = rows.sort(1).map(random).first()?;
        Ok(format!("{}", one == other).into_bytes())
    });
    assert_eq!(text, "false");
}

#[test]
fn random_numbers_are_the_same_whatever_else_the_flow_was_asked() {
    let random = "function(x) return x, math.random(1000000) end";
    let alone = same_for_each_split(|flow| lines(&flow.range(0..50).sort(1).map(random)));
    let asked = same_for_each_split(|flow| {
        let unused = flow.lines(["x"]).map(random);
        let sorted = flow.range(0..50).sort(1);
        unused.count()?;
        sorted.count()?;
        sorted.filter("function(x) return false end").explain()?;
        let rows = sorted.map(random);
        rows.explain()?;
        rows.first::<(i64, i64)>()?;
        lines(&rows)
    });
    assert_eq!(alone, asked);
}

#[test]
fn random_numbers_of_a_step_do_not_depend_on_its_neighbours() {
    let random = "function(x) return x, math.random(1000000) end";
    let alone = same_for_each_split(|flow| lines(&flow.range(0..50).map(random)));
    let beside = same_for_each_split(|flow| {
        let draws = "function(x, n) if x < 0 then math.random() end return x, n end";
        let more = "function(x, n) math.random() return math.random() >= 0 end";
        lines(&flow.range(0..50).map(random).map(draws).filter(more))
    });
    assert_eq!(alone, beside);
}

#[test]
fn random_and_randomseed_are_lua_s() {
    let text = same(|flow| {
        let rows = flow.range(0..200).map(
            "function(x)
                local one, dice, far = math.random(), math.random(6), math.random(-3, 3)
                return one >= 0 and one < 1 and dice >= 1 and dice <= 6 and dice % 1 == 0
                    and far >= -3 and far <= 3
            end",
        );
        lines(&rows.distinct())
    });
    assert_eq!(text, "true\n");
    let text = same(|flow| {
        let seeded = "function(x) math.randomseed(x % 2) return math.random(1000000) end";
        Ok(flow.range(0..40).map(seeded).distinct().count()?.to_string().into_bytes())
    });
    assert_eq!(text, "2");
    for (call, says) in [
        ("math.random(0)", "bad argument #1 to 'random' (interval is empty)"),
        ("math.random(2, 1)", "bad argument #2 to 'random' (interval is empty)"),
        ("math.random('x')", "bad argument #1 to 'random' (number expected, got string)"),
        ("math.random(1, 2, 3)", "wrong number of arguments"),
    ] {
        let message = same_error(|flow| {
            flow.range(0..1).map(format!("function() return {call} end")).count()
        });
        assert_says(&message, &[says]);
    }
}

#[test]
fn random_numbers_behind_an_exchange_are_the_same_for_any_workers() {
    let rows: Vec<(usize, usize)> = (0..3000).map(|i| (i * 7 % 100, i)).collect();
    same_for_each_split(|flow| {
        let rows = flow.rows(&rows).reduce("function(x, y) return x + y end");
        lines(&rows.map("function(k, v) return k, v, math.random(1000000) end"))
    });
    same_for_each_split(|flow| {
        lines(&flow.rows(&rows).sort(1).map("function(k, v) return k, v, math.random(1000000) end"))
    });
}

#[test]
fn pairs_goes_through_the_list_and_then_the_keys_in_order() {
    let text = same(|flow| {
        leave_traces(2);
        values(&flow.range(0..1).flat_map(
            "function()
                local t = {10, 20, 30, b = 1, a = 2, [0] = 3, [-1.5] = 4, [true] = 5, [false] = 6, B = 7}
                local seen = {}
                for k in pairs(t) do seen[#seen + 1] = k end
                return seen
            end",
        ))
    });
    assert_eq!(text, "1\n2\n3\nfalse\ntrue\n-1.5\n0\n\"B\"\n\"a\"\n\"b\"\n");
}

#[test]
fn pairs_gives_the_same_order_whatever_strings_were_seen_before() {
    let words = many_words(200, 200);
    same(|flow| {
        leave_traces(5);
        let step = "function(list)
            local t = {}
            for w in list:gmatch('%S+') do t[w] = true end
            local keys = {}
            for k in pairs(t) do keys[#keys + 1] = k end
            return table.concat(keys, ' ')
        end";
        let text = lines(&flow.lines([words.join(" ")]).map(step))?;
        let mut sorted = words.clone();
        sorted.sort();
        assert_eq!(String::from_utf8_lossy(&text), sorted.join(" ") + "\n");
        Ok(text)
    });
}

#[test]
fn pairs_may_clear_what_it_visits() {
    let text = same(|flow| {
        lines(&flow.range(0..1).map(
            "function() local t = {a = 1, b = 2, c = 3, 4, 5} local n = 0
             for k in pairs(t) do t[k] = nil n = n + 1 end return n, next(t) == nil end",
        ))
    });
    assert_eq!(text, "5\ttrue\n");
}

#[test]
fn the_combine_calls_the_reducer_for_the_same_rows_whatever_the_budget() {
    // A function that is not associative shows where partial results begin.
    let rows: Vec<(usize, f64)> = (0..5000).map(|i| (i % 700, i as f64)).collect();
    same_for_each_split(|flow| {
        lines(&flow.rows(&rows).reduce("function(x, y) return x / 2 + y end"))
    });
    let one = same_for_each_split(|flow| {
        lines(&flow.rows(&rows).select([2]).fold("function(x, y) return x / 2 + y end"))
    });
    assert_ne!(one[0], "");
}

#[test]
fn the_environment_does_not_change_a_result() {
    // The knobs are read from the environment too; a child process has its own.
    let run = |workers: &str, memory: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "determinism::prints_a_word_count", "--ignored", "--nocapture"])
            .env("GLEAMFLOW_WORKERS", workers)
            .env("GLEAMFLOW_MEMORY", memory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<String> =
            text.lines().filter(|line| line.starts_with("w")).map(str::to_owned).collect();
        rows
    };
    let expected = ["w0 20", "w1 20", "w2 20", "w3 20", "w4 20"];
    assert_eq!(run("1", "96M"), expected);
    assert_eq!(run("3", "1G"), expected);
}

#[test]
#[ignore = "the child of the_environment_does_not_change_a_result"]
fn prints_a_word_count() {
    let rows = Flow::new().lines(many_words(100, 5)).map("function(w) return w, 1 end");
    println!();
    rows.reduce("function(x, y) return x + y end")
        .save_text_to(std::io::stdout(), "%s %d")
        .unwrap();
}

#[test]
fn a_bad_value_in_the_environment_is_an_error_that_names_it() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "determinism::prints_a_word_count", "--ignored", "--nocapture"])
        .env("GLEAMFLOW_WORKERS", "many")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    crate::harness::assert_says(&text, &["GLEAMFLOW_WORKERS", "many"]);
}

/// Puts a function that only throws in the place of each of the libraries' and of the globals but
/// for those that steps need to say what they mean.
const BREAK_ALL: &str = "
    local keep = {emit = emit, unpack_rows = unpack_rows, str = str, pairs = pairs}
    local broken = (function(error) return function() error('called', 0) end end)(error)
    local raw_pairs, type = raw_pairs, type
    for _, library in raw_pairs({string, table, math, bit, os, io, coroutine}) do
        for name in raw_pairs(library) do library[name] = broken end
    end
    for name, value in raw_pairs(_G) do
        if type(value) == 'function' then _G[name] = keep[name] or broken end
    end";

/// The first column of the lines is what a step of each kind gives.
fn every_kind_of_step(flow: &Flow) -> Result<Vec<u8>> {
    let words = || flow.lines(["one", "two", "three", "two"]);
    let sum = "function(a, b) return a + b end";
    let count = "function(w) return w, 1 end";
    let collects = "function(l) local t = {} t[#t + 1] = l t[#t + 1] = l .. '!' return t end";
    let mut text = Vec::new();
    for rows in [
        words().map("function(l) return l, #l end"),
        words().map("function(l) emit(l, str(0.5)) return {[2] = l, a = 1, [true] = {l}, [{1}] = null} end"),
        words().map("function(l) local t = {} for k, v in pairs({1, b = l, a = 2, [0.5] = 3}) do t[#t + 1] = v end return t end"),
        words().map("function(l) return 2^53, 0.1, -1, nil, true, 9007199254740993LL, l end"),
        words().flat_map(collects),
        words().filter("function(l) return #l == 3 end").flat_map(collects),
        words().flat_map("function(l) local n = 0 return function() n = n + 1 if n < 3 then return l, n end end end"),
        words().flat_map("function(l) return unpack_rows({{l, 1}, {l, null}}) end"),
        words().filter("function(l) return #l > 3 end"),
        words().for_each("function(l) seen = l emit('seen ' .. l) end"),
        words().map(count).reduce(sum),
        words().map("function(w) return w, 1, #w end").reduce("function(a, b, c, d) return a + c, b + d end"),
        words().map("function(w) return {w, a = 1}, 1 end").reduce(sum),
        words().map("function(w) return #w, w end").reduce("function(a, b) return a .. b end"),
        words().map("function(w) return 1, #w, w end").reduce_by([1, 2], "function(a, b) return a .. b end"),
        words().map("function(w) return #w end").fold(sum),
    ] {
        text.extend(values(&rows)?);
        text.extend(b"--\n");
    }
    Ok(text)
}

#[test]
fn broken_libraries_of_the_users_break_nothing_of_ours() {
    let whole = same(|flow| every_kind_of_step(&flow));
    let broken = same(|flow| every_kind_of_step(&flow.lua(BREAK_ALL)));
    assert_eq!(broken, whole);
    let called = same_error(|flow| {
        flow.lua(BREAK_ALL).range(0..3).map("function(x) return tostring(x) end").count()
    });
    assert!(called.contains("called"), "{called}");
    let address = "(function() local t = tostring({}) return function() return t end end)()";
    let refused = same_error(|flow| {
        flow.lua(BREAK_ALL.replacen("keep = {", "keep = {tostring = tostring, ", 1))
            .range(0..3)
            .map(address)
            .count()
    });
    assert!(refused.contains("the address of a value"), "{refused}");
}
