//! Rows as bytes: values and their order, MessagePack, frames, blocks, keys, text and formats.
//!
//! Invariants: nothing here does I/O or knows Lua; whatever reads bytes returns an error for
//! malformed ones and never panics.

pub(crate) mod block;
pub(crate) mod byte_string;
pub(crate) mod cells;
pub(crate) mod csv;
pub(crate) mod cut;
pub(crate) mod decimal;
pub(crate) mod describe;
pub(crate) mod digits;
pub(crate) mod ends;
pub(crate) mod format;
pub(crate) mod forms;
pub(crate) mod frame;
pub(crate) mod json;
pub(crate) mod key;
pub(crate) mod key_table;
pub(crate) mod layout;
pub(crate) mod line_key;
pub(crate) mod missing;
#[cfg(test)]
pub(crate) mod model;
pub(crate) mod msgpack;
pub(crate) mod nul;
pub(crate) mod numeric;
#[cfg(any(test, feature = "fuzz-internals"))]
pub(crate) mod order;
pub(crate) mod pick;
pub(crate) mod printf;
pub(crate) mod raw;
pub(crate) mod replace;
pub(crate) mod side_table;
pub(crate) mod text;
pub(crate) mod texts;
pub(crate) mod typed;
pub(crate) mod whole;
pub(crate) mod written;
