//! Aggregates by key and of all rows, against models of a few lines.

use std::collections::{BTreeMap, BTreeSet};

use gleamflow::{Agg, Flow, Value};

use crate::harness::{assert_says, lines, same, same_error, same_for_each_split, values};

/// A key, and a value that may be nil.
type Row = (String, Option<i64>);

/// Keys that come again soon and late, with numbers of both signs and nils among them.
fn rows(count: usize, keys: usize) -> Vec<Row> {
    let value = |i: usize| match i * 31 % 17 {
        3 => None,
        x => Some((i * 7919 % 101) as i64 - 50 + x as i64),
    };
    (0..count).map(|i| (format!("k{}", i * i % keys), value(i))).collect()
}

fn groups(rows: &[Row]) -> BTreeMap<String, Vec<Option<i64>>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    rows.iter().for_each(|(key, value)| groups.entry(key.clone()).or_default().push(*value));
    groups
}

/// The rank's number, on the line between two.
fn quantile(numbers: &[i64], q: f64) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let at = q * sorted.len().checked_sub(1)? as f64;
    let [low, high] = [at.floor(), at.ceil()].map(|at| sorted[at as usize] as f64);
    Some(low + (high - low) * at.fract())
}

fn mode(numbers: &[i64]) -> Option<i64> {
    let count = |number: &i64| numbers.iter().filter(|other| *other == number).count();
    let best = numbers.iter().max_by_key(|number| (count(number), -**number));
    best.copied()
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or("nil".into(), |value| value.to_string())
}

fn float(value: Option<f64>) -> String {
    value.map_or("nil".into(), |value| format!("{value:?}"))
}

/// A line of all that is exact.
fn model(key: &str, all: &[Option<i64>]) -> String {
    let some: Vec<i64> = all.iter().filter_map(|value| *value).collect();
    let sum = (!some.is_empty()).then(|| some.iter().sum::<i64>());
    let columns = [
        key.to_string(),
        all.len().to_string(),
        shown(sum),
        shown(some.iter().min()),
        shown(some.iter().max()),
        float(sum.map(|sum| sum as f64 / some.len() as f64)),
        shown(all.first().copied().flatten()),
        shown(all.last().copied().flatten()),
        some.iter().collect::<BTreeSet<_>>().len().to_string(),
        float(quantile(&some, 0.5)),
        float(quantile(&some, 0.95)),
        format!("[{}]", all.iter().copied().map(shown).collect::<Vec<_>>().join(", ")),
        shown(mode(&some)),
    ];
    columns.join(" ").trim_start().to_string() + "\n"
}

fn all_exact() -> [Agg; 12] {
    [
        Agg::count(),
        Agg::sum(2),
        Agg::min(2),
        Agg::max(2),
        Agg::mean(2),
        Agg::first(2),
        Agg::last(2),
        Agg::count_distinct(2),
        Agg::median(2),
        Agg::quantile(2, 0.95),
        Agg::list(2),
        Agg::mode(2),
    ]
}

#[test]
fn aggregates_by_key_are_what_they_mean() {
    for (count, keys) in [(0, 1), (1, 1), (40, 3), (300, 40), (200, 1000)] {
        let rows = rows(count, keys);
        let text = same(|flow| values(&flow.rows(&rows).aggregate([1], all_exact())));
        let model: String =
            groups(&rows).iter().map(|(key, all)| model(&format!("{key:?}"), all)).collect();
        assert_eq!(text, model, "{count} rows, {keys} keys");
    }
}

#[test]
fn aggregates_of_all_rows_are_one_row_even_of_none() {
    for count in [0, 1, 2, 150] {
        let rows = rows(count, 7);
        let text = same(|flow| values(&flow.rows(&rows).aggregate([], all_exact())));
        let all: Vec<_> = rows.iter().map(|(_, value)| *value).collect();
        assert_eq!(text, model("", &all), "{count} rows");
    }
    let text = same(|flow| {
        let none = flow.range(0..0);
        let kinds = [
            Agg::var(1),
            Agg::stddev(1),
            Agg::approx_distinct(1),
            Agg::approx_quantile(1, 0.5),
            Agg::list(1),
        ];
        values(
            &none
                .aggregate([], kinds)
                .union(&flow.range(0..3).limit(0).aggregate([], [Agg::sum(1)])),
        )
    });
    assert_eq!(text, "nil nil 0 nil []\nnil\n");
}

