//! Lines that are no strings: which functions may get one, and that nobody can tell.
//!
//! A newcomer's trap: `local s = line` makes a function that must get a string, so the same code
//! behind it is the model.

use proptest::prelude::*;

use super::*;

/// Whether a function of a flat_map, or of a map, may get the lazy line.
fn fits(text: &str, flat: bool) -> bool {
    let vm = vm(lines(vec![map(1, "function() end")]));
    let check = vm.module_for_test("receiver").expect("a module");
    let f: mlua::Function =
        vm.load_for_test(&format!("return {text}")).and_then(|f| f.call(())).expect(text);
    check.get::<mlua::Function>("fits").and_then(|check| check.call((f, flat))).expect("answers")
}

#[test]
fn receivers_and_nothing_else_are_lazy() {
    for text in [
        "function(l) return l:gmatch('%w+') end",
        "function(l) local w = l:gmatch('%w+') return w end",
        "function(l) if l then return l:gmatch('%w+') end end",
        "function(l) if not l then return end return l:gmatch('%w+') end",
        "function(l) return l:sub(1, 1) ~= '#' end",
        "function(l) local t = {} for w in l:lower():gmatch('%a+') do t[#t + 1] = w end return t end",
        "function(l) return l:find('static', 1, true) ~= nil end",
        "function(l) return l:sub(1, 8) .. ':' .. (l:byte(1) or 0) * 2 + #l end",
        "function(l) local a, b = l:match('(%d+) (%d+)') return a, b end",
        "function(l) local n = 0 for w in l:gmatch('%w+') do n = n + #w end return n end",
        "function(l) local n = 3 return l:sub(n, n) end",
        "function(l) for i = 1, #l do print(l:byte(i)) end end",
    ] {
        assert!(fits(text, true), "{text}");
        let returns = text.starts_with("function(l) ") && text.contains("return l:gmatch")
            || text.contains("return w ");
        assert_eq!(fits(text, false), !returns, "{text}");
    }
    for text in [
        "function(l) return l end",
        "function(l) local s = l return s:gmatch('%w+') end",
        "function(l) return l .. 'x' end",
        "function(l) return l == 'x' end",
        "function(l) return l < 'x' end",
        "function(l) return l + 1 end",
        "function(l) return -l end",
        "function(l) return l[1] end",
        "function(l) return l.gmatch end",
        "function(l) return ({})[l] end",
        "function(l) x = l end",
        "function(l) x[l] = 1 end",
        "function(l) x.y = l end",
        "function(l) return tostring(l) end",
        "function(l) return type(l) end",
        "function(l) return {l} end",
        "function(l) l = 'x' return l:gmatch('x') end",
        "function(l) for l = 1, 2 do print(l) end return l end",
        "function(l) for i = 1, l do end end",
        "function(l) return function() return l end end",
        "function(l) return l:rep(2) end",
        "function(l) return l:nothing() end",
        "function(l) return l:find(l) end",
        "function(l) return l:sub(f()) end",
        "function(l) return l:sub(1, x and 2 or 3) end",
        "function(l) return l:lower() end",
        "function(l) return #l:lower() end",
        "function(l) local s = l:lower() return s:gmatch('%w+') end",
        "function(l) local s = l:lower() local i = s:gmatch('%w+') return i, s end",
        "function(l) it = l:gmatch('%w+') return it end",
        "function(l) local it = l:gmatch('%w+') x = it return it end",
        "function(l) local it = l:gmatch('%w+') return it() end",
        "function(l) local it = l:gmatch('%w+') return it, 1 end",
        "function(l) local it = l:gmatch('%w+') return function() return it() end end",
        "function(l) local it = l:gmatch('%w+') coroutine.yield(it) end",
        "function(l) local a, b = l:gmatch('a'), l:gmatch('b') return a end",
        "function(l) local it for i = 1, 2 do it = l:gmatch('a') end return it end",
        "function(l) local it while x do it = l:gmatch('a') end return it end",
        "function(l) local it repeat it = l:gmatch('a') until x return it end",
        "function(l) for w in l:gmatch('a') do for v in l:gmatch('b') do print(w, v) end end end",
        "function(l) return select(1, l:gmatch('x')) end",
        "function(l) return {l:gmatch('x')} end",
        "function(l, m) return l:find('x') end",
        "function(...) return (...):find('x') end",
        "function() return 1 end and string.upper",
        "setmetatable({}, {__call = function(_, l) return l:find('x') end})",
    ] {
        let callable_table = text.starts_with("setmetatable");
        assert!(callable_table || !fits(text, true), "{text}");
    }
}

