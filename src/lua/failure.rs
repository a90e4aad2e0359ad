//! From an error in Lua to a `Failure` with step, line, message, hint and the failing row.
//!
//! A newcomer's trap: place and message were taken by `lua/failure.lua` at the moment of the
//! throw; mlua's own error has neither.

use mlua::Table;

use crate::error::{ErrorKind, Failed, Failure};
use crate::row::layout::Rows;

/// A broken promise between the worker and this folder, or inside it.
pub(super) fn internal(what: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::Worker, format!("lua: {what}"))
}

/// Reads the table that `lua/failure.lua` has left.
pub(super) fn read(table: &Table, rows: Option<Rows<'_>>) -> mlua::Result<Failed> {
    let memory = table.get::<Option<bool>>("memory")? == Some(true);
    let bytes = table.get::<mlua::LuaString>("message")?;
    let message = String::from_utf8_lossy(&bytes.as_bytes()).into_owned();
    let mut failure = if memory { out_of_memory() } else { Failure::new(ErrorKind::Lua, message) };
    failure.step = table.get("step")?;
    // Where a stack overflows is chance: compiled code needs less of it.
    if failure.message != "stack overflow" {
        failure.code_line = table.get("line")?;
    }
    if let Some(hint) = table.get::<Option<String>>("hint")? {
        failure = failure.hint(hint);
    }
    let row = table.get::<Option<u32>>("row")?;
    Ok(at_row(failure, row.unwrap_or(0), rows))
}

pub(super) fn out_of_memory() -> Failure {
    Failure::new(ErrorKind::Memory, "the Lua code needs more memory than it may use")
        .hint("give the run more `memory`, or keep less in Lua variables")
}

/// Adds the row's place, and the row itself, if rows were pushed.
pub(super) fn at_row(mut failure: Failure, row: u32, rows: Option<Rows<'_>>) -> Failed {
    let Some(rows) = rows else {
        return Failed::from(failure);
    };
    if let Some(Ok(text)) = rows.each().nth(row as usize) {
        failure = failure.row(rows.layout.describe(text));
    }
    Failed { failure, row: Some(row) }
}
