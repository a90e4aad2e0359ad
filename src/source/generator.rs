//! `source`, `try_source`: rows that an iterator of the program makes while the flow runs.
//!
//! A newcomer's trap: nobody knows how long an iterator takes for its next row. So it has a thread of
//! its own, and what it has given is passed on meanwhile; a run that ends leaves a thread behind that
//! waits for a row, as it does one that waits for a read.

use std::convert::Infallible;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::open::{BlockReader, Opened, Opening, Source};
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::named::Arguments;
use crate::plan::source::Source as PlannedSource;
use crate::row::layout::Layout;
use crate::row::{frame, typed};

/// A block that is not full waits so long for more rows.
const PATIENCE: Duration = Duration::from_millis(1);

impl Flow {
    /// Rows that the program makes while the flow runs: each run calls the closure for an iterator, and
    /// takes its rows as they come, as [`Flow::rows`] takes those that are there. A tuple, a struct or
    /// a vector is a row of its elements, anything else a row of one column.
    ///
    /// The iterator is asked on a thread of the engine and only while its rows are wanted: it may be
    /// larger than memory and disk, or without end before a [`Dataset::limit`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let squares = Flow::new().source(|| (0u64..).map(|n| (n, n * n)));
    /// let large = squares.filter("function(n, square) return square > 30 end").limit(2);
    /// assert_eq!(large.collect::<(u64, u64)>()?, [(6, 36), (7, 49)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: as for [`Flow::rows`]; an iterator that panics.
    #[track_caller]
    pub fn source<R, I>(&self, rows: impl Fn() -> I + Send + Sync + 'static) -> Dataset
    where
        R: Serialize,
        I: IntoIterator<Item = R>,
    {
        let rows = move || rows().into_iter().map(Ok::<R, Infallible>);
        self.add_generator("source", Location::caller(), rows)
    }

    /// [`Flow::source`] with an iterator that may fail: the first error is the last row, and fails the
    /// run at the line of this call.
    ///
    /// ```
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let numbers = Flow::new().try_source(|| ["1", "2", "x"].iter().map(|text| text.parse::<i64>()));
    /// assert_eq!(numbers.limit(2).collect::<i64>()?, [1, 2]);
    /// let error = numbers.count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Closure);
    /// assert!(error.to_string().ends_with(", try_source: row 3: invalid digit found in string"));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what the iterator gives as one, of kind
    /// [`Closure`](crate::ErrorKind::Closure); else as for `source`.
    #[track_caller]
    pub fn try_source<R, E, I>(&self, rows: impl Fn() -> I + Send + Sync + 'static) -> Dataset
    where
        R: Serialize,
        E: Display,
        I: IntoIterator<Item = Result<R, E>>,
    {
        self.add_generator("try_source", Location::caller(), rows)
    }

    fn add_generator<R, E, I>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        rows: impl Fn() -> I + Send + Sync + 'static,
    ) -> Dataset
    where
        R: Serialize,
        E: Display,
        I: IntoIterator<Item = Result<R, E>>,
    {
        let generate = move |rope: &Rope| {
            let mut encoded = Vec::new();
            for (number, row) in (1u64..).zip(rows()) {
                encoded.clear();
                let put = encode(row, rope.max_row, &mut encoded).map_err(|failure| Failure {
                    message: format!("row {number}: {}", failure.message),
                    ..failure
                });
                if !put.and_then(|()| rope.put(&encoded))? {
                    break;
                }
            }
            Ok(())
        };
        let number = self.state().held.put(Arc::new(generate) as Generate);
        let generator = Generator { operator: operator.to_owned(), number };
        let source = PlannedSource::new(&generator, Layout::Frames).held();
        self.add_source(operator, caller, Ok(source))
    }
}

fn encode<R: Serialize, E: Display>(
    row: Result<R, E>,
    max_row: usize,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let row = row.map_err(|error| Failure::new(ErrorKind::Closure, error.to_string()))?;
    let start = frame::begin(out);
    typed::to_payload(out, &row).map_err(|error| error.failure(ErrorKind::Row))?;
    if out.len() - start - frame::LENGTH_BYTES > max_row {
        return Err(frame::too_large().failure);
    }
    Ok(frame::end(out, start)?)
}

/// Asks an iterator for all of its rows.
type Generate = Arc<dyn Fn(&Rope) -> Result<(), Failure> + Send + Sync>;

/// A closure of the program that makes an iterator, by its number.
#[derive(Serialize, Deserialize)]
pub(crate) struct Generator {
    operator: String,
    number: usize,
}

impl Arguments for Generator {
    const NAME: &str = "generator";
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operator)
    }
}