/// The rows, or the error, that a function makes of lines, lazily and not.
fn both(kind: fn(u32, &str) -> LuaStep, body: &str, input: &[u8]) -> [String; 2] {
    [format!("function(l) {body} end"), format!("function(line) local l = line {body} end")].map(
        |text| {
            let vm = vm(lines(vec![kind(1, &text)]));
            let shown = |rows: Vec<String>| rows.join("\n");
            match task(&vm, Rows::lines(input)) {
                Ok(rows) => shown(rows),
                Err(failed) => {
                    let failure = &failed.failure;
                    format!("{} at {:?} {:?}", failure.message, failure.code_line, failed.row)
                }
            }
        },
    )
}

fn block() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(b"aabbccABx01 .-+()[]%\n\n\0\xe9\xff$^_".to_vec());
    prop::collection::vec(byte, 0..60).prop_map(|mut bytes| {
        bytes.push(b'\n');
        bytes
    })
}

#[test]
fn a_lazy_line_does_what_a_string_does() {
    let bodies = [
        "return l:sub(I, J)",
        "return l:sub(I)",
        "return l:byte(I)",
        "return l:byte(I, J)",
        "return l:byte()",
        "return #l, l:len()",
        "return l:find('P')",
        "return l:find('P', I)",
        "return l:find('P', 1, true)",
        "return l:find('P', I, true)",
        "return l:match('P')",
        "return l:match('P', I)",
        "return l:lower():find('P')",
        "return l:upper():match('P')",
        "return l:lower():upper():sub(I, J)",
        "return l:lower():byte(I)",
        "local n = 0 for a, b in l:gmatch('P') do n = n + 1 if n > I then break end end return n",
        "local t for a, b in l:lower():gmatch('P') do t = a end return t",
        "if #l > 5 then return l:upper():sub(I) end return l:lower():sub(J)",
    ];
    let cases = if cfg!(debug_assertions) { 150 } else { 3_000 };
    let pattern = || super::patterns::pattern();
    proptest!(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() },
        |(s in block(), p in pattern(), i in -9i64..9, j in -9i64..9, at in 0..bodies.len())| {
        let pattern: String = p.iter().map(|byte| format!("\\{byte:03}")).collect();
        let body = bodies[at].replace('P', &pattern).replace('I', &i.to_string())
            .replace('J', &j.to_string());
        let [lazy, not] = both(map, &body, &s);
        prop_assert_eq!(lazy, not, "{} over {:?}", body, s.escape_ascii().to_string());
        let flat = format!("return l:gmatch('{pattern}')");
        let [lazy, not] = both(flat_map, &flat, &s);
        prop_assert_eq!(lazy, not, "{} over {:?}", flat, s.escape_ascii().to_string());
        let flat = format!("if l:find('a') then return end return l:lower():gmatch('{pattern}')");
        let [lazy, not] = both(flat_map, &flat, &s);
        prop_assert_eq!(lazy, not, "{} over {:?}", flat, s.escape_ascii().to_string());
    });
}

