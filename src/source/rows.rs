//! `lines`, `rows`, `range`, `reader`: sources that are no files.

use std::io::Read;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::stage::Source;
use crate::row::layout::Layout;
use crate::row::{frame, typed};
use crate::source::kept::{Keeper, Kept, MEMORY_BYTES};

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
        let source = kept.and_then(|()| keeper.finish()).map(|kept| match (kept, layout) {
            (Kept::Memory(text), Layout::Lines) => (Source::Lines { text, rows }, layout),
            (Kept::Memory(frames), _) => (Source::Rows { frames, rows }, layout),
            (Kept::File(file), _) => {
                let mut state = self.state();
                state.kept.push(Arc::new(file));
                (Source::Kept { slot: state.kept.len() - 1, rows, layout }, layout)
            }
        });
        self.add_source(operator, caller, source)
    }

    /// The integers of a range, one column each.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().range(3..6).collect::<i64>()?, [3, 4, 5]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn range(&self, range: Range<i64>) -> Dataset {
        let Range { start: first, end } = range;
        let source = Ok((Source::Range { first, end }, Layout::Frames));
        self.add_source("range", Location::caller(), source)
    }

    /// The lines of a reader, such as stdin or a socket, in order and as they come. It is read on
    /// a thread of the engine, once: a second run of the flow finds it used up.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let text = std::io::Cursor::new("a\nb");
    /// assert_eq!(Flow::new().reader(text).collect::<String>()?, ["a", "b"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn reader(&self, reader: impl Read + Send + 'static) -> Dataset {
        let slot = {
            let mut state = self.state();
            state.readers.push(Some(Box::new(reader)));
            state.readers.len() - 1
        };
        let source = Ok((Source::Reader { slot }, Layout::Lines));
        self.add_source("reader", Location::caller(), source)
    }
}
