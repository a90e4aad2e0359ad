//! Joins, groups of several datasets and pairs of rows, against models of a few lines.

use gleamflow::{Dataset, Flow, Join, Value};

use crate::harness::{assert_says, lines, same, same_error, values};

/// A row of a side: a key that may be nil, and one other column.
type Row = (Option<i64>, String);

/// Rows whose keys meet those of others with another stride here and there.
fn rows(count: usize, keys: usize, stride: usize, name: &str) -> Vec<Row> {
    let key = |i: usize| match i * stride % (keys + 3) {
        at if at < keys => Some(at as i64),
        _ => None,
    };
    (0..count).map(|i| (key(i), format!("{name}{i}"))).collect()
}

fn shown(key: Option<i64>) -> String {
    key.map_or(String::new(), |key| key.to_string())
}

/// What the kinds of joins mean.
fn model(kind: &str, left: &[Row], right: &[Row]) -> String {
    let mut keys: Vec<Option<i64>> = left.iter().chain(right).map(|row| row.0).collect();
    keys.sort();
    keys.dedup();
    let mut out = String::new();
    for key in keys {
        let of = |rows: &[Row]| -> Vec<String> {
            rows.iter().filter(|row| row.0 == key).map(|row| row.1.clone()).collect()
        };
        let (lefts, rights) = (of(left), of(right));
        let meet = key.is_some() && !lefts.is_empty() && !rights.is_empty();
        let key = shown(key);
        for l in &lefts {
            match kind {
                "semi" if meet => out += &format!("{key}\t{l}\n"),
                "anti" if !meet => out += &format!("{key}\t{l}\n"),
                "semi" | "anti" => {}
                _ if meet => rights.iter().for_each(|r| out += &format!("{key}\t{l}\t{r}\n")),
                "left" | "full" => out += &format!("{key}\t{l}\t\n"),
                _ => {}
            }
        }
        if !meet && matches!(kind, "right" | "full") {
            rights.iter().for_each(|r| out += &format!("{key}\t\t{r}\n"));
        }
    }
    out
}

fn join_of(kind: &str) -> Join {
    match kind {
        "inner" => Join::inner(1),
        "left" => Join::left(1),
        "right" => Join::right(1),
        "full" => Join::full(1),
        "semi" => Join::semi(1),
        "anti" => Join::anti(1),
        _ => unreachable!("there is no other kind"),
    }
}

const KINDS: [&str; 6] = ["inner", "left", "right", "full", "semi", "anti"];

#[test]
fn joins_are_what_their_kinds_mean() {
    for kind in KINDS {
        for (lefts, rights, keys) in [(60, 40, 11), (7, 90, 3), (30, 30, 1)] {
            let (left, right) = (rows(lefts, keys, 5, "l"), rows(rights, keys + 2, 3, "r"));
            let text = same(|flow| {
                let (left, right) = (flow.rows(left.clone()), flow.rows(right.clone()));
                lines(&left.join(&right, join_of(kind)))
            });
            assert_eq!(text, model(kind, &left, &right), "{kind}, {keys} keys");
        }
    }
}

#[test]
fn a_join_with_a_side_that_has_no_rows() {
    let some = rows(5, 4, 1, "x");
    for kind in KINDS {
        for (lefts, rights) in [(0, 5), (5, 0), (0, 0)] {
            let text = same(|flow| {
                let (left, right) = (&some[..lefts], &some[..rights]);
                let join = join_of(kind).left_width(2).right_width(2);
                lines(&flow.rows(left).join(&flow.rows(right), join))
            });
            assert_eq!(text, model(kind, &some[..lefts], &some[..rights]), "{kind}");
        }
    }
}

#[test]
fn a_self_join_pairs_the_rows_of_each_key() {
    let text = same(|flow| {
        let rows = flow.rows([("a", 1), ("b", 2), ("a", 3)]);
        lines(&rows.join(&rows, 1))
    });
    assert_eq!(text, "a\t1\t1\na\t1\t3\na\t3\t1\na\t3\t3\nb\t2\t2\n");
}