#[test]
fn odd_calls_of_a_lazy_line_are_those_of_a_string() {
    for body in [
        "return l:sub()",
        "return l:sub('2')",
        "return l:sub('x')",
        "return l:sub(1.5, 2.5)",
        "return l:sub(nil)",
        "return l:sub(1, nil)",
        "return l:sub(2, 1e300)",
        "return l:sub(-1e300)",
        "return l:sub(0/0)",
        "return l:sub(1, 2, 3)",
        "return l:byte('1')",
        "return l:byte({})",
        "return l:byte(1, -1)",
        "return l:byte(1e300)",
        "return l:find()",
        "return l:find(5)",
        "return l:find('')",
        "return l:find('', 1, true)",
        "return l:find('', 100)",
        "return l:find('a', '1')",
        "return l:find('%')",
        "return l:find('a', 1, false)",
        "return l:match()",
        "return l:match(1)",
        "return l:match('(a)(b)()')",
        "return l:match('[a')",
        "return l:match('a', -2)",
        "for a in l:gmatch() do end",
        "for a in l:gmatch('%') do end",
        "for a in l:gmatch(1) do return a end",
        "for a, b in l:gmatch('(.)(.)') do return a, b end",
        "return l:len(1)",
        "return l:lower():sub(1, 2)",
        "local a = l:upper():find('A') return a",
    ] {
        let [lazy, not] = both(map, body, b"abcab\n1 2\n\n");
        assert_eq!(lazy, not, "{body}");
    }
}

#[test]
fn a_replaced_method_is_called() {
    for (name, call) in [
        ("sub", "l:sub(1, 1)"),
        ("byte", "l:byte(1)"),
        ("len", "l:len()"),
        ("find", "l:find('a')"),
        ("match", "l:match('a')"),
        ("lower", "l:lower():sub(1)"),
        ("upper", "l:upper():sub(1)"),
    ] {
        let body = format!("string.{name} = function(s) return s .. '!' end return {call}");
        let [lazy, not] = both(map, &body, b"ab\ncd\n");
        assert_eq!(lazy, not, "{name}");
        assert!(lazy.contains("ab!"), "{lazy}");
    }
}

#[test]
fn an_iterator_outlives_its_line() {
    let keep =
        "function(words) local before = kept kept = words return before and before() or '-' end";
    for first in ["l:gmatch('%w+')", "l:lower():gmatch('%w+')"] {
        let step = |line: &str| map(1, &format!("function(l) {line} return {first} end"));
        let lazy = rows_of(lines(vec![step(""), map(2, keep)]), "a b\nc\nd e\n");
        assert_eq!(lazy, rows_of(lines(vec![step("local l = l"), map(2, keep)]), "a b\nc\nd e\n"));
        assert_eq!(lazy, "\"-\"\n\"a\"\n\"c\"");
    }
}

#[test]
fn a_very_long_line_is_not_scanned_at_once() {
    let vm = vm(lines(vec![flat_map(1, "function(l) return l:gmatch('%w') end")]));
    let found_at_once = |input: &str| {
        let rows = task(&vm, Rows::lines(input.as_bytes())).expect("runs");
        let state = vm.module_for_test("state").expect("a module");
        let count = vm.load_for_test("return (...).words.count").expect("compiles");
        (rows.len(), count.call::<usize>(state).expect("a number"))
    };
    assert_eq!(found_at_once("x y\n"), (2, 2));
    assert_eq!(found_at_once(&format!("{}\n", "x y ".repeat(300_000))), (600_000, 2));
}

