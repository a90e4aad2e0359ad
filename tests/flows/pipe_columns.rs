//! Columns through a command, beside the others: `pipe_columns`.

use gleamflow::{Dataset, ErrorKind, Flow, Result, Shell, Text};

use crate::harness::{assert_says, lines, same, same_error, values};

/// Rows as frames, with types.
fn typed(flow: Flow) -> Dataset {
    flow.range(1..6).map("function(x) return x, 'w' .. x, x / 2, nil end")
}

/// The same as lines cut at TAB.
fn cut(flow: Flow) -> Dataset {
    typed(flow).pipe("cat")
}

#[test]
fn one_column_goes_through_the_command_and_the_others_keep_their_types() {
    let text = same(|flow| values(&typed(flow).limit(2).pipe_columns(2, "tr a-z A-Z")));
    assert_eq!(text, "1 \"W1\" 0.5 nil\n2 \"W2\" 1 nil\n");
    let text = same(|flow| values(&typed(flow).limit(2).pipe_columns([4], "sed 's/^$/none/'")));
    assert_eq!(text, "1 \"w1\" 0.5 \"none\"\n2 \"w2\" 1 \"none\"\n");
    for column in [1, 2, 3] {
        let text = same(|flow| lines(&cut(flow).limit(1).pipe_columns(column, "sed 's/.*/<&>/'")));
        let mut expected = ["1", "w1", "0.5", ""].map(str::to_owned);
        expected[column as usize - 1] = format!("<{}>", expected[column as usize - 1]);
        assert_eq!(text, expected.join("\t") + "\n");
    }
    let text = same(|flow| lines(&flow.lines(["a\tb", "", "c"]).pipe_columns(1, "cat -A")));
    assert_eq!(text, "a^Ib$\n$\nc$\n");
}

#[test]
fn several_columns_come_back_each_in_its_place() {
    for rows in [typed, cut] {
        let swapped = "awk -F'\\t' -v OFS='\\t' '{ print $1 \"!\", $2 \"?\" }'";
        let text = same(|flow| lines(&rows(flow).limit(2).pipe_columns([3, 1], swapped)));
        assert_eq!(text, "1?\tw1\t0.5!\t\n2?\tw2\t1!\t\n");
    }
}

#[test]
fn another_number_of_columns_comes_in_the_place_of_the_first() {
    for rows in [typed, cut] {
        let through = |command: &str, columns: &[u32]| {
            same(|flow| lines(&rows(flow).limit(1).pipe_columns(columns, command)))
        };
        assert_eq!(through("tr '\\t' '+'", &[2, 1]), "w1+1\t0.5\t\n");
        assert_eq!(through("tr '\\t' '+'", &[1, 2]), "1+w1\t0.5\t\n");
        assert_eq!(through("sed 's/$/\\tx\\ty/'", &[3, 1]), "w1\t0.5\t1\tx\ty\t\n");
        assert_eq!(through("sed 's/$/\\tx/'", &[2]), "1\tw1\tx\t0.5\t\n");
    }
}

#[test]
fn a_command_may_write_at_once_or_read_all_before_it_writes() {
    for command in ["cat", "sed -u p | sed -un 'n;p'", "tac | tac", "sort -k2,2 -s"] {
        for rows in [
            |flow: Flow| flow.range(0..3000).map("function(x) return x, 'same' .. x % 1 end"),
            |flow: Flow| {
                flow.range(0..3000).map("function(x) return x, 'same' .. x % 1 end").pipe("cat")
            },
        ] {
            let text = same(|flow| lines(&rows(flow).pipe_columns(2, command)));
            let expected: String = (0..3000).map(|number| format!("{number}\tsame0\n")).collect();
            assert!(text == expected, "{command}: {:.100}", text);
        }
    }
}

#[test]
fn rows_come_while_the_source_still_gives_them() {
    let rows = Flow::new().range(0..i64::MAX).map("function(x) return x, 'a' .. x end");
    let rows = rows.pipe_columns(2, "sed -u s/a/b/").limit(1000);
    let last: Vec<(i64, String)> = rows.skip(999).collect().unwrap();
    assert_eq!(last, [(999, "b999".to_string())]);
}

#[test]
fn too_few_and_too_many_lines_are_errors_with_both_numbers() {
    let all: [fn(Flow) -> Dataset; 3] = [typed, cut, |flow| flow.lines(["a", "b", "c", "d", "e"])];
    for rows in all {
        let fails = |command: &str| {
            let message = same_error(|flow| lines(&rows(flow).pipe_columns(1, command)));
            assert_says(
                &message,
                &["pipe_columns.rs:", "pipe_columns: `", "hint: it takes a line for each row"],
            );
            message
        };
        assert_says(&fails("head -n 3"), &["`head -n 3` wrote 3 lines for 5 rows"]);
        assert_says(&fails("sed 1d"), &["`sed 1d` wrote 4 lines for 5 rows"]);
        assert_says(&fails("true"), &["`true` wrote 0 lines for 5 rows"]);
        assert_says(&fails("sed p"), &["`sed p` wrote 10 lines for 5 rows"]);
        assert_says(&fails("cat; echo"), &["wrote 6 lines for 5 rows"]);
        assert_says(&fails("yes"), &["`yes` wrote at least 1000005 lines for 5 rows"]);
    }
    let endless = Flow::new().range(0..i64::MAX).pipe_columns(1, "head -n 5");
    let error = endless.count().unwrap_err();
    assert_says(&error.to_string(), &["`head -n 5` wrote 5 lines for at least 1000005 rows"]);
    assert_eq!(error.kind(), ErrorKind::Command);
    // Rows that have their line come first.
    let first = same(|flow| lines(&typed(flow).pipe_columns(1, "head -n 3").select([1]).limit(3)));
    assert_eq!(first, "1\n2\n3\n");
    assert_eq!(same(|flow| lines(&flow.range(0..0).pipe_columns(1, "cat"))), "");
}

