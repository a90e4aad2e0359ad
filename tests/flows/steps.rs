//! One-to-one and one-to-many steps: order is kept, and each shape of result means what it says.

use crate::harness::{assert_says, lines, pairs, same, same_error, values};

#[test]
fn map_keeps_order_and_may_change_width() {
    let text = same(|flow| lines(&flow.range(0..5).map("function(x) return x, x * x end")));
    assert_eq!(text, "0\t0\n1\t1\n2\t4\n3\t9\n4\t16\n");
}

#[test]
fn chained_steps_see_each_others_rows() {
    let text = same(|flow| {
        let rows = flow
            .lines(["one two", "three", "", "four five six"])
            .flat_map("function(line) return line:gmatch('%w+') end")
            .filter("function(word) return #word > 3 end")
            .map("function(word) return word:upper(), #word end")
            .select([2, 1, 2]);
        lines(&rows)
    });
    assert_eq!(text, "5\tTHREE\t5\n4\tFOUR\t4\n4\tFIVE\t4\n");
}

#[test]
fn flat_map_takes_iterators_lists_callables_and_nothing() {
    let iterator = same(|flow| {
        lines(&flow.range(0..3).flat_map(
            "function(x) local i = 0 return function() i = i + 1 if i <= x then return x, i end end end",
        ))
    });
    assert_eq!(iterator, "1\t1\n2\t1\n2\t2\n");
    let generic_for = same(|flow| {
        lines(&flow.range(2..4).flat_map(
            "function(n) return function(n, i) if i < n then return i + 1 end end, n, 0 end",
        ))
    });
    assert_eq!(generic_for, "1\n2\n1\n2\n3\n");
    let list =
        same(|flow| values(&flow.range(1..3).flat_map("function(x) return {x, 'a', null} end")));
    assert_eq!(list, "1\n\"a\"\nnil\n2\n\"a\"\nnil\n");
    let rows = same(|flow| {
        values(&flow.range(1..3).flat_map("function(x) return unpack_rows({{x, 'a'}, {x}}) end"))
    });
    assert_eq!(rows, "1 \"a\"\n1\n2 \"a\"\n2\n");
    let callable = same(|flow| {
        lines(&flow.range(0..2).flat_map(
            "function(x)
                local left = 2
                return setmetatable({}, {__call = function()
                    left = left - 1
                    if left >= 0 then return x, left end
                end})
            end",
        ))
    });
    assert_eq!(callable, "0\t1\n0\t0\n1\t1\n1\t0\n");
    let nothing = same(|flow| {
        lines(&flow.range(0..4).flat_map("function(x) if x == 2 then return {x} end end"))
    });
    assert_eq!(nothing, "2\n");
    let empty = same(|flow| lines(&flow.range(0..4).flat_map("function() return {} end")));
    assert_eq!(empty, "");
}

#[test]
fn the_values_of_one_iterator_step_are_one_row_with_its_nils() {
    let text = same(|flow| {
        values(&flow.range(0..1).flat_map(
            "function()
                local i = 0
                return function()
                    i = i + 1
                    if i == 1 then return 1, nil end
                    if i == 2 then return 2, nil, 3 end
                end
            end",
        ))
    });
    assert_eq!(text, "1 nil\n2 nil 3\n");
}

#[test]
fn flat_map_refuses_what_is_neither_with_its_type() {
    for (value, kind) in [
        ("1", "number"),
        ("'a'", "string"),
        ("true", "boolean"),
        ("{a = 1}", "table"),
        ("{1, nil, 3}", "table"),
    ] {
        let message = same_error(|flow| {
            let step = format!("function(x) if x == 2 then return {value} end return {{x}} end");
            flow.range(0..4).flat_map(step).count()
        });
        assert_says(&message, &["steps.rs:", ", flat_map: expected", kind, "\n  on 2"]);
    }
}

#[test]
fn filter_takes_all_but_nil_and_false() {
    let text = same(|flow| {
        values(&flow.range(0..6).filter(
            "function(x) if x == 0 then return end if x == 1 then return nil end \
             if x == 2 then return false end if x == 3 then return 0 end return '' end",
        ))
    });
    assert_eq!(text, "3\n4\n5\n");
}

