//! Recognised functions: which they are, and that nobody can tell.
//!
//! A newcomer's trap: `local s = line` and the like make a function that is not recognised, so the
//! same code behind it is the model.

use super::*;

/// What a recogniser of `lua/shapes.lua` says of a function, as text.
fn shape(recogniser: &str, text: &str) -> String {
    let vm = vm(lines(vec![map(1, "function() end")]));
    let shapes = vm.module_for_test("shapes").expect("a module");
    let f: mlua::Value =
        vm.load_for_test(&format!("return {text}")).and_then(|f| f.call(())).expect(text);
    let found: mlua::Value = shapes
        .get::<mlua::Function>(recogniser)
        .and_then(|recognise| recognise.call(f))
        .expect("answers");
    found.to_string().expect("a text, a number, nil or a boolean")
}

#[test]
fn shapes_and_nothing_else_are_recognised() {
    for (recogniser, text, found) in [
        ("searched_text", "function(l) return l:find('a.c', 1, true) end", "a.c"),
        ("searched_text", "function(l) return l:find('', 1, true) ~= nil end", ""),
        ("matched_pattern", "function(l) return l:gmatch('%w+') end", "%w+"),
        ("matched_pattern", "function(line) return line:gmatch('') end", ""),
        ("number_of_key", "function(w) return w, 1 end", "1"),
        ("number_of_key", "function(key) return key, -32768 end", "-32768"),
        ("is_sum", "function(a, b) return a + b end", "true"),
        ("is_sum", "function(a, b) return b + a end", "true"),
        ("is_sum", "function(a, b) local sum = a + b return sum end", "true"),
    ] {
        assert_eq!(shape(recogniser, text), found, "{recogniser} {text}");
    }
    for (recogniser, text) in [
        ("searched_text", "function(l) return l:find('a', 1, false) end"),
        ("searched_text", "function(l) return l:find('a', 2, true) end"),
        ("searched_text", "function(l) return l:find('a', 1) end"),
        ("searched_text", "function(l) return l:find('a', 1, true) == nil end"),
        ("searched_text", "function(l) return not l:find('a', 1, true) end"),
        ("searched_text", "function(l) return (l:find('a', 1, true)) end"),
        ("searched_text", "function(l) return l:match('a', 1, true) end"),
        ("searched_text", "function(l) return l:find('a\\n', 1, true) end"),
        ("searched_text", "function(l) return l:find(1, 1, true) end"),
        ("searched_text", "function(l, m) return l:find('a', 1, true) end"),
        ("searched_text", "nil"),
        ("searched_text", "setmetatable({}, {__call = function() end})"),
        ("matched_pattern", "function(l) return l:match('%w+') end"),
        ("matched_pattern", "function(l) return (l:gmatch('%w+')) end"),
        ("matched_pattern", "function(l) return l:gmatch('%w+', 1) end"),
        ("matched_pattern", "function(l) return l:gmatch(1) end"),
        ("matched_pattern", "function(l) return l:lower():gmatch('%w+') end"),
        ("matched_pattern", "function(l) return string.gmatch(l, '%w+') end"),
        ("matched_pattern", "function(l, m) return l:gmatch('%w+') end"),
        ("matched_pattern", "function(...) return (...):gmatch('%w+') end"),
        ("matched_pattern", "function(l) if l then return l:gmatch('%w+') end end"),
        ("number_of_key", "function(w) return w, 1.5 end"),
        ("number_of_key", "function(w) return w, 32768 end"),
        ("number_of_key", "function(w) return w, '1' end"),
        ("number_of_key", "function(w) return w, true end"),
        ("number_of_key", "function(w) return w, w end"),
        ("number_of_key", "function(w) return 1, w end"),
        ("number_of_key", "function(w) return 1, 1 end"),
        ("number_of_key", "function(w) return w end"),
        ("number_of_key", "function(w) return w, 1, 1 end"),
        ("number_of_key", "function(w, v) return w, 1 end"),
        ("number_of_key", "function(v, w) return w, 1 end"),
        ("number_of_key", "function(...) return ..., 1 end"),
        ("number_of_key", "function(w) return w, #w end"),
        ("is_sum", "function(a, b) return a - b end"),
        ("is_sum", "function(a, b) return a + a end"),
        ("is_sum", "function(a, b) return a + b + 0 end"),
        ("is_sum", "function(a, b) return a + b, 1 end"),
        ("is_sum", "function(a, b, c) return a + c end"),
        ("is_sum", "function(a, b, c) return a + b end"),
        ("is_sum", "function(a, b) return a + 1 end"),
        ("is_sum", "function(a, b) a = a + b end"),
        ("is_sum", "math.max"),
    ] {
        let found = shape(recogniser, text);
        assert!(["nil", "false"].contains(&found.as_str()), "{recogniser} {text}: {found}");
    }
}