impl Source for Generator {
    fn open(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Opened, Failure> {
        let generate = Generate::clone(&*opening.held.get::<Generate>(self.number)?);
        let reader = Reader { generate: Some(generate), max_row: opening.max_row, rope: None };
        Ok(Opened::Stream(Box::new(reader)))
    }
}

/// What the iterator's thread and who reads its rows have in common.
struct Rope {
    state: Mutex<State>,
    /// There is a row, a full block, or the end.
    filled: Condvar,
    /// Rows have been taken, or are no longer wanted.
    taken: Condvar,
    block_bytes: usize,
    max_row: usize,
}

#[derive(Default)]
struct State {
    frames: Vec<u8>,
    /// How the iterator has ended.
    end: Option<Result<(), Failure>>,
    /// Nobody reads any more.
    gone: bool,
}

impl Rope {
    /// Adds a row; false, if no more are wanted.
    #[inline]
    fn put(&self, row: &[u8]) -> Result<bool, Failure> {
        let mut state = self.lock();
        while state.frames.len() >= self.block_bytes && !state.gone {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let before = state.frames.len();
        state.frames.extend_from_slice(row);
        if before == 0 || state.frames.len() >= self.block_bytes {
            self.filled.notify_one();
        }
        Ok(!state.gone)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Reader {
    /// There until the first block is asked for.
    generate: Option<Generate>,
    max_row: usize,
    rope: Option<Arc<Rope>>,
}

impl Reader {
    fn start(&mut self, generate: Generate, block_bytes: usize) -> Result<(), Failure> {
        let rope = Arc::new(Rope {
            state: Mutex::default(),
            filled: Condvar::new(),
            taken: Condvar::new(),
            block_bytes: block_bytes.max(1),
            max_row: self.max_row,
        });
        let ours = rope.clone();
        let thread = std::thread::Builder::new().name("gleamflow-source".into());
        let started = thread.spawn(move || {
            let generated = catch_unwind(AssertUnwindSafe(|| generate(&rope)));
            let end = generated
                .unwrap_or_else(|panic| Err(Failure::panic("the iterator", panic.as_ref())));
            rope.lock().end = Some(end);
            rope.filled.notify_one();
        });
        started.map_err(|error| Failure::start("a thread", &error))?;
        self.rope = Some(ours);
        Ok(())
    }
}

impl BlockReader for Reader {
    fn layout(&self) -> Layout {
        Layout::Frames
    }

    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        out.clear();
        if let Some(generate) = self.generate.take() {
            self.start(generate, block_bytes)?;
        }
        let Some(rope) = &self.rope else { return Ok(false) };
        let mut state = rope.lock();
        while state.frames.is_empty() && state.end.is_none() {
            state = rope.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let is_short =
            |state: &mut State| state.frames.len() < rope.block_bytes && state.end.is_none();
        let (mut state, _) = rope
            .filled
            .wait_timeout_while(state, PATIENCE, is_short)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.frames, out);
        rope.taken.notify_one();
        match &state.end {
            // The rows before a failure come first.
            Some(Err(failure)) if out.is_empty() => Err(failure.clone()),
            _ => Ok(!out.is_empty()),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(rope) = &self.rope {
            rope.lock().gone = true;
            rope.taken.notify_one();
        }
    }
}
