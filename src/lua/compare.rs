//! Tests and fuzzing only: the pattern functions of user code against LuaJIT's own, in one VM.
//!
//! A newcomer's trap: both are called from code of the same shape, since the names and places in
//! their errors come from the caller.

use std::sync::Arc;

use super::{Progress, Vm};

/// Runs `body` with the library as it was and as it is, and compares what comes of both.
const COMPARE: &str = r##"
local stock, ours, body, args = ...
local function show(ok, ...)
    local out = { tostring(ok), select("#", ...) }
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        out[#out + 1] = type(v) .. ":" .. (type(v) == "function" and "" or tostring(v))
    end
    return table.concat(out, "\1")
end
local function with(library)
    local meta = getmetatable("")
    local before = meta.__index
    meta.__index = library
    local text = show(pcall(body, library, unpack(args, 1, args.n)))
    meta.__index = before
    return text
end
return with(stock), with(ours)
"##;

/// Both libraries, in a state of their own.
pub(super) struct Both {
    vm: Vm,
    compare: mlua::Function,
    stock: mlua::Table,
    ours: mlua::Table,
}

impl Both {
    pub fn new() -> Both {
        let progress = Arc::new(Progress::default());
        let vm =
            Vm::new(&[], Vec::new(), Vec::new(), 64 << 20, 1 << 20, progress).expect("compiles");
        let (stock, ours) = vm.string_libraries().expect("two libraries");
        let compare = vm.load_for_test(COMPARE).expect("compiles");
        Both { vm, compare, stock, ours }
    }

    pub fn body(&self, text: &str) -> mlua::Function {
        self.vm.load_for_test(text).expect("compiles")
    }

    /// What comes of it, which is the same for both.
    pub fn check(&self, body: &mlua::Function, args: &[Option<&[u8]>], more: &[i64]) -> String {
        let table = self.vm.args_for_test(args, more).expect("a table");
        let (stock, ours): (mlua::LuaString, mlua::LuaString) = self
            .compare
            .call((&self.stock, &self.ours, body, table))
            .expect("compare itself does not fail");
        let text = String::from_utf8_lossy(&stock.as_bytes()).into_owned();
        assert_eq!(
            text,
            String::from_utf8_lossy(&ours.as_bytes()),
            "{:?} {more:?}",
            args.iter()
                .map(|arg| arg.map(|arg| arg.escape_ascii().to_string()))
                .collect::<Vec<_>>()
        );
        text
    }
}

/// Uses of every function, with a subject, a pattern, a start, a replacement and a number.
pub(super) const BODIES: [&str; 8] =
    [FIND, FIND_METHOD, MATCH, GSUB, GSUB_ALL, GSUB_CALL, GMATCH, GMATCH_TWO];

const FIND: &str = "local s, a, b, i = ... return s.find(a, b, i)";
const FIND_METHOD: &str = "local s, a, b, i = ... return a:find(b, i)";
const MATCH: &str = "local s, a, b, i = ... return s.match(a, b, i)";
const GSUB: &str = "local s, a, b, i, r, n = ... return s.gsub(a, b, r, n)";
const GSUB_ALL: &str = "local s, a, b, i, r = ... return a:gsub(b, r)";
const GSUB_CALL: &str = "local s, a, b = ...
    local seen = {}
    local r, n = s.gsub(a, b, function(...) seen[#seen + 1] = select('#', ...) .. tostring((...)) end)
    return r, n, table.concat(seen, ',')";
const GMATCH: &str = "local s, a, b = ...
    local out, it = {}, s.gmatch(a, b)
    while #out < 100 do
        local n, x, y, z = (function(...) return select('#', ...), ... end)(it())
        if n == 0 then break end
        out[#out + 1] = n .. ':' .. tostring(x) .. ',' .. tostring(y) .. ',' .. tostring(z)
    end
    return table.concat(out, ';'), select('#', it()), select('#', it())";
const GMATCH_TWO: &str = "local s, a, b = ...
    local out, p, q = {}, s.gmatch(a, b), s.gmatch(a, b)
    for i = 1, 20 do
        local x = p()
        local y = i % 3 == 0 and q() or x
        out[#out + 1] = tostring(x) .. ',' .. tostring(y)
    end
    return table.concat(out, ';')";

/// The bytes say how long the pattern is, where to begin and how much to replace; then come the
/// pattern, the subject and the replacement. All are short: patterns can take exponential time.
#[cfg(feature = "fuzz-internals")]
pub(crate) fn check_pattern(bytes: &[u8]) {
    thread_local! {
        static BOTH: (Both, [mlua::Function; BODIES.len()]) = {
            let both = Both::new();
            let bodies = BODIES.map(|text| both.body(text));
            (both, bodies)
        };
    }
    let [length, init, most, rest @ ..] = bytes else { return };
    let (pattern, rest) = rest.split_at(usize::from(length % 15).min(rest.len()));
    let (subject, replacement) = rest.split_at(20.min(rest.len()));
    let replacement = &replacement[..replacement.len().min(12)];
    BOTH.with(|(both, bodies)| {
        let numbers = [i64::from(*init as i8), i64::from(*most as i8 % 8)];
        for body in bodies {
            both.check(body, &[Some(subject), Some(pattern), None, Some(replacement)], &numbers);
        }
    });
}
