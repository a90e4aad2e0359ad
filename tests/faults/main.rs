//! What happens when things go wrong: each fault ends with its exact message, its exit code, and
//! nothing left behind.
//!
//! A newcomer's trap: nearly all flows here run in another program, `fault_program`, because exit
//! codes, stderr and leftovers can only be seen from outside. `program.rs` starts it and looks.

mod commands;
mod disk;
mod ended;
mod input;
mod lua;
mod order;
mod passes;
mod program;
mod settings;
mod shell;
mod starting;
mod workers;
