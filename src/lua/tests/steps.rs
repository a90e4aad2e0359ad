//! Map, filter, for_each, flat_map and emit; values on their way out and in.

use super::*;

#[test]
fn returns_are_counted() {
    assert_eq!(mapped("function() end"), "");
    assert_eq!(mapped("function() return nil end"), "nil");
    assert_eq!(mapped("function(x) return x, nil, 1, nil end"), "\"x\"|nil|1|nil");
    assert_eq!(mapped("function(...) return select('#', ...) end"), "1");
    assert_eq!(
        rows_of(lines(vec![map(1, "function(x) return x end")]), "\n\0\r\n"),
        "\"\"\n\"\\0\\r\""
    );
}

#[test]
fn callable_tables_are_functions() {
    assert_eq!(mapped("setmetatable({}, {__call = function(_, x) return x .. '!' end})"), "\"x!\"");
}

#[test]
fn filter_and_for_each_keep_the_row() {
    let steps = vec![
        map(1, "function(x) return x, nil, #x end"),
        lua_step("filter", code(2, "function(x, _, n) return n > 1 and 0 end")),
        lua_step("for_each", code(3, "function(x) return 'ignored' end")),
    ];
    assert_eq!(rows_of(lines(steps), "a\nbb\nccc\n"), "\"bb\"|nil|2\n\"ccc\"|nil|3");
}

#[test]
fn flat_map_takes_iterators_lists_and_nothing() {
    let input = "a b\n\nc\n";
    let words = lines(vec![flat_map(1, "function(l) return l:gmatch('%w+') end")]);
    assert_eq!(rows_of(words, input), "\"a\"\n\"b\"\n\"c\"");
    assert_eq!(flat_mapped("function() return ipairs({5, 6}) end"), "1|5\n2|6");
    assert_eq!(flat_mapped("function() return {5, null, {1}} end"), "5\nnil\n[1]");
    assert_eq!(flat_mapped("function() return {} end"), "");
    assert_eq!(flat_mapped("function() end"), "");
    assert_eq!(flat_mapped("function() return nil end"), "");
    assert_eq!(
        flat_mapped("function() return unpack_rows({{1, 2}, {null, 3}, {4}}) end"),
        "1|2\nnil|3\n4"
    );
    let callable = "function() local n = 0
        return setmetatable({}, {__call = function() n = n + 1; if n < 3 then return n, nil end end})
    end";
    assert_eq!(flat_mapped(callable), "1|nil\n2|nil");
    let coroutine = "function(x) return coroutine.wrap(function() coroutine.yield(x, 1) coroutine.yield(x, 2) end) end";
    assert_eq!(flat_mapped(coroutine), "\"x\"|1\n\"x\"|2");
}

#[test]
fn flat_map_refuses_other_values() {
    for (text, got) in [("5", "number"), ("'a'", "string"), ("true", "boolean")] {
        assert_eq!(
            flat_mapped(&format!("function() return {text} end")),
            format!("error: expected an iterator, a list or nothing, got {got}")
        );
    }
    assert_eq!(
        flat_mapped("function() return {a = 1} end"),
        "error: expected an iterator, a list or nothing, got a table that is no list"
    );
    assert_eq!(
        flat_mapped("function() return {1, nil, 3} end"),
        "error: expected a list, got a table with holes or other keys"
    );
}

#[test]
fn emit_runs_the_rest_at_once() {
    assert_eq!(mapped("function(x) emit(1) emit(2, nil) return 3 end"), "1\n2|nil\n3");
    let nested = vec![
        map(1, "function(x) emit('a') emit('b') return 'c' end"),
        map(2, "function(x) emit(x .. 1) return x .. 2 end"),
    ];
    assert_eq!(rows_of(lines(nested), "x\n"), "\"a1\"\n\"a2\"\n\"b1\"\n\"b2\"\n\"c1\"\n\"c2\"");
    let iterator = vec![
        flat_map(
            1,
            "function() local n = 0 return function() n = n + 1 if n < 3 then emit('e') return n end end end",
        ),
        map(2, "function(x) emit('m') return x end"),
    ];
    assert_eq!(rows_of(lines(iterator), "x\n"), "\"m\"\n\"e\"\n\"m\"\n1\n\"m\"\n\"e\"\n\"m\"\n2");
    let each = lines(vec![lua_step("for_each", code(1, "function(x) emit(1) end"))]);
    assert_eq!(rows_of(each, "x\n"), "1\n\"x\"");
}

