//! `accumulate`: states of the user's, against a model of a few lines.

use std::collections::BTreeMap;

use gleamflow::Flow;

use crate::harness::{assert_says, lines, many_words, same, same_error, values};

/// The first and the last number of each word, how many there are, and the greatest step between
/// neighbours: in need of the order of rows.
const ENDS: &str = "return {
    init = function() return { count = 0, step = 0 } end,
    step = function(state, word, number)
        if state.count == 0 then state.first = number else
            state.step = math.max(state.step, number - state.last)
        end
        state.last, state.count = number, state.count + 1
        return state
    end,
    merge = function(a, b)
        if a.count == 0 then return b elseif b.count == 0 then return a end
        return {
            first = a.first, last = b.last, count = a.count + b.count,
            step = math.max(a.step, b.step, b.first - a.last),
        }
    end,
    finish = function(state) return state.first, state.last, state.count, state.step end,
}";

#[test]
fn accumulate_gives_each_key_what_its_rows_make_in_order() {
    for (count, different) in [(0, 1), (1, 1), (600, 1), (600, 23), (300, 290)] {
        let words = many_words(count, different);
        let mut groups = BTreeMap::<&str, Vec<i64>>::new();
        for (word, number) in words.iter().zip(1..) {
            groups.entry(word).or_default().push(number);
        }
        let mut model = String::new();
        for (word, of) in &groups {
            let step = of.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0);
            model += &format!("{word}\t{}\t{}\t{}\t{step}\n", of[0], of[of.len() - 1], of.len());
        }
        let numbered = || words.iter().cloned().zip(1_i64..);
        let text = same(|flow| lines(&flow.rows(numbered()).accumulate([1], ENDS)));
        assert_eq!(text, model, "{count} rows of {different} keys");
    }
}

#[test]
fn keys_of_all_kinds_and_none() {
    let count = "{ init = function() return 0 end,
        step = function(n) return n + 1 end,
        merge = function(a, b) return a + b end,
        finish = function(n) return n end }";
    let text = same(|flow| {
        let rows = flow.rows([(Some(1.0), "1"), (None, "nil"), (Some(2.5), "2.5"), (None, "nil")]);
        values(&rows.union(&flow.rows([(1, "int")])).accumulate([1], count))
    });
    assert_eq!(text, "nil 2\n1 2\n2.5 1\n");
    let text = same(|flow| {
        let rows = flow.rows([(1, "b", vec![1]), (2, "a", vec![2]), (3, "b", vec![1])]);
        values(&rows.accumulate([3, 2], count))
    });
    assert_eq!(text, "[1] \"b\" 2\n[2] \"a\" 1\n");
    let text = same(|flow| lines(&flow.rows([(1, "b"), (2, "a"), (3, "b")]).accumulate(2, count)));
    assert_eq!(text, "a\t1\nb\t2\n");
    let text = same(|flow| {
        let rows =
            flow.range(0..6).map("function(x) if x % 2 == 0 then return 7LL end return 7 end");
        let first = "return {
            init = function() return '' end,
            step = function(s, k) return s .. tostring(k) end,
            merge = function(a, b) return a .. b end,
            finish = function(s) return s end,
        }";
        values(&rows.accumulate([1], first))
    });
    assert!(text.starts_with("7 \"7LL77LL7"), "{text}");
    let text = same(|flow| lines(&flow.range(0..9).accumulate([], count)));
    assert_eq!(text, "9\n");
    let text = same(|flow| lines(&flow.range(0..0).accumulate([], count)));
    assert_eq!(text, "");
    let text = same(|flow| {
        let none = count.replace("function(n) return n end", "function(n) end");
        lines(&flow.lines(["b", "a", "b"]).accumulate([1], none))
    });
    assert_eq!(text, "a\nb\n");
}

