//! Rows that fail in a step with `on_error`: which are left out, what is told of them, and where they
//! go.

use gleamflow::{AtMost, Dataset, ErrorKind, Flow, OnError, Result, Shell};

use crate::harness::{assert_says, lines, same, same_error, same_for_each_split, values};

/// The rows of a dataset and its dead letters, without the place of the step.
fn with_letters(rows: &Dataset, step: impl Fn(&Dataset, OnError) -> Dataset) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad");
    let kept = values(&step(rows, OnError::dead_letter(&path)))?;
    let letters = values(&Flow::new().rows_file(&path).drop([1]))?;
    Ok([&kept[..], b"--\n", &letters].concat())
}

/// Numbers of which every tenth is a word.
fn some_bad(flow: &Flow, rows: u32) -> Dataset {
    flow.lines((0..rows).map(|n| if n % 10 == 3 { format!("w{n}") } else { n.to_string() }))
}

#[test]
fn a_bad_row_is_left_out_and_the_others_keep_their_order() {
    let text = same(|flow| {
        let rows = some_bad(&flow, 20).map("function(x) return x + 1 end");
        values(&rows.on_error(OnError::skip()))
    });
    let expected: String =
        (0..20).filter(|n| n % 10 != 3).map(|n| format!("{}\n", n + 1)).collect();
    assert_eq!(text, expected);
}

#[test]
fn dead_letters_hold_what_is_wrong_and_the_row() {
    let text = same(|flow| {
        let rows = flow.rows([("a", "1"), ("b", "x"), ("c", "3")]);
        with_letters(&rows, |rows, on_error| {
            rows.map("function(k, v) return k, v * 2 end").on_error(on_error)
        })
    });
    assert_eq!(
        text,
        "\"a\" 2\n\"c\" 6\n--\n\
         \"attempt to perform arithmetic on local 'v' (a string value)\" nil nil \"b\" \"x\"\n"
    );
}

#[test]
fn every_kind_of_step_leaves_its_bad_rows_out() {
    type Step = fn(&Dataset) -> Dataset;
    let steps: [(&str, Step); 5] = [
        ("map", |rows| rows.map("function(x) return x, x + 0 end")),
        ("filter", |rows| rows.filter("function(x) return x + 0 > 0 end")),
        ("flat_map", |rows| rows.flat_map("function(x) return { x, x + 0 } end")),
        ("for_each", |rows| {
            rows.for_each("function(x) if not tonumber(x) then error('no') end end")
        }),
        ("numbers", |rows| rows.numbers([1])),
    ];
    for (name, step) in steps {
        let text = same(|flow| {
            let rows = flow.lines(["1", "x", "2", "y", "y", "3"]);
            with_letters(&rows, |rows, on_error| step(rows).on_error(on_error))
        });
        let (kept, letters) = text.split_once("--\n").unwrap();
        assert_eq!(letters.lines().count(), 3, "{name}: {text}");
        assert!(kept.contains('1') && kept.contains('2') && kept.contains('3'), "{name}: {kept}");
        assert!(!kept.contains('x') && !kept.contains('y'), "{name}: {kept}");
        let rows: Vec<_> = letters.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(rows, ["\"x\"", "\"y\"", "\"y\""], "{name}");
    }
}

#[test]
fn a_bad_row_leaves_nothing_behind_of_what_it_has_emitted() {
    let text = same(|flow| {
        let rows = flow.range(1..5).map(
            "function(n)
                emit(n, 'emitted')
                if n == 2 then error('two') end
                emit(n, 'again')
                return n, 'returned'
            end",
        );
        values(&rows.on_error(OnError::skip()).filter("function(n) return n < 4 end"))
    });
    assert_eq!(
        text,
        "1 \"emitted\"\n1 \"again\"\n1 \"returned\"\n\
         3 \"emitted\"\n3 \"again\"\n3 \"returned\"\n"
    );
    let text = same(|flow| {
        let rows = flow.lines(["a b", "c ! d", "e"]).flat_map(
            "function(line)
                local words = line:gmatch('%S+')
                return function()
                    local word = words()
                    if word == '!' then error('a mark') end
                    return word
                end
            end",
        );
        values(&rows.on_error(OnError::skip()))
    });
    assert_eq!(text, "\"a\"\n\"b\"\n\"e\"\n");
}