#[test]
fn emit_elsewhere_is_an_error() {
    let filter = lines(vec![
        map(1, "function(x) return x end"),
        lua_step("filter", code(2, "function() emit(1) return true end")),
    ]);
    let failed = fails(filter, "x\n");
    assert_eq!(
        failed.failure.message,
        "emit: works only inside map, flat_map, for_each, group_map and map_partitions"
    );
    assert_eq!((failed.failure.step, failed.failure.code_line), (Some(2), Some(1)));
    assert_eq!(mapped("function() emit() end"), "error: emit: expected a value, got nothing");
}

#[test]
fn numbers_keep_their_kind() {
    assert_eq!(
        mapped("function() return 1, 1.0, -0, 1.5, 2^53, -2^53, 2^53 * 2, 1e300 end"),
        "1|1|0|1.5|9007199254740992|-9007199254740992|18014398509481984.0|1e+300"
            .replace("1e+300", &1e300f64.to_string())
            .replace("18014398509481984.0", &18014398509481984f64.to_string())
    );
    assert_eq!(
        mapped("function() return 9223372036854775807LL, 18446744073709551615ULL, -5LL end"),
        "9223372036854775807|18446744073709551615|-5"
    );
    assert_eq!(mapped("function() return 1i end"), "error: column 1 is a cdata");
}

#[test]
fn values_come_back_as_they_went() {
    let values = "function() return {1, null, {}, {a = {null}, [1] = true, [2.5] = 'x'}}, false, 'é', '\\255' end";
    let echo = "function(t, b, s, r) return t, b, s, r, #r, t[2] == null, t[4].a[1] == null end";
    let vm = vm_with(
        &[],
        vec![lines(vec![map(1, values)]), segment(Head::Rows(Layout::Frames), vec![map(2, echo)])],
    );
    vm.begin_task(0).expect("begins");
    let mut first = Vec::new();
    vm.push(0, Rows::lines(b"\n"), &mut |_, frames, _| {
        first.append(frames);
        Ok(())
    })
    .expect("runs");
    let shown = "[1, nil, [], {1: true, 2.5: \"x\", \"a\": [nil]}]|false|\"é\"|[255]";
    assert_eq!(show(&first), [shown]);
    let mut second = Vec::new();
    vm.push(1, Rows::frames(&first), &mut |_, frames, _| {
        second.append(frames);
        Ok(())
    })
    .expect("runs");
    assert_eq!(show(&second), [format!("{shown}|1|true|true")]);
}

#[test]
fn all_integers_and_floats_are_read() {
    use rmpv::Value;
    let identity = "function(x) return x end";
    for value in [
        Value::from(0),
        Value::from(127),
        Value::from(200),
        Value::from(60_000),
        Value::from(4_000_000_000u32),
        Value::from(1u64 << 40),
        Value::from(u64::MAX),
        Value::from(i64::MIN),
        Value::from(-1),
        Value::from(-33),
        Value::from(-200),
        Value::from(-40_000),
        Value::from(-(1i64 << 40)),
        Value::from(0.1),
        Value::from((1i64 << 53) + 1),
        Value::from("x".repeat(40)),
        Value::from("y".repeat(300)),
        Value::from("z".repeat(70_000)),
        Value::Array((0..20).map(Value::from).collect()),
        Value::Map((0..20).map(|n| (Value::from(n + 100), Value::Nil)).collect()),
    ] {
        let vm = vm(segment(Head::Rows(Layout::Frames), vec![map(1, identity)]));
        let bytes = frame(std::slice::from_ref(&value));
        let rows = task(&vm, Rows::frames(&bytes)).expect("runs");
        assert_eq!(rows, [value.to_string()]);
    }
}

