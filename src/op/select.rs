//! `select`: columns by number.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::columns;
use crate::plan::chain::Step;

impl Dataset {
    /// Keeps the named columns, counted from 1, in the order given. A column may be named twice;
    /// one that a row does not have is nil.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(i64, String)> =
    ///     Flow::new().rows([("a", true, 1), ("b", false, 2)]).select([3, 1]).collect()?;
    /// assert_eq!(rows, [(1, "a".to_string()), (2, "b".to_string())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn select(&self, wanted: impl AsRef<[u32]>) -> Dataset {
        let columns = match wanted.as_ref() {
            [] => Err(crate::error::Failure::new(
                crate::error::ErrorKind::Plan,
                "no columns are named, and a row has at least one",
            )),
            wanted => columns(wanted),
        };
        self.try_add("select", Location::caller(), columns, |plan, step, rows, columns| {
            plan.fuse(rows, Step::Select { step, columns: columns.clone() })
        })
    }
}