#[test]
fn what_fails_further_on_is_not_of_the_step() {
    let error = same_error(|flow| {
        let rows = some_bad(&flow, 20).map("function(x) return x end").on_error(OnError::skip());
        rows.map("function(x) return x + 1 end").count()
    });
    assert_says(&error, &["map, line 1 of its function: attempt to perform arithmetic"]);
}

#[test]
fn several_steps_leave_rows_out_each_for_itself() {
    let text = same(|flow| {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("bad");
        let rows = flow
            .lines(["1 2", "x 2", "3 y", "5 0"])
            .split(" ")
            .numbers([1])
            .on_error(OnError::dead_letter(&bad))
            .map("function(a, b) return a, b + 0 end")
            .on_error(OnError::dead_letter(&bad))
            .map("function(a, b) if b == 0 then error('zero') end return a / b end")
            .on_error(OnError::dead_letter(&bad));
        Ok([values(&rows)?, values(&Flow::new().rows_file(&bad).drop([1, 3, 4]))?].concat())
    });
    let says: Vec<_> = text.lines().collect();
    assert_eq!(says[0], "0.5", "{text}");
    assert_eq!(says.len(), 4, "{text}");
    // In the order of the rows within a task, each block by its steps.
    assert!(text.contains("\"x\" \"2\"") && text.contains("\"zero\" 5 0"), "{text}");
}

#[test]
fn texts_that_lie_in_the_block_are_whole_in_dead_letters() {
    // These functions get lazy texts, and only what they look at.
    for function in [
        "function(line) return line:sub(1, 3), line:sub(4) + 1 end",
        "function(line) return line .. '!', tonumber(line:sub(2)) + 1 end",
        "function(line) return #line / 2, line + 1 end",
        "function(line) return line:upper(), line:byte(9) + 1 end",
    ] {
        let text = same(|flow| {
            let rows = flow.lines(["123456789", "abc d", "777777777", ""]);
            with_letters(&rows, |rows, on_error| rows.map(function).on_error(on_error))
        });
        let letters = text.split_once("--\n").unwrap().1;
        assert!(letters.contains("nil nil \"abc d\"\n"), "{function}: {text}");
        assert!(letters.contains("nil nil \"\"\n"), "{function}: {text}");
        assert!(letters.contains("attempt to perform arithmetic on"), "{function}: {text}");
    }
    let text = same(|flow| {
        let rows = flow.lines(["a\t1\tx", "b\t?\ty", "c\t3\tz"]).split("\t");
        with_letters(&rows, |rows, on_error| {
            rows.map("function(a, b) return b * 2 end").on_error(on_error)
        })
    });
    assert_eq!(
        text,
        "2\n6\n--\n\
         \"attempt to perform arithmetic on local 'b' (a string value)\" nil nil \"b\" \"?\" \"y\"\n"
    );
}

#[test]
fn a_function_that_changes_something_is_not_called_again() {
    let [text, _] = same_for_each_split(|flow| {
        let rows = flow.lines(["1", "x", "3"]).map(
            "(function()
                local calls = 0
                return function(line) calls = calls + 1 return calls, line + 0 end
            end)()",
        );
        values(&rows.on_error(OnError::skip()))
    });
    assert_eq!(text, "1 1\n3 3\n");
}

#[test]
fn what_no_row_can_hold_is_a_bad_row_of_the_step_that_gives_it() {
    let text = same(|flow| {
        let rows = flow.range(0..3);
        with_letters(&rows, |rows, on_error| {
            let step = "function(n) if n == 1 then return n, print end return n, { n } end";
            rows.map(step).on_error(on_error).map("function(n, list) return list[1] end")
        })
    });
    assert_eq!(text, "0\n2\n--\n\"column 2 is a function\" nil nil 1\n");
}

#[test]
fn more_bad_rows_than_there_may_be_are_an_error_with_the_first() {
    let bad = |flow: &Flow, most: AtMost| {
        let rows = some_bad(flow, 1000).map("function(x) return x + 1 end");
        rows.on_error(OnError::skip().at_most(most)).count()
    };
    for most in [AtMost::from(100), AtMost::from(0.1)] {
        assert_eq!(same(|flow| Ok(bad(&flow, most)?.to_string().into_bytes())), "900");
    }
    for most in [AtMost::from(99), AtMost::from(0.0999)] {
        let error = same_error(|flow| bad(&flow, most));
        assert_says(&error, &["failed, first: attempt to perform arithmetic on"]);
        assert_says(&error, &["w3"]);
    }
    let error = Flow::new().range(0..1).numbers([1]).on_error(OnError::skip().at_most(-1)).count();
    assert_says(&error.unwrap_err().to_string(), &["at most -1 bad rows"]);
}

