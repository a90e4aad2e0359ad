//! Text forms of commands: what a row becomes, what text becomes, and what is refused.

use gleamflow::{Dataset, ErrorKind, Flow, Shell, Text, Value};

use crate::harness::{assert_says, lines, same, same_error, values};

fn through(rows: &Dataset, command: &str, form: Text) -> Dataset {
    rows.pipe(Shell::new(command).text(form))
}

fn hard(flow: Flow) -> Dataset {
    flow.rows([
        ("a,b\t\"c\"", Some("two\nlines"), -1.5),
        ("", None, 1e300),
        ("é\r\n", Some(" "), 2.0),
    ])
}

#[test]
fn csv_goes_both_ways() {
    let text = same(|flow| values(&through(&hard(flow), "cat", Text::csv())));
    assert_eq!(
        text,
        "\"a,b\\t\\\"c\\\"\" \"two\\nlines\" \"-1.5\"\n\
         \"\" \"\" \"1e300\"\n\
         \"é\\r\\n\" \" \" \"2\"\n"
    );
    // What the command sees, also of raw lines and of what Lua returns.
    let seen = |rows: Dataset| lines(&rows.pipe(Shell::new("cat").input(Text::csv())));
    let text = same(|flow| seen(flow.lines(["a,b", "x\ty", ""])));
    assert_eq!(text, "\"a,b\"\nx\ty\n\"\"\n");
    let text = same(|flow| seen(flow.lines(["a,b", "\"x\ty"]).pipe("cat")));
    assert_eq!(text, "\"a,b\"\n\"\"\"x\",y\n");
    let text = same(|flow| {
        seen(flow.range(1..4).map("function(x) return x / 2, 'a,' .. x, x > 2, nil end"))
    });
    assert_eq!(text, "0.5,\"a,1\",false,\n1,\"a,2\",false,\n1.5,\"a,3\",true,\n");
    // One way alone, and from a command for each row.
    let made = Shell::new("printf '1,\"a\nb\"\\r\\n2,c'").output(Text::csv());
    assert_eq!(
        same(|flow| values(&flow.range(0..0).pipe(&made))),
        "\"1\" \"a\\nb\"\n\"2\" \"c\"\n"
    );
    let each = Shell::new("printf '%s,\"x\ny\"\\n' $1 $1").output(Text::csv());
    let text = same(|flow| values(&flow.range(0..2).pipe_as_args(&each)));
    assert_eq!(text, "\"0\" \"x\\ny\"\n\"0\" \"x\\ny\"\n\"1\" \"x\\ny\"\n\"1\" \"x\\ny\"\n");
}

#[test]
fn json_lines_keep_the_types_of_values() {
    let rows = |flow: Flow| {
        flow.range(1..4).map(
            "function(x) return x, x / 2, x == 2, nil, 'a\\n\"' .. x, { x, { k = null } }, {} end",
        )
    };
    let plain = same(|flow| values(&rows(flow)));
    // jq and others may give the members of an object in another order, `cat` does not.
    let text = same(|flow| values(&through(&rows(flow), "cat", Text::json_lines())));
    assert_eq!(text.replace(".0 ", " "), plain.replace(".0 ", " "));
    let text = same(|flow| values(&through(&hard(flow), "cat", Text::json_lines())));
    assert_eq!(text, same(|flow| values(&hard(flow))));
    let seen =
        same(|flow| lines(&rows(flow).limit(1).pipe(Shell::new("cat").input(Text::json_lines()))));
    assert_eq!(seen, "[1,0.5,false,null,\"a\\n\\\"1\",[1,{\"k\":null}],[]]\n");
    let seen =
        same(|flow| lines(&flow.lines(["x\ty"]).pipe(Shell::new("cat").input(Text::json_lines()))));
    assert_eq!(seen, "[\"x\\ty\"]\n");
}

#[test]
fn integers_of_64_bits_pass_through_json() {
    let rows: Vec<(i64, u64, f64)> =
        vec![(i64::MIN, u64::MAX, 0.1), (9_007_199_254_740_993, 0, -0.0), (-1, 1, 5e-324)];
    let again = |flow: Flow| values(&through(&flow.rows(rows.clone()), "cat", Text::json_lines()));
    assert_eq!(same(again), same(|flow| values(&flow.rows(rows.clone()))));
}

