//! What keeps a loop from being compiled is what `explain` says, and nothing else.

use super::*;
use crate::lua::inspect::inspect;
use crate::plan::explain::Stop;

/// What steps call.
const SHARED: &str = "
    called = function(x) return x end
    map, list = {}, {}
    for i = 1, 40 do map['k' .. i], list[i] = i, i end
    co = coroutine.create(function() end)
    empty = setmetatable({}, {})
";

fn stops(text: &str) -> Vec<String> {
    let code = code(1, text);
    let seen = inspect(&[(&code, true)], std::iter::empty());
    let stops = seen.into_iter().flat_map(|(_, seen)| seen.stops);
    stops.map(|Stop { line, what }| format!("{line}: {what}")).collect()
}

/// Whether a loop over rows, or one in the function, becomes a trace that ends where it begins.
fn is_compiled(text: &str) -> bool {
    let lines_of_text: String = (0..4000).map(|n| format!("line {n}\n")).collect();
    let vm = vm_with(&[code(9, SHARED)], vec![lines(vec![map(1, text)])]);
    let watch = r#"
        local util = require("jit.util")
        local loops, ours = 0, {}
        jit.attach(function(what, number, f)
            if what == "start" then
                local source = util.funcinfo(f).source or ""
                ours[number] = source:find("^=lua/heads") or source == "=gleamflow:1"
            elseif what == "stop" and ours[number] then
                loops = loops + (util.traceinfo(number).linktype == "loop" and 1 or 0)
            end
        end, "trace")
        return function() return loops end
    "#;
    let loops: mlua::Function = vm.load_for_test(watch).unwrap().call(()).unwrap();
    for _ in 0..3 {
        vm.begin_task(7).expect("begins");
        vm.push(0, Rows::lines(lines_of_text.as_bytes()), &mut |_, _, _| Ok(())).expect(text);
        vm.finish(0, &mut |_, _, _| Ok(())).expect("runs");
    }
    loops.call::<u32>(()).unwrap() > 0
}

#[test]
fn what_is_named_is_not_compiled() {
    for (body, what) in [
        ("local f = function() return x end return f()", "a function made for each row"),
        (
            "local n = 0 for _, v in pairs(map) do n = n + v end return n",
            "pairs; raw_pairs is compiled",
        ),
        ("return load(empty.f or function() end) and 1", "load"),
        ("return loadstring('return 1') and 1", "loadstring"),
        ("return collectgarbage('count')", "collectgarbage"),
        ("return coroutine.create(called) ~= nil", "coroutine.create"),
        ("return coroutine.resume(co)", "coroutine.resume"),
        ("return coroutine.running() == nil", "coroutine.running"),
        ("return coroutine.status(co)", "coroutine.status"),
        ("return coroutine.wrap(called)(x)", "coroutine.wrap"),
        ("return io.open('/no/such/file') == nil", "io.open"),
        ("return io.read() == nil", "io.read"),
        ("return math.fmod(#x, 3)", "math.fmod"),
        ("return math.frexp(#x)", "math.frexp"),
        ("return math.modf(#x)", "math.modf"),
        ("return os.clock()", "os.clock"),
        ("return os.date('%Y', #x)", "os.date"),
        ("return os.difftime(2, 1)", "os.difftime"),
        ("return os.getenv('HOME')", "os.getenv"),
        ("return os.remove('/no/such/file')", "os.remove"),
        ("return os.rename('/no/such/file', '/no/such/file')", "os.rename"),
        ("return os.setlocale('C')", "os.setlocale"),
        ("return os.time()", "os.time"),
        ("return string.dump(called) ~= nil", "string.dump"),
        ("return table.maxn(list)", "table.maxn"),
        ("local t = { 3, 2 } table.sort(t) return t[1]", "table.sort"),
        ("local t = { 3 } table.insert(t, 1, x) return #t", "table.insert in the middle of a list"),
        ("return tonumber('ff', 16)", "tonumber with a base"),
        ("return (x:gsub('%d', { a = 'b' }))", "string.gsub with a table"),
        ("return (string.gsub(x, '%d', {}))", "string.gsub with a table"),
        ("return (x:gsub('%d', function(n) return n end))", "string.gsub with a function"),
    ] {
        let text = format!("function(x)\n{body} end");
        assert!(stops(&text).contains(&format!("2: {what}")), "{text}: {:?}", stops(&text));
        assert!(!is_compiled(&text), "{text}");
    }
}

#[test]
fn what_is_compiled_is_not_named() {
    for body in [
        "return #x",
        "emit(x)",
        "emit(x, #x) return x",
        "return called(x)",
        "return (x:gsub('%d', 'one'))",
        "return (string.gsub(x, '%d', '%0%0'))",
        "local t = { 3 } table.insert(t, x) return #t",
        "local t = { 3 } return table.remove(t)",
        "return table.concat({ x, 'b' }, ',')",
        "return tonumber('12')",
        "return tonumber(x:sub(6))",
        "return string.format('%d %5.2f', #x, #x)",
        "return x:match('(%d+)'), x:find('%d')",
        "return math.floor(#x / 2), math.random(6), math.max(1, #x)",
        "return select('#', x, 1)",
        "return pcall(called, x)",
        "return xpcall(called, called, x)",
        "return setmetatable({}, empty) and 1",
        "return unpack({ 1, 2, 3 })",
        "return bit.band(#x, 7)",
        "return os.time and coroutine.wrap and emit and pairs and 1",
        "local n = 0 for _, v in raw_pairs(map) do n = n + v end return n",
        "local n = 0 for _, v in ipairs(list) do n = n + v end return n",
        "local n = 0 for _, v in next, map do n = n + v end return n",
    ] {
        let text = format!("function(x) {body} end");
        assert_eq!(stops(&text), [""; 0], "{text}");
        assert!(is_compiled(&text), "{text}");
    }
}

#[test]
fn a_function_that_is_made_once_is_not_named() {
    let once = "(function()
        local up = function(c) return c:upper() end
        local now = os.time()
        return function(x) return up(x), now end
    end)()";
    assert_eq!(stops(once), [""; 0]);
    assert!(is_compiled(once));
    let each = "(function()
        return function(x)
            return (x:gsub('%d', function(c) return os.time() end))
        end
    end)()";
    let expected =
        ["3: a function made for each row", "3: os.time", "3: string.gsub with a function"];
    assert_eq!(stops(each), expected);
    assert_eq!(stops("{ init = function() return os.time() end }"), ["1: os.time"]);
}
