//! DESIGN.md's table "Values and text", row by row, as flows show it.

use gleamflow::{ErrorKind, Flow, Sort};
use rmpv::Value;

use crate::harness::{assert_says, lines, same, same_error, text, values};

fn text_value(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn sort_follows_the_order_over_values() {
    let map = |key: &str| Value::Map(vec![(text_value(key), Value::from(1))]);
    let mixed = vec![
        (map("b"),),
        (Value::Array(vec![Value::from(2)]),),
        (text_value("b"),),
        (Value::F64(f64::NAN),),
        (Value::from(10),),
        (Value::from(true),),
        (map("a"),),
        (Value::Array(vec![Value::from(1), Value::from(9)]),),
        (Value::Binary(b"a\xff".to_vec()),),
        (text_value("B"),),
        (Value::F64(f64::INFINITY),),
        (Value::F64(9.5),),
        (Value::from(u64::MAX),),
        (Value::from(i64::MIN),),
        (Value::F64(f64::NEG_INFINITY),),
        (Value::from(false),),
        (Value::Nil,),
        (text_value(""),),
        (Value::Array(vec![]),),
    ];
    let expected = r#"nil
false
true
-inf
-9223372036854775808
9.5
10
18446744073709551615
inf
NaN
""
"B"
b"a\xff"
"b"
[]
[1, 9]
[2]
{"a": 1}
{"b": 1}
"#;
    assert_eq!(same(|flow| values(&flow.rows(&mixed).sort(1))), expected);
    assert_eq!(same(|flow| values(&flow.rows(&mixed).distinct())), expected);
    let keyed = same(|flow| values(&flow.rows(&mixed).reduce("function() end")));
    assert_eq!(keyed, expected);
    let backwards = same(|flow| values(&flow.rows(&mixed).sort(Sort::by(1).descending())));
    let reversed: String = expected.lines().rev().map(|line| format!("{line}\n")).collect();
    assert_eq!(backwards, reversed);
}

#[test]
fn equal_numbers_are_one_key_and_the_first_seen_is_shown() {
    let ones = || [Value::from(1), Value::F64(1.0), Value::from(1)].map(|v| (v,));
    assert_eq!(same(|flow| values(&flow.rows(ones()).distinct())), "1\n");
    let ones = || [Value::F64(1.0), Value::from(1)].map(|v| (v,));
    assert_eq!(same(|flow| values(&flow.rows(ones()).distinct())), "1.0\n");
    let zeros = || [Value::F64(-0.0), Value::from(0), Value::F64(0.0)].map(|v| (v,));
    assert_eq!(same(|flow| values(&flow.rows(zeros()).distinct())), "-0.0\n");
    let counted = same(|flow| {
        let rows = [(Value::from(2), 1), (Value::F64(2.0), 1), (Value::from(3), 1)];
        lines(&flow.rows(rows).reduce("function(x, y) return x + y end"))
    });
    assert_eq!(counted, "2\t2\n3\t1\n");
}

#[test]
fn integers_beyond_doubles_are_keys_of_their_own() {
    let close = [9007199254740992u64, 9007199254740993, u64::MAX, u64::MAX - 1];
    let text = same(|flow| lines(&flow.rows(close).distinct()));
    let expected =
        "9007199254740992\n9007199254740993\n18446744073709551614\n18446744073709551615\n";
    assert_eq!(text, expected);
    let counted = same(|flow| {
        let rows = flow.rows(close.iter().chain(&close).map(|&key| (key, 1)));
        lines(&rows.reduce("function(x, y) return x + y end"))
    });
    let expected = "9007199254740992\t2\n9007199254740993\t2\n18446744073709551614\t2\n18446744073709551615\t2\n";
    assert_eq!(counted, expected);
}

#[test]
fn nan_is_one_key() {
    let text = same(|flow| {
        let rows = flow.rows([(f64::NAN, 1), (-f64::NAN, 2), (f64::NAN, 3)]);
        lines(&rows.reduce("function(x, y) return x + y end"))
    });
    assert_eq!(text, "nan\t6\n");
}

#[test]
fn text_and_bytes_of_the_same_bytes_are_one_key() {
    let text = same(|flow| {
        let rows = [(text_value("a"), 1), (Value::Binary(b"a".to_vec()), 2)];
        values(&flow.rows(rows).reduce("function(x, y) return x + y end"))
    });
    assert_eq!(text, "\"a\" 3\n");
}

#[test]
fn the_text_1_is_not_the_number_1() {
    let text = same(|flow| values(&flow.rows([text_value("1"), Value::from(1)]).distinct()));
    assert_eq!(text, "1\n\"1\"\n");
}

#[test]
fn nil_is_a_key_and_a_missing_key_column_is_none() {
    let text = same(|flow| {
        let rows = flow.rows([
            vec![Value::from(1), Value::Nil],
            vec![Value::from(2), text_value("k")],
            vec![Value::from(4)],
        ]);
        values(&rows.pad(2).reduce_by([2], "function(x, y) return x + y end"))
    });
    assert_eq!(text, "nil 5\n\"k\" 2\n");
    let message = same_error(|flow| {
        let rows = flow.rows([vec![2, 0], vec![1]]);
        rows.reduce_by([2], "function(x, y) return x + y end").count()
    });
    let missing = ["reduce_by", "there is no column 2: the row has 1 column", "hint: `pad(2)`"];
    assert_says(&message, &missing);
    let message = same_error(|flow| flow.rows([vec![2, 0], vec![1]]).sort(2).count());
    assert_says(&message, &["sort", "there is no column 2: the row has 1 column"]);
}

#[test]
fn numbers_from_lua_are_integers_where_they_are_integral() {
    let text = same(|flow| {
        values(&flow.range(0..1).flat_map(
            "function() return {1, 1.0, -0.0, 0.5, 2^53, 2^53 + 2, -2^53, 1e300, 1/0, 0/0} end",
        ))
    });
    let expected =
        "1\n1\n0\n0.5\n9007199254740992\n9007199254740994.0\n-9007199254740992\n1e300\ninf\nNaN\n";
    assert_eq!(text, expected);
}

#[test]
fn large_integers_reach_lua_as_cdata_and_go_back_as_integers() {
    let numbers = || {
        flow_rows([Value::from(u64::MAX), Value::from(i64::MIN), Value::from(9007199254740993u64)])
    };
    let text =
        same(|flow| values(&flow.rows(numbers()).map("function(x) return x, type(x), str(x) end")));
    let expected = r#"18446744073709551615 "cdata" "18446744073709551615"
-9223372036854775808 "cdata" "-9223372036854775808"
9007199254740993 "cdata" "9007199254740993"
"#;
    assert_eq!(text, expected);
    let added = same(|flow| values(&flow.rows(numbers()).map("function(x) return x + 1 end")));
    assert_eq!(added, "0\n-9223372036854775807\n9007199254740994\n");
}

fn flow_rows<const N: usize>(values: [Value; N]) -> [(Value,); N] {
    values.map(|value| (value,))
}

#[test]
fn a_row_that_lua_does_not_look_into_is_not_encoded_again() {
    let rows = || flow_rows([Value::F64(1.0), Value::Binary(b"a".to_vec()), Value::from(1)]);
    let expected = "1.0\nb\"a\"\n1\n";
    assert_eq!(same(|flow| values(&flow.rows(rows()))), expected);
    assert_eq!(same(|flow| values(&flow.rows(rows()).select([1]))), expected);
    assert_eq!(same(|flow| values(&flow.rows(rows()).pipe_rows("cat"))), expected);
    assert_eq!(same(|flow| values(&flow.rows(rows()).round_robin(1))), expected);
}

#[test]
fn numbers_as_text_are_decimal_or_the_shortest_that_reads_back() {
    let numbers = || {
        flow_rows([
            Value::from(1),
            Value::F64(1.0),
            Value::F64(-0.0),
            Value::F64(0.1),
            Value::F64(1e15),
            Value::F64(9007199254740992.0),
            Value::F64(1e22),
            Value::F64(1e300),
            Value::F64(1.5e-7),
            Value::F64(1.0 / 3.0),
            Value::F64(f64::NAN),
            Value::F64(f64::INFINITY),
            Value::F64(f64::NEG_INFINITY),
            Value::from(i64::MIN),
            Value::from(u64::MAX),
        ])
    };
    let expected = "1\n1\n0\n0.1\n1000000000000000\n9007199254740992\n1e22\n1e300\n1.5e-7\n\
                    0.3333333333333333\nnan\ninf\n-inf\n-9223372036854775808\n\
                    18446744073709551615\n";
    assert_eq!(same(|flow| lines(&flow.rows(numbers()))), expected);
    assert_eq!(same(|flow| text(&flow.rows(numbers()), "%s")), expected);
    assert_eq!(same(|flow| lines(&flow.rows(numbers()).pipe("cat"))), expected);
    assert_eq!(same(|flow| lines(&flow.rows(numbers()).pipe_as_args("echo $1"))), expected);
    assert_eq!(
        same(|flow| lines(&flow.rows(numbers()).map("function(x) return str(x) end"))),
        expected
    );
}

#[test]
fn percent_d_takes_integers_integral_floats_and_decimal_text() {
    let numbers = || {
        flow_rows([
            Value::from(7),
            Value::F64(7.0),
            text_value("7"),
            text_value("-9223372036854775808"),
            Value::from(u64::MAX),
            text_value("18446744073709551615"),
            Value::F64(1e18),
        ])
    };
    let expected = "7\n7\n7\n-9223372036854775808\n18446744073709551615\n18446744073709551615\n\
                    1000000000000000000\n";
    assert_eq!(same(|flow| text(&flow.rows(numbers()), "%d")), expected);
    let message = same_error(|flow| text(&flow.rows([1.0, 1.5]), "%d"));
    assert_says(&message, &["save_text_to", "1.5"]);
    let message = same_error(|flow| text(&flow.lines(["12", "word"]), "%d"));
    assert_says(&message, &["save_text_to", "word"]);
}

#[test]
fn strings_are_bytes_and_text_only_where_valid() {
    let text = same(|flow| {
        values(&flow.range(0..1).flat_map("function() return {'é', '\\255', 'a\\0b', ''} end"))
    });
    assert_eq!(text, "\"é\"\nb\"\\xff\"\n\"a\\0b\"\n\"\"\n");
    let joined = same(|flow| {
        let parts: [&[u8]; 2] = [b"\xc3", b"\xa9"];
        values(&flow.lines(parts).fold("function(x, y) return x .. y end"))
    });
    assert_eq!(joined, "\"é\"\n");
}

#[test]
fn tables_become_arrays_or_maps_with_sorted_keys() {
    let text = same(|flow| {
        values(&flow.range(0..1).map(
            "function() return {1, 2, 3}, {}, {b = 1, a = 2, [10] = 3, [9] = 4, [true] = 5}, \
             {1, null, 3}, {{x = {}}}, null end",
        ))
    });
    let expected = "[1, 2, 3] [] {true: 5, 9: 4, 10: 3, \"a\": 2, \"b\": 1} [1, nil, 3] \
                    [{\"x\": []}] nil\n";
    assert_eq!(text, expected);
    let back = same(|flow| {
        let rows = [(
            vec![Some(1), None],
            [("k", 5)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        )];
        values(
            &flow
                .rows(rows)
                .map("function(list, map) return #list, list[2] == null, map.k, list, map end"),
        )
    });
    assert_eq!(back, "2 true 5 [1, nil] {\"k\": 5}\n");
}

/// An error's text, in which addresses differ from process to process.
fn without_addresses(error: &gleamflow::Error) -> String {
    let text = error.to_string();
    let Some(at) = text.find(": 0x") else { return text };
    let digits = text[at + 4..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(0);
    format!("{}{}", &text[..at + 4], &text[at + 4 + digits..])
}

#[test]
fn what_cannot_be_a_column_is_an_error_at_the_step() {
    for (column, word) in [
        ("print", "function"),
        ("coroutine.create(print)", "coroutine"),
        ("io.stdout", "userdata"),
        ("tostring({})", "table: 0x"),
        ("tostring(print)", "function: "),
        ("('%s'):format({})", "table: 0x"),
        ("string.format('%s%s%s%s%s%s', '', '', '', '', '', {})", "table: 0x"),
        ("str(io.stdout)", "file (0x"),
        ("{tostring({})}", "table: 0x"),
        ("1, tostring({})", "table: 0x"),
        ("(function() local t = {} t[1] = t return t end)()", ""),
        ("(function() local t = {} for _ = 1, 101 do t = {t} end return t end)()", "100"),
        ("{print}", "function"),
        ("{[print] = 1}", "function"),
    ] {
        let message = same_error(|flow| {
            let step = format!("function(x) if x == 3 then return {column} end return x end");
            flow.range(0..6).map(step).count().map_err(|error| without_addresses(&error))
        });
        assert_says(&message, &["values.rs:", ", map", word, "\n  on "]);
    }
    let deep = "function() local t = {} for _ = 1, 99 do t = {t} end return t end";
    assert_eq!(
        same(|flow| Ok(format!("{}", flow.range(0..1).map(deep).count()?).into_bytes())),
        "1"
    );
}

#[test]
fn text_of_the_input_that_looks_like_an_address_is_text() {
    let odd = ["function: 0x40000000", "table: 0x1", "function: builtin#29", "file (0xab)", "x"];
    let each = |step: &'static str| same(move |flow| lines(&flow.lines(odd).map(step)));
    let expected: String = odd.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(each("function(line) return line end"), expected);
    assert_eq!(each("function(line) return tostring(line) end"), expected);
    assert_eq!(each("function(line) return ('%s'):format(line) end"), expected);
    // Values that were made into text, but are in no column, change nothing.
    let traced = "function(line) trace = tostring({}) .. ('%s'):format({}) return line end";
    assert_eq!(each(traced), expected);
    let wide = "function(line) trace = tostring({}) return line, 1, line, {line} end";
    let rows = same(|flow| values(&flow.lines([odd[0]]).map(wide)));
    assert_eq!(rows, format!("{0:?} 1 {0:?} [{0:?}]\n", odd[0]));
    let pair = "function(line) trace = tostring({}) return line, line end";
    assert_eq!(
        same(|flow| lines(&flow.lines(["table: 0x1"]).map(pair))),
        "table: 0x1\ttable: 0x1\n"
    );
    let counted = same(|flow| {
        let words = flow.lua("trace = tostring({})").lines(["table: 0x1,b,table: 0x1"]);
        let words = words.flat_map("function(line) return line:gmatch('[^,]+') end");
        let words = words.map("function(word) return word, 1 end");
        lines(&words.reduce("function(x, y) return x + y end"))
    });
    assert_eq!(counted, "b\t1\ntable: 0x1\t2\n");
}

#[test]
fn returning_nothing_drops_the_row_and_nil_is_a_row() {
    let step = "function(x)
        if x == 0 then return end
        if x == 1 then return nil end
        if x == 2 then return nil, 2 end
        if x == 3 then return 3, nil end
        if x == 4 then return 4, nil, 4 end
    end";
    let text = same(|flow| values(&flow.range(0..6).map(step)));
    assert_eq!(text, "nil\nnil 2\n3 nil\n4 nil 4\n");
}

#[test]
fn one_column_goes_to_a_command_verbatim() {
    let odd = ["a\tb", "  c ", "", "\\n", "'\"$x`"];
    let text = same(|flow| lines(&flow.rows(odd.map(|t| (t,))).pipe("cat -A")));
    assert_eq!(text, "a^Ib$\n  c $\n$\n\\n$\n'\"$x`$\n");
}

#[test]
fn several_columns_are_joined_by_tab_and_nil_is_empty() {
    let text = same(|flow| {
        let rows = [(Some("a"), Some(1), None), (None, None, Some(true))];
        lines(&flow.rows(rows).pipe("cat -A"))
    });
    assert_eq!(text, "a^I1^I$\n^I^Itrue$\n");
}

#[test]
fn a_separator_within_a_column_is_refused() {
    let message = same_error(|flow| flow.rows([("a", "b\tc")]).pipe("cat").count());
    assert_says(&message, &["pipe", "column 2", "tab"]);
    let message = same_error(|flow| flow.rows([("a\nb",)]).pipe("cat").count());
    assert_says(&message, &["pipe", "line feed"]);
    let message = same_error(|flow| lines(&flow.rows([("a", "b\tc")])));
    assert_says(&message, &["save_lines_to", "column 2", "tab"]);
    let message = same_error(|flow| lines(&flow.rows([("a", vec![1])])));
    assert_says(&message, &["save_lines_to", "column 2", "table"]);
}

#[test]
fn lines_of_a_command_are_cut_at_tab_into_text_columns() {
    let text = same(|flow| values(&flow.lines(["x"]).pipe("printf 'a\\t1\\n\\tb\\t\\n\\nlast'")));
    assert_eq!(text, "\"a\" \"1\"\n\"\" \"b\" \"\"\n\"\"\n\"last\"\n");
    let numbers = same(|flow| values(&flow.range(3..5).pipe("cat").numbers([1])));
    assert_eq!(numbers, "3\n4\n");
}

#[test]
fn numbers_reads_decimal_text_exactly() {
    let text = same(|flow| {
        let columns =
            ["12", "-9223372036854775808", "18446744073709551615", "1.50", "1e3", "", "inf"];
        values(&flow.lines(columns).numbers([1]))
    });
    assert_eq!(text, "12\n-9223372036854775808\n18446744073709551615\n1.5\n1000.0\nnil\ninf\n");
    let others = same(|flow| values(&flow.rows([("1", "2", 3)]).numbers([3, 1])));
    assert_eq!(others, "1 \"2\" 3\n");
    let message = same_error(|flow| flow.lines(["1", "one"]).numbers([1]).count());
    assert_says(&message, &["numbers", "one"]);
    let message = same_error(|flow| flow.lines(["1e308", "1e400"]).numbers([1]).count());
    assert_says(&message, &["numbers", "\"1e400\"", "hint: ", "1.8e308"]);
    let special = same(|flow| values(&flow.lines(["nan", "NaN", "-inf"]).numbers([1])));
    assert_eq!(special, "NaN\nNaN\n-inf\n");
}

#[test]
fn a_format_takes_exactly_as_many_columns_as_it_names() {
    let few = same_error(|flow| text(&flow.rows([("a", 1)]), "%s"));
    assert_says(&few, &["save_text_to", "column"]);
    let many = same_error(|flow| text(&flow.rows([("a", 1)]), "%s %d %d"));
    assert_says(&many, &["save_text_to", "column"]);
}

#[test]
fn a_bad_format_is_found_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let ran = directory.path().join("ran");
    for format in ["%y", "%", "%5"] {
        let message = same_error(|flow| {
            text(&flow.lines(["a"]).pipe(format!("touch {}; cat", ran.display())), format)
        });
        assert_says(&message, &["save_text_to"]);
        assert!(!ran.exists(), "a command ran before {format:?} was refused");
    }
    let error = text(&Flow::new().lines(["a"]), "%y").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plan);
}

#[test]
fn formats_are_those_of_string_format() {
    let text_of =
        |format: &'static str| same(move |flow| text(&flow.rows([(42, 2.5, "a\"b")]), format));
    assert_eq!(text_of("%5d|%-6.2f|%s"), "   42|2.50  |a\"b\n");
    assert_eq!(text_of("%05i %e %10s"), "00042 2.500000e+00        a\"b\n");
    assert_eq!(text_of("%u %g %q"), "42 2.5 \"a\\\"b\"\n");
    assert_eq!(text_of("%x %.0f %.1s%%"), "2a 2 a%\n");
    assert_eq!(text_of("%c%G %s"), "*2.5 a\"b\n");
    assert_eq!(same(|flow| text(&flow.rows([None::<i64>]), "[%s]")), "[]\n");
}

#[test]
fn an_integer_is_accepted_where_a_float_is_asked_for() {
    let rows: Vec<(f64, f32)> = Flow::new().rows([(1, 2)]).collect().unwrap();
    assert_eq!(rows, [(1.0, 2.0)]);
    let error = Flow::new().rows([1.5]).collect::<i64>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Row);
}

#[test]
fn integers_of_128_bits_are_integers_or_an_error() {
    let text = same(|flow| values(&flow.rows([5i128, -7]).map("function(x) return x + 1 end")));
    assert_eq!(text, "6\n-6\n");
    let back: Vec<(i128, u128)> = Flow::new().rows([(5i128, 6u128)]).collect().unwrap();
    assert_eq!(back, [(5, 6)]);
    let message = same_error(|flow| flow.rows([1, i128::MAX]).count());
    assert_says(&message, &["values.rs:", ", rows: row 2: ", "64 bits", "hint: ", "text"]);
}

#[test]
fn tostring_is_luas_own_and_str_is_exact() {
    let text = same(|flow| {
        lines(&flow.rows([0.1 + 0.2]).map("function(x) return tostring(x), x .. '', str(x) end"))
    });
    assert_eq!(text, "0.3\t0.3\t0.30000000000000004\n");
}
