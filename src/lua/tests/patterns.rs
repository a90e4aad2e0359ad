//! The pattern functions of user code against LuaJIT's own, in one VM.
//!
//! A newcomer's trap: both are called from code of the same shape, since the names and places in
//! their errors come from the caller.

use proptest::prelude::*;

use super::super::compare::{BODIES, Both};
use super::*;

/// Pieces of which most patterns are well formed, and some are not.
pub(super) fn pattern() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "a", "b", "c", "-", "+", "*", "?", "^", "$", ".", "(", ")", "()", "[", "]", "%", "%a",
        "%A", "%w", "%W", "%s", "%d", "%p", "%x", "%z", "%g", "%u", "%l", "%c", "%S", "%q", "%.",
        "%%", "%1", "%2", "%0", "%b()", "%bab", "%b", "%f[%w]", "%f[^a]", "%f[", "%f", "[ab]",
        "[^ab]", "[a-c]", "[]]", "[^]]", "[a-]", "[%a-z]", "[^%s]", "[%]]", "[a-%]]", "[+-9]",
        "[%w_]*", "%w+", "a*", "b+", "c-", "(a)", "(%w+)", "(.-)", "(a*)", "(%d?)", "\0", "\u{e9}",
        "1", "(a(b)c)", "(()b)", "ab", ".-", ".*", "x",
    ]);
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat().into_bytes())
}

fn subject() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(b"aabbccABx01 .-+()[]%\n\0\xe9\xff$^_".to_vec());
    prop::collection::vec(byte, 0..24)
}

fn replacement() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "a", "-", "%0", "%1", "%2", "%9", "%%", "%", "%a", "", "\0", "xyz",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat().into_bytes())
}

#[test]
fn pattern_functions_are_the_stock_ones() {
    let both = Both::new();
    let bodies = BODIES.map(|text| both.body(text));
    let cases = if cfg!(debug_assertions) { 4_000 } else { 200_000 };
    proptest!(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() },
        |(s in subject(), p in pattern(), r in replacement(), init in -30i64..30, n in -2i64..6)| {
        for body in &bodies {
            both.check(body, &[Some(&s), Some(&p), None, Some(&r)], &[init, n]);
        }
    });
}

#[test]
fn odd_calls_are_the_stock_ones() {
    let both = Both::new();
    let count = |text: &str| both.check(&both.body(text), &[], &[]);
    for name in ["find", "match", "gmatch", "gsub", "dump"] {
        for args in [
            "",
            "nil",
            "'a'",
            "nil, 'a'",
            "'a', nil",
            "{}, 'a'",
            "'a', {}",
            "12, 1, 3",
            "'12', 2",
            "'a1', '%d', 'x'",
            "'aaa', 'a', 'b', 'x'",
            "'aaa', 'a', 'b', '2'",
            "'aaa', 'a', 'b', 1.5",
            "'aaa', 'a', 2.5, true",
            "'aaa', 'a', '2'",
            "'aaa', 'a', 0/0",
            "'aaa', 'a', 1/0",
            "'aaa', 'a', -1/0",
            "'aaa', 'a+', 1e10",
            "'aaa', 'a+', -1e10",
            "'aaa', 'a', 1",
            "'aaa', 'a', {a = 'b'}",
            "'aaa', 'a', {a = true}",
            "'aaa', 'a', function() return {} end",
            "'aaa', 'a', function() return 'q' end, 2",
            "'aaa', 'a', 'b', -1",
            "'a', 'a', true",
            "'a+a', '+', 1, true",
            "'a+a', '+', 1, false",
            "'a.b', '.', nil, true",
            "'', ''",
            "'', '', 2",
            "'a', '^'",
            "'a', '$'",
            "'^a', '^a'",
            "('a'):rep(300), ('a?'):rep(300)",
            "('a'):rep(300), ('(a)'):rep(33)",
            "('a'):rep(300), ('(a)'):rep(32)",
            "('a'):rep(300), '(.-)%1$'",
            "'a', ('(a'):rep(40)",
            "'abc', 'b', '%1'",
            "'abc', 'b', '%2'",
            "'aaa', 'a', function() error('mine', 2) end",
            "'aaa', 'a', function() error('mine', 3) end",
        ] {
            count(&format!("local s = ... return s.{name}({args})"));
            count(&format!("local s = ... local f = s.{name} local a, b = f({args}) return a, b"));
            count(&format!("local s = ... return pcall(s.{name}, {args})").replace(", )", ")"));
            count(&format!("local a = 'aab' local x, y = a:{name}({args}) return x, y"));
        }
    }
    let error = count("local s = ... local it = s.gmatch(nil, 'a')");
    assert!(error.contains("bad argument #1 to 'gmatch' (string expected, got nil)"), "{error}");
    for (pattern, what) in [
        ("%", "malformed pattern (ends with '%')"),
        ("[a", "malformed pattern (missing ']')"),
        ("%f", "missing '[' after '%f' in pattern"),
        ("%1", "invalid capture index"),
        ("(", "unfinished capture"),
        (")", "invalid pattern capture"),
    ] {
        let error =
            count(&format!("local s = ... local a = s.match('aab', 'a{pattern}') return a"));
        assert!(error.contains(what), "{pattern}: {error}");
        count(&format!("local s = ... local it = s.gmatch('aab', 'a{pattern}') return it(), it()"));
    }
    for text in [
        "local s = ... return type(s.gmatch('a', 'a')), s.find == s.find, s.gmatch('a', 'b') == s.gmatch('a', 'b')",
        "local s = ... return pcall(s.dump, s.find)",
        "local s = ... local it = s.gmatch('a b', '%w') return it(1, 2), it(), it(), it()",
        "local s = ... local n = 0 for i = 1, 200 do local it = s.gmatch('k=v', '(%w)=(%w)') local k, v = it() n = n + #k + #v + (it() and 1 or 0) end return n",
        "local s = ... local out = {} for a in s.gmatch('ab cd', '%w+') do for b in s.gmatch(a, '.') do out[#out + 1] = b end end return table.concat(out, '|')",
        "local s = ... local co = coroutine.wrap(function() s.gsub('a', 'a', coroutine.yield) end) return pcall(co)",
    ] {
        count(text);
    }
}