#[test]
fn partitions_have_commands_of_their_own() {
    let text = same(|flow| {
        let rows = typed(flow).round_robin(2).pipe_columns(2, "sed s/w/$GLEAMFLOW_PARTITION-/");
        lines(&rows.select([1, 2]).pipe("sed s/$/:$GLEAMFLOW_PARTITION/"))
    });
    assert_eq!(text, "1\t0-1:0\n3\t0-3:0\n5\t0-5:0\n2\t1-2:1\n4\t1-4:1\n");
}

#[test]
fn columns_go_in_other_forms_of_text_too() {
    let text = same(|flow| {
        let rows = flow.rows([(1, "a\nb\t\"c\"", 2.5), (2, "", -0.5)]);
        let json = rows.pipe_columns([2, 3], Shell::new("cat").text(Text::json_lines()));
        values(&json.pipe_columns(2, Shell::new("cat").text(Text::csv())))
    });
    assert_eq!(text, "1 \"a\\nb\\t\\\"c\\\"\" 2.5\n2 \"\" -0.5\n");
    let text = same(|flow| {
        let lines = flow.lines(["x", "y"]).pipe_columns(1, Shell::new("cat").text(Text::nul()));
        values(&lines)
    });
    assert_eq!(text, "\"x\"\n\"y\"\n");
}

#[test]
fn it_takes_names_and_what_a_shell_says() {
    let text = same(|flow| {
        let rows = flow.rows([("a", 1), ("b", 2)]).named(["word", "count"]);
        lines(&rows.pipe_columns("word", Shell::argv(["tr", "a-z", "A-Z"])))
    });
    assert_eq!(text, "A\t1\nB\t2\n");
    let folder = tempfile::tempdir().unwrap();
    let text = same(|flow| {
        let once = "cat; [ -e tried ] || { touch tried; exit 3; }";
        let text = lines(
            &typed(flow)
                .select([1, 2])
                .pipe_columns(2, Shell::new(once).dir(folder.path()).retries(1)),
        );
        std::fs::remove_file(folder.path().join("tried")).unwrap();
        text
    });
    assert_eq!(text, "1\tw1\n2\tw2\n3\tw3\n4\tw4\n5\tw5\n");
}

#[test]
fn what_fails_before_and_in_the_command_is_the_error() {
    let message = same_error(|flow| lines(&typed(flow).pipe_columns(7, "cat")));
    assert_says(&message, &["pipe_columns.rs:", "pipe_columns: there is no column 7", "pad(7)"]);
    let message = same_error(|flow| lines(&cut(flow).pipe_columns(7, "tac")));
    assert_says(&message, &["pipe_columns: there is no column 7"]);
    let message = same_error(|flow| lines(&typed(flow).pipe_columns(2, "head -n 2; exit 3")));
    assert_says(&message, &["pipe_columns: `head -n 2; exit 3` exited with code 3"]);
    let message = same_error(|flow| {
        let rows =
            flow.range(0..9).map("function(x) if x == 4 then error('boom', 0) end return x, x end");
        lines(&rows.pipe_columns(2, "cat"))
    });
    assert_says(&message, &["map, line 1 of its function: boom"]);
    let message = same_error(|flow| lines(&flow.rows([(1, "a\nb")]).pipe_columns(2, "cat")));
    assert_says(&message, &["column 2 contains a line feed", "on 1, "]);
    let rows = Flow::new().range(0..3);
    for (error, what) in [
        (rows.pipe_columns([], "cat").count(), "no columns"),
        (rows.pipe_columns([1, 1], "cat").count(), "column 1 is named twice"),
        (rows.pipe_columns(0, "cat").count(), "there is no column 0"),
        (rows.pipe_columns(1, Shell::new("cat").text(Text::raw())).count(), "raw bytes"),
    ] {
        let error: Result<u64> = error;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Plan);
        assert_says(&error.to_string(), &["pipe_columns", what]);
    }
}

#[test]
fn rows_may_go_through_one_command_after_another() {
    let text = same(|flow| {
        let rows = flow.lines(["a\tb", "c\td"]).pipe("cat").pipe_columns(1, "sed s/^/1/");
        let rows =
            rows.pipe_columns(2, "sed s/^/2/").pipe("sed s/^/0/").pipe_columns([2, 1], "cat");
        lines(&rows.pipe_columns([1, 2], "cat"))
    });
    assert_eq!(text, "01a\t2b\n01c\t2d\n");
}