#[test]
fn for_each_passes_rows_on_and_ignores_what_it_returns() {
    let text =
        same(|flow| lines(&flow.range(0..3).for_each("function(x) return x * 10, false end")));
    assert_eq!(text, "0\n1\n2\n");
}

#[test]
fn emitted_rows_come_before_the_returned_one() {
    let mapped = same(|flow| {
        lines(
            &flow
                .range(1..3)
                .map("function(x) emit(x, 'first') emit(x, 'then') return x, 'last' end"),
        )
    });
    assert_eq!(mapped, "1\tfirst\n1\tthen\n1\tlast\n2\tfirst\n2\tthen\n2\tlast\n");
    let flat = same(|flow| {
        lines(&flow.range(1..3).flat_map(
            "function(x) emit('emitted') local i = 0 return function() i = i + 1 if i < 3 then emit('at ' .. i) return x, i end end end",
        ))
    });
    assert_eq!(flat, "emitted\nat 1\n1\t1\nat 2\n1\t2\nemitted\nat 1\n2\t1\nat 2\n2\t2\n");
    let each = same(|flow| lines(&flow.range(1..3).for_each("function(x) emit(-x) end")));
    assert_eq!(each, "-1\n1\n-2\n2\n");
}

#[test]
fn emit_runs_the_rest_of_the_chain_at_once() {
    let text = same(|flow| {
        let rows = flow
            .range(1..3)
            .map("function(x) emit(x) emit(x * 10) end")
            .map("function(x) emit('m' .. x) return 'r' .. x end")
            .filter("function(x) return x ~= 'm2' end");
        lines(&rows)
    });
    assert_eq!(text, "m1\nr1\nm10\nr10\nr2\nm20\nr20\n");
}

#[test]
fn emit_outside_of_its_steps_is_an_error() {
    let message =
        same_error(|flow| flow.range(0..2).filter("function(x) emit(x) return true end").count());
    assert_says(
        &message,
        &[
            "filter",
            "emit: works only inside map, flat_map, for_each, group_map and map_partitions",
        ],
    );
    let message = same_error(|flow| flow.range(0..2).map("function(x) emit() end").count());
    assert_says(&message, &["map", "emit: expected a value, got nothing"]);
}

#[test]
fn select_repeats_and_reorders() {
    let text = same(|flow| values(&flow.rows([("a", 1), ("b", 2)]).pad(4).select([2, 4, 1, 2])));
    assert_eq!(text, "1 nil \"a\" 1\n2 nil \"b\" 2\n");
    let lines_too = same(|flow| values(&flow.lines(["a"]).pad(2).select([1, 1, 2])));
    assert_eq!(lines_too, "\"a\" \"a\" nil\n");
    let message = same_error(|flow| flow.range(0..1).select([0]).count());
    assert_says(&message, &["select", "no column 0"]);
    let message = same_error(|flow| flow.range(0..1).select([]).count());
    assert_says(&message, &[", select: no columns are named"]);
}

#[test]
fn split_cuts_at_every_separator_and_keeps_empty_columns() {
    let text = same(|flow| values(&flow.lines(["a:b", ":", "", "c", "x::y:"]).split(":")));
    assert_eq!(text, "\"a\" \"b\"\n\"\" \"\"\n\"\"\n\"c\"\n\"x\" \"\" \"y\" \"\"\n");
    let long = same(|flow| values(&flow.lines(["a, b,c", "%w+, ."]).split(", ")));
    assert_eq!(long, "\"a\" \"b,c\"\n\"%w+\" \".\"\n");
    let mapped = same(|flow| {
        values(
            &flow.range(0..2).map("function(x) return x .. '-' .. x end").split("-").numbers([1]),
        )
    });
    assert_eq!(mapped, "0 \"0\"\n1 \"1\"\n");
}

#[test]
fn split_wants_one_text_column() {
    let message = same_error(|flow| flow.rows([("a", "b")]).split(":").count());
    assert_says(&message, &["split"]);
    let message = same_error(|flow| flow.range(0..1).split(":").count());
    assert_says(&message, &["split"]);
    let message = same_error(|flow| flow.lines(["a"]).split("").count());
    assert_says(&message, &["the separator is empty"]);
}

