//! The Lua files under `lua/`, built in.
//!
//! A newcomer's trap: debug builds read the files from disk, so that an edit needs no compiling;
//! release builds never do.

use std::borrow::Cow;

macro_rules! scripts {
    ($($name:literal),* $(,)?) => {
        const BUILT_IN: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/lua/", $name, ".lua")))),*
        ];
    };
}

scripts!(
    "accumulator",
    "addresses",
    "arithmetic",
    "bounds",
    "bytecode",
    "calls",
    "chain",
    "codec",
    "coroutines",
    "failure",
    "fixed",
    "fold",
    "frame",
    "groups",
    "guard",
    "heads/accumulate",
    "heads/columns",
    "heads/frames",
    "heads/group_map",
    "heads/lines",
    "heads/reduce",
    "heads/scan",
    "heads/sessions",
    "heads/tumbling",
    "heads/window",
    "hooks",
    "instead",
    "keeps",
    "keys",
    "line",
    "linked",
    "lists",
    "measure",
    "native",
    "order",
    "pairs",
    "patterns",
    "prelude",
    "pure",
    "random",
    "receiver",
    "remake",
    "rows",
    "segment",
    "shapes",
    "shapes/lines_filter",
    "shapes/lines_tally",
    "side_tables",
    "sites",
    "state",
    "stops",
    "stretches",
    "steps/branch",
    "steps/filter",
    "steps/flat_map",
    "steps/for_each",
    "steps/map",
    "steps/sort_by",
    "tails/accumulate",
    "tails/combine",
    "tails/frames",
    "tails/lines",
    "uses",
    "varargs",
    "words",
);

/// The names that `require` may be given: of all files but those in folders, which are loaded afresh for
/// each loop.
pub(super) fn modules() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).filter(|name| !name.contains('/'))
}

/// The text of `lua/NAME.lua`.
pub(super) fn text(name: &str) -> Option<Cow<'static, str>> {
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name)?.1;
    if cfg!(debug_assertions) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/lua/").to_owned() + name + ".lua";
        if let Ok(text) = std::fs::read_to_string(path) {
            return Some(Cow::Owned(text));
        }
    }
    Some(Cow::Borrowed(built_in))
}
