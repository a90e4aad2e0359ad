//! What goes through rows in order, over all of them and by key, against models of a few lines.

use std::collections::BTreeMap;
use std::fmt::Display;

use gleamflow::{Flow, Value};

use crate::harness::{assert_says, lines, same, same_error, values};

/// Keys and numbers that never decrease, with gaps of all sizes.
fn readings(count: usize, keys: i64) -> Vec<(String, i64)> {
    let mut state = count as u64 * 7919 + 1;
    let mut at = 0;
    let mut reading = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let drawn = (state >> 33) as i64;
        at += if drawn % 11 == 0 { drawn % 97 } else { drawn % 4 };
        (format!("k{}", drawn / 7 % keys), at)
    };
    (0..count).map(|_| reading()).collect()
}

type Group = (Option<String>, Vec<i64>);

/// The numbers of all rows, and of each key.
fn both_ways(rows: &[(String, i64)]) -> [Vec<Group>; 2] {
    let mut keyed = BTreeMap::<String, Vec<i64>>::new();
    for (key, number) in rows {
        keyed.entry(key.clone()).or_default().push(*number);
    }
    let all = vec![(None, rows.iter().map(|row| row.1).collect())];
    [all, keyed.into_iter().map(|(key, numbers)| (Some(key), numbers)).collect()]
}

/// Lines of what a model makes of each group, behind the group's key.
fn model<T: Display>(groups: &[Group], each: impl Fn(&[i64]) -> Vec<T>) -> String {
    let mut text = String::new();
    for (key, numbers) in groups {
        for row in each(numbers) {
            match key {
                Some(key) => text += &format!("{key}\t{row}\n"),
                None => text += &format!("{row}\n"),
            }
        }
    }
    text
}

/// How many rows a window has, and their sum, from the numbers in the second column.
const COUNT_AND_SUM: &str = "function(rows)
    local count, sum = 0, 0
    for i, key, number in rows do count, sum = i, sum + number end
    return count, sum
end";

fn count_and_sum(window: &[i64]) -> String {
    format!("{}\t{}", window.len(), window.iter().sum::<i64>())
}

const SIZES: [(usize, i64); 3] = [(0, 1), (1, 1), (350, 13)];

#[test]
fn scan_folds_from_the_first_row_to_the_last() {
    let each = |numbers: &[i64]| -> Vec<i64> {
        let mut acc = None;
        let step =
            |&n: &i64| *acc.insert(acc.map_or(n, |acc: i64| (3 * acc - n).rem_euclid(10_007)));
        numbers.iter().map(step).collect()
    };
    for (count, keys) in SIZES {
        let rows = readings(count, keys);
        let [all, keyed] = both_ways(&rows);
        let step = "function(acc, n) return (3 * acc - n) % 10007 end";
        let text = same(|flow| lines(&flow.rows(&rows).select([2]).scan(step)));
        assert_eq!(text, model(&all, each), "{count} rows");
        let text = same(|flow| lines(&flow.rows(&rows).scan(step).by([1])));
        assert_eq!(text, model(&keyed, each), "{count} rows of {keys} keys");
        // The key behind the value, and in Lua's hands on the way.
        let text = same(|flow| {
            let swapped = flow.rows(&rows).map("function(k, n) return n, k end");
            lines(&swapped.scan(step).by(2))
        });
        assert_eq!(text, model(&keyed, each), "{count} rows of {keys} keys behind");
    }
}

#[test]
fn scan_takes_rows_of_any_width() {
    let rows = [("a", 1, "x", 2, 3), ("b", 1, "y", 4, 5), ("a", 1, "z", 6, 7), ("a", 2, "u", 1, 1)];
    let text = same(|flow| {
        let three = "function(a, b, c, d, e, f) return a .. d, b + e, c * f end";
        lines(&flow.rows(rows).scan(three).by([2, 1]))
    });
    assert_eq!(text, "1\ta\tx\t2\t3\n1\ta\txz\t8\t21\n1\tb\ty\t4\t5\n2\ta\tu\t1\t1\n");
    let text = same(|flow| {
        let two = "function(a, b, c, d) return b, a + c end";
        lines(&flow.rows([(1, 2), (3, 4), (5, 6)]).scan(two))
    });
    assert_eq!(text, "1\t2\n2\t4\n4\t7\n");
    let text = same(|flow| lines(&flow.lines(["b", "a", "b"]).scan("function() end").by([1])));
    assert_eq!(text, "a\nb\nb\n");
}

