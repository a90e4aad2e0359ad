//! `reader`: the lines of a reader that the program hands over.

use std::fmt;
use std::io::Read;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::open::{Found, Input, Opening, Place};
use super::stream::{Stream, Streams};
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::named::Arguments;
use crate::row::layout::Layout;

impl Flow {
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
    ///
    /// # Errors
    /// At a terminal: what the reader itself fails with, a reader that was read by an earlier run,
    /// a line longer than [`Flow::max_row`].
    #[track_caller]
    pub fn reader(&self, reader: impl Read + Send + 'static) -> Dataset {
        let held: Untaken = Mutex::new(Some(Box::new(reader)));
        let place = Reader { number: self.state().held.put(held) };
        let source = Input::of("reader", &place, &Lines {}, Layout::Lines).held();
        self.add_source("reader", Location::caller(), Ok(source))
    }
}

/// A reader, until a run takes it.
type Untaken = Mutex<Option<Box<dyn Read + Send>>>;

/// A reader of the program, by its number.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reader {
    number: usize,
}

impl Arguments for Reader {
    const NAME: &str = "reader";
}

impl fmt::Display for Reader {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Place for Reader {
    /// It is taken only when its turn comes to be read: until then another source may keep the
    /// run from beginning.
    fn find(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Found, Failure> {
        let held: Arc<Untaken> = opening.held.get(self.number)?;
        if held.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(used_up());
        }
        let take = move || {
            let reader = held.lock().unwrap_or_else(PoisonError::into_inner).take();
            reader.map(Stream::reader).ok_or_else(used_up)
        };
        let stream: Streams = Box::new(std::iter::once_with(take));
        Ok(Found::Streams(stream))
    }
}

/// A reader that is not there any more.
fn used_up() -> Failure {
    Failure::new(ErrorKind::Input, "the reader has been read by an earlier run")
        .hint("a `reader` can be read once; use `text_file` for a file")
}
