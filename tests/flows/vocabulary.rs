//! Slices, unions, counts and sets of rows, against models of a few lines.

use gleamflow::{Dataset, Sort};

use crate::harness::{assert_says, lines, many_words, pairs, same, same_error, values};

/// Lines of a model, as `lines` gives them.
fn text_of<T: AsRef<str>>(rows: impl IntoIterator<Item = T>) -> String {
    rows.into_iter().map(|row| format!("{}\n", row.as_ref())).collect()
}

#[test]
fn skip_leaves_out_the_first_rows() {
    let words = many_words(300, 90);
    for rows in [0, 1, 7, 299, 300, 1000] {
        let text = same(|flow| lines(&flow.lines(&words).skip(rows)));
        assert_eq!(text, text_of(words.iter().skip(rows as usize)), "skip {rows}");
    }
    let text = same(|flow| lines(&flow.range(0..300).skip(290).limit(3)));
    assert_eq!(text, "290\n291\n292\n");
    let text = same(|flow| lines(&flow.rows([(1, 2), (3, 4)]).sort(1).skip(1)));
    assert_eq!(text, "3\t4\n");
}

#[test]
fn union_is_one_dataset_after_the_other() {
    let words = many_words(200, 60);
    let text = same(|flow| lines(&flow.lines(&words).union(&flow.lines(["x", "y"]))));
    assert_eq!(text, text_of(words.iter().map(String::as_str).chain(["x", "y"])));
    // Rows of other layouts and widths, one of them from a command.
    let text = same(|flow| {
        let piped = flow.lines(["b", "a"]).pipe("sort");
        values(&flow.rows([(1, true)]).union(&piped).union(&flow.lines(["z"])))
    });
    assert_eq!(text, "1 true\n\"a\"\n\"b\"\n\"z\"\n");
}

#[test]
fn union_of_a_dataset_with_itself_and_of_its_parts() {
    let text = same(|flow| {
        let rows = flow.range(0..100).map("function(x) return x * 2 end");
        lines(&rows.limit(2).union(&rows.skip(98)).union(&rows.limit(1)))
    });
    assert_eq!(text, "0\n2\n196\n198\n0\n");
    let text = same(|flow| {
        let rows = flow.lines(["b", "a"]);
        lines(&rows.union(&rows).sort(1))
    });
    assert_eq!(text, "a\na\nb\nb\n");
}

#[test]
fn a_dataset_of_another_flow_is_refused() {
    let other = gleamflow::Flow::new().range(0..1);
    let error = gleamflow::Flow::new().range(0..1).union(&other).count().unwrap_err();
    assert_eq!(error.operator(), Some("union"));
    assert_says(&error.to_string(), &["tests/flows/vocabulary.rs:", "another flow", "hint: "]);
}

#[test]
fn top_is_a_sort_and_a_limit() {
    let words = many_words(200, 40);
    for rows in [0, 7, 2000] {
        for order in [Sort::by(1), Sort::by(2).descending().then(1)] {
            let numbered = |flow: &gleamflow::Flow| {
                let text = "function(w) return w, tonumber(w:sub(2)) % 7 end";
                flow.lines(&words).map(text)
            };
            let top = same(|flow| lines(&numbered(&flow).top(rows, order.clone())));
            let sorted = same(|flow| lines(&numbered(&flow).sort(order.clone()).limit(rows)));
            let plain = same(|flow| {
                lines(&numbered(&flow.test_without_rewrites()).sort(order.clone()).limit(rows))
            });
            assert_eq!(top, sorted, "{rows} rows by {order:?}");
            assert_eq!(top, plain, "{rows} rows by {order:?}");
        }
    }
}

