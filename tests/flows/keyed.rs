//! Keyed operators: sorted output, stable order, and functions that need only be associative.

use gleamflow::{ErrorKind, Flow, Sort};

use crate::harness::{
    assert_says, lines, many_words, pairs, same, same_error, same_for_each_split, values,
};

const ADD: &str = "function(x, y) return x + y end";
const JOIN: &str = "function(x, y) return x .. y end";

#[test]
fn sort_keeps_the_order_of_equal_rows() {
    let text = same(|flow| {
        let rows = pairs(&flow, &["b 1", "a 2", "b 3", "c 4", "a 5", "b 6", "a 7", "c 8"]);
        lines(&rows.sort(1))
    });
    assert_eq!(text, "a\t2\na\t5\na\t7\nb\t1\nb\t3\nb\t6\nc\t4\nc\t8\n");
}

#[test]
fn descending_sort_keeps_the_order_of_equal_rows() {
    let text = same(|flow| {
        let rows = pairs(&flow, &["b 1", "a 2", "b 3", "c 4", "a 5", "bb 6", "a 7", "c 8"]);
        lines(&rows.sort(Sort::by(1).descending()))
    });
    assert_eq!(text, "c\t4\nc\t8\nbb\t6\nb\t1\nb\t3\na\t2\na\t5\na\t7\n");
}

#[test]
fn numeric_sort_orders_text_by_its_number_before_other_text() {
    let words = ["10", "9", "x", "-1", "1e1", "09", "", "9.5", "abc"];
    let text = same(|flow| lines(&flow.lines(words).sort(Sort::by(1).numeric())));
    assert_eq!(text, "-1\n9\n09\n9.5\n10\n1e1\n\nabc\nx\n");
    let plain = same(|flow| lines(&flow.lines(words).sort(1)));
    assert_eq!(plain, "\n-1\n09\n10\n1e1\n9\n9.5\nabc\nx\n");
    let down = same(|flow| lines(&flow.lines(words).sort(Sort::by(1).numeric().descending())));
    assert_eq!(down, "x\nabc\n\n10\n1e1\n9.5\n9\n09\n-1\n");
}

#[test]
fn sort_by_several_columns_goes_from_one_to_the_next() {
    let rows = ["b x 2", "a x 10", "b y 1", "a x 9", "b x 11", "a w 1"];
    let order = || Sort::by(2).descending().then(1).then(3).numeric();
    let text = same(|flow| lines(&pairs(&flow, &rows).sort(order())));
    assert_eq!(text, "b\ty\t1\na\tx\t9\na\tx\t10\nb\tx\t2\nb\tx\t11\na\tw\t1\n");
}

#[test]
fn sort_takes_the_same_order_as_the_sort_command() {
    let words = many_words(3000, 997);
    let ours = same(|flow| lines(&flow.lines(&words).sort(1)));
    let theirs = same(|flow| lines(&flow.lines(&words).pipe("LC_ALL=C sort")));
    assert!(ours == theirs, "they differ");
}

#[test]
fn lines_that_no_step_looks_into_are_sorted_as_their_rows_are() {
    let text = [
        "b\t2\tx\t",
        "a\t10\t\t",
        "\t\t\t",
        "c\t\t\t1",
        "a\t9\t\tz\t",
        "\t\t\t",
        "b\t2\tw\t",
        "caf\u{e9}\t\0\t\t",
    ];
    let keep = "function(...) return ... end";
    for order in [Sort::by(1), Sort::by(2).numeric().descending().then(3), Sort::by(4)] {
        let raw = same(|flow| lines(&flow.lines(text).split("\t").sort(order.clone())));
        let rows = same(|flow| lines(&flow.lines(text).split("\t").map(keep).sort(order.clone())));
        assert_eq!(raw, rows);
        let twice =
            same(|flow| lines(&flow.lines(text).split("\t").sort(2).sort(order.clone()).map(keep)));
        let rows =
            same(|flow| lines(&flow.lines(text).split("\t").map(keep).sort(2).sort(order.clone())));
        assert_eq!(twice, rows);
    }
    let whole = same(|flow| lines(&flow.lines(text).distinct()));
    let rows = same(|flow| lines(&flow.lines(text).map(keep).distinct()));
    assert_eq!(whole, rows);
    let formatted = |flow: Flow, keep: Option<&str>| {
        let columns = flow.lines(["b\t1", "a\t2"]).split("\t").sort(1);
        let mut text = Vec::new();
        keep.map_or(columns.clone(), |keep| columns.map(keep)).save_text_to(&mut text, "%s=%d")?;
        gleamflow::Result::Ok(text)
    };
    assert_eq!(same(|flow| formatted(flow, None)), "a=2\nb=1\n");
    assert_eq!(same(|flow| formatted(flow, None)), same(|flow| formatted(flow, Some(keep))));
}