#[test]
fn json_objects_are_rows_of_their_named_members() {
    let names = || Text::json_objects(["id", "name"]);
    let seen =
        same(|flow| lines(&flow.rows([(1, "a"), (2, "b")]).pipe(Shell::new("cat").input(names()))));
    assert_eq!(seen, "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n");
    let made = Shell::new(
        "printf '%s\\n' '{\"name\":\"x\",\"more\":[1],\"id\":7}' '{}' ' ' '{\"id\":null}'",
    );
    let text = same(|flow| values(&flow.range(0..0).pipe(made.clone().output(names()))));
    assert_eq!(text, "7 \"x\"\nnil nil\nnil nil\n");
    // Without names, an object is a value.
    let rows: Vec<Value> =
        Flow::new().range(0..0).pipe(made.output(Text::json_lines())).collect().unwrap();
    assert_eq!((rows.len(), rows[0]["id"].as_i64()), (3, Some(7)));
}

#[test]
fn texts_ended_by_nul_keep_tabs_and_line_feeds() {
    let rows = |flow: Flow| flow.rows(["b\tb", "a\na", "", "c"]);
    let text = same(|flow| values(&through(&rows(flow), "LC_ALL=C sort -z", Text::nul())));
    assert_eq!(text, "\"\"\n\"a\\na\"\n\"b\\tb\"\n\"c\"\n");
    let args = Shell::new("xargs -0 -n 1 printf '<%s>\\n'").input(Text::nul());
    assert_eq!(same(|flow| lines(&flow.lines(["x y", "z"]).pipe(&args))), "<x y>\n<z>\n");
    let open = Shell::new("printf 'a\\0b'").output(Text::nul());
    assert_eq!(same(|flow| lines(&flow.range(0..0).pipe(&open))), "a\nb\n");
}

#[test]
fn raw_bytes_go_in_as_they_are_and_come_out_as_one_row() {
    let text =
        same(|flow| values(&through(&flow.rows(["a\n", "b", "", "c\n"]), "cat", Text::raw())));
    assert_eq!(text, "\"a\\nbc\\n\"\n");
    let bytes = Shell::new("printf '\\377\\0'").output(Text::raw());
    let rows: Vec<Value> = Flow::new().range(0..0).pipe(&bytes).collect().unwrap();
    assert_eq!(rows, [Value::Binary(vec![255, 0])]);
    // A row for each, also for one without output.
    let each = Shell::new("seq $1").output(Text::raw());
    assert_eq!(
        same(|flow| values(&flow.range(0..3).pipe_as_args(&each))),
        "\"\"\n\"1\\n\"\n\"1\\n2\\n\"\n"
    );
}

#[test]
fn forms_stand_beside_partitions_neighbours_and_retries() {
    let text = same(|flow| {
        let rows = flow.rows([("a\tx", 1), ("b", 2), ("c", 3)]).round_robin(2);
        let json = rows.pipe(Shell::new("cat").text(Text::json_lines()));
        values(
            &json.pipe(Shell::new("cat").text(Text::csv())).map("function(s, n) return n, s end"),
        )
    });
    assert_eq!(text, "\"1\" \"a\\tx\"\n\"3\" \"c\"\n\"2\" \"b\"\n");
    // Neighbours are joined where lines lie between them.
    let text = same(|flow| {
        let lines = flow.lines(["a,b"]).pipe(Shell::new("cat").input(Text::csv())).pipe("cat");
        values(&lines.pipe(Shell::new("cat").output(Text::csv())))
    });
    assert_eq!(text, "\"a,b\"\n");
    let folder = tempfile::tempdir().unwrap();
    let text = same(|flow| {
        let shell =
            Shell::new("cat; [ -e tried ] || { touch tried; echo '[1'; }").text(Text::json_lines());
        let rows = flow.range(0..2).pipe(shell.dir(folder.path()).retries(1));
        let text = values(&rows);
        std::fs::remove_file(folder.path().join("tried")).unwrap();
        text
    });
    assert_eq!(text, "0\n1\n");
}

