//! gleamflow runs small Lua functions and shell commands over rows, in parallel, and gives the
//! same bytes for any number of workers.
//!
//! ```
//! use gleamflow::Flow;
//!
//! let mut text = Vec::new();
//! Flow::new()
//!     .lines(["the quick fox", "the end"])
//!     .flat_map("function(line) return line:gmatch('%w+') end")
//!     .map("function(word) return word, 1 end")
//!     .reduce("function(x, y) return x + y end")
//!     .save_text_to(&mut text, "%s,%d")?;
//! assert_eq!(String::from_utf8_lossy(&text), "end,1\nfox,1\nquick,1\nthe,2\n");
//! # Ok::<(), gleamflow::Error>(())
//! ```
//!
//! # Words
//!
//! A **row** is a tuple of columns, counted from 1; a column is a MessagePack value. A [`Dataset`]
//! is an ordered sequence of rows. A [`Flow`] is the graph under construction; each builder method
//! is an **operator** and adds a **step**. Running it compiles a **plan** of **stages**, which are
//! chains of fused steps between **exchanges**. A stage is done in **tasks**, each over a
//! **split** of a source or a range of keys, by **workers**: processes of this same program.
//!
//! # What holds
//!
//! - The same input and plan give the same bytes, for any number of workers, any memory and any
//!   history of the process. A step's Lua state begins afresh with each task, and where tasks begin
//!   depends on the input alone.
//! - Every row is in the output, or the run is an [`Error`] that names the step, the user's own
//!   line, the input and the cause. No half-written file and no process stays behind.
//! - Memory is bounded by [`Flow::memory`]; what does not fit goes to disk.
//!
//! # Where things are
//!
//! `row` knows rows as bytes; `plan` what a flow means; `op`, `source` and `sink` hold a file for
//! each builder method; `lua` is the only folder that knows LuaJIT; `worker` runs tasks; `local` is
//! the engine that schedules them on this machine; `process` starts and ends other people's
//! programs.
//!
//! The path of a row, `"the quick fox"`: `source/lines` finds the line inside a worker, the fused
//! Lua chunk makes three words, maps and combines them, `worker/runs` sorts them into a run, a
//! merge task in some worker reads it with all others, folds and formats, and the engine brings the
//! block to the writer.
//!
//! Linux only, for now: workers are started through `/proc/self/exe` and caught before `main`.

/// The README's programs, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(not(target_os = "linux"))]
compile_error!("gleamflow runs on Linux only, for now");

#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub mod bench;
mod dataset;
mod error;
mod flow;
#[cfg(feature = "fuzz-internals")]
#[doc(hidden)]
pub mod fuzz;
mod local;
mod lua;
mod op;
mod plan;
mod process;
mod row;
mod script;
mod sink;
mod source;
mod worker;

pub use crate::dataset::Dataset;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::flow::Flow;
pub use crate::op::Sort;
pub use crate::script::{IntoScript, Script};
pub use crate::sink::RowStream;
pub use crate::source::Paths;
/// A column of any type: `collect::<Vec<Value>>()` takes any row.
pub use rmpv::Value;