#[test]
fn partitions_leave_rows_out_in_their_own_order() {
    let text = same(|flow| {
        let rows = some_bad(&flow, 40).round_robin(3);
        with_letters(&rows, |rows, on_error| {
            rows.map("function(x) return x + 1 end").on_error(on_error)
        })
    });
    let letters = text.split_once("--\n").unwrap().1;
    let words: Vec<_> = letters.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    // 3, 33 are of partition 0; 13 of 1; 23 of 2.
    assert_eq!(words, ["\"w3\"", "\"w33\"", "\"w13\"", "\"w23\""]);
}

#[test]
fn behind_a_satisfied_limit_nothing_is_told() {
    let text = same(|flow| {
        let rows = some_bad(&flow, 5000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad");
        let step = rows.map("function(x) return x + 1 end").on_error(OnError::dead_letter(&path));
        let letters = Flow::new().rows_file(&path).select([5]);
        Ok([values(&step.limit(2))?, b"--\n".to_vec(), lines(&letters)?].concat())
    });
    assert_eq!(text, "1\n2\n--\n");
}

#[test]
fn the_report_and_the_plan_tell_of_bad_rows() {
    let text = same(|flow| {
        let rows = some_bad(&flow, 40).map("function(x) return x + 1 end");
        let rows = rows.on_error(OnError::skip().at_most(10)).numbers([1]);
        rows.count()?;
        let report = rows.flow().report().expect("there was a run");
        let skipped: Vec<String> =
            report.steps.iter().map(|step| format!("{} {}", step.operator, step.skipped)).collect();
        let says: Vec<String> = report.warnings.iter().map(|text| text.to_string()).collect();
        Ok(format!("{}\n{}", skipped.join(", "), says.join("\n")).into_bytes())
    });
    assert_says(&text, &["lines 0, map 4, numbers 0, count 0\n", "4 of 40 rows left out, first: "]);
    assert_says(&text, &[", map: 4 of 40", "on \"w3\""]);
    let rows = Flow::new().lines(["x"]).numbers([1]).on_error(OnError::dead_letter("/tmp/bad"));
    let plan = rows.explain().unwrap();
    assert_says(&plan, &[", numbers: on_error: bad rows into /tmp/bad\n"]);
    let json = rows.on_error(OnError::skip().at_most(3)).explain_json().unwrap();
    assert_says(&json, &["\"on_error\":\"skips bad rows, at most 3 rows\""]);
}

#[test]
fn dead_letters_are_empty_where_no_row_is_bad_and_old_where_a_run_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad");
    std::fs::write(&path, "old").unwrap();
    let rows = Flow::new().lines(["1", "x"]).numbers([1]);
    let fails = rows.on_error(OnError::dead_letter(&path)).map("function(n) error('no') end");
    assert!(fails.count().is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let good = Flow::new().lines(["1"]).numbers([1]).on_error(OnError::dead_letter(&path));
    assert_eq!(good.count().unwrap(), 1);
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn dead_letters_name_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let (input, bad) = (folder.path().join("in"), folder.path().join("bad"));
    std::fs::write(&input, "1\nx\n2\n\ny\n").unwrap();
    let text = same(|flow| {
        let rows = flow.text_file(&input).map("function(line) return line + 1 end");
        rows.on_error(OnError::dead_letter(&bad)).count()?;
        values(&Flow::new().rows_file(&bad).select([4, 5]))
    });
    assert_eq!(text, "2 \"x\"\n4 \"\"\n5 \"y\"\n");
    let numbers = Flow::new().text_file(&input).numbers([1]);
    assert_eq!(numbers.on_error(OnError::dead_letter(&bad)).count().unwrap(), 3);
    let letters = values(&Flow::new().rows_file(&bad).select([4, 5])).unwrap();
    assert_eq!(letters, b"2 \"x\"\n5 \"y\"\n");
}

#[test]
fn sinks_and_streams_bring_their_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, out] = ["a", "b", "out"].map(|name| folder.path().join(name));
    let flow = Flow::new();
    let rows = flow.lines(["1", "x", "2"]);
    rows.numbers([1]).on_error(OnError::dead_letter(&first)).to_lines_file(&out);
    rows.map("function(x) return x + 0 end")
        .on_error(OnError::dead_letter(&second))
        .to_lines_file(folder.path().join("other"));
    flow.run().unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "1\n2\n");
    for path in [&first, &second] {
        assert_eq!(lines(&Flow::new().rows_file(path).select([5])).unwrap(), b"x\n");
    }
    let third = folder.path().join("c");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let read = runtime.block_on(async {
        let mut rows = rows.numbers([1]).on_error(OnError::dead_letter(&third)).stream::<i64>()?;
        let mut read = Vec::new();
        while let Some(row) = rows.next_row().await {
            read.push(row?);
        }
        Ok::<_, gleamflow::Error>(read)
    });
    assert_eq!(read.unwrap(), [1, 2]);
    assert_eq!(lines(&Flow::new().rows_file(&third).select([5])).unwrap(), b"x\n");
}

