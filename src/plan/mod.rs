//! The meaning of a flow: chains of steps, stages, exchanges. Pure, serialisable, printable.
//!
//! Invariant: a plan needs nothing from the program that made it.

pub(crate) mod chain;
pub(crate) mod closure;
pub(crate) mod command;
pub(crate) mod compile;
pub(crate) mod cut;
pub(crate) mod exchange;
pub(crate) mod explain;
pub(crate) mod graph;
pub(crate) mod guard;
pub(crate) mod lower;
pub(crate) mod named;
pub(crate) mod names;
pub(crate) mod native;
pub(crate) mod pipe_line;
mod rewrite;
pub(crate) mod seed;
pub(crate) mod source;
pub(crate) mod stage;
pub(crate) mod tables;
pub(crate) mod text_form;
mod travels;
pub(crate) mod view;
pub(crate) mod writing;