#[test]
fn groups_that_do_not_fit_in_memory_are_the_same() {
    let numbers = 20_000;
    let text = same(|flow| {
        // Many rows of few, so that there are not thousands of tasks.
        let hundreds = flow.range(0..numbers / 100).flat_map(
            "function(i)
                local n = -1
                return function() n = n + 1 if n < 100 then return 100 * i + n end end
            end",
        );
        let rows = hundreds.map("function(i) return i % 2, i * 7919 % 30011 end");
        let kinds = [
            Agg::median(2),
            Agg::quantile(2, 0.999),
            Agg::count_distinct(2),
            Agg::mode(2),
            Agg::approx_distinct(2),
            Agg::approx_quantile(2, 0.5),
        ];
        values(&rows.aggregate([1], kinds.clone()).union(&rows.select([2, 2]).aggregate([], kinds)))
    });
    let number = |i: i64| i * 7919 % 30011;
    let mut expected = Vec::new();
    for parity in [Some(0), Some(1), None] {
        let of: Vec<i64> = (0..numbers)
            .filter(|i| parity.is_none_or(|parity| i % 2 == parity))
            .map(number)
            .collect();
        let mut counts = BTreeMap::<i64, i64>::new();
        of.iter().for_each(|number| *counts.entry(*number).or_default() += 1);
        let mode = counts.iter().max_by_key(|(number, count)| (**count, -**number)).unwrap().0;
        let exact = [quantile(&of, 0.5), quantile(&of, 0.999)].map(float).join(" ");
        let key = parity.map_or(String::new(), |parity| format!("{parity} "));
        expected.push((
            format!("{key}{exact} {} {mode} ", counts.len()),
            counts.len(),
            quantile(&of, 0.5),
        ));
    }
    assert_eq!(text.lines().count(), expected.len());
    for (line, (start, distinct, median)) in text.lines().zip(expected) {
        let rest = line.strip_prefix(&start).unwrap_or_else(|| panic!("{line:?} of {start:?}"));
        let about: Vec<f64> = rest.split(' ').map(|number| number.parse().unwrap()).collect();
        assert!((about[0] / distinct as f64 - 1.0).abs() < 0.05, "{line}");
        assert!((about[1] / median.unwrap() - 1.0).abs() < 0.005, "{line}");
    }
}

#[test]
fn texts_of_lines_are_the_same_as_of_rows() {
    let cut = |i: usize| format!("{}\tx{}\t{}\n", i % 13, i * 7 % 5, i * 37 % 1009);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), (0..500).map(cut).collect::<String>()).unwrap();
    let kinds = || {
        let text = [Agg::min(2), Agg::max(2), Agg::first(2), Agg::list(2), Agg::mode(2)];
        let numbers = [Agg::count(), Agg::sum(3), Agg::median(3), Agg::count_distinct(1)];
        text.into_iter().chain(numbers)
    };
    let read = |flow: &Flow| flow.text_file(file.path()).split("\t").numbers([3]);
    let plain = same(|flow| values(&read(&flow).aggregate([2, 1], kinds())));
    let made = same(|flow| {
        let rows = read(&flow).map("function(a, b, c) return a, b, c end");
        values(&rows.aggregate([2, 1], kinds()))
    });
    assert_eq!(plain, made);
    let picked = same(|flow| {
        let rows = read(&flow).select([2, 3, 1]).select([3, 1, 2]);
        values(&rows.aggregate([2, 1], kinds()))
    });
    assert_eq!(plain, picked);
    let blanks = same(|flow| {
        let rows = flow.text_file(file.path()).fields().numbers([3]);
        values(&rows.aggregate([2, 1], kinds()))
    });
    assert_eq!(plain, blanks);
    let piped = same(|flow| {
        let rows = flow.text_file(file.path()).pipe("cat").numbers([3]);
        values(&rows.aggregate([2, 1], kinds()))
    });
    assert_eq!(plain, piped);
    assert_eq!(plain.lines().count(), 65);
}

#[test]
fn sums_of_integers_are_exact_up_to_64_bits() {
    let sums = |numbers: &[i64]| {
        let numbers = numbers.to_vec();
        same(move |flow| values(&flow.rows(&numbers).aggregate([], [Agg::sum(1), Agg::mean(1)])))
    };
    assert_eq!(sums(&[i64::MAX, i64::MAX, 1]), format!("{} 6.148914691236517e18\n", u64::MAX));
    assert_eq!(sums(&[i64::MIN, i64::MAX, i64::MIN, i64::MAX]), "-2 -0.5\n");
    let text = same(|flow| values(&flow.rows([u64::MAX]).aggregate([], [Agg::sum(1)])));
    assert_eq!(text, format!("{}\n", u64::MAX));
    let message = same_error(|flow| {
        lines(&flow.rows([("a", u64::MAX), ("a", 1)]).aggregate([1], [Agg::sum(2)]))
    });
    let parts =
        ["aggregates.rs:", "sum: the integers add up to 18446744073709551616", "\"a\"", "hint: "];
    assert_says(&message, &parts);
    let message = same_error(|flow| lines(&flow.rows([i64::MIN, -1]).aggregate([], [Agg::sum(1)])));
    assert_says(&message, &["add up to -9223372036854775809, which is beyond 64 bits"]);
}

