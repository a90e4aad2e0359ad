//! Columns by their names, wherever a number may stand.

use gleamflow::{Columns, Dataset, Flow, Join, Sort};

use crate::harness::{assert_says, lines, same};

/// User, path, bytes.
fn visits(flow: &Flow) -> Dataset {
    let rows = [("bob", "/a", 30), ("ann", "/b", 20), ("bob", "/c", 5)];
    flow.rows(rows).named(["user", "path", "bytes"])
}

/// The error of a dataset that cannot be.
fn refused(rows: &Dataset, parts: &[&str]) {
    assert_says(&rows.count().unwrap_err().to_string(), parts);
}

#[test]
fn operators_take_names() {
    let sum = "function(a, b) return a + b end";
    let text = same(|flow| {
        let rows = visits(&flow);
        let sums = rows.select(["user", "bytes"]).reduce_by(["user"], sum);
        let counts = rows.count_by("user").select(["user"]);
        let first = rows.distinct_by(["user"]).select("path");
        let most = rows.top(1, Sort::by("bytes").descending()).select(["path", "bytes"]);
        let parts = rows.partition_by("user", 2).select(["path"]).sort(1);
        let all = [counts, first, most, parts, rows.sort("path").drop(["path", "user"])];
        lines(&all.iter().fold(sums, |rows, more| rows.union(more)))
    });
    assert_eq!(text, "ann\t20\nbob\t35\nann\nbob\n/b\n/a\n/a\t30\n/a\n/b\n/c\n30\n20\n5\n");
    let numbers = same(|flow| {
        let rows = flow.lines(["x 1", "y 2"]).fields().named(["name", "n"]).numbers("n");
        lines(&rows.filter("function(name, n) return n > 1 end").select("name"))
    });
    assert_eq!(numbers, "y\n");
}

#[test]
fn names_and_numbers_mix() {
    let text = same(|flow| {
        lines(&visits(&flow).select(Columns::from("bytes").and(1).and("path")).limit(1))
    });
    assert_eq!(text, "30\tbob\t/a\n");
    let text = same(|flow| lines(&visits(&flow).sort(Sort::by("user").then(3)).select(3)));
    assert_eq!(text, "20\n5\n30\n");
}

#[test]
fn names_go_on_with_their_columns() {
    let flow = Flow::new();
    let rows = visits(&flow);
    let first = |rows: &Dataset| rows.first::<i64>().unwrap();
    assert_eq!(first(&rows.select([3, 1]).select("bytes")), Some(30));
    assert_eq!(first(&rows.drop(1).select("bytes")), Some(30));
    assert_eq!(first(&rows.rename("bytes", "size").select("size")), Some(30));
    let kept = rows.limit(3).skip(1).distinct().pad(4).round_robin(2).for_each("function() end");
    assert_eq!(first(&kept.sort("bytes").select("bytes")), Some(5));
    let ages = flow.rows([("ann", 31)]).named(["user", "age"]);
    assert_eq!(first(&rows.join(&ages, "user").select("age")), Some(31));
    assert_eq!(first(&rows.join(&ages, Join::semi("user")).select("bytes")), Some(20));
    assert_eq!(first(&rows.union(&rows).select("bytes")), Some(30));
}

#[test]
fn steps_that_make_new_columns_forget_names() {
    let flow = Flow::new();
    let rows = visits(&flow);
    let forgetful = [
        rows.map("function(a, b, c) return c end"),
        rows.flat_map("function(a, b, c) return { c } end"),
        rows.select(["user"]).pipe("cat"),
    ];
    for rows in forgetful {
        refused(
            &rows.sort("user"),
            &["sort: there is no column \"user\": no names are known", "`named`"],
        );
    }
    refused(&rows.union(&flow.rows([(1, 2, 3)])).sort("user"), &["no names are known"]);
}

#[test]
fn unknown_names_are_errors_before_anything_starts() {
    let rows = visits(&Flow::new().range(0..1).for_each("function() error('it ran') end").flow());
    refused(
        &rows.sort("byte"),
        &[
            "tests/flows/names.rs:",
            "no column \"byte\": the names known here are user, path, bytes",
            "hint: is \"bytes\" meant?",
        ],
    );
    let error = rows.select("quantity").count().unwrap_err().to_string();
    assert_says(&error, &["select: there is no column \"quantity\""]);
    assert!(!error.contains("hint"), "{error}");
    refused(&rows.named(["a", "b", "a"]), &["named: two columns are named \"a\""]);
    refused(&rows.named(["a", ""]), &["named: the name of column 2 is empty"]);
    refused(&rows.rename("bytes", "user"), &["rename: another column is named \"user\" already"]);
    refused(&rows.rename("size", "n"), &["rename: there is no column \"size\""]);
    refused(&rows.rename("bytes", ""), &["rename: the new name is empty"]);
}

#[test]
fn explain_shows_the_names_known_at_each_point() {
    let rows = visits(&Flow::new()).select(["bytes", "user"]).rename(2, "who");
    let explained = rows.explain().unwrap();
    let names: Vec<&str> = explained.lines().filter(|line| line.contains("columns ")).collect();
    let shown: Vec<&str> = names.iter().map(|line| line.split_once(", ").unwrap().1).collect();
    assert_eq!(
        shown,
        [
            "named: columns user, path, bytes",
            "select: columns bytes, user",
            "rename: columns bytes, who"
        ],
        "{explained}"
    );
}
