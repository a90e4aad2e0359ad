//! Functions that collect in a list: which of them get a table of ours, and that nobody can tell.
//!
//! A newcomer's trap: `local u = t` makes a function that gets none, so the same code behind it is
//! the model.

use super::*;

fn gets_ours(text: &str) -> bool {
    let vm = vm(lines(vec![map(1, "function() end")]));
    let lists = vm.module_for_test("lists").expect("a module");
    let f: mlua::Value =
        vm.load_for_test(&format!("return {text}")).and_then(|f| f.call(())).expect(text);
    let made: mlua::Value = lists
        .get::<mlua::Function>("reusing")
        .and_then(|reusing| reusing.call(f))
        .expect("answers");
    !made.is_nil()
}

#[test]
fn lists_that_are_appended_to_and_returned_are_ours() {
    for body in [
        "local t = {} t[#t + 1] = l return t",
        "local t = {} for w in l:gmatch('%w+') do t[#t + 1] = w end return t",
        "local t = {} for w in l:gmatch('%w+') do if #w > 3 then t[#t + 1] = w:upper() .. #t end end return t",
        "local n = 0 local t = {} while n < 3 do n = n + 1 t[#t + 1] = f(n) end if #t > 2 then return t end",
        "if l == '' then return end local t = {} t[#t + 1] = l if t then return t end",
        "if l == '' then return nil end local t = {} return t",
        "local t if l then t = {} t[#t + 1] = l end return t",
        "return {}",
    ] {
        assert!(gets_ours(&format!("function(l) {body} end")), "{body}");
    }
    for text in [
        "function(l) local t = {} kept = t return t end",
        "function(l) local t = {} local u = t u[#u + 1] = l return t end",
        "function(l) local t = {} t[1] = l return t end",
        "function(l) local t = {} t.x = l return t end",
        "function(l) local t = {} t[l] = l return t end",
        "function(l) local t = {} t[#t + 2] = l return t end",
        "function(l) local t = {} t[#t] = l return t end",
        "function(l) local t = {} t[#l + 1] = l return t end",
        "function(l) local t = {} local n = #t t[n + 1] = l t[n + 3] = l return t end",
        "function(l) local t = {} t[#t + 1] = t return t end",
        "function(l) local t = {} t[t] = 1 return t end",
        "function(l) local t = {} t[#t + 1] = l and 1 or 2 return t end",
        "function(l) local t = {} t[#t + 1] = l return t, 1 end",
        "function(l) local t = {} t[#t + 1] = l return t[1] end",
        "function(l) local t = {} t[#t + 1] = l return #t, t end",
        "function(l) local t = {} table.insert(t, l) return t end",
        "function(l) local t = {} print(t) return t end",
        "function(l) local t = {} t[#t + 1] = l return {t} end",
        "function(l) local t = {} return function() return t end end",
        "function(l) local t = {} for i = 1, 2 do t = {} t[#t + 1] = i end return t end",
        "function(l) for i = 1, 2 do local t = {} t[#t + 1] = i if i > 1 then return t end end end",
        "function(l) local i = 0 repeat i = i + 1 local t = {} t[#t + 1] = i until i > 2 end",
        "function(l) ::again:: local t = {} t[#t + 1] = l if f() then goto again end return t end",
        "function(l) local t = {l} t[#t + 1] = l return t end",
        "function(l) local t = {} t = l t[#t + 1] = l return t end",
        "function(l) local t = {} for i = 1, #l do t[#t + 1] = {i, l} end return t end",
        "function(l) local t, u = {}, {} t[#t + 1] = l return t end",
        "function(l) local t = {} t[#t + 1] = l return setmetatable(t, {}) end",
        "function(l) local t = {} t[#t + 1] = l return l == t end",
        "function(l) local t = {} t[#t + 1] = l return t .. '' end",
        "function(l) local t = {} for k in pairs(t) do t[#t + 1] = k end return t end",
        "function(...) local t = {} t[#t + 1] = ... return t end",
        "(function() local n = 0 return function(l) local t = {} t[#t + 1] = n return t end end)()",
        "function(l) return l end",
        "string.rep",
        "setmetatable({}, {__call = function(_, l) local t = {} return t end})",
        "nil",
    ] {
        assert!(!gets_ours(text), "{text}");
    }
}