/// What a flat_map and a map behind it make of some lines, where the function is recognised and
/// where it is a near miss.
#[test]
fn recognised_functions_do_what_others_do() {
    let long = "w ".repeat(200) + "end";
    let input = format!("a b\n\n {long}\nab12 cd\n\u{e9}\0x\n");
    let recognised = |text: &str| {
        lines(vec![flat_map(1, text), map(2, "function(...) return select('#', ...), ... end")])
    };
    for pattern in [
        "%w+", "%w*", "%w", ".", "", "^%w+", "%w+$", "%f[%w]%w", "(%w)", "()", "%w-", "x?", "\\0",
        "%s*",
    ] {
        let all: Vec<String> = [
            format!("function(l) return l:gmatch('{pattern}') end"),
            format!("function(l) local it = l:gmatch('{pattern}') return it end"),
            format!("function(l) return string.gmatch(l, '{pattern}') end"),
            format!(
                "function(l) local it = l:gmatch('{pattern}') return function() return it() end end"
            ),
        ]
        .map(|text| rows_of(recognised(&text), &input))
        .into();
        for other in &all[1..] {
            assert_eq!(&all[0], other, "{pattern}");
        }
    }
    // An error comes after the matches before it.
    let failed =
        fails(lines(vec![flat_map(1, "function(l) return l:gmatch('b%') end")]), "a\nab\n");
    assert!(failed.failure.message.ends_with("malformed pattern (ends with '%')"));
    assert_eq!(failed.failure.step, Some(1));
    for near in [
        "function(l) return l:match('%w+') end",
        "function(l, m) return m:gmatch('%w+') end",
        "function(l) return l.gmatch('%w+') end",
    ] {
        let failed = fails(lines(vec![flat_map(1, near)]), "a5\n");
        assert_ne!(failed.failure.message, "", "{near}");
    }
}

#[test]
fn a_replaced_gmatch_is_called() {
    let replacing = code(9, "local gmatch, n = string.gmatch, 0
        function bump(w) n = n + 1 if n == 3 then string.gmatch = function(s) return gmatch(s, '.') end end return w end");
    let steps = vec![
        flat_map(1, "function(l) return l:gmatch('%w+') end"),
        map(2, "function(w) return bump(w) end"),
    ];
    let vm = vm_with(&[replacing], vec![lines(steps)]);
    for _ in 0..3 {
        let rows = task(&vm, Rows::lines(b"ab cd\nef gh\nij\n")).expect("runs");
        assert_eq!(rows.join(" "), r#""ab" "cd" "ef" "gh" "i" "j""#);
    }
}

#[test]
fn an_iterator_may_be_held() {
    let steps = vec![
        flat_map(1, "function(l) it = l:gmatch('%w+') return it end"),
        map(2, "function(k) return k, it() end"),
    ];
    let rows = rows_of(lines(steps), "a 1 b 2\nc 3 d\n");
    assert_eq!(rows, "\"a\"|\"1\"\n\"b\"|\"2\"\n\"c\"|\"3\"\n\"d\"");
}