#[test]
fn scan_refuses_what_does_not_fit() {
    let rows = |flow: &Flow| flow.lines(["a 1", "a 2 3"]).split(" ");
    let error = same_error(|flow| lines(&rows(&flow).scan("function(a, b) return a end").by([1])));
    assert_says(&error, &["scan: rows of one key have 1 and 2 value columns", "\"2\", \"3\""]);
    let error = same_error(|flow| lines(&flow.range(0..3).scan("function(a, b) return a, b end")));
    let says = "the function got 1 value column twice and returned 2, not 1";
    assert_says(&error, &["scan", says, "on 1"]);
    let error =
        same_error(|flow| lines(&flow.range(0..3).scan("function(a, b) return a + nil end")));
    assert_says(&error, &["scan, line 1 of its function: attempt to perform arithmetic", "on 1"]);
    let error =
        same_error(|flow| lines(&flow.range(0..3).scan("function(a, b) return a end").by(2)));
    assert_says(&error, &["scan", "there is no column 2", "pad(2)"]);
}

#[test]
fn lag_puts_an_earlier_row_behind_each() {
    for (count, keys) in SIZES {
        let rows = readings(count, keys);
        let [all, keyed] = both_ways(&rows);
        for back in [0, 1, 3, 1000] {
            let each = |numbers: &[i64]| -> Vec<String> {
                let before = |i: usize| match i.checked_sub(back) {
                    Some(at) => numbers[at].to_string(),
                    None => String::new(),
                };
                (0..numbers.len()).map(|i| format!("{}\t{}", numbers[i], before(i))).collect()
            };
            let text = same(|flow| lines(&flow.rows(&rows).select([2]).lag(back as u64)));
            assert_eq!(text, model(&all, each), "{back} back, {count} rows");
            let text = same(|flow| lines(&flow.rows(&rows).lag(back as u64).by([1])));
            assert_eq!(text, model(&keyed, each), "{back} back, {count} rows of {keys} keys");
        }
    }
    let text = same(|flow| values(&flow.lines(["a b", "c", "d e"]).split(" ").lag(1)));
    assert_eq!(text, "\"a\" \"b\" nil nil\n\"c\" \"a\" \"b\"\n\"d\" \"e\" \"c\"\n");
}

#[test]
fn windows_are_of_so_many_neighbouring_rows() {
    for (count, keys) in SIZES {
        let rows = readings(count, keys);
        let [all, keyed] = both_ways(&rows);
        for (size, step) in [(1, 1), (3, 1), (4, 4), (5, 2), (2, 7), (1000, 1)] {
            let each = |numbers: &[i64]| -> Vec<String> {
                let (mut windows, mut first, mut covered) = (Vec::new(), 0, 0);
                while first < numbers.len() && covered < numbers.len() {
                    covered = (first + size).min(numbers.len());
                    let sum = count_and_sum(&numbers[first..covered]);
                    windows.push(format!("{}\t{covered}\t{sum}", first + 1));
                    first += step;
                }
                windows
            };
            let (size, step) = (size as u64, step as u64);
            let text = same(|flow| lines(&flow.rows(&rows).window(size, step, COUNT_AND_SUM)));
            assert_eq!(text, model(&all, each), "{size} by {step} of {count}");
            let windows = |flow: Flow| flow.rows(&rows).window(size, step, COUNT_AND_SUM).by([1]);
            let text = same(|flow| lines(&windows(flow)));
            assert_eq!(text, model(&keyed, each), "{size} by {step} of {count} of {keys} keys");
        }
    }
}

#[test]
fn rows_of_windows_come_whole_and_may_be_left_unread() {
    let rows = ["1", "1 2", "1 2 3", "1 2 3 4", "1 2 3 4 5"];
    let text = same(|flow| {
        let widths = "function(rows)
            local function width(...) return select('#', ...) - 1 end
            return width(rows()), width(rows())
        end";
        lines(&flow.lines(rows).split(" ").window(3, 2, widths))
    });
    assert_eq!(text, "1\t3\t1\t2\n3\t5\t3\t4\n");
    let text = same(|flow| lines(&flow.range(0..5).window(2, 2, "function(rows) return end")));
    assert_eq!(text, "");
}

