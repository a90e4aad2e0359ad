//! `split`: columns from a line.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::plan::chain::Step;

impl Dataset {
    /// Cuts each row, which is one text column, at every separator. The separator is bytes, not a
    /// pattern; a separator at the end makes a last empty column.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, String)> = Flow::new().lines(["a:b", "c:"]).split(":").collect()?;
    /// assert_eq!(rows, [("a".into(), "b".into()), ("c".into(), String::new())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row of several columns, or of one that is not text; an empty separator.
    #[track_caller]
    pub fn split(&self, separator: impl AsRef<[u8]>) -> Dataset {
        let separator = match separator.as_ref() {
            [] => Err(Failure::new(ErrorKind::Plan, "the separator is empty")),
            separator => Ok(separator.to_vec()),
        };
        self.try_add("split", Location::caller(), separator, |plan, step, rows, separator| {
            plan.fuse(rows, Step::Split { step, separator: separator.clone() })
        })
    }
}