#[test]
fn integers_and_floats_add_up_to_a_float() {
    let text = same(|flow| {
        let mixed = flow.rows([1, 2]).union(&flow.rows([0.5])).union(&flow.rows([Value::Nil]));
        values(&mixed.aggregate([], [Agg::sum(1), Agg::mean(1), Agg::min(1), Agg::median(1)]))
    });
    assert_eq!(text, "3.5 1.1666666666666667 0.5 1.0\n");
    let text = same(|flow| values(&flow.rows([2.0, -2.0]).aggregate([], [Agg::sum(1)])));
    assert_eq!(text, "0.0\n");
}

#[test]
fn sums_of_floats_are_the_same_for_any_number_of_workers() {
    let text = same_for_each_split(|flow| {
        let rows = flow.range(0..400).map("function(i) return i % 3, i * 0.1, 1 / (i + 1) end");
        let kinds = [Agg::sum(2), Agg::mean(3), Agg::var(3), Agg::stddev(2)];
        values(&rows.aggregate([1], kinds))
    });
    for text in text {
        let numbers: Vec<f64> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 15);
        assert!(
            (numbers[1] - 2673.3).abs() < 1e-9 && (numbers[4] - 11.648).abs() < 0.001,
            "{text}"
        );
    }
}

#[test]
fn var_and_stddev_are_of_a_sample() {
    let text = same(|flow| {
        let rows = flow.rows([("a", 1), ("a", 3), ("b", 7), ("c", 0), ("c", 6), ("c", 12)]);
        values(&rows.aggregate([1], [Agg::var(2), Agg::stddev(2)]))
    });
    assert_eq!(text, "\"a\" 2.0 1.4142135623730951\n\"b\" nil nil\n\"c\" 36.0 6.0\n");
}

#[test]
fn values_are_ordered_and_equal_as_everywhere() {
    let text = same(|flow| {
        let some = [Value::from(f64::NAN), Value::from(2), Value::Nil, Value::from(true)];
        let more = [Value::from(2.0), Value::from("2"), Value::from(-0.0), Value::from(0)];
        let kinds = [Agg::min(1), Agg::max(1), Agg::count_distinct(1), Agg::mode(1)];
        values(&flow.rows(some).union(&flow.rows(more)).aggregate([], kinds))
    });
    assert_eq!(text, "true \"2\" 5 -0.0\n");
    let text = same(|flow| {
        let rows = flow.rows([f64::NAN, 1.0, f64::INFINITY]);
        let kinds = [Agg::min(1), Agg::max(1), Agg::median(1), Agg::quantile(1, 0.75)];
        values(
            &rows
                .aggregate([], kinds)
                .union(&flow.rows([f64::INFINITY; 2]).aggregate([], [Agg::median(1)])),
        )
    });
    assert_eq!(text, "1.0 NaN inf NaN\ninf\n");
}

#[test]
fn nil_keys_make_a_group_and_equal_keys_are_shown_as_the_first() {
    let text = same(|flow| {
        let rows = flow.rows([(Some(1.0), 1), (None, 2), (None, 3)]).union(&flow.rows([(1, 4)]));
        values(&rows.aggregate([1], [Agg::sum(2)]))
    });
    assert_eq!(text, "nil 5\n1.0 5\n");
    let text = same(|flow| values(&flow.rows([(2, 1), (1, 1), (2, 1)]).aggregate([2, 1], [])));
    assert_eq!(text, "1 1\n1 2\n");
}

#[test]
fn aggregates_take_names() {
    let text = same(|flow| {
        let rows = flow.rows([("a", 1), ("b", 2), ("a", 5)]).named(["user", "bytes"]);
        lines(&rows.aggregate(["user"], [Agg::sum("bytes"), Agg::max("bytes")]).sort("user"))
    });
    assert_eq!(text, "a\t6\t5\nb\t2\t2\n");
    let rows = Flow::new().rows([("a", 1)]).named(["user", "bytes"]);
    let error = rows.aggregate("user", [Agg::sum("byte")]).count().unwrap_err();
    assert_says(&error.to_string(), &["aggregate", "byte", "bytes"]);
}