#[test]
fn limit_gives_the_first_rows() {
    assert_eq!(same(|flow| lines(&flow.range(0..1000).limit(3))), "0\n1\n2\n");
    assert_eq!(same(|flow| lines(&flow.range(0..3).limit(10))), "0\n1\n2\n");
    assert_eq!(same(|flow| lines(&flow.range(0..3).limit(0))), "");
    let chained = same(|flow| {
        lines(&flow.range(0..100).limit(20).filter("function(x) return x % 3 == 0 end").limit(4))
    });
    assert_eq!(chained, "0\n3\n6\n9\n");
}

#[test]
fn failures_behind_a_satisfied_limit_are_not_reported() {
    let step = "function(x) if x == 5 then error('never asked for') end return x end";
    assert_eq!(same(|flow| lines(&flow.range(0..1000).map(step).limit(5))), "0\n1\n2\n3\n4\n");
    let message = same_error(|flow| flow.range(0..1000).map(step).limit(6).count());
    assert_says(&message, &["never asked for", "\n  on 5"]);
}

#[test]
fn the_first_failure_in_row_order_is_the_one_reported() {
    let step = "function(x) if x % 7 == 3 then error('bad ' .. x) end return x end";
    let message = same_error(|flow| flow.range(0..500).map(step).count());
    assert_says(&message, &["steps.rs:", "map, line 1 of its function", "bad 3", "\n  on 3"]);
    let sorted = same_error(|flow| flow.range(0..500).map(step).sort(1).count());
    assert_says(&sorted, &["bad 3"]);
}

#[test]
fn a_syntax_error_is_found_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let ran = directory.path().join("ran");
    let message = same_error(|flow| {
        let touch = format!("touch {}; cat", ran.display());
        flow.lines(["a"]).pipe(touch).map("function(x)\n return x +\nend").count()
    });
    assert_says(&message, &["steps.rs:", "map, line 3 of its function"]);
    assert!(!ran.exists());
    let message = same_error(|flow| flow.lines(["a"]).map("return 1").count());
    assert_says(&message, &["map"]);
}

#[test]
fn shared_lua_is_there_in_every_step() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shared.lua");
    std::fs::write(&file, "function triple(x) return 3 * x end\nlocal hidden = 5\nfive = hidden")
        .unwrap();
    let text = same(|flow| {
        let rows = flow
            .lua("function double(x) return 2 * x end")
            .lua_file(&file)
            .range(1..3)
            .map("function(x) return double(x), triple(x), five, hidden end")
            .filter("function(x) return double(x) > 0 end");
        values(&rows)
    });
    assert_eq!(text, "2 3 5 nil\n4 6 5 nil\n");
}

#[test]
fn a_missing_lua_file_is_an_error_that_names_it() {
    let message = same_error(|flow| flow.lua_file("/nowhere/x.lua").range(0..1).count());
    assert_says(&message, &["steps.rs:", "lua_file", "/nowhere/x.lua"]);
}

#[test]
fn a_step_may_be_an_expression_that_makes_a_function() {
    let text = same(|flow| {
        lines(&pairs(&flow, &["a 1", "b 2"]).map(
            "(function(greeting) return function(k, v) return greeting .. k, v end end)('hi ')",
        ))
    });
    assert_eq!(text, "hi a\t1\nhi b\t2\n");
}

#[test]
fn coroutine_wrap_is_an_iterator_and_may_emit() {
    let text = same(|flow| {
        lines(&flow.range(1..3).flat_map(
            "function(x) return coroutine.wrap(function() coroutine.yield(x, 'a') emit(x, 'e') coroutine.yield(x, 'b') end) end",
        ))
    });
    assert_eq!(text, "1\ta\n1\te\n1\tb\n2\ta\n2\te\n2\tb\n");
}