/// What three tasks over the same blocks give: rows whose keys are summed up, as behind the exchange,
/// or the error.
fn tasks(
    shared: &str,
    keys: &[u32],
    steps: Vec<LuaStep>,
    sum: &str,
    blocks: &[&str],
) -> Vec<String> {
    let vm = vm_with(&[code(9, shared)], vec![combine(steps, keys, sum)]);
    let mut all = Vec::new();
    for _ in 0..3 {
        vm.begin_task(7).expect("begins");
        let mut rows: Vec<(String, f64)> = Vec::new();
        let mut out = |_: usize, frames: &mut Vec<u8>, _: u32| {
            for row in show(frames) {
                let (key, value) = row.rsplit_once('|').expect("two columns");
                match value.parse() {
                    Ok(number) => rows.push((key.to_owned(), number)),
                    Err(_) => rows.push((row, 0.0)),
                }
            }
            Ok(())
        };
        let done = blocks
            .iter()
            .try_for_each(|block| vm.push(0, Rows::lines(block.as_bytes()), &mut out))
            .and_then(|()| vm.finish(0, &mut out));
        let mut sums = std::collections::BTreeMap::<String, f64>::new();
        rows.into_iter().for_each(|(key, number)| *sums.entry(key).or_default() += number);
        let mut shown = format!("{sums:?}");
        if let Err(Failed { failure, .. }) = done {
            shown = format!("{:?} {}", failure.step, failure.message);
        }
        all.push(shown);
    }
    all
}

fn counted(shared: &str, [words, row, sum]: [&str; 3], blocks: &[&str]) -> Vec<String> {
    tasks(shared, &[1], vec![flat_map(1, words), map(2, row)], sum, blocks)
}