#[test]
fn a_block_is_not_scanned_for_few_lines() {
    let steps = |line: &str| {
        vec![
            lua_step("filter", code(1, "function(l) return l:byte(1) == 120 end")),
            flat_map(2, &format!("function(l) {line} return l:gmatch('%w') end")),
        ]
    };
    let many = "x y\n".repeat(20);
    let few = format!("{}x y\n", "a b\n".repeat(20));
    let blocks = [&many, &few, &few, &few, &many, &many];
    let run = |vm: &Vm| {
        vm.begin_task(7).expect("begins");
        let state = vm.module_for_test("state").expect("a module");
        let count = vm.load_for_test(
            "local words = (...).words local n = words.count words.count = 0 return n",
        );
        let count = count.expect("compiles");
        blocks.map(|block| {
            let mut rows = Vec::new();
            vm.push(0, Rows::lines(block.as_bytes()), &mut |_, frames, _| {
                rows.extend(show(frames));
                Ok(())
            })
            .expect("runs");
            (count.call::<usize>(&state).expect("a number"), rows)
        })
    };
    let lazy = run(&vm(lines(steps(""))));
    assert_eq!(lazy.each_ref().map(|(scanned, _)| *scanned), [40, 42, 0, 0, 0, 40]);
    let not = run(&vm(lines(steps("local l = l"))));
    assert_eq!(lazy.map(|(_, rows)| rows), not.map(|(_, rows)| rows));
}

#[test]
fn filters_in_front_pass_the_line_on() {
    let filters = [
        "function(l) return l:find('a', 1, true) end",
        "function(l) return l ~= 'ab' end",
        "function(l) return #l > 1 end",
        "function(l) local s = l return #s < 9 end",
    ];
    let ends = [
        map(9, "function(l) return l, 1 end"),
        map(9, "function(l) return l:sub(2) end"),
        flat_map(9, "function(l) return l:gmatch('%w') end"),
        flat_map(9, "function(l) return {l, l} end"),
        lua_step("for_each", code(9, "function(l) last = l end")),
        lua_step("filter", code(9, "function(l) return l:byte(1) ~= 100 end")),
    ];
    let input = "ab\nabc\nx\nda\nxay\naaaaaaaaaaaaa\n\n";
    for end in &ends {
        for first in &filters {
            for second in &filters {
                let run = |texts: [String; 2]| {
                    let mut steps: Vec<LuaStep> = (1..)
                        .zip(texts)
                        .map(|(id, text)| lua_step("filter", code(id, &text)))
                        .collect();
                    steps.push(end.clone());
                    rows_of(lines(steps), input)
                };
                let lazy = run([(*first).to_owned(), (*second).to_owned()]);
                let real = |text: &str| {
                    format!("function(x) local f = {text} local s = x return f(s) end")
                };
                assert_eq!(lazy, run([real(first), real(second)]), "{first} {second}");
                assert!(!lazy.contains("error"), "{lazy}");
            }
        }
    }
}

#[test]
fn texts_without_a_number_are_the_same() {
    // More texts than the dictionary has numbers for, and longer ones than it takes.
    let mut input: String = (0..80_000).map(|n| format!("w{n} same w{}\n", n % 3000)).collect();
    input += &format!("{} {}\n", "x".repeat(70), "x".repeat(70));
    let count = |text: &str| {
        let steps = vec![flat_map(1, text), map(2, "function(w) return w, 1 end")];
        let vm = vm(combine(steps, &[1], "function(a, b) return a + b end"));
        let mut all = Vec::new();
        for _ in 0..2 {
            vm.begin_task(7).expect("begins");
            let mut take = |_: usize, frames: &mut Vec<u8>, _: u32| {
                all.extend(show(frames));
                Ok(())
            };
            for block in input.as_bytes().chunks(200_000) {
                // Lines are cut anywhere: what matters is that both see the same ones.
                let block = [block, b"\n"].concat();
                vm.push(0, Rows::lines(&block), &mut take).expect("runs");
            }
            vm.finish(0, &mut take).expect("runs");
        }
        all
    };
    let lazy = count("function(l) return l:gmatch('%w+') end");
    let not = count("function(line) local l = line return l:gmatch('%w+') end");
    assert!(lazy == not, "{} and {} rows", lazy.len(), not.len());
    assert!(lazy.contains(&format!("\"{}\"|2", "x".repeat(70))));
}