#[test]
fn a_row_of_too_many_columns_says_how_many_lua_takes() {
    let wide = |columns: usize| vec![1; columns];
    let widths = "function(...) return select('#', ...) end";
    let text = same(|flow| lines(&flow.rows([wide(7900)]).filter(widths).map(widths)));
    assert_eq!(text, "7900\n");
    let limit = "100000 columns are more than a Lua function takes: at most 7900, of which 200 can \
                 have names";
    let parts = ["steps.rs:", ", map: ", limit, "\n  on 1, 1", "hint: `select`"];
    let message = same_error(|flow| flow.rows([wide(100_000)]).map(widths).count());
    assert_says(&message, &parts);
    let line = vec!["1"; 100_000].join(",");
    let message = same_error(|flow| flow.lines([&line]).split(",").map(widths).count());
    assert_says(&message, &parts[..3]);
    let list = "function(n) local t = {} for i = 1, n do t[i] = 1 end return unpack_rows({t}) end";
    let message = same_error(|flow| flow.range(100_000..100_001).flat_map(list).count());
    assert_says(&message, &[", flat_map: ", limit]);
    let message = same_error(|flow| {
        flow.rows([wide(4001), wide(4001)]).reduce("function(...) return ... end").count()
    });
    assert_says(&message, &[", reduce: 8000 columns are more than a Lua function takes"]);
}

#[test]
fn a_method_that_is_called_with_a_point_is_named_with_its_colon() {
    let message = same_error(|flow| {
        flow.lines(["x"]).filter("function(l) return l.find('root') end").count()
    });
    assert_says(
        &message,
        &[
            ", filter: bad argument #2 to 'find' (string expected, got no value)",
            "\n  on \"x\"",
            "hint: what is called on a text takes a colon: `text:find(…)`",
        ],
    );
    let message = same_error(|flow| {
        flow.lines(["x"]).map("function(l) local u = l.upper() return u end").count()
    });
    assert_says(
        &message,
        &["bad argument #1 to 'upper' (string expected, got no value)", "`text:upper(…)`"],
    );
    let message =
        same_error(|flow| flow.lines(["x"]).map("function(l) return (l:rep({})) end").count());
    assert!(!message.contains("hint"), "{message}");
}

#[test]
fn a_step_that_is_no_function_has_a_hint() {
    for (step, problem) in [
        ("nil", ", map: expected a function, got nil"),
        ("'x'", ", map: expected a function, got a string"),
        ("{}", ", map: expected a function, got a table"),
        ("x + 1", ", map, line 1 of its function: attempt to perform arithmetic on global 'x'"),
    ] {
        let message = same_error(|flow| flow.range(0..2).map(step).count());
        assert_says(
            &message,
            &["steps.rs:", problem, "\n\nhint: a step takes a function, such as"],
        );
    }
    // What goes wrong at a row has nothing to do with that.
    let message = same_error(|flow| flow.range(0..2).map("function(x) return y + 1 end").count());
    assert!(!message.contains("hint"), "{message}");
}

#[test]
fn a_reduce_that_wants_the_key_is_told_what_it_gets() {
    let hint =
        "hint: the function gets the value columns of two rows, without the key: `function(x, y)`";
    let rows = [("a", 1), ("a", 2)];
    let sum = "function(key, x, y) return x + y end";
    let message = same_error(|flow| flow.rows(rows).reduce(sum).count());
    assert_says(
        &message,
        &[", reduce, line 1 of its function: attempt to", "'y' (a nil value)", hint],
    );
    let message = same_error(|flow| {
        flow.rows(rows).reduce_by([1], "function(k, x, y) return k, x end").count()
    });
    let problem = ", reduce_by: the function got 1 value column twice and returned 2, not 1";
    assert_says(&message, &[problem, hint]);
    let message = same_error(|flow| flow.rows(rows).fold("function(x) return x end").count());
    let problem = ", fold: the function got 2 value columns twice and returned 1, not 2";
    assert_says(&message, &[problem, hint]);
    let message =
        same_error(|flow| flow.rows(rows).reduce("function(x, y) return x.z end").count());
    assert!(!message.contains("without the key"), "{message}");
}

#[test]
fn partition_by_no_columns_is_refused() {
    let message = same_error(|flow| flow.range(0..2).partition_by([], 2).count());
    assert_says(&message, &[", partition_by: no key columns", "hint: `round_robin`"]);
}