#[test]
fn keys_stand_anywhere_in_the_row_and_come_first() {
    let text = same(|flow| {
        let left = flow.rows([(1, "x", "k", 7), (2, "y", "l", 8)]);
        let right = flow.rows([("p", 7, "k"), ("q", 8, "k")]);
        lines(&left.join(&right, Join::left([4, 3]).right_key([2, 3])))
    });
    assert_eq!(text, "7\tk\t1\tx\tp\n8\tl\t2\ty\t\n");
}

#[test]
fn keys_are_equal_as_values_are() {
    let text = same(|flow| {
        let left =
            flow.rows([Value::from(1.0), Value::from("1"), Value::Nil, Value::from(f64::NAN)]);
        let right = flow
            .rows([Value::from(1), Value::Nil, Value::from(f64::NAN)])
            .map("function(x) return x, 'r' end");
        values(&left.join(&right, Join::left(1)))
    });
    assert_eq!(text, "nil nil\n1.0 \"r\"\nNaN \"r\"\n\"1\" nil\n");
}

#[test]
fn shorter_rows_of_a_side_are_padded_to_its_widest() {
    let wide = "function(x) if x % 2 == 0 then return x, 'even', x * 10 end return x, 'odd' end";
    let text = same(|flow| {
        let rows = flow.range(0..3).map(wide);
        values(&rows.join(&rows, 1))
    });
    assert_eq!(
        text,
        "0 \"even\" 0 \"even\" 0\n1 \"odd\" nil \"odd\" nil\n2 \"even\" 20 \"even\" 20\n"
    );
}

#[test]
fn a_hot_key_is_joined_as_any_other() {
    let text = same(|flow| {
        let left = flow.range(0..300).map("function(x) return 'hot', x end");
        let right = flow.range(0..200).map("function(x) return 'hot', x end");
        let pairs = left.join(&right, 1);
        lines(
            &pairs
                .map("function(k, l, r) return k, l * 1000 + r end")
                .reduce("function(a, b) return a + b end"),
        )
    });
    let sum: u64 = (0..300).flat_map(|l| (0..200).map(move |r| l * 1000 + r)).sum();
    assert_eq!(text, format!("hot\t{sum}\n"));
}

#[test]
fn a_limit_ends_a_join_of_very_many_pairs() {
    let text = same(|flow| {
        let left = flow.range(0..3000).map("function(x) return 1, x end");
        let right = flow.range(0..3000).map("function(x) return 1, x end");
        lines(&left.join(&right, 1).limit(3))
    });
    assert_eq!(text, "1\t0\t0\n1\t0\t1\n1\t0\t2\n");
}

#[test]
fn cross_puts_every_row_beside_every_other() {
    let text = same(|flow| lines(&flow.lines(["a", "b"]).cross(&flow.range(0..3))));
    assert_eq!(text, "a\t0\na\t1\na\t2\nb\t0\nb\t1\nb\t2\n");
    assert_eq!(same(|flow| lines(&flow.range(0..3).cross(&flow.range(0..0)))), "");
}

#[test]
fn joins_by_names_know_the_names_of_what_comes_out() {
    let text = same(|flow| {
        let visits = flow.rows([("/a", "ann"), ("/b", "bob")]).named(["path", "user"]);
        let ages = flow.rows([("ann", 31)]).named(["user", "age"]);
        let both = visits.join(&ages, Join::left("user"));
        lines(&both.select(["age", "path", "user"]))
    });
    assert_eq!(text, "31\t/a\tann\n\t/b\tbob\n");
}

