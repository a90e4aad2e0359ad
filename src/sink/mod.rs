//! Where rows go: writers, files that appear whole or not at all, and the program's own values.
//!
//! Invariant: a failed run leaves no half-written file behind.

// In the order of the page of `Dataset`.
mod text;

mod lines;

mod rows;

mod closure;

mod stream;

mod explain;

mod file;
mod form;
mod letters;
pub(crate) mod registry;
mod run;
mod save;
mod stdout;
mod terminal;
mod together;

pub(crate) use file::AtomicFile;
pub(crate) use form::form;
pub(crate) use save::Attached;
pub(crate) use stdout::stdout_is_closed;

pub use stream::RowStream;
