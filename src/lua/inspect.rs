//! What is seen of the user's functions before anything runs: what they keep from one row to the
//! next, what keeps them from being compiled, and what is recognised in them.
//!
//! A newcomer's trap: nothing of the user's is run here; `lua/keeps.lua` and `lua/stops.lua` read
//! compiled functions.

use std::collections::HashMap;

use mlua::{Function, Lua, Table};

use super::heap::State;
use super::scripts;
use super::syntax::{compile_chunk, compile_expression};
use crate::error::StepId;
use crate::plan::chain::{Chain, Code, Head, Step, Tail};
use crate::plan::exchange::Combine;
use crate::plan::explain::{Seen, Stop};
use crate::row::layout::Layout;

/// What is seen of each code of which there is something to say. The flag says whether a code is a
/// function expression; all of them have been checked.
pub(crate) fn inspect<'a>(
    codes: &[(&Code, bool)],
    chains: impl Iterator<Item = &'a Chain>,
) -> Vec<(StepId, Seen)> {
    let lua = State::new();
    // What a message says of a plan is not worth an error of its own.
    let Ok(parts) = Parts::load(&lua) else { return Vec::new() };
    let mut shapes = HashMap::new();
    let mut all: Vec<(StepId, Seen)> = Vec::new();
    for (code, is_expression) in codes {
        let chunk = match is_expression {
            true => compile_expression(&lua, code),
            false => compile_chunk(&lua, code),
        };
        let Ok(chunk) = chunk else { continue };
        let mut seen =
            Seen { keeps: parts.names.call(&chunk).unwrap_or_default(), ..Seen::default() };
        if *is_expression {
            seen.stops = parts.stops(&chunk).unwrap_or_default();
            shapes.insert(code.step, parts.shape(&chunk).unwrap_or_default());
        }
        all.push((code.step, seen));
    }
    for (step, what) in chains.filter_map(|chain| recognised(chain, &shapes)) {
        if let Some((_, seen)) = all.iter_mut().find(|(of, _)| *of == step) {
            seen.recognised = Some(what);
        }
    }
    all.retain(|(_, seen)| *seen != Seen::default());
    all
}

/// Our functions that look at those of the user's.
struct Parts {
    names: Function,
    stops: Function,
    shapes: Function,
}

/// What a function does and nothing else, if it is one of these.
#[derive(Default)]
struct Shape {
    searched: Option<String>,
    matched: Option<String>,
    /// The number that comes behind a key.
    number: Option<i64>,
    is_sum: bool,
}

impl Parts {
    fn load(lua: &Lua) -> mlua::Result<Parts> {
        let loaded: Table = lua.globals().get::<Table>("package")?.get("loaded")?;
        let module = |name: &str| -> mlua::Result<Table> {
            let text = scripts::text(name).expect("the file is built in");
            lua.load(&*text).set_name(format!("=lua/{name}.lua")).call(())
        };
        for name in ["bytecode", "shapes"] {
            loaded.set(format!("gleamflow.{name}"), module(name)?)?;
        }
        let stops = module("stops")?;
        Ok(Parts {
            names: module("keeps")?.get("names")?,
            stops: stops.get("of")?,
            shapes: stops.get("shapes")?,
        })
    }

    fn stops(&self, chunk: &Function) -> mlua::Result<Vec<Stop>> {
        let stops: Vec<Table> = self.stops.call(chunk)?;
        let stop = |stop: &Table| Ok(Stop { line: stop.get(1)?, what: stop.get(2)? });
        stops.iter().map(stop).collect()
    }

    fn shape(&self, chunk: &Function) -> mlua::Result<Shape> {
        let table: Table = self.shapes.call(chunk)?;
        let text = |name: &str| -> mlua::Result<Option<String>> {
            let text: Option<mlua::LuaString> = table.get(name)?;
            Ok(text.map(|text| text.to_string_lossy()))
        };
        Ok(Shape {
            searched: text("searched")?,
            matched: text("matched")?,
            number: table.get("number")?,
            is_sum: table.get::<Option<bool>>("is_sum")?.unwrap_or(false),
        })
    }
}

/// The step at which the loop of a chain becomes a native one, and what that does: what
/// `lua/shapes/` looks for when the loop is built.
fn recognised(chain: &Chain, shapes: &HashMap<StepId, Shape>) -> Option<(StepId, String)> {
    if !matches!(chain.head, Head::Rows(Layout::Lines | Layout::Text)) {
        return None;
    }
    let lua = |step: &Step| match step {
        Step::Lua(step) => Some((step.template.clone(), step.code.step)),
        Step::Native(_) | Step::Spread(_) => None,
    };
    let (template, step) = lua(chain.steps.first()?)?;
    if template == "filter" {
        let text = shapes.get(&step)?.searched.as_ref()?;
        return Some((step, format!("searches blocks of lines for {text:?}")));
    }
    let steps: Option<Vec<_>> = chain.steps.iter().map(lua).collect();
    tally(chain, &steps?, shapes)
}

fn tally(
    chain: &Chain,
    steps: &[(String, StepId)],
    shapes: &HashMap<StepId, Shape>,
) -> Option<(StepId, String)> {
    let Tail::Runs { combine: Some(Combine::Lua { template, keys, code }), .. } = &chain.tail
    else {
        return None;
    };
    let adds_up = template == "combine" && keys[..] == [1] && shapes.get(&code.step)?.is_sum;
    let ((last, map), before) = steps.split_last()?;
    if !adds_up || last != "map" || shapes.get(map)?.number.is_none() {
        return None;
    }
    match before {
        [] => Some((*map, "counts lines, by their numbers".to_owned())),
        [(template, step)] if template == "flat_map" => {
            let pattern = shapes.get(step)?.matched.as_ref()?;
            Some((*step, format!("counts the matches of {pattern:?}, by their numbers")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, is_expression: bool) -> Vec<String> {
        let code = Code { step: 7, text: text.to_owned(), seed: 0, tables: Vec::new() };
        let mut found = inspect(&[(&code, is_expression)], std::iter::empty());
        assert!(found.iter().all(|(step, _)| *step == 7));
        found.pop().map_or(Vec::new(), |(_, seen)| seen.keeps)
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