#[test]
fn a_count_is_what_the_functions_would_give() {
    let long = "x".repeat(70);
    // More texts than have numbers, and than a combine holds; each again in the next block, and the
    // first ones between them.
    let many: Vec<String> = (0..7)
        .map(|block| {
            let line = |n: i32| format!("a w{n} {} {long}\n", n % 7);
            (block * 10_000..(block + 2) * 10_000).map(line).collect()
        })
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let few = ["a b a\n\n- -\nb ab_c\ta\n", "", "c", "a\n"];
    let wide = ["a b c ".repeat(200_000) + "\n", "a\n".to_owned()];
    let wide = wide.each_ref().map(String::as_str);
    let (one, sum) = ("function(w) return w, 1 end", "function(a, b) return a + b end");
    for (shared, pattern, number, blocks) in [
        ("", "%w+", "1", &few[..]),
        ("", "%w+", "3", &many),
        ("", "%w+", "1", &wide),
        ("", "%a", "-7", &few),
        ("", "%w*", "0", &few),
        ("", "^a", "1", &few),
        ("", ".+", "1", &few),
        ("", "(%w)(%w)", "1", &few),
        ("", "%w+()", "1", &few),
        ("", "[a", "1", &few),
        ("", "%", "1", &few),
        (
            "string.gmatch = function() local n = 0 return function() n = n + 1 return n < 3 and 'x' or nil end end",
            "%w",
            "1",
            &few,
        ),
        (
            "getmetatable('').__index = function() return function() return {'y'} end end",
            "%w",
            "1",
            &few,
        ),
        ("getmetatable('').__add = function() return 7 end", "%w", "1", &few),
    ] {
        let words = format!("function(l) return l:gmatch('{pattern}') end");
        let row = format!("function(w) return w, {number} end");
        let plain_words = format!("function(l) local s = l return s:gmatch('{pattern}') end");
        let plain_row = format!("function(w) local n = {number} return w, n end");
        let expected = counted(shared, [&plain_words, &plain_row, sum], blocks);
        assert_eq!(
            counted(shared, [&words, &row, sum], blocks),
            expected,
            "{pattern} {number} {shared}"
        );
        // Two of three.
        assert_eq!(
            counted(shared, [&words, &plain_row, sum], blocks),
            expected,
            "{pattern} {shared}"
        );
        assert_eq!(
            counted(shared, [&plain_words, &row, sum], blocks),
            expected,
            "{pattern} {shared}"
        );
    }
    for (row, sum) in [
        (one, "function(a, b) return math.max(a, b) end"),
        (one, "function(a, b) return a - b end"),
        (one, "function(a, b) return end"),
        ("function(w) return w, w end", sum),
        ("function(w) return w, 0.1 end", sum),
    ] {
        let words = [
            "function(l) return l:gmatch('%a') end",
            "function(l) local s = l return s:gmatch('%a') end",
        ];
        let [recognised, plain] = words.map(|words| counted("", [words, row, sum], &few));
        assert_eq!(recognised, plain, "{row} {sum}");
    }
}

#[test]
fn lines_are_counted_as_the_functions_would() {
    let many: String =
        (0..70_000).map(|n| format!("line {}\n\nlong line {n} of many\n", n % 9)).collect();
    let wide = "b".repeat(2_000_000) + "\na\n";
    let blocks = ["a\n\nb\na\n", "", "a\r\n", &many, &wide, &many];
    let (row, sum) = ("function(l) return l, 5 end", "function(a, b) return a + b end");
    let plain = "function(l) local n = 5 return l, n end";
    for (keys, filter) in
        [(&[1][..], false), (&[2], false), (&[1, 2], false), (&[], false), (&[1], true)]
    {
        let steps = |row: &str| {
            let keeps = lua_step("filter", code(1, "function(l) return #l > 1 end"));
            let row = map(2, row);
            if filter { vec![keeps, row] } else { vec![row] }
        };
        // Of rows that are all key nothing is added, and two texts are not.
        let sum = if keys == [1] { sum } else { "function(a, b) return a end" };
        let recognised = tasks("", keys, steps(row), sum, &blocks);
        // Too long to be shown.
        assert!(recognised == tasks("", keys, steps(plain), sum, &blocks), "{keys:?} {filter}");
    }
}

#[test]
fn keys_other_than_the_text_are_not_counted() {
    let words = "function(l) return l:gmatch('%w+') end";
    let (row, plain) = ("function(w) return w, 2 end", "function(w) local n = 2 return w, n end");
    let sum = "function(a, b) return a + b end";
    for keys in [&[2][..], &[1, 2], &[]] {
        let [recognised, expected] = [row, plain].map(|row| {
            tasks("", keys, vec![flat_map(1, words), map(2, row)], sum, &["1 2 3 2\n", "7\n"])
        });
        assert_eq!(recognised, expected, "{keys:?}");
    }
}

#[test]
fn a_row_that_cannot_be_kept_is_named() {
    // The text looks like an address, which is refused when the combine's rows are written.
    let shape = [
        "function(l) return l:gmatch('.+') end",
        "function(w) return w, 1 end",
        "function(a, b) return a + b end",
    ];
    let plain = ["function(l) local s = l return s:gmatch('.+') end", shape[1], shape[2]];
    let input = ["a\nb\na\n", "table: 0x41\n"];
    assert_eq!(counted("", shape, &input), counted("", plain, &input));
}
