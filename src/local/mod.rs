//! Engine 1: this machine. Schedules tasks on workers and moves blocks between stages.
//!
//! The contract that excludes deadlock: a worker serves several open tasks and never waits for
//! another; everything it writes is taken; the engine throttles only by not sending the next block
//! and by not starting tasks too far ahead; a fork never stops for its slow reader; gathering is
//! in order.

mod again;
mod arguments;
pub(crate) mod block;
mod budget;
mod buffers;
mod closures;
mod command;
mod edge;
mod exchange;
pub(crate) mod letters;
mod limits;
mod link;
mod open;
mod outgoing;
mod output;
mod pace;
mod per_row;
mod pool;
mod replace;
mod report;
mod running;
mod runtime;
mod session;
mod settings;
mod shell;
mod side_tables;
mod spool;
mod start;
mod steps;
mod stop;
mod tally;
mod tasks;
mod threads;
mod turns;
mod warnings;
mod zip;

pub(crate) use running::Running;
pub(crate) use session::Message;
pub(crate) use start::{explain, start};
