//! Where rows go: writers, files that appear whole or not at all, and the program's own values.
//!
//! Invariant: a failed run leaves no half-written file behind.

mod file;
mod rows;
mod save;
mod stdout;
mod terminal;
mod together;

pub(crate) use file::AtomicFile;
pub(crate) use save::Attached;
pub(crate) use stdout::stdout_is_closed;

pub use rows::RowStream;
