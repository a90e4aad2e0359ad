//! Which steps keep something from one row to the next, as their code shows it.
//!
//! A newcomer's trap: nothing of the user's is run here; `lua/keeps.lua` reads compiled functions,
//! and sees globals only.

use mlua::{Function, Lua, Table};

use super::heap::State;
use super::scripts;
use super::syntax::{compile_chunk, compile_expression};
use crate::error::StepId;
use crate::plan::chain::Code;

/// The globals that each code both reads and writes, where it does. The flag says whether a code is a
/// function expression; all of them have been checked.
pub(crate) fn kept_globals(codes: &[(&Code, bool)]) -> Vec<(StepId, Vec<String>)> {
    let lua = State::new();
    // What a message says of a plan is not worth an error of its own.
    let Ok(names) = load(&lua) else { return Vec::new() };
    let kept = codes.iter().filter_map(|(code, is_expression)| {
        let chunk = match is_expression {
            true => compile_expression(&lua, code),
            false => compile_chunk(&lua, code),
        };
        let names: Vec<String> = names.call(chunk.ok()?).ok()?;
        (!names.is_empty()).then_some((code.step, names))
    });
    kept.collect()
}

fn load(lua: &Lua) -> mlua::Result<Function> {
    let loaded: Table = lua.globals().get::<Table>("package")?.get("loaded")?;
    let module = |name: &str| -> mlua::Result<Table> {
        let text = scripts::text(name).expect("the file is built in");
        lua.load(&*text).set_name(format!("=lua/{name}.lua")).call(())
    };
    loaded.set("gleamflow.bytecode", module("bytecode")?)?;
    module("keeps")?.get("names")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, is_expression: bool) -> Vec<String> {
        let code = Code { step: 7, text: text.to_owned(), seed: 0, tables: Vec::new() };
        let mut found = kept_globals(&[(&code, is_expression)]);
        assert!(found.iter().all(|(step, _)| *step == 7));
        found.pop().map_or(Vec::new(), |(_, names)| names)
    }

    #[test]
    fn globals_that_are_read_and_written_are_kept() {
        for (step, names) in [
            (
                "function(k) if k ~= last then n = (n or 0) + 1 end last = k return n, k end",
                "last n",
            ),
            ("function(k) if seen[k] then return false end seen[k] = true return true end", "seen"),
            ("function(k) list[#list + 1] = k end", "list"),
            ("function(k) list[1] = list.n end", "list"),
            ("(function() n = 0 return function(x) n = n + x return n end end)()", "n"),
            ("function(x) return function() count = count + 1 return x end end", "count"),
        ] {
            assert_eq!(kept(step, true).join(" "), names, "{step}");
        }
        let shared = "n = 0 names = {} function add(x) n = n + x return n end";
        assert_eq!(kept(shared, false), ["n"]);
    }

    #[test]
    fn what_is_only_read_or_only_written_or_local_is_not_kept() {
        for step in [
            "function(x) return math.floor(x), string.rep('x', 3) end",
            "function(x) last = x return x end",
            "function(x) local t = {} t[1] = x return table.concat(t) end",
            "function(x) local t = {} t.n = names[x] return t end",
            "function(x) local n = 0 for i = 1, x do n = n + i end return n end",
            "function(x) local t = names t = {} t.x = 1 return names end",
            "print",
        ] {
            assert_eq!(kept(step, true), [""; 0], "{step}");
        }
        assert_eq!(kept("n = 1 m = n + 1 function f() return n end", false), [""; 0]);
    }
}
