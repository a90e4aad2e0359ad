//! `lines`, `rows`: what the program itself gives.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::kept::{Keeper, Kept, KeptFile, MEMORY_BYTES};
use super::long_row::longer_than;
use super::open::{BlockReader, Opened, Opening, Source};
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::named::Arguments;
use crate::plan::source::Source as PlannedSource;
use crate::row::layout::{Layout, Rows};
use crate::row::{frame, typed};

impl Flow {
    /// Lines from the program itself, one row of one text column each.
    ///
    /// All lines are taken now, so that they may be borrowed, and the flow can run many times. Up
    /// to 1 MiB of them are kept in memory, more in a file of [`Flow::temp_dir`] without a name,
    /// from which runs read them as they go.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().lines(["a", ""]).collect::<String>()?, ["a", ""]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a line with a line feed in it, or longer than [`Flow::max_row`].
    #[track_caller]
    pub fn lines<L: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = L>) -> Dataset {
        let put = |out: &mut Vec<u8>, row: u64, line: L| {
            let line = line.as_ref();
            if memchr::memchr(b'\n', line).is_some() {
                let message = format!("line {row} contains a line feed");
                return Err(Failure::new(ErrorKind::Input, message)
                    .hint("`rows` takes any text as a column"));
            }
            out.extend_from_slice(line);
            out.push(b'\n');
            Ok(())
        };
        self.keep("lines", Location::caller(), Layout::Lines, lines, put)
    }

    /// Rows from the program itself: a tuple, a struct or a sequence is a row of its elements,
    /// anything else that serde serialises is a row of one column.
    ///
    /// All rows are taken now, encoded, and kept as [`Flow::lines`] keeps lines.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("a", 1), ("b", 2)]);
    /// assert_eq!(rows.select([2]).collect::<i64>()?, [1, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: an empty tuple, an integer beyond 64 bits, a value that its type refuses to
    /// serialise, and a row that is longer than [`Flow::max_row`].
    #[track_caller]
    pub fn rows<R: Serialize>(&self, rows: impl IntoIterator<Item = R>) -> Dataset {
        let put = |out: &mut Vec<u8>, number: u64, row: R| {
            let start = frame::begin(out);
            typed::to_payload(out, &row).map_err(|error| {
                let failure = error.failure(ErrorKind::Row);
                Failure { message: format!("row {number}: {}", failure.message), ..failure }
            })?;
            frame::end(out, start)
                .map_err(|error| Failure::new(ErrorKind::Row, format!("row {number}: {error}")))
        };
        self.keep("rows", Location::caller(), Layout::Frames, rows, put)
    }

    fn keep<R>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        layout: Layout,
        rows: impl IntoIterator<Item = R>,
        put: impl Fn(&mut Vec<u8>, u64, R) -> Result<(), Failure>,
    ) -> Dataset {
        let (directory, exchange_bytes) = {
            let settings = &self.state().settings;
            (settings.temp_dir(), settings.exchange_bytes)
        };
        let mut keeper = Keeper::new(layout, directory, exchange_bytes.unwrap_or(MEMORY_BYTES));
        // Not while the flow's state is held: the iterator is the program's own code.
        let kept = rows.into_iter().try_for_each(|row| {
            put(&mut keeper.bytes, keeper.rows + 1, row).and_then(|()| keeper.row_ended())
        });
        let rows = keeper.rows;
        let source = kept.and_then(|()| keeper.finish()).map(|kept| {
            let (place, is_held) = match kept {
                Kept::Memory(bytes) => (GivenPlace::Memory(bytes), false),
                Kept::File(file) => (GivenPlace::File(self.state().held.put(file)), true),
            };
            PlannedSource { is_held, ..PlannedSource::new(&Given { place, layout, rows }, layout) }
        });
        self.add_source(operator, caller, source)
    }
}

/// Rows of the program, whole and encoded.
#[derive(Serialize, Deserialize)]
pub(crate) struct Given {
    place: GivenPlace,
    layout: Layout,
    rows: u64,
}

#[derive(Serialize, Deserialize)]
enum GivenPlace {
    Memory(Bytes),
    /// In a [`KeptFile`] that the program holds, by its number.
    File(usize),
}

impl Arguments for Given {
    const NAME: &str = "given";
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s ({})", name_of_one(self.layout), self.rows)
    }
}

fn name_of_one(layout: Layout) -> &'static str {
    if layout.is_lines() { "line" } else { "row" }
}

impl Source for Given {
    fn open(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Opened, Failure> {
        let from = match self.place {
            GivenPlace::Memory(bytes) => From::Memory(bytes),
            GivenPlace::File(number) => From::File(opening.held.get(number)?, 0),
        };
        let (layout, max_row) = (self.layout, opening.max_row);
        Ok(Opened::Stream(Box::new(GivenReader { from, layout, max_row, rows: 0, long: false })))
    }
}

/// Reads rows of the program, whose sizes nobody has looked at before.
struct GivenReader {
    from: From,
    layout: Layout,
    max_row: usize,
    /// So many have passed.
    rows: u64,
    /// Whether the next row is too long.
    long: bool,
}

enum From {
    Memory(Bytes),
    /// And how much of it has been read.
    File(Arc<KeptFile>, u64),
}

impl BlockReader for GivenReader {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        out.clear();
        if !self.long {
            match &mut self.from {
                From::Memory(bytes) => {
                    let end = Rows::new(self.layout, bytes).cut_at(block_bytes.max(1));
                    out.extend_from_slice(&bytes.split_to(end));
                }
                From::File(file, offset) => {
                    file.next_block(offset, out, block_bytes)?;
                }
            }
            if let Some(start) = Rows::new(self.layout, out).first_longer(self.max_row) {
                out.truncate(start);
                self.long = true;
            }
            self.rows += u64::from(Rows::new(self.layout, out).count());
        }
        if self.long && out.is_empty() {
            let what = format_args!("{} {} has", name_of_one(self.layout), self.rows + 1);
            return Err(longer_than(what, self.max_row));
        }
        Ok(!out.is_empty())
    }
}