#[test]
fn rows_that_have_nothing_to_be_folded_with_are_written_as_those_that_have() {
    let value = "function(i)
        local kinds = { i / 4, -0.0, 0 / 0, 2 ^ 60 + i, 'caf\\233', 'text', { i, { a = i } }, true, {} }
        return 'key' .. i % 700, i, kinds[i % 9 + 1], nil, 9007199254740993LL
    end";
    let first = "function(a, b, c, d) return a, b, c, d end";
    let rows = same(|flow| values(&flow.range(0..1000).map(value).reduce(first)));
    assert_eq!(rows.lines().count(), 700);
    let folded = same(|flow| values(&flow.range(0..1000).map(value).reduce(first).reduce(first)));
    assert_eq!(rows, folded);
}

#[test]
fn all_rows_of_one_key_keep_their_order() {
    let rows: Vec<(u8, usize)> = (0..5000).map(|i| (0, i)).collect();
    let expected: String = (0..5000).map(|i| format!("0\t{i}\n")).collect();
    assert!(same(|flow| lines(&flow.rows(&rows).sort(1))) == expected);
    assert!(same(|flow| lines(&flow.rows(&rows).sort(Sort::by(1).descending()))) == expected);
    assert_eq!(same(|flow| lines(&flow.rows(&rows).reduce(ADD))), "0\t12497500\n");
}

#[test]
fn one_key_in_most_rows_is_reduced_as_any_other() {
    let rows: Vec<(usize, u64)> =
        (0..10_000).map(|i| (if i % 100 == 0 { i } else { 7 }, 1)).collect();
    let text = same(|flow| lines(&flow.rows(&rows).reduce(ADD).limit(3)));
    assert_eq!(text, "0\t1\n7\t9900\n100\t1\n");
}

#[test]
fn sort_by_column_0_or_a_negative_one_is_refused() {
    let message = same_error(|flow| flow.range(0..2).sort(0).count());
    assert_says(&message, &["keyed.rs:", "sort", "hint: columns are counted from 1"]);
    assert_eq!(Flow::new().range(0..2).sort(0).count().unwrap_err().kind(), ErrorKind::Plan);
    assert!(Flow::new().range(0..2).sort(Sort::by(1).then(0)).count().is_err());
}

#[test]
fn distinct_gives_each_row_once_and_sorted() {
    let text = same(|flow| lines(&flow.lines(many_words(500, 5)).distinct()));
    assert_eq!(text, "w0\nw1\nw2\nw3\nw4\n");
    let wide = same(|flow| {
        values(&flow.rows([vec![1, 2], vec![1], vec![1, 2], vec![0, 9], vec![1]]).distinct())
    });
    assert_eq!(wide, "0 9\n1\n1 2\n");
}

#[test]
fn distinct_shows_the_row_seen_first() {
    let rows = [(2.0, 1), (1.0, 2), (2.0, 3)];
    let text = same(|flow| {
        let rows = flow.rows(rows).map("function(k, v) return k, v end").select([1]);
        values(&rows.distinct())
    });
    assert_eq!(text, "1\n2\n");
    // 400 rows of equal numbers, of which only the very first is a float.
    let mixed: Vec<(rmpv::Value,)> = (0..400)
        .map(|i| (if i == 0 { rmpv::Value::F64(5.0) } else { rmpv::Value::from(5) },))
        .collect();
    assert_eq!(same(|flow| values(&flow.rows(&mixed).distinct())), "5.0\n");
}

#[test]
fn reduce_folds_each_key_and_sorts_by_it() {
    let text = same(|flow| {
        let words = flow
            .lines(many_words(700, 8))
            .filter("function(w) return w ~= 'w7' end")
            .map("function(w) return w, 1 end");
        lines(&words.reduce(ADD))
    });
    assert_eq!(text, "w0\t88\nw1\t87\nw2\t87\nw3\t87\nw4\t87\nw5\t88\nw6\t88\n");
}

