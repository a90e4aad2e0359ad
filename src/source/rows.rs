//! `lines`, `rows`, `range`, `reader`: sources that are no files.

use std::io::Read;
use std::ops::Range;
use std::panic::Location;

use bytes::Bytes;
use serde::Serialize;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::stage::Source;
use crate::row::layout::Layout;
use crate::row::{frame, typed};

impl Flow {
    /// Lines from the program itself, one row of one text column each.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().lines(["a", ""]).collect::<String>()?, ["a", ""]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a line with a line feed in it.
    #[track_caller]
    pub fn lines<L: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = L>) -> Dataset {
        let mut text = Vec::new();
        let mut rows = 0;
        let mut problem = None;
        for line in lines {
            let line = line.as_ref();
            rows += 1;
            if memchr::memchr(b'\n', line).is_some() && problem.is_none() {
                problem = Some(
                    Failure::new(ErrorKind::Input, format!("line {rows} contains a line feed"))
                        .hint("`rows` takes any text as a column"),
                );
            }
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let source = match problem {
            Some(problem) => Err(problem),
            None => Ok((Source::Lines { text: Bytes::from(text), rows }, Layout::Lines)),
        };
        self.add_source("lines", Location::caller(), source)
    }

    /// Rows from the program itself: a tuple, a struct or a sequence is a row of its elements,
    /// anything else that serde serialises is a row of one column.
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
    /// At a terminal: an empty tuple, an integer beyond 64 bits, and a value that its type refuses to
    /// serialise.
    #[track_caller]
    pub fn rows<R: Serialize>(&self, rows: impl IntoIterator<Item = R>) -> Dataset {
        let source = encode_rows(rows).map(|(frames, rows)| {
            (Source::Rows { frames: Bytes::from(frames), rows }, Layout::Frames)
        });
        self.add_source("rows", Location::caller(), source)
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

fn encode_rows<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Result<(Vec<u8>, u64), Failure> {
    let mut frames = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let refused = |error: String| Failure::new(ErrorKind::Row, format!("row {count}: {error}"));
        let start = frame::begin(&mut frames);
        typed::to_payload(&mut frames, &row).map_err(|error| {
            let failure = error.failure(ErrorKind::Row);
            Failure { message: format!("row {count}: {}", failure.message), ..failure }
        })?;
        frame::end(&mut frames, start).map_err(|error| refused(error.to_string()))?;
    }
    Ok((frames, count))
}