#[test]
fn a_limit_behind_a_sort_and_native_steps_is_a_top() {
    let words = many_words(300, 40);
    let flows: [fn(&Dataset) -> Dataset; 3] = [
        |rows| rows.sort(Sort::by(1).descending()).select([1, 1]).limit(7),
        |rows| rows.sort_by(1, "function(word) return #word, word end").limit(7),
        |rows| rows.sort(1).select([1, 1]).pad(3).limit(1),
    ];
    for (nth, limited) in flows.into_iter().enumerate() {
        let text = same(|flow| lines(&limited(&flow.lines(&words))));
        let plain = same(|flow| lines(&limited(&flow.test_without_rewrites().lines(&words))));
        assert_eq!(text, plain, "flow {nth}");
    }
    let rows = gleamflow::Flow::new().lines(&words);
    let plan = rows.sort_by(1, "function(word) return #word end").limit(7).explain().unwrap();
    assert_says(&plan, &["sort_by: first 7, sort by column 1"]);
    // A function may emit other rows, and a branch leaves some out.
    let plan = rows.sort(1).map("function(word) return word end").limit(7).explain().unwrap();
    assert!(!plan.contains("first 7"), "{plan}");
    let (long, _) = rows.branch("function(word) return #word > 2 end");
    let plan = long.sort(1).limit(7).explain().unwrap();
    assert_says(&plan, &["sort: first 7"]);
}

#[test]
fn top_keeps_the_earlier_of_rows_that_its_order_does_not_tell_apart() {
    let rows: Vec<(i64, usize)> = (0..3000).map(|i| (i % 3, i as usize)).collect();
    let text = same(|flow| lines(&flow.rows(&rows).top(4, 1)));
    assert_eq!(text, "0\t0\n0\t3\n0\t6\n0\t9\n");
}

#[test]
fn count_by_counts_the_rows_of_each_key() {
    let words = many_words(1000, 77);
    let mut model = std::collections::BTreeMap::<&str, usize>::new();
    words.iter().for_each(|word| *model.entry(word).or_default() += 1);
    let text = same(|flow| lines(&flow.lines(&words).count_by([1])));
    assert_eq!(text, text_of(model.iter().map(|(word, count)| format!("{word}\t{count}"))));
    let text = same(|flow| lines(&pairs(&flow, &["a x", "b y", "a y", "b y"]).count_by([2, 1])));
    assert_eq!(text, "x\ta\t1\ny\ta\t1\ny\tb\t2\n");
    let text = same(|flow| lines(&flow.range(0..0).count_by([1])));
    assert_eq!(text, "");
}

#[test]
fn count_by_takes_equal_numbers_for_one_key_and_shows_the_first() {
    let text = same(|flow| {
        let rows = flow.rows([(Some(1.0), "1"), (None, "nil"), (Some(2.5), "2.5")]);
        values(&rows.union(&flow.rows([(1, "int")])).count_by([1]))
    });
    assert_eq!(text, "nil 1\n1.0 2\n2.5 1\n");
}

#[test]
fn count_by_without_keys_is_refused() {
    let error = gleamflow::Flow::new().range(0..1).count_by([]).count().unwrap_err();
    assert_says(&error.to_string(), &["count_by: no key columns", "hint: `count`"]);
}

#[test]
fn intersect_and_subtract_are_of_whole_rows() {
    let (one, other) = (many_words(400, 90), many_words(100, 60));
    let mut both: Vec<&String> = one.iter().filter(|word| other.contains(word)).collect();
    let mut rest: Vec<&String> = one.iter().filter(|word| !other.contains(word)).collect();
    for model in [&mut both, &mut rest] {
        model.sort();
        model.dedup();
    }
    assert!(!both.is_empty() && !rest.is_empty());
    let text = same(|flow| lines(&flow.lines(&one).intersect(&flow.lines(&other))));
    assert_eq!(text, text_of(both));
    let text = same(|flow| lines(&flow.lines(&one).subtract(&flow.lines(&other))));
    assert_eq!(text, text_of(rest));
    let text = same(|flow| {
        let rows = flow.lines(["b", "a", "b"]);
        lines(&rows.intersect(&rows).union(&rows.subtract(&rows)))
    });
    assert_eq!(text, "a\nb\n");
}