#[test]
fn joins_that_cannot_be_are_refused() {
    let flow = Flow::new();
    let (one, other) = (flow.rows([(1, 2)]), flow.rows([(1, 2, 3)]));
    let says = |rows: Dataset, parts: &[&str]| {
        assert_says(&rows.count().unwrap_err().to_string(), parts);
    };
    says(one.join(&other, []), &["tests/flows/joins.rs:", "join: no key columns", "hint: `cross`"]);
    says(
        one.join(&other, Join::left(1).right_key([1, 2])),
        &["the keys differ in columns: 1 on the left, 2 on the right"],
    );
    says(one.join(&other, 0), &["there is no column 0"]);
    says(one.join(&Flow::new().range(0..1), 1), &["another flow", "hint: "]);
    says(one.named(["a", "b"]).join(&other, "aa"), &["no column \"aa\"", "is \"a\" meant?"]);
}

#[test]
fn rows_that_do_not_fit_a_join_are_refused() {
    let message = same_error(|flow| {
        let rows = flow.rows([(1, 2)]);
        rows.join(&flow.rows([(1, 2)]), Join::inner(1).right_key([3])).count()
    });
    assert_says(&message, &["join: there is no column 3: the row has 2 columns", "`pad(3)`"]);
    let message = same_error(|flow| {
        let rows = flow.rows([(1, 2, 3)]);
        rows.join(&rows, Join::left(1).right_width(2)).count()
    });
    assert_says(
        &message,
        &["join: the right side has a row of 3 columns, and is to have 2", "`right_width(3)`"],
    );
}

/// The same where the left keeps its order.
fn broadcast_model(kind: &str, left: &[Row], right: &[Row]) -> String {
    let of_row = |row: &Row| {
        let matches: Vec<&Row> =
            right.iter().filter(|right| row.0.is_some() && right.0 == row.0).collect();
        let (key, value) = (shown(row.0), &row.1);
        match (kind, matches.is_empty()) {
            ("semi", false) | ("anti", true) => format!("{key}\t{value}\n"),
            ("left", true) => format!("{key}\t{value}\t\n"),
            ("inner" | "left", false) => {
                matches.iter().map(|right| format!("{key}\t{value}\t{}\n", right.1)).collect()
            }
            _ => String::new(),
        }
    };
    left.iter().map(of_row).collect()
}

#[test]
fn a_broadcast_join_keeps_the_order_of_the_left() {
    for kind in ["inner", "left", "semi", "anti"] {
        for (lefts, rights, keys) in [(60, 40, 11), (7, 90, 3), (30, 0, 1), (0, 5, 2)] {
            let (left, right) = (rows(lefts, keys, 5, "l"), rows(rights, keys + 2, 3, "r"));
            let text = same(|flow| {
                let (left, right) = (flow.rows(left.clone()), flow.rows(right.clone()));
                lines(&left.join(&right, join_of(kind).right_width(2).broadcast()))
            });
            assert_eq!(text, broadcast_model(kind, &left, &right), "{kind}, {keys} keys");
        }
    }
}

#[test]
fn a_broadcast_join_stands_between_other_steps_and_exchanges() {
    let text = same(|flow| {
        let names = flow.rows([(0, "even"), (1, "odd")]);
        let rows = flow.range(0..20).map("function(x) return x % 2, x end");
        let named = rows.join(&names, Join::inner(1).broadcast());
        let again = named.join(&names.select([2, 1]), Join::inner(3).right_key([1]).broadcast());
        let sums = again.map("function(name, n, x) return name, x end");
        let all = sums
            .reduce("function(a, b) return a + b end")
            .join(&names, Join::left(1).right_key([2]));
        lines(&all)
    });
    assert_eq!(text, "even\t90\t0\nodd\t100\t1\n");
    let text = same(|flow| {
        let names = flow.lines(["b", "c"]);
        let lines_of = flow.lines(["a", "b", "c", "d"]).round_robin(2);
        lines(&lines_of.join(&names, Join::semi(1).broadcast()).pipe("cat"))
    });
    assert_eq!(text, "c\nb\n");
}

