//! What flows promise: the same rows, in the same order, whatever runs them.
//!
//! A newcomer's trap: a body handed to `harness::same` runs many times, so whatever it reads must
//! be there each time.

mod accumulate;
mod aggregates;
mod arguments;
mod bad_rows;
mod branch;
mod closures;
mod determinism;
mod embedding;
mod graphs;
mod groups;
mod harness;
mod hooks;
mod joins;
mod keyed;
mod names;
mod ordered;
mod pairs;
mod partitions;
mod pipe_columns;
mod plans;
mod report;
mod scale;
mod shell;
mod sinks;
mod sort_by;
mod sources;
mod steps;
mod streams;
mod tables;
mod text_forms;
mod values;
mod vocabulary;
mod warnings;