#[test]
fn reduce_keeps_the_order_of_rows() {
    let rows = ["b 1", "a 2", "b 3", "c 4", "a 5", "b 6", "a 7", "b 8", "c 9"];
    let text = same(|flow| lines(&pairs(&flow, &rows).reduce(JOIN)));
    assert_eq!(text, "a\t257\nb\t1368\nc\t49\n");
}

#[test]
fn a_long_concatenation_keeps_the_order_of_rows() {
    let rows: Vec<(usize, String)> = (0..3000).map(|i| (i % 3, format!("{i},"))).collect();
    let mut expected = String::new();
    for key in 0..3 {
        let all: String = (0..3000).filter(|i| i % 3 == key).map(|i| format!("{i},")).collect();
        expected += &format!("{key}\t{all}\n");
    }
    assert!(same(|flow| lines(&flow.rows(&rows).reduce(JOIN))) == expected);
}

#[test]
fn reduce_folds_several_value_columns_together() {
    let text = same(|flow| {
        let rows = [("a", 1, "x", 5), ("b", 2, "y", 1), ("a", 3, "z", 2), ("a", 5, "w", 9)];
        lines(&flow.rows(rows).reduce(
            "function(n1, s1, m1, n2, s2, m2) return n1 + n2, s1 .. s2, math.min(m1, m2) end",
        ))
    });
    assert_eq!(text, "a\t9\txzw\t2\nb\t2\ty\t1\n");
}

#[test]
fn reduce_does_not_call_its_function_for_a_single_row() {
    let text = same(|flow| {
        values(&flow.rows([("b", Some(1)), ("a", None)]).reduce("function() error('called') end"))
    });
    assert_eq!(text, "\"a\" nil\n\"b\" 1\n");
}

#[test]
fn rows_of_only_a_key_give_one_row_for_each_key() {
    let text = same(|flow| {
        lines(&flow.lines(many_words(90, 3)).reduce("function(...) error('called') end"))
    });
    assert_eq!(text, "w0\nw1\nw2\n");
}

#[test]
fn nil_values_are_folded_as_any_other() {
    let text = same(|flow| {
        let rows = [("a", Some(1)), ("a", None), ("a", Some(2)), ("b", None), ("b", None)];
        values(&flow.rows(rows).reduce("function(x, y) return y or x end"))
    });
    assert_eq!(text, "\"a\" 2\n\"b\" nil\n");
}

#[test]
fn tables_are_folded_as_values() {
    let text = same(|flow| {
        let rows =
            flow.rows([("a", vec![1, 2]), ("b", vec![9]), ("a", vec![3]), ("a", vec![4, 5])]);
        values(&rows.reduce(
            "function(x, y) local r = {} for _, v in ipairs(x) do r[#r + 1] = v end \
             for _, v in ipairs(y) do r[#r + 1] = v end return r end",
        ))
    });
    assert_eq!(text, "\"a\" [1, 2, 3, 4, 5]\n\"b\" [9]\n");
}

#[test]
fn a_table_that_the_function_changes_is_its_own() {
    let text = same(|flow| {
        let rows = flow.rows([("a", vec![1]), ("b", vec![9]), ("a", vec![2]), ("a", vec![3])]);
        values(
            &rows.reduce("function(x, y) for _, v in ipairs(y) do x[#x + 1] = v end return x end"),
        )
    });
    assert_eq!(text, "\"a\" [1, 2, 3]\n\"b\" [9]\n");
}

#[test]
fn unequal_widths_under_one_key_are_an_error() {
    let message =
        same_error(|flow| flow.rows([vec![1, 2], vec![2, 5], vec![1, 2, 3]]).reduce(ADD).count());
    assert_says(&message, &["keyed.rs:", "reduce"]);
    let fine =
        same(|flow| lines(&flow.rows([vec![1, 2], vec![2], vec![1, 3], vec![2]]).reduce(ADD)));
    assert_eq!(fine, "1\t5\n2\n");
}

