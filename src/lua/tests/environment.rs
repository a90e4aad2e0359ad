//! The globals of user code, and that no task sees another.

use super::*;

#[test]
fn pairs_goes_in_order() {
    assert_eq!(
        flat_mapped(
            "function() return pairs({b = 1, 7, 8, a = 2, [true] = 3, [10] = 4, [2.5] = 5, [-1] = 6}) end"
        ),
        "1|7\n2|8\ntrue|3\n-1|6\n2.5|5\n10|4\n\"a\"|2\n\"b\"|1"
    );
    let removing = "function() local t, seen = {1, 2, 3, a = 1, b = 2}, {}
        for k in pairs(t) do seen[#seen + 1] = k; t[2] = nil; t.b = nil; t.new = 1 end
        return seen end";
    assert_eq!(mapped(removing), "[1, 3, \"a\"]");
    assert_eq!(
        mapped(
            "function() local n = 0 for k in raw_pairs({1, a = 2}) do n = n + 1 end return n end"
        ),
        "2"
    );
    assert_eq!(
        mapped("function() for _ in pairs(nil) do end end"),
        "error: bad argument #1 to 'pairs' (table expected, got nil)"
    );
}

#[test]
fn keys_that_are_tables_come_last_and_are_not_compared() {
    let keys = "local t = {10, 20, z = 1, a = 2, [true] = 3, [5LL] = 4}
        local self = {} self.self = self t[self] = 5
        local node for i = 1, 3000 do node = {node, node} t[node] = 0 end
        t[function() end] = 6 t[coroutine.create(function() end)] = 7 t[io.stdout] = 8";
    let seen = format!(
        "function() {keys}
            local first, rest = {{}}, {{}}
            for k, v in pairs(t) do
                if #first < 6 then first[#first + 1] = tostring(k) else rest[#rest + 1] = type(k) end
            end
            local kinds = {{}} for _, kind in ipairs(rest) do kinds[kind] = (kinds[kind] or 0) + 1 end
            return first, kinds
        end"
    );
    assert_eq!(
        mapped(&seen),
        "[\"1\", \"2\", \"true\", \"5LL\", \"a\", \"z\"]|{\"function\": 1, \"table\": 3001, \"thread\": 1, \"userdata\": 1}"
    );
}

#[test]
fn pairs_over_keys_without_order_warns_once_for_each_step() {
    let two = "function(x) for _ in pairs({[{}] = 1, [{}] = 2, a = 3}) do end return x end";
    let one = "function(x) for _ in pairs({[{}] = 1, 2, [true] = 4, a = 3}) do end return x end";
    let vm = vm(lines(vec![map(3, two), map(4, one), map(5, two)]));
    for steps in [&[3, 5][..], &[]] {
        task(&vm, Rows::lines(b"x\ny\n")).expect("runs");
        let warnings = vm.take_warnings();
        let of: Vec<_> = warnings.iter().filter_map(|warning| warning.step).collect();
        assert_eq!(of, steps);
        for warning in warnings {
            assert_eq!(
                warning.message,
                "pairs: keys that are tables or functions come in an order left to chance"
            );
            assert!(warning.hint.is_some());
        }
    }
}

#[test]
fn pairs_returns_what_luas_does() {
    let text = "function()
        local t = {7, a = 1}
        local step, same, none = pairs(t)
        local k, v = step(t, nil)
        local again = step(t, nil)
        local a = step(t, again)
        return select('#', pairs(t)), same == t, none, k, v, again, a, step(t, a)
    end";
    assert_eq!(mapped(text), "3|true|nil|1|7|1|\"a\"|nil");
    let nested = "function() local n, t = {}, {1, 2, x = 3}
        for k in pairs(t) do for j in pairs(t) do n[#n + 1] = k .. j end end return n end";
    assert_eq!(
        mapped(nested),
        "[\"11\", \"12\", \"1x\", \"21\", \"22\", \"2x\", \"x1\", \"x2\", \"xx\"]"
    );
    assert_eq!(
        mapped("function() return pairs() end"),
        "error: bad argument #1 to 'pairs' (table expected, got no value)"
    );
}

#[test]
fn a_map_whose_keys_hold_themselves_is_refused() {
    let text = "function() local a, b = {}, {} a.x, b.x = a, b return {[a] = 1, [b] = 2} end";
    assert_eq!(
        mapped(text),
        "error: a table that is a key is nested deeper than 100, or holds itself"
    );
    let nodes = "function() local t, node = {} for i = 1, 3000 do node = {node} t[node] = 0 end return t end";
    assert!(mapped(nodes).contains("nested deeper than 100"), "{}", mapped(nodes));
    assert_eq!(mapped("function() return {[{2}] = 1, [{1}] = 2} end"), "{[1]: 2, [2]: 1}");
}

#[test]
fn maps_are_written_in_order() {
    assert_eq!(
        mapped("function() return {z = 1, [3] = 2, a = null, [false] = 3} end"),
        "{false: 3, 3: 2, \"a\": nil, \"z\": 1}"
    );
}

#[test]
fn str_is_our_text_of_numbers() {
    assert_eq!(
        mapped(
            "function() return str(1), str(1.0), str(0.1), str(2^53), str(-0), str(0/0), str(1/0), str(-1/0), str(5LL), str('a') end"
        ),
        "\"1\"|\"1\"|\"0.1\"|\"9007199254740992\"|\"0\"|\"nan\"|\"inf\"|\"-inf\"|\"5\"|\"a\""
    );
    assert_eq!(
        mapped("function() return tostring(null), null == null, type(null) end"),
        "\"null\"|true|\"userdata\""
    );
    assert_eq!(mapped("function() return null end"), "nil");
}

#[test]
fn what_could_break_out_is_missing() {
    for name in
        ["debug", "ffi", "package", "jit", "getfenv", "setfenv", "newproxy", "dofile", "loadfile"]
    {
        assert_eq!(mapped(&format!("function() return {name} end")), "nil", "{name}");
    }
    assert_eq!(mapped("function() os.exit(0) end"), "error: os.exit is not available in a step");
    assert_eq!(
        mapped("function() return require('string') == string, require('bit') == bit end"),
        "true|true"
    );
    let failed = fails(lines(vec![map(1, "function() require('lpeg') end")]), "x\n");
    assert_eq!(failed.failure.message, "require: no module \"lpeg\" in a step");
    assert!(failed.failure.hint.expect("a hint").contains("lua_file"));
}

#[test]
fn nothing_of_an_earlier_task_is_visible() {
    let shared = code(9, "counter = 0 function bump() counter = counter + 1 return counter end");
    let probe = "(function() local own = 0 return function(x)
        own = own + 1
        local seen = {leak == nil, string.leak == nil, ('').upper ~= nil, getmetatable(_G) == nil,
            getmetatable('').__add == nil, getmetatable(io.stdout).leak == nil, math.floor(1.5), pcall(emit) == false}
        leak, string.leak, string.upper, math.floor = 1, 1, nil, nil
        getmetatable('').__add = function() end
        getmetatable(io.stdout).leak = 1
        setmetatable(_G, {__index = function() return 1 end})
        pcall, emit, table.concat = nil, nil, nil
        return own, bump(), seen, math.random(1000000)
    end end)()";
    let vm = vm_with(&[shared], vec![lines(vec![map(1, probe)])]);
    let first = task(&vm, Rows::lines(b"x\n")).expect("runs");
    assert!(
        first[0].starts_with("1|1|[true, true, true, true, true, true, 1, true]|"),
        "{first:?}"
    );
    for _ in 0..5 {
        assert_eq!(task(&vm, Rows::lines(b"x\n")).expect("runs"), first);
    }
}

#[test]
fn random_numbers_follow_the_seed() {
    let vm = vm(lines(vec![map(1, "function() return math.random(1e9) end")]));
    let with = |seed| {
        vm.begin_task(seed).expect("begins");
        let mut rows = Vec::new();
        vm.push(0, Rows::lines(b"x\n"), &mut |_, frames, _| {
            rows = show(frames);
            Ok(())
        })
        .expect("runs");
        rows
    };
    assert_eq!(with(1 << 40), with(1 << 40));
    assert_ne!(with(1 << 40), with(1 << 41));
}