#[test]
fn pad_widens_the_shorter_rows_alone() {
    let text = same(|flow| values(&flow.lines(["a:b:c", "a", "a:b"]).split(":").pad(2)));
    assert_eq!(text, "\"a\" \"b\" \"c\"\n\"a\" nil\n\"a\" \"b\"\n");
    let text = same(|flow| values(&flow.range(0..2).pad(0)));
    assert_eq!(text, "0\n1\n");
}

#[test]
fn fields_are_those_of_awk() {
    let rows = ["  a b", "a\t \tb ", "", " \t", "one"];
    let text = same(|flow| values(&flow.lines(rows).fields()));
    assert_eq!(text, "\"a\" \"b\"\n\"a\" \"b\"\n\"\"\n\"\"\n\"one\"\n");
}

#[test]
fn a_column_that_is_no_text_leaves_the_others_text() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xc3\xa9 b\xc3 \xc3\xa9\n\xe2\x82\xac c\xff\n").unwrap();
    let rows = |flow: &gleamflow::Flow| flow.text_file(file.path());
    let columns = "\"é\" b\"b\\xc3\" \"é\"\n\"€\" b\"c\\xff\"\n";
    assert_eq!(same(|flow| values(&rows(&flow).fields())), columns);
    assert_eq!(same(|flow| values(&rows(&flow).split(" "))), columns);
    let text = same(|flow| values(&rows(&flow).split("é ")));
    assert_eq!(text, "\"\" b\"b\\xc3 \\xc3\\xa9\"\nb\"\\xe2\\x82\\xac c\\xff\"\n");
    let text = same(|flow| values(&rows(&flow).split(b"\xa9").select([1])));
    assert_eq!(text, "b\"\\xc3\"\nb\"\\xe2\\x82\\xac c\\xff\"\n");
}

#[test]
fn split_pattern_cuts_at_each_match() {
    let text = same(|flow| values(&flow.lines(["a1b22c", "3", ""]).split_pattern("%d+")));
    assert_eq!(text, "\"a\" \"b\" \"c\"\n\"\" \"\"\n\"\"\n");
    let message = same_error(|flow| flow.lines(["ab"]).split_pattern("x*").count());
    assert_says(&message, &["split_pattern", "the pattern matches an empty text", "on \"ab\""]);
    let message = same_error(|flow| flow.lines(["ab"]).split_pattern("").count());
    assert_says(&message, &["split_pattern: the pattern is empty"]);
}

#[test]
fn an_error_within_split_pattern_names_its_call_and_no_line_of_a_function() {
    let place = concat!(file!(), ":");
    let message = same_error(|flow| flow.lines(["ab"]).split_pattern("x*").count());
    assert_says(&message, &[place, ", split_pattern \"x*\": the pattern matches an empty text"]);
    let message = same_error(|flow| flow.lines(["ab"]).split_pattern("[\t").count());
    assert_says(
        &message,
        &[", split_pattern \"[\\t\": malformed pattern (missing ']')\n  on \"ab\""],
    );
    let message = same_error(|flow| flow.range(0..1).split_pattern(",").count());
    assert_says(&message, &[", split_pattern \",\": it takes a row of one text column\n  on 0"]);
    let message = same_error(|flow| flow.lines([",".repeat(9000)]).split_pattern(",").count());
    assert_says(&message, &[", split_pattern \",\": too many results to unpack"]);
}

