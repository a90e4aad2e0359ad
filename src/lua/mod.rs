//! Lua: one LuaJIT state per stage, its environment, the compiling of user code, and its errors.
//!
//! Invariants: this is the only folder that names mlua; the loops themselves are Lua files under
//! `lua/`; a row is decoded and encoded there, through FFI, and never by mlua.

mod address;
mod bits;
mod columns;
#[cfg(any(test, feature = "fuzz-internals"))]
mod compare;
mod dictionary;
mod failure;
mod formats;
mod heap;
mod in_c;
mod inspect;
mod keys;
mod large;
mod literal;
mod low;
mod matches;
mod native;
mod natives;
mod pattern;
mod port;
mod progress;
mod put;
mod rejects;
mod replace;
mod runs;
mod scripts;
mod segment;
mod setup;
mod side_table;
mod slabs;
mod status;
mod syntax;
mod tables;
mod tally;
#[cfg(test)]
mod tests;
mod text_key;
mod text_table;
mod vm;
mod words;

#[cfg(feature = "fuzz-internals")]
pub(crate) use compare::check_pattern;
pub(crate) use inspect::inspect;
pub(crate) use progress::Progress;
pub(crate) use rejects::Outcome;
pub(crate) use segment::{LuaSegment, LuaTail};
pub(crate) use syntax::check_syntax;
pub(crate) use vm::Vm;
