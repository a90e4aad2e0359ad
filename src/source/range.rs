//! `range`: integers, counted by whoever wants them.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use super::open::{BlockReader, Opened, Opening, Part, Source};
use crate::dataset::Dataset;
use crate::error::Failure;
use crate::flow::Flow;
use crate::plan::named::{Arguments, Name};
use crate::plan::source::Source as PlannedSource;
use crate::row::layout::Layout;
use crate::row::{frame, msgpack};

impl Flow {
    /// The integers of a range, in order. Columns out: the integer.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().range(3..6).collect::<i64>()?, [3, 4, 5]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn range(&self, range: std::ops::Range<i64>) -> Dataset {
        let range = Range { first: range.start, end: range.end };
        let source = PlannedSource::new(&range, Layout::Frames);
        self.add_source("range", Location::caller(), Ok(source))
    }
}

/// The integers from `first` on, below `end`: all of a source, or a part of it.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Range {
    first: i64,
    end: i64,
}

impl Arguments for Range {
    const NAME: &str = "range";
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "range {}..{}", self.first, self.end)
    }
}

impl Source for Range {
    /// Cuts it into at most 64 parts, or more if they would be very long.
    fn open(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Opened, Failure> {
        let end = i128::from(self.end);
        let total = end - i128::from(self.first);
        let step = match opening.split_bytes {
            Some(bytes) => i128::from(bytes.div_ceil(8)),
            None => (total / 64).clamp(1 << 17, 1 << 22),
        };
        let mut next = i128::from(self.first);
        let parts = std::iter::from_fn(move || {
            let from = next;
            next = (next + step).min(end);
            let edge = |value| i64::try_from(value).expect("it lies within the range");
            (from < next).then(|| Name::new(&Range { first: edge(from), end: edge(next) }))
        });
        Ok(Opened::Parts(Box::new(parts)))
    }
}

impl Part for Range {
    fn open(self: Box<Self>, _max_row: usize) -> Result<Box<dyn BlockReader>, Failure> {
        Ok(self)
    }
}

impl BlockReader for Range {
    fn layout(&self) -> Layout {
        Layout::Frames
    }

    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        out.clear();
        while self.first < self.end && (out.is_empty() || out.len() < block_bytes) {
            let start = frame::begin(out);
            msgpack::put_int(out, self.first);
            frame::end(out, start).expect("nine bytes fit into a frame");
            self.first += 1;
        }
        Ok(!out.is_empty())
    }
}