#[test]
fn a_column_that_a_row_does_not_have_is_an_error_wherever_it_is_named() {
    let rows = |flow: &gleamflow::Flow| flow.lines(["a:1:7", "b:2"]).split(":");
    let parts = ["there is no column 3: the row has 2 columns", "\"b\"", "`pad(3)`"];
    let assert_missing = |operator: &str, message: String| {
        assert_says(&message, &parts);
        assert_says(&message, &[operator, "tests/flows/vocabulary.rs:"]);
    };
    assert_missing("select", same_error(|flow| lines(&rows(&flow).select([3]))));
    assert_missing("numbers", same_error(|flow| lines(&rows(&flow).numbers([3, 2]))));
    assert_missing("sort", same_error(|flow| lines(&rows(&flow).sort(3))));
    assert_missing("top", same_error(|flow| lines(&rows(&flow).top(1, 3))));
    assert_missing("partition_by", same_error(|flow| lines(&rows(&flow).partition_by([3], 2))));
    assert_missing("count_by", same_error(|flow| lines(&rows(&flow).count_by([3]))));
    let text = same(|flow| lines(&rows(&flow).pad(3).sort(3).select([3, 1])));
    assert_eq!(text, "\tb\n7\ta\n");
}

#[test]
fn a_line_without_the_column_is_named_with_its_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a\tb\nc\n").unwrap();
    let message = same_error(|flow| lines(&flow.text_file(file.path()).split("\t").sort(2)));
    assert_says(&message, &["there is no column 2: the row has 1 column", ", line 2: \"c\""]);
}

#[test]
fn distinct_by_keeps_the_first_row_of_each_key() {
    let words = many_words(400, 50);
    let numbered = words.iter().zip(0..);
    let mut first = std::collections::BTreeMap::new();
    numbered.clone().for_each(|(word, number)| {
        first.entry(word.clone()).or_insert(number);
    });
    let text = same(|flow| lines(&flow.rows(numbered.clone()).distinct_by([1])));
    assert_eq!(text, text_of(first.iter().map(|(word, number)| format!("{word}\t{number}"))));
    let text =
        same(|flow| lines(&flow.rows([(1, 2, 3), (1, 2, 4), (0, 2, 5)]).distinct_by([2, 1])));
    assert_eq!(text, "0\t2\t5\n1\t2\t3\n");
    let text = same(|flow| lines(&flow.rows([(3, 4), (1, 2)]).distinct_by([])));
    assert_eq!(text, "3\t4\n");
}

#[test]
fn distinct_by_of_a_column_that_is_not_there_is_refused() {
    let error = same_error(|flow| lines(&flow.rows([(1, 2)]).distinct_by([3])));
    assert_says(&error, &["distinct_by", "there is no column 3", "pad(3)"]);
    let error = same_error(|flow| lines(&flow.rows([(1, 2)]).distinct_by([0])));
    assert_says(&error, &["distinct_by", "there is no column 0"]);
}

#[test]
fn drop_leaves_out_columns() {
    let rows = [(1, "a", true), (2, "b", false)];
    let text = same(|flow| values(&flow.rows(rows).drop([2])));
    assert_eq!(text, "1 true\n2 false\n");
    let cut = ["a\tb\tc", "d\te\tf\tg"];
    let text = same(|flow| lines(&flow.lines(cut).split("\t").drop([3, 1, 3])));
    assert_eq!(text, "b\ne\tg\n");
}

#[test]
fn drop_of_what_is_not_there_and_of_all_is_refused() {
    let error = same_error(|flow| lines(&flow.rows([(1, 2)]).drop([4])));
    assert_says(&error, &["drop", "there is no column 4", "pad(4)"]);
    let error = same_error(|flow| lines(&flow.rows([(1, 2)]).drop([2, 1])));
    assert_says(&error, &["drop", "no column of the row is left"]);
}

#[test]
fn a_row_of_lines_that_select_makes_too_long_is_refused_and_not_written() {
    let error = same_error(|flow| {
        let rows = flow.clone().max_row(10).lines(["a\tb", "abc\tdef"]).split("\t");
        lines(&rows.select([1, 2, 1, 2]))
    });
    assert_says(&error, &["select", "larger than `max_row`", "abc"]);
    let text = same(|flow| {
        let rows = flow.clone().max_row(10).lines(["a\tb", "abc\tdef"]).split("\t");
        lines(&rows.select([1, 2, 1, 2]).limit(1))
    });
    assert_eq!(text, "a\tb\ta\tb\n");
}
