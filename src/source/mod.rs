//! Where rows come from: files found by pattern, cut into splits and read as whole lines;
//! streams that can only be read once; rows that the program has.
//!
//! Invariants: which bytes belong to which split is a function of the inputs' sizes alone; every
//! line is in exactly one split; the size of a block changes nothing but the block.

// In the order of the page of `Flow`.
mod text_file;

mod compressed;
mod generator;
pub(crate) mod held;
mod identity;
mod kept;
mod lines;
pub(crate) mod long_row;
pub(crate) mod open;
mod paths;
mod pattern;
mod place;
mod range;
mod reader;
pub(crate) mod registry;
mod rows;
mod rows_file;
mod split;
mod stdin;
mod stream;

#[cfg(test)]
mod tests;

pub use text_file::Paths;