#[test]
fn tumbling_windows_are_multiples_of_their_width() {
    for (count, keys) in SIZES {
        let rows = readings(count, keys);
        let [all, keyed] = both_ways(&rows);
        for width in [1, 10, 64] {
            let each = |numbers: &[i64]| -> Vec<String> {
                let windows = numbers.chunk_by(|a, b| a / width == b / width);
                let window = |of: &[i64]| {
                    let start = of[0] / width * width;
                    format!("{start}\t{}\t{}", start + width, count_and_sum(of))
                };
                windows.map(window).collect()
            };
            let tumbling = |flow: &Flow| flow.rows(&rows).tumbling(width as f64, 2, COUNT_AND_SUM);
            let text = same(|flow| lines(&tumbling(&flow)));
            assert_eq!(text, model(&all, each), "{width} of {count}");
            let text = same(|flow| lines(&tumbling(&flow).by([1])));
            assert_eq!(text, model(&keyed, each), "{width} of {count} of {keys} keys");
        }
    }
}

#[test]
fn sessions_end_where_the_gap_is_larger() {
    for (count, keys) in SIZES {
        let rows = readings(count, keys);
        let [all, keyed] = both_ways(&rows);
        for gap in [0, 3, 50, 100_000] {
            let each = |numbers: &[i64]| -> Vec<String> {
                let sessions = numbers.chunk_by(|a, b| b - a <= gap);
                let session =
                    |of: &[i64]| format!("{}\t{}\t{}", of[0], of[of.len() - 1], count_and_sum(of));
                sessions.map(session).collect()
            };
            let sessions = |flow: &Flow| flow.rows(&rows).sessions(gap as f64, 2, COUNT_AND_SUM);
            let text = same(|flow| lines(&sessions(&flow)));
            assert_eq!(text, model(&all, each), "{gap} of {count}");
            let text = same(|flow| lines(&sessions(&flow).by([1])));
            assert_eq!(text, model(&keyed, each), "{gap} of {count} of {keys} keys");
        }
    }
}

#[test]
fn stretches_that_are_left_half_read_end_where_they_would() {
    let rows = readings(300, 5);
    let first = "function(rows) local _, key, number = rows() return number end";
    let [all, keyed] = both_ways(&rows);
    let each = |numbers: &[i64]| -> Vec<String> {
        let sessions = numbers.chunk_by(|a, b| b - a <= 3);
        sessions.map(|of| format!("{}\t{}\t{}", of[0], of[of.len() - 1], of[0])).collect()
    };
    let text = same(|flow| lines(&flow.rows(&rows).sessions(3, 2, first)));
    assert_eq!(text, model(&all, each));
    let text = same(|flow| lines(&flow.rows(&rows).sessions(3, 2, first).by([1])));
    assert_eq!(text, model(&keyed, each));
    let text = same(|flow| {
        let none = "function(rows) if rows == nil then return 1 end end";
        lines(&flow.rows(&rows).tumbling(10, 2, none))
    });
    assert_eq!(text, "");
}

#[test]
fn values_of_all_kinds_of_numbers_have_windows() {
    let count = "function(rows) local n = 0 for i in rows do n = i end return n end";
    let numbers = [-7.5, -0.5, 0.3, 0.30000001, 0.5, 2.0];
    let text = same(|flow| values(&flow.rows(numbers).tumbling(0.5, 1, count)));
    assert_eq!(text, "-7.5 -7 1\n-0.5 0 1\n0 0.5 2\n0.5 1 1\n2 2.5 1\n");
    // Nanoseconds, which are no doubles.
    let at = 1_790_000_000_000_000_000_i64;
    let times = [-at, at, at + 9, at + 11, at + 300];
    let text = same(|flow| lines(&flow.rows(times).tumbling(10, 1, count)));
    let model = [-at, at, at + 10, at + 300].map(|start| (start, start + 10));
    let text: Vec<&str> = text.lines().collect();
    for ((start, end), line) in model.iter().zip(&text) {
        assert!(line.starts_with(&format!("{start}\t{end}\t")), "{line}");
    }
    let text = same(|flow| lines(&flow.rows(times).sessions(10, 1, count)));
    let (first, last) = (at, at + 11);
    assert_eq!(text, format!("-{at}\t-{at}\t1\n{first}\t{last}\t3\n{0}\t{0}\t1\n", at + 300));
}