#[test]
fn states_may_be_texts_numbers_and_nested_tables() {
    let text = same(|flow| {
        let letters = "return {
            init = function() return '' end,
            step = function(s, line) return s .. line end,
            merge = function(a, b) return a .. b end,
            finish = function(s) return #s, s end,
        }";
        lines(&flow.lines(["a", "b", "c", "d"]).accumulate([], letters))
    });
    assert_eq!(text, "4\tabcd\n");
    let text = same(|flow| {
        let nested = "return {
            init = function() return { seen = {}, list = {} } end,
            step = function(s, k, n)
                s.seen[n % 3] = true
                s.list[#s.list + 1] = n
                return s
            end,
            merge = function(a, b)
                for n in pairs(b.seen) do a.seen[n] = true end
                for _, n in ipairs(b.list) do a.list[#a.list + 1] = n end
                return a
            end,
            finish = function(s)
                local seen = 0
                for _ in pairs(s.seen) do seen = seen + 1 end
                return seen, s.list
            end,
        }";
        let rows: Vec<(i64, i64)> = (0..10).map(|n| (n % 2, n)).collect();
        values(&flow.rows(rows).accumulate([1], nested))
    });
    assert_eq!(text, "0 3 [0, 2, 4, 6, 8]\n1 3 [1, 3, 5, 7, 9]\n");
}

#[test]
fn what_is_no_table_of_functions_is_refused() {
    let fails = |text: &str| same_error(|flow| lines(&flow.range(0..3).accumulate([1], text)));
    let hint = "hint: `return { init = …, step = …, merge = …, finish = … }`";
    assert_says(
        &fails("return 5"),
        &["accumulate: expected a table of functions, got a number", hint],
    );
    assert_says(&fails(""), &["accumulate: expected a table of functions, got nil", hint]);
    let some = "{ init = function() return 0 end, step = function() return 1 end }";
    assert_says(&fails(some), &["accumulate: the table has no function `merge`", hint]);
    let wrong =
        ENDS.replace("function(state) return state.first,", "{}, x = function(state) return");
    assert_says(&fails(&wrong), &["accumulate: `finish` is no function, it is a table", hint]);
    let error = Flow::new().range(0..3).accumulate([1], "return { init = }").count().unwrap_err();
    assert_says(&error.to_string(), &["accumulate, line 1 of its function: unexpected symbol"]);
    assert!(!error.to_string().contains("a step takes a function"), "{error}");
    let error = same_error(|flow| lines(&flow.range(0..3).accumulate([2], ENDS)));
    assert_says(&error, &["accumulate: there is no column 2", "`pad(2)`"]);
}

#[test]
fn states_that_cannot_travel_are_refused() {
    let fails = |init: &str, step: &str| {
        let text = format!(
            "return {{
                init = function() return {init} end,
                step = function(state) {step} end,
                merge = function(a, b) return a end,
                finish = function(s) return 1 end,
            }}"
        );
        same_error(|flow| lines(&flow.range(0..3).accumulate([], text.as_str())))
    };
    assert_says(&fails("nil", "return 1"), &["`init` returned nil, and a state is wanted", "on 0"]);
    assert_says(
        &fails("1", ""),
        &["`step` returned nil, and a state is wanted", "is a `return` missing?"],
    );
    let travels = "`step` returned a function, which cannot travel from task to task as a state";
    assert_says(&fails("1", "return print"), &[travels, "on 0"]);
    let holds = "a state holds a function, which cannot travel from task to task";
    assert_says(&fails("1", "return { 1, print }"), &[holds]);
    let throws = fails("1", "\nreturn nil + 1");
    assert_says(
        &throws,
        &["accumulate, line 4 of its function: attempt to perform arithmetic", "on 0"],
    );
}

#[test]
fn accumulate_flushes_at_places_that_depend_on_rows_alone() {
    let sums = "return {
        init = function() return 0 end,
        step = function(s, k, x) return s + x end,
        merge = function(a, b) return a + b end,
        finish = function(s) return s end,
    }";
    // More keys than a task holds, and sums of doubles, which show where they were made.
    let rows = |flow: &Flow| {
        flow.range(0..200_000).map("function(x) return x % 70000, x / 7 end").accumulate([1], sums)
    };
    let runs = [(1, 96), (2, 1024)].map(|(workers, memory)| {
        let flow = Flow::new().workers(workers).memory(memory << 20);
        lines(&rows(&flow)).unwrap()
    });
    assert_eq!(runs[0].len(), runs[1].len());
    assert!(runs[0] == runs[1]);
}
