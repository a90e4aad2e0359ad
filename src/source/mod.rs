//! Where rows come from: files found by pattern, cut into splits and read as whole lines;
//! streams that can only be read once; rows that the program has.
//!
//! Invariants: which bytes belong to which split is a function of the inputs' sizes alone; every
//! line is in exactly one split; the size of a block changes nothing but the block.

mod compressed;
mod identity;
pub(crate) mod kept;
pub(crate) mod lines;
pub(crate) mod long_row;
pub(crate) mod memory;
pub(crate) mod paths;
mod pattern;
pub(crate) mod place;
mod rows;
pub(crate) mod split;
mod stdin;
pub(crate) mod stream;
mod text_file;

#[cfg(test)]
mod tests;

pub use text_file::Paths;