#[test]
fn a_column_that_orders_windows_must_be_a_number_and_never_decrease() {
    let count = "function(rows) local n = 0 for i in rows do n = i end return n end";
    let each = |rows: &dyn Fn(&Flow) -> gleamflow::Dataset, says: &[&str]| {
        let error = same_error(|flow| lines(&rows(&flow).tumbling(10, 2, count)));
        assert_says(&error, &["tests/flows/ordered.rs:", ", tumbling: "]);
        assert_says(&error, says);
        let error = same_error(|flow| lines(&rows(&flow).sessions(10, 2, count).by([1])));
        assert_says(&error, &["tests/flows/ordered.rs:", ", sessions: "]);
        assert_says(&error, says);
    };
    each(
        &|flow| flow.rows([("a", 1), ("a", 5), ("a", 3), ("a", 9)]),
        &["column 2 is less than in the row before", "on \"a\", 3", "hint: `sort(2)`"],
    );
    each(
        &|flow| flow.lines(["a 1", "a 2"]).split(" "),
        &["column 2 is text, and a number is wanted", "on \"a\", \"1\"", "hint: `numbers(2)`"],
    );
    each(
        &|flow| flow.rows([("a", 1.0), ("a", f64::NAN)]),
        &["column 2 is NaN, which has no place among numbers", "on \"a\", nan"],
    );
    each(
        &|flow| flow.rows([("a", Some(1)), ("a", None)]),
        &["column 2 is nil, and a number is wanted", "on \"a\", nil"],
    );
    each(&|flow| flow.lines(["a"]), &["there is no column 2: the row has 1 column", "`pad(2)`"]);
    let infinite = same_error(|flow| lines(&flow.rows([f64::INFINITY]).tumbling(1, 1, count)));
    assert_says(&infinite, &["tumbling: column 1 is infinite, which is in no window", "on inf"]);
}

#[test]
fn windows_that_cannot_be_are_refused_before_anything_starts() {
    let f = "function() end";
    let rows = |flow: &Flow| flow.rows([(1, 2)]);
    let error = same_error(|flow| rows(&flow).window(0, 1, f).count());
    assert_says(&error, &[", window: a window of 0 rows", "hint: "]);
    let error = same_error(|flow| rows(&flow).window(1, 0, f).by([1]).count());
    assert_says(&error, &[", window: a step of 0 rows from window to window", "hint: "]);
    for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = same_error(|flow| rows(&flow).tumbling(width, 1, f).count());
        assert_says(&error, &[", tumbling: windows of width ", ": it must be above 0"]);
    }
    let error = same_error(|flow| rows(&flow).sessions(-1, 1, f).count());
    assert_says(&error, &[", sessions: a gap of -1: it must not be below 0"]);
    let error = same_error(|flow| rows(&flow).sessions(1, 0, f).count());
    assert_says(&error, &[", sessions: there is no column 0"]);
    let error = same_error(|flow| rows(&flow).window(1, 1, "5").count());
    assert_says(&error, &[", window: expected a function, got a number"]);
}

#[test]
fn what_a_window_function_throws_is_named_with_its_line() {
    let throws = "function(rows)
        for i, key, number in rows do
            if number == 7 then error('no 7') end
        end
    end";
    let rows: Vec<(&str, i64)> = (0..20).map(|n| ("a", n)).collect();
    let says = ["line 3 of its function: no 7"];
    let error = same_error(|flow| lines(&flow.rows(&rows).window(3, 1, throws)));
    assert_says(&error, &says);
    let error = same_error(|flow| lines(&flow.rows(&rows).tumbling(5, 2, throws).by([1])));
    assert_says(&error, &[says[0], "on \"a\", 7"]);
    let error = same_error(|flow| lines(&flow.rows(&rows).sessions(5, 2, throws)));
    assert_says(&error, &[says[0], "on \"a\", 7"]);
    let error = same_error(|flow| lines(&flow.rows(&rows).window(3, 1, "function() emit(1) end")));
    assert_says(&error, &["emit: works only inside map, flat_map"]);
}

#[test]
fn ordered_rows_look_through_partitions_and_keep_names() {
    let text = same(|flow| {
        let dealt = flow.range(0..6).round_robin(3);
        lines(&dealt.scan("function(a, b) return a * 10 + b end"))
    });
    assert_eq!(text, "0\n3\n31\n314\n3142\n31425\n");
    let text = same(|flow| {
        let rows = flow.rows([("a", 1), ("b", 2), ("a", 3)]).named(["user", "n"]);
        lines(&rows.scan("function(a, b) return a + b end").by("user").select(["n", "user"]))
    });
    assert_eq!(text, "1\ta\n4\ta\n2\tb\n");
    let rows: Vec<Vec<Value>> = Flow::new()
        .rows([(1, "a")])
        .named(["at", "user"])
        .sessions(1, "at", "function(rows) return 'x' end")
        .by("user")
        .select(["user"])
        .collect()
        .unwrap();
    assert_eq!(rows, [[Value::from("a")]]);
}