#[test]
fn a_reducer_that_returns_another_width_is_an_error() {
    for body in ["return", "return x, y", "return x, y, x"] {
        let message = same_error(|flow| {
            flow.rows([(1, 1), (1, 2)]).reduce(format!("function(x, y) {body} end")).count()
        });
        assert_says(&message, &["keyed.rs:", "reduce", "returned"]);
    }
}

#[test]
fn reduce_by_puts_the_keys_first_and_the_others_in_their_order() {
    let text = same(|flow| {
        let rows =
            [(1, "b", 10, true), (2, "a", 20, true), (3, "b", 30, true), (4, "b", 40, false)];
        lines(&flow.rows(rows).reduce_by([4, 2], "function(a, b, c, d) return a + c, b + d end"))
    });
    assert_eq!(text, "false\tb\t4\t40\ntrue\ta\t2\t20\ntrue\tb\t4\t40\n");
    let message = same_error(|flow| flow.rows([(1, 1)]).reduce_by([], ADD).count());
    assert_says(&message, &[", reduce_by: no key columns", "hint: `fold`"]);
    let message = same_error(|flow| flow.rows([(1, 1)]).reduce_by([0], ADD).count());
    assert_says(&message, &["no column 0"]);
}

#[test]
fn fold_makes_one_row_of_all() {
    assert_eq!(same(|flow| lines(&flow.range(1..1001).fold(ADD))), "500500\n");
    assert_eq!(same(|flow| lines(&flow.lines(["a", "b", "c", "d", "e"]).fold(JOIN))), "abcde\n");
    let wide = same(|flow| {
        let rows = flow.range(0..100).map("function(x) return x, x end");
        lines(&rows.fold("function(a, b, c, d) return math.min(a, c), math.max(b, d) end"))
    });
    assert_eq!(wide, "0\t99\n");
}

#[test]
fn fold_of_no_rows_gives_no_row() {
    assert_eq!(same(|flow| lines(&flow.range(0..0).fold(ADD))), "");
    let filtered = "function() return false end";
    assert_eq!(same(|flow| lines(&flow.range(0..100).filter(filtered).fold(ADD))), "");
    assert_eq!(same(|flow| lines(&flow.range(7..8).fold("function() error('called') end"))), "7\n");
}

#[test]
fn keyed_operators_of_no_rows_give_no_rows() {
    let none = "function() end";
    assert_eq!(same(|flow| lines(&flow.range(0..100).map(none).reduce(ADD))), "");
    assert_eq!(same(|flow| lines(&flow.range(0..100).map(none).distinct())), "");
    assert_eq!(same(|flow| lines(&flow.range(0..100).map(none).sort(1))), "");
}

#[test]
fn float_sums_are_the_same_bytes_for_every_knob() {
    let rows: Vec<(usize, f64)> = (0..4000).map(|i| (i % 5, 0.1 * (i as f64).sqrt())).collect();
    let sums = same_for_each_split(|flow| lines(&flow.rows(&rows).reduce(ADD)));
    let folds = same_for_each_split(|flow| lines(&flow.rows(&rows).select([2]).fold(ADD)));
    for text in sums.iter().chain(&folds) {
        let total: f64 =
            text.lines().map(|row| row.rsplit('\t').next().unwrap().parse::<f64>().unwrap()).sum();
        let exact: f64 = rows.iter().map(|row| row.1).sum();
        assert!((total - exact).abs() < 1e-6, "{total} is not {exact}");
    }
}

#[test]
fn keyed_operators_follow_one_another() {
    let words = many_words(600, 30);
    let text = same(|flow| {
        let counts = flow.lines(&words).map("function(w) return w:sub(1, 2), 1 end").reduce(ADD);
        let by_count = counts
            .map("function(w, n) return n, w end")
            .reduce("function(x, y) return x .. '+' .. y end");
        lines(&by_count.sort(Sort::by(1).descending()).distinct())
    });
    assert_eq!(text, "20\tw0+w3+w4+w5+w6+w7+w8+w9\n220\tw1+w2\n");
}

#[test]
fn a_failing_reducer_names_its_line() {
    let message = same_error(|flow| {
        flow.rows([("a", 1), ("a", 2)]).reduce("function(x, y)\n  error('no sum')\nend").count()
    });
    assert_says(&message, &["keyed.rs:", "reduce, line 2 of its function", "no sum"]);
}