#[test]
fn many_keys_that_come_once_or_late_are_folded_all_the_same() {
    // Enough groups for a task to put them out, and to let rows go by without.
    let (count, keys) = (150_000, 70_000);
    let text = same_for_each_split(|flow| {
        let flow = flow.test_sizes(None, None, None);
        let rows = flow.range(0..count).map("function(i) return 'key ' .. i * 7 % 70000, i end");
        let kinds = [Agg::count(), Agg::sum(2), Agg::last(2), Agg::list(2)];
        lines(
            &rows
                .aggregate([1], kinds)
                .map("function(k, n, s, l, all) return k, n, s, l, #all end"),
        )
    });
    let mut model = BTreeMap::<String, Vec<i64>>::new();
    (0..count).for_each(|i| model.entry(format!("key {}", i * 7 % keys)).or_default().push(i));
    let line = |(key, all): (&String, &Vec<i64>)| {
        let (count, sum) = (all.len(), all.iter().sum::<i64>());
        format!("{key}\t{count}\t{sum}\t{}\t{count}\n", all.last().unwrap())
    };
    assert!(text[0] == model.iter().map(line).collect::<String>());
}

#[test]
fn text_where_a_number_belongs_is_an_error_that_names_the_row() {
    let kinds = [
        ("sum", Agg::sum(2)),
        ("mean", Agg::mean(2)),
        ("var", Agg::var(2)),
        ("stddev", Agg::stddev(2)),
        ("quantile 0.5", Agg::median(2)),
        ("quantile 0.9", Agg::quantile(2, 0.9)),
        ("approx_quantile 0.9", Agg::approx_quantile(2, 0.9)),
    ];
    for (name, kind) in kinds {
        let message = same_error(|flow| {
            let rows = flow.rows([("a", Value::from(1)), ("b", Value::from("12"))]);
            lines(&rows.aggregate([1], [Agg::count(), kind.clone()]))
        });
        let text =
            format!("{name}: column 2 is text, and a number belongs there\n  on \"b\", \"12\"");
        assert_says(&message, &["aggregates.rs:", ", aggregate", &text]);
        assert_says(&message, &["hint: `numbers(2)` reads text as numbers"]);
    }
    let message = same_error(|flow| lines(&flow.rows([(1, true)]).aggregate([1], [Agg::sum(2)])));
    assert_says(&message, &["sum: column 2 is no number\n  on 1, true"]);
}

#[test]
fn a_line_that_is_wrong_is_named_with_its_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a\t1\nb\tx\nc\n").unwrap();
    let read = |flow: &Flow| flow.text_file(file.path()).split("\t");
    let message = same_error(|flow| lines(&read(&flow).numbers([2]).aggregate([1], [Agg::sum(2)])));
    assert_says(&message, &["numbers", "column 2 does not read as a number: \"x\"", ", line 2"]);
    let message = same_error(|flow| lines(&read(&flow).aggregate([1], [Agg::sum(2)])));
    assert_says(&message, &["sum: column 2 is text", ", line 1: \"a\", \"1\"", "`numbers(2)`"]);
    let message = same_error(|flow| lines(&read(&flow).aggregate([1], [Agg::max(2)])));
    assert_says(&message, &["there is no column 2: the row has 1 column", ", line 3", "`pad(2)`"]);
    let message = same_error(|flow| lines(&read(&flow).aggregate([1], [Agg::max(0)])));
    assert_says(&message, &["aggregate", "there is no column 0"]);
}

#[test]
fn an_empty_text_that_is_read_as_a_number_is_nil() {
    let text = same(|flow| {
        let rows = flow.lines(["a,1", "a,", "b,", "a,2.5"]).split(",").numbers([2]);
        values(&rows.aggregate([1], [Agg::count(), Agg::sum(2), Agg::median(2)]))
    });
    assert_eq!(text, "\"a\" 3 3.5 1.75\n\"b\" 1 nil nil\n");
}

#[test]
fn aggregates_that_make_no_sense_are_refused() {
    let error = Flow::new().range(0..1).aggregate([], []).count().unwrap_err();
    assert_says(&error.to_string(), &["aggregate: neither key columns nor aggregates", "hint: "]);
    for q in [-0.1, 1.5, f64::NAN] {
        for kind in [Agg::quantile(1, q), Agg::approx_quantile(1, q)] {
            let error = Flow::new().range(0..1).aggregate([], [kind]).count().unwrap_err();
            assert_says(&error.to_string(), &["aggregate: ", "is no quantile", "from 0 to 1"]);
        }
    }
}

#[test]
fn a_list_that_is_too_long_is_refused() {
    let message = same_error(|flow| {
        let rows = flow.max_row(100).range(0..200).map("function(i) return 'k', i end");
        lines(&rows.aggregate([1], [Agg::list(2)]))
    });
    assert_says(
        &message,
        &["list: the values of one key are larger than `max_row`", "\"k\"", "group_map"],
    );
}