/// `lua/remake.lua` loaded again where `string.dump` gives what `dumped` makes of the stock one's `s`:
/// whether it works, and what it makes of a function.
fn remade(dumped: &str) -> (bool, mlua::Value) {
    let vm = vm(lines(vec![map(1, "function() end")]));
    let change = format!(
        "local stock = string.dump string.dump = function(f) local s = stock(f) return {dumped} end"
    );
    vm.load_for_test(&change).and_then(|change| change.call::<()>(())).expect(dumped);
    let text = crate::lua::scripts::text("remake").expect("a file");
    let remake: mlua::Table =
        vm.load_for_test(&text).and_then(|file| file.call(())).expect("loads");
    let f: mlua::Value = vm
        .load_for_test("return function(l) local t = {} t[#t + 1] = l return t end")
        .and_then(|f| f.call(()))
        .expect("a function");
    let made = remake.get::<mlua::Function>("with_upvalue").and_then(|make| make.call((f, 1, 1)));
    let works = remake.get::<mlua::Function>("works").and_then(|works| works.call(()));
    (works.expect("a boolean"), made.expect("answers"))
}

#[test]
fn dumps_of_another_format_are_not_rewritten() {
    let (works, made) = remade("s");
    assert!(works && made.is_function());
    for dumped in [
        "s:sub(1, 3) .. '\\3' .. s:sub(5)",
        "s:sub(1, 4) .. string.char(s:byte(5) + 2) .. s:sub(6)",
        "s:sub(1, 40) .. '\\0' .. s:sub(41)",
        "s:sub(1, -2) .. '\\0\\0'",
        "s:sub(1, 20)",
        "s:reverse()",
        "''",
        "error('no dumps')",
    ] {
        let (works, made) = remade(dumped);
        assert!(!works && !made.is_function(), "{dumped}");
    }
}

/// What two tasks give, each row or the error with its place, of the function and of its model.
fn both(steps: impl Fn(&str) -> Vec<LuaStep>, body: &str, input: &str) -> [Vec<String>; 2] {
    ["", " local u = t"].map(|model| {
        let text =
            format!("function(l){}", body.replacen("{}", &format!("{{}}{model}"), 1)) + " end";
        assert_eq!(gets_ours(&text), model.is_empty(), "{text}");
        let vm = vm(lines(steps(&text)));
        let mut all = Vec::new();
        for _ in 0..2 {
            match task(&vm, Rows::lines(input.as_bytes())) {
                Ok(rows) => all.extend(rows),
                Err(Failed { failure, row }) => {
                    let place = (failure.step, failure.code_line, row);
                    all.push(format!("{place:?} {}", failure.message));
                }
            }
        }
        all
    })
}

#[test]
fn a_list_of_ours_is_as_a_new_one() {
    let many: String = (0..3000).map(|n| format!("w{n} ")).collect();
    let input = format!("a b c\n\nbad\nnull a\n{many}\nx y\nlong word\n");
    let input = input.as_str();
    // A function of many lines, whose numbers take two bytes each.
    let far = "\n".repeat(300);
    let far = format!(
        " local t = {{}}{far} for w in l:gmatch('%w+') do if w == 'bad' then {far} error(w) end t[#t + 1] = w end return t"
    );
    for body in [
        &far,
        " local t = {} for w in l:gmatch('%w+') do t[#t + 1] = w end return t",
        " local t = {} for w in l:gmatch('%w+') do t[#t + 1] = w .. #t end return t",
        " local t = {} for w in l:gmatch('%w+') do t[#t + 1] = w if w == 'b' then return end end return t",
        " local t = {} for w in l:gmatch('%w+') do t[#t + 1] = w if w == 'b' then return l:gmatch('.') end end return t",
        " local t = {} for w in l:gmatch('%w+') do\n t[#t + 1] = w\n if w == 'bad' then error('here') end end return t",
        " local t = {} for w in l:gmatch('%w+') do t[#t + 1] = w if #t == 3 then return #t end end return t",
        " local t = {} if #l > 3 then t[#t + 1] = #l return t end return l:gmatch('%w')",
        " local t = {} t[#t + 1] = #l if #l > 3 then return l:gmatch('%w') end return t",
        " local t = {} t[#t + 1] = null t[#t + 1] = nil t[#t + 1] = #l return t",
        " local t = {} for i = 1, #l do t[#t + 1] = l:sub(i, i) end return t",
    ] {
        let [ours, model] = both(|text| vec![flat_map(4, text)], body, input);
        assert_eq!(ours, model, "{body}");
        let filtered = |text: &str| {
            let keeps = lua_step("filter", code(3, "function(l) return l:byte(1) ~= 98 end"));
            vec![keeps, flat_map(4, text), map(5, "function(w) return w, w end")]
        };
        let [ours, model] = both(filtered, body, input);
        assert_eq!(ours, model, "{body}");
    }
}