#[test]
fn a_dead_letter_file_is_no_sink() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let rows = Flow::new().lines(["x"]).numbers([1]).on_error(OnError::dead_letter(&path));
    let error = rows.save_lines(&path).unwrap_err().to_string();
    assert_says(&error, &["is to hold dead letters, and"]);
    let error =
        Flow::new().lines(["x"]).numbers([1]).on_error(OnError::dead_letter("/no/such/dir/x"));
    let error = error.count().unwrap_err().to_string();
    assert_says(&error, &["numbers: cannot write /no/such/dir/x"]);
}

#[test]
fn steps_whose_rows_do_not_fail_one_by_one_are_refused_by_name() {
    for dataset in [
        Flow::new().range(0..3).sort(1),
        Flow::new().range(0..3),
        Flow::new().range(0..3).named(["n"]),
        Flow::new().range(0..3).fold("function(a, b) return a + b end"),
    ] {
        let error = dataset.on_error(OnError::skip()).count().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Plan);
        assert!(
            error.to_string().contains("on_error: rows do not fail one by one in `"),
            "{error}"
        );
    }
}

#[test]
fn rows_with_which_a_command_fails_are_left_out() {
    let text = same(|flow| {
        let rows = flow.rows([("a", 1), ("b", 2), ("c", 3), ("d\0", 4)]);
        with_letters(&rows, |rows, on_error| {
            rows.pipe_as_args("echo \"$1\"; [ \"$2\" != 2 ] || exit 7").on_error(on_error)
        })
    });
    assert_eq!(
        text,
        "\"a\"\n\"c\"\n--\n\
         \"`echo \\\"$1\\\"; [ \\\"$2\\\" != 2 ] || exit 7` exited with code 7\" nil nil \"b\" 2\n\
         \"column 1 has a NUL in it\" nil nil \"d\\0\" 4\n"
    );
    let two = Shell::argv(["sh", "-c", "[ $1 != 3 ] && echo $*", "sh"]).batch(2).retries(1);
    let text = same(|flow| {
        let rows = flow.range(1..6).pipe_as_args(two.clone());
        values(&rows.on_error(OnError::skip().at_most(2)))
    });
    assert_eq!(text, "\"1 2\"\n\"5\"\n");
    let error = same_error(|flow| {
        let rows = flow.range(1..6).pipe_as_args(two.clone());
        rows.on_error(OnError::skip().at_most(0.1)).count()
    });
    assert_says(
        &error,
        &["pipe_as_args: more than 10 % of the rows failed, first: `sh -c", "on 3"],
    );
}

#[test]
fn memory_and_time_are_not_rows_to_be_left_out() {
    let step = "function(n) local t = {} while true do t[#t + 1] = { n } end end";
    let rows = Flow::new().workers(1).memory(96 << 20).range(0..1).map(step);
    let error = rows.on_error(OnError::skip()).count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory, "{error}");
}

#[test]
fn rows_files_are_read_in_order_and_damage_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    std::fs::write(&path, b"\x01\0\0\0\x07\x02\0\0\0\x08\x09").unwrap();
    assert_eq!(same(|flow| values(&flow.rows_file([&path, &path]))), "7\n8 9\n7\n8 9\n");
    std::fs::write(&path, b"\x01\0\0\0\x07\x05\0\0\0\x08").unwrap();
    let error = same_error(|flow| flow.rows_file(&path).count());
    assert_says(&error, &["row 2 of "]);
    std::fs::write(&path, "lines of text\n").unwrap();
    let error = same_error(|flow| flow.rows_file(&path).count());
    assert_says(&error, &["`text_file` reads lines"]);
}