#[test]
fn a_broadcast_join_that_cannot_be_is_refused() {
    let flow = Flow::new();
    let (one, other) = (flow.rows([(1, 2)]), flow.rows([(1, 2)]));
    let error = one.join(&other, Join::full(1).broadcast()).count().unwrap_err().to_string();
    assert_says(&error, &["join: no worker sees all left rows", "hint: leave out `broadcast`"]);
    let message = same_error(|flow| {
        let rows = flow.rows([(1, 2)]).union(&flow.rows([(1, 2)]).map("function(a) return a end"));
        rows.join(&flow.rows([(1, 3)]), Join::inner(1).broadcast().left_width(1)).count()
    });
    assert_says(&message, &["row of 2 columns, and is to have 1", "`left_width(2)`", "on 1, 2"]);
    let error =
        flow.lines(["ab", "a b"]).fields().join(&flow.lines(["a"]), Join::inner(1).broadcast());
    let error = error.count().unwrap_err().to_string();
    assert_says(&error, &["rows of 1 and of 2 columns", "`left_width(2)`"]);
}

#[test]
fn groups_are_lists_of_the_rows_of_each_key() {
    let text = same(|flow| values(&flow.rows([("b", 1), ("a", 2), ("b", 3)]).group_by(1)));
    assert_eq!(text, "\"a\" [[\"a\", 2]]\n\"b\" [[\"b\", 1], [\"b\", 3]]\n");
    let text = same(|flow| values(&flow.rows([(1, "b"), (2, "a"), (3, "b")]).group_by([2])));
    assert_eq!(text, "\"a\" [[2, \"a\"]]\n\"b\" [[1, \"b\"], [3, \"b\"]]\n");
    assert_eq!(same(|flow| values(&flow.range(0..0).group_by(1))), "");
}

#[test]
fn cogroup_has_a_list_for_each_dataset() {
    let text = same(|flow| {
        let [a, b] = [flow.range(0..2), flow.range(1..3)];
        let c = flow.rows([(Some(2.0), "x"), (None, "y")]);
        let all = a.cogroup(&b, 1).select([1, 2]).union(&Dataset::cogroup_all([&c, &a, &b], 1));
        values(&all)
    });
    assert_eq!(
        text,
        "0 [[0]]\n1 [[1]]\n2 []\nnil [[nil, \"y\"]] [] []\n0 [] [[0]] []\n1 [] [[1]] [[1]]\n2.0 [[2.0, \"x\"]] [] [[2]]\n"
    );
}

#[test]
fn a_group_that_is_larger_than_a_row_may_be_is_refused() {
    let message = same_error(|flow| {
        let rows = flow.range(0..500).map("function(x) return x % 2, x end");
        let _ = rows.flow().max_row(300);
        rows.group_by(1).count()
    });
    assert_says(
        &message,
        &["group_by: the rows of one key are larger than `max_row`", "`group_map`"],
    );
    let error = Flow::new().range(0..1).group_by([]).count().unwrap_err().to_string();
    assert_says(&error, &["group_by: no key columns"]);
    let none: [&Dataset; 0] = [];
    let error = Dataset::cogroup_all(none, 1).count().unwrap_err().to_string();
    assert_says(&error, &["cogroup_all: 0 datasets: from 1 to 64 are possible"]);
}

#[test]
fn rows_before_one_that_is_too_large_come_first_at_the_end_of_a_join_too() {
    let joined = |flow: &Flow| {
        let _ = flow.clone().max_row(300);
        let none = flow.rows([(1, 2)]).limit(0);
        let right = flow.rows([(7, "a".to_owned()), (7, "b".repeat(200))]);
        none.join(&right, Join::right(1).left_width(200))
    };
    let text = same(|flow| lines(&joined(&flow).select([1, 201]).limit(1)));
    assert_eq!(text, "7\ta\n");
    let message = same_error(|flow| lines(&joined(&flow)));
    assert_says(&message, &["join: a row is larger than `max_row` allows"]);
}