#[test]
fn broken_text_of_a_command_is_an_error_with_its_place() {
    let output = |form: Text, text: &str| {
        let shell = Shell::new(format!("cat >/dev/null; printf '{text}'")).output(form);
        let error = Flow::new().range(0..3).pipe(&shell).count().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Command, Some("pipe")));
        let each = same_error(|flow| lines(&flow.range(7..9).pipe_as_args(&shell)));
        assert_says(&each, &["text_forms.rs:", "pipe_as_args: a command wrote broken"]);
        error.to_string()
    };
    let said = output(Text::csv(), "a,b\\nc\"d\\n");
    assert_says(
        &said,
        &["text_forms.rs:", "a command wrote broken CSV, record 2: a quote within", "hint: "],
    );
    assert_says(&output(Text::csv(), "a\\n\"open"), &["record 2", "ends before another"]);
    let said = output(Text::json_lines(), "[1]\\n[2,]\\n");
    assert_says(&said, &["broken JSON, line 2, byte 4: a value was expected", "on \"[2,]\""]);
    let said = output(Text::json_lines(), "{\\n  \"a\": 1\\n}\\n");
    assert_says(
        &said,
        &["line 1, byte 2: it ends within a value", "hint: a value takes one line: `jq -c`"],
    );
    assert_says(&output(Text::json_objects(["a"]), "[1]\\n"), &["each line is an object"]);
}

#[test]
fn rows_before_broken_text_come_first_and_a_failed_command_s_rest_is_no_row() {
    let broken = Shell::new("cat; echo '[3'").text(Text::json_lines());
    let text = same(|flow| lines(&flow.range(0..3).pipe(&broken).limit(3)));
    assert_eq!(text, "0\n1\n2\n");
    // What is half-written is the command's failure.
    for form in [Text::csv(), Text::json_lines(), Text::nul(), Text::raw()] {
        let half = Shell::new("cat >/dev/null; printf '\"half'; exit 3").output(form);
        let message = same_error(|flow| lines(&flow.range(0..3).pipe(&half)));
        assert_says(&message, &["exited with code 3"]);
    }
}

#[test]
fn rows_that_have_no_such_text_are_refused() {
    let said = |form: Text, rows: fn(Flow) -> Dataset| {
        let shell = Shell::new("cat").input(form);
        let message = same_error(|flow| lines(&rows(flow).pipe(&shell)));
        assert_says(&message, &["text_forms.rs:", "pipe: "]);
        message
    };
    let table = |flow: Flow| flow.range(1..3).map("function(x) return x, { x } end");
    assert_says(&said(Text::csv(), table), &["column 2: a table has no text form", "on 1, "]);
    let nan = |flow: Flow| flow.range(1..3).map("function(x) return x, 0 / 0 end");
    assert_says(&said(Text::json_lines(), nan), &["column 2: nan has no JSON form", "hint: "]);
    let bytes = |flow: Flow| flow.range(1..2).map("function(x) return '\\255' end");
    assert_says(&said(Text::json_lines(), bytes), &["column 1: bytes that are no UTF-8"]);
    let keys = |flow: Flow| flow.range(1..2).map("function(x) return { [5] = 1 } end");
    assert_says(&said(Text::json_lines(), keys), &["a key that is no text"]);
    let two = |flow: Flow| flow.rows([(1, 2)]);
    assert_says(&said(Text::json_objects(["a"]), two), &["1 names for its columns", "on 1, 2"]);
    assert_says(&said(Text::nul(), two), &["a row of several columns", "hint: `select`"]);
    assert_says(&said(Text::raw(), two), &["a row of several columns", "hint: `select`"]);
    let nul = |flow: Flow| flow.rows(["a\0b"]);
    assert_says(&said(Text::nul(), nul), &["contains a NUL"]);
}

#[test]
fn forms_that_a_step_does_not_have_are_refused() {
    let rows = Flow::new().range(0..1);
    let json = || Shell::new("cat").text(Text::json_lines());
    for error in [
        rows.pipe_as_args(json()).count().unwrap_err(),
        rows.pipe_rows(json()).count().unwrap_err(),
        rows.pipe_rows(Shell::new("cat").output(Text::csv())).count().unwrap_err(),
        rows.pipe(Shell::new("cat").input(Text::json_objects(["a", "b", "a"])))
            .count()
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Plan, "{error}");
    }
}

#[test]
fn a_record_beyond_max_row_is_refused_in_every_form() {
    let long = "cat >/dev/null; printf '\"'; head -c 3000000 /dev/zero | tr '\\0' x; printf '\"'";
    for form in [Text::csv(), Text::json_lines(), Text::nul(), Text::raw()] {
        let shell = Shell::new(long).output(form);
        let message = same_error(|flow| lines(&flow.max_row(1 << 20).range(0..1).pipe(&shell)));
        assert_says(&message, &["pipe", "larger than `max_row` allows"]);
    }
}