#[test]
fn damaged_rows_are_errors() {
    for payload in [
        &[0xa5, b'a'][..],
        &[0xcb, 0],
        &[0xc1],
        &[0x93, 1],
        &[0xd4, 0, 0],
        &[0xdd, 255, 255, 255, 255],
    ] {
        let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
        bytes.extend(payload);
        let vm = vm(segment(Head::Rows(Layout::Frames), vec![map(4, "function(x) return x end")]));
        let failed = task(&vm, Rows::frames(&bytes)).expect_err("damaged");
        assert_eq!(failed.failure.step, Some(4));
    }
    let vm = vm(segment(Head::Rows(Layout::Frames), vec![]));
    assert!(task(&vm, Rows::frames(&[9, 0, 0, 0, 1])).is_err());
    assert!(task(&vm, Rows::frames(&[0, 0, 0, 0])).is_err());
}

#[test]
fn columns_are_split_at_tabs() {
    let head = segment(
        Head::Rows(Layout::Columns),
        vec![map(1, "function(...) return select('#', ...), ... end")],
    );
    let rows =
        task(&vm(head), Rows::new(Layout::Columns, b"a\nb\tc\n\nd\t\n\t\t1\t2\n")).expect("runs");
    assert_eq!(
        rows,
        ["1|\"a\"", "2|\"b\"|\"c\"", "1|\"\"", "2|\"d\"|\"\"", "4|\"\"|\"\"|\"1\"|\"2\""]
    );
}

#[test]
fn what_is_no_value_is_refused() {
    assert_eq!(mapped("function() return 1, print end"), "error: column 2 is a function");
    assert_eq!(
        mapped("function() return coroutine.create(print) end"),
        "error: column 1 is a coroutine"
    );
    assert_eq!(mapped("function() return 1, {io.stdout} end"), "error: column 2 holds a userdata");
    assert_eq!(
        mapped("function() local t = {} t[1] = t return t end"),
        "error: column 1 is nested deeper than 100, or holds itself"
    );
    assert_eq!(
        mapped("function() return ('x'):rep(2e6) end"),
        "error: a row is larger than `max_row` allows"
    );
    assert_eq!(
        mapped("function() return {('x'):rep(6e5), ('x'):rep(6e5)} end"),
        "error: a row is larger than `max_row` allows"
    );
    for text in ["{}", "print", "function() end", "io.stdout", "coroutine.create(print)", "1i"] {
        let out = mapped(&format!("function() return 1, tostring({text}) end"));
        if text == "1i" {
            continue;
        }
        assert!(out.contains("column 2 is the text") && out.contains("address"), "{out}");
    }
    assert_eq!(mapped("function() return 'table: 0x12 ' end"), "\"table: 0x12 \"");
}

#[test]
fn syntax_is_checked_before_the_run() {
    let good = code(1, "function(x) return x end -- fine");
    let shared = code(2, "local x = 1\nfunction f() end");
    check_syntax(&[(&good, true), (&shared, false)]).expect("both are fine");
    let failure =
        check_syntax(&[(&good, true), (&code(5, "function(x)\n  return x +\nend"), true)])
            .expect_err("bad");
    assert_eq!((failure.step, failure.code_line), (Some(5), Some(3)));
    assert_eq!(failure.message, "unexpected symbol near 'end'");
    let failure = check_syntax(&[(&code(6, "local x = 1 return x"), true)]).expect_err("bad");
    assert!(failure.hint.expect("a hint").contains("a step takes a function"));
    assert!(check_syntax(&[(&code(6, "print, print"), true)]).is_err());
    let failure = check_syntax(&[(&code(7, "x = = 1"), false)]).expect_err("bad");
    assert_eq!((failure.step, failure.code_line), (Some(7), Some(1)));
}
