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
//! A **row** is a tuple of columns, counted from 1. A [`Flow`] makes rows, a [`Dataset`] stands for
//! an ordered sequence of them, and each of its methods adds a **step**. Nothing runs before a
//! **terminal** such as `save_text_to`, which compiles the steps into a plan and has it done by
//! worker processes of this same program: nothing needs to be installed or started.
//!
//! # What there is
//!
//! - **Sources**, which give a dataset: [`text_file`](Flow::text_file) (a path, a pattern, several),
//!   [`lines`](Flow::lines), [`rows`](Flow::rows), [`range`](Flow::range), [`reader`](Flow::reader);
//!   [`source`](Flow::source), an iterator of the program.
//! - **Lua steps**: [`map`](Dataset::map), [`flat_map`](Dataset::flat_map),
//!   [`filter`](Dataset::filter), [`for_each`](Dataset::for_each); [`lua`](Flow::lua) and
//!   [`lua_file`](Flow::lua_file) for what they share; [`lua!`] for errors that name the line.
//! - **Rust steps**: [`map_rows`](Dataset::map_rows), [`filter_rows`](Dataset::filter_rows),
//!   [`flat_map_rows`](Dataset::flat_map_rows), closures over rows of the program's own types.
//! - **Rows that fail**: [`on_error`](Dataset::on_error) leaves them out, or puts them into a file that
//!   [`rows_file`](Flow::rows_file) reads.
//! - **Columns**: [`split`](Dataset::split), [`split_pattern`](Dataset::split_pattern) and
//!   [`fields`](Dataset::fields) make them from text, [`numbers`](Dataset::numbers) makes numbers of
//!   them, [`select`](Dataset::select) and [`pad`](Dataset::pad) choose and add.
//! - **By key**: [`reduce`](Dataset::reduce), [`reduce_by`](Dataset::reduce_by),
//!   [`count_by`](Dataset::count_by), [`distinct`](Dataset::distinct); of all rows
//!   [`fold`](Dataset::fold). **In order**: [`sort`](Dataset::sort), [`top`](Dataset::top), by a
//!   column or by a [`Sort`]. **By place**: [`limit`](Dataset::limit), [`skip`](Dataset::skip).
//! - **Names**: [`named`](Dataset::named) names columns, and then a name may stand wherever a
//!   column's number may.
//! - **Side tables**: [`with_table`](Dataset::with_table) lets Lua look up another dataset's rows.
//! - **Groups**: [`aggregate`](Dataset::aggregate) with [`Agg`] for counts, sums, quantiles and more,
//!   [`accumulate`](Dataset::accumulate) for states of your own, [`group_map`](Dataset::group_map)
//!   for a function over the rows of each key.
//! - **Joins**: [`join`](Dataset::join) with [`Join`] for its kinds, [`cogroup`](Dataset::cogroup),
//!   [`cross`](Dataset::cross).
//! - **Windows**: [`scan`](Dataset::scan), [`lag`](Dataset::lag), [`window`](Dataset::window),
//!   [`tumbling`](Dataset::tumbling), [`sessions`](Dataset::sessions), over all rows or by key.
//! - **Two datasets**: [`union`](Dataset::union), [`zip`](Dataset::zip),
//!   [`merge_sorted`](Dataset::merge_sorted), [`intersect`](Dataset::intersect),
//!   [`subtract`](Dataset::subtract); [`branch`](Dataset::branch) makes two of one.
//! - **Shell**: [`pipe`](Dataset::pipe), [`pipe_as_args`](Dataset::pipe_as_args),
//!   [`pipe_rows`](Dataset::pipe_rows), [`pipe_columns`](Dataset::pipe_columns) for some columns
//!   beside the others, with [`Shell`] for what a command needs beside its text, and
//!   [`Text`] for CSV, JSON and other forms of its input and output;
//!   several at once behind [`partition`](Dataset::partition),
//!   [`partition_by`](Dataset::partition_by) or [`round_robin`](Dataset::round_robin).
//! - **Terminals**: [`save_text_to`](Dataset::save_text_to) and
//!   [`save_lines_to`](Dataset::save_lines_to) a writer, [`save_text`](Dataset::save_text) and
//!   [`save_lines`](Dataset::save_lines) to a file; [`collect`](Dataset::collect),
//!   [`first`](Dataset::first), [`count`](Dataset::count),
//!   [`for_each_row`](Dataset::for_each_row), [`sink`](Dataset::sink) into the program's own types; in async code
//!   [`stream`](Dataset::stream), and the others with `_async` at the end. For several results of
//!   one run attach [`to_text_file`](Dataset::to_text_file) and its kin, then
//!   [`run`](Flow::run). [`explain`](Dataset::explain) shows the plan, and what keeps a loop in Lua from
//!   being compiled; a [`Report`] says what was done; [`cancel_handle`](Flow::cancel_handle) and
//!   [`deadline`](Flow::deadline) end a run.
//!
//! # The language
//!
//! Steps are Lua 5.1 as LuaJIT has it: there is no `//`, and `ffi`, `debug` and `package` are not
//! there. Its patterns are no regular expressions: `%d+` is what `\d+` is elsewhere, `-` is the lazy
//! `*`, and there is no `|`.
//!
//! A function takes a row's columns as arguments and returns the new row's columns. Beside Lua's
//! own functions there are `emit(…)`, which puts out a row at once; `unpack_rows(list)`, a list as
//! rows; `null`, the nil inside a table; `str(x)`, a number as text; [`count` and `at_end`](Flow::lua)
//! for the whole task; and [`tables`](Dataset::with_table), rows of other datasets. `pairs` goes through a
//! table in a fixed order, and `raw_pairs` in LuaJIT's. `math.random` gives the same numbers in each
//! run. A row may have up to 7,900 columns where a Lua step takes it apart, 200 of them by name.
//!
//! ```
//! use gleamflow::Flow;
//!
//! let rows: Vec<(String, i64)> = Flow::new()
//!     .lines(["fox=2", "# none", "hen=1"])
//!     .map("function(line)
//!         local name, n = line:match('^(%w+)=(%d+)$')
//!         if name then return name, tonumber(n) end
//!     end")
//!     .collect()?;
//! assert_eq!(rows, [("fox".to_string(), 2), ("hen".to_string(), 1)]);
//! # Ok::<(), gleamflow::Error>(())
//! ```
//!
//! Variables live as long as a **task**, which is one piece of the input: what goes over several
//! rows is for `reduce`, `fold` or a command.
//!
//! # Values and text
//!
//! A column is nil, a boolean, a number, text (any bytes), a list or a map; [`Value`] takes any.
//! They are ordered nil, false, true, numbers by value, NaN, text by bytes, lists, maps. As keys 1
//! and 1.0 are the same, and the text "1" is another.
//!
//! Lua's numbers are doubles: an integral one within ±2^53 leaves Lua as an integer, and integers
//! beyond that, of 64 bits, reach Lua as LuaJIT's `int64_t` and `uint64_t`. A row that no Lua step
//! looks into stays as it is. A table with the keys 1 to n, or with none, is a list, any other a map.
//!
//! Lines are bytes without their line feed. For a command, columns are joined by TAB, and what it
//! writes is cut at TAB, all of it text: [`numbers`](Dataset::numbers) reads it. Where numbers
//! become text, integers are decimal and doubles the shortest text that reads back as the same; nil
//! is empty.
//!
//! # What holds
//!
//! - **The same bytes**: the same input and flow give the same bytes, for any number of workers, any
//!   memory and any history of the process, sums of doubles and random numbers included. Where
//!   tasks begin depends on the input alone. At your own risk are `os.time`, shell commands, a
//!   function for `reduce` that is not associative, and `pairs` over keys that are tables or
//!   functions.
//! - **Nothing lost**: every row is in the output, or the run is an [`Error`]. No half-written file
//!   and no process stays behind.
//! - **Bounded memory**: what does not fit into [`Flow::memory`] goes to disk, in files without
//!   names that are gone with the process.
//!
//! # Errors
//!
//! Steps never fail when they are added; what is wrong is an [`Error`] of the terminal, the first in
//! the order of the rows. It names the step, your own line, the input and the next move, for people;
//! [`Error::kind`], [`location`](Error::location) and [`operator`](Error::operator) are for programs.
//! A run that goes on and yet has something to say, such as a pattern without a match, says it as a
//! warning by `tracing`.
//!
//! ```
//! use gleamflow::{ErrorKind, Flow};
//!
//! let error = Flow::new().lines(["fox 2", "hen"]).fields().numbers([2]).count().unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Row);
//! assert!(error.to_string().contains("numbers: "), "{error}");
//! assert!(error.to_string().contains("hint: "), "{error}");
//! ```
//!
//! # Settings
//!
//! | method | environment | default |
//! |---|---|---|
//! | [`workers`](Flow::workers) | `GLEAMFLOW_WORKERS` | the cores that the process may use |
//! | [`memory`](Flow::memory) | `GLEAMFLOW_MEMORY` (`512M`, `2G`) | half of what the process may use |
//! | [`temp_dir`](Flow::temp_dir) | `GLEAMFLOW_TMPDIR`, `TMPDIR` | `/tmp` |
//! | [`step_timeout`](Flow::step_timeout) | | none |
//! | [`deadline`](Flow::deadline) | | none |
//! | [`max_row`](Flow::max_row) | | 64 MiB |
//! | [`workers_in_process`](Flow::workers_in_process) | | worker processes |
//! | | `GLEAMFLOW_WORKER` | the program itself; else one that links gleamflow |
//!
//! An empty variable counts as unset. None of them changes a result.
//!
//! # For those who read the code
//!
//! A flow compiles into a **plan** of **stages**, which are chains of fused steps between
//! **exchanges**. A stage is done in **tasks**, each over a **split** of a source or a range of keys,
//! by **workers**. A task's output, sorted by key, is a **run**. Rows travel in **blocks**, as
//! **frames** or as raw lines; a column in a frame is a MessagePack value.
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
mod report;
mod row;
mod script;
mod sink;
mod source;
mod worker;

pub use crate::dataset::Dataset;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::flow::{CancelHandle, Flow};
pub use crate::op::{
    Agg, AtMost, Column, Columns, Join, LeaveOut, OnError, Ordered, Shell, Sort, Text, Zip,
};
pub use crate::plan::command::Stderr;
pub use crate::report::{Counter, Progress, Report, StageReport, StepReport};
pub use crate::script::{IntoScript, Script};
pub use crate::sink::RowStream;
pub use crate::source::Paths;
/// A column of any type; `collect::<Vec<Value>>()` takes any row.
///
/// ```
/// use gleamflow::{Flow, Value};
///
/// let rows = Flow::new().range(1..2).map("function(x) return x, 'text', { x, null } end");
/// let columns: Vec<Value> = rows.first()?.unwrap();
/// assert_eq!(columns[1], Value::from("text"));
/// assert_eq!(columns[2], Value::Array(vec![Value::from(1), Value::Nil]));
/// # Ok::<(), gleamflow::Error>(())
/// ```
pub use rmpv::Value;
