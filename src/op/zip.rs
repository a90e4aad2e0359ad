//! `zip`: the rows of two datasets side by side, first by first.

use std::ops::Deref;
use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::lower::{Lower, Open};

impl Dataset {
    /// Each row of this dataset beside the row of another one of the same flow that stands at the
    /// same place. Columns out: this one's, then the other's. In order, and in one piece: the
    /// engine itself pairs the rows.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let rows = flow.lines(["a", "b", "c"]).zip(&flow.range(1..4));
    /// assert_eq!(rows.collect::<(String, i64)>()?[2], ("c".to_string(), 3));
    ///
    /// let rows = flow.lines(["a", "b"]).zip(&flow.range(1..2)).longest();
    /// assert_eq!(rows.collect::<(String, Option<i64>)>()?[1], ("b".to_string(), None));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a dataset that ends before the other one, unless [`Zip::longest`] says
    /// otherwise; rows of this dataset that have different numbers of columns (see
    /// [`Dataset::pad`]); a dataset of another flow.
    #[track_caller]
    pub fn zip(&self, other: &Dataset) -> Zip {
        let caller = Location::caller();
        let zipped = self
            .add_two("zip", caller, other, |plan, step, both| Ok(zipped(plan, step, both, false)));
        Zip { left: self.clone(), right: other.clone(), zipped, caller }
    }
}

/// What [`Dataset::zip`] gives: a dataset, which may yet be told how to end.
///
/// ```
/// use gleamflow::Flow;
///
/// let rows = Flow::new().range(0..3);
/// assert_eq!(rows.zip(&rows).collect::<(i64, i64)>()?[2], (2, 2));
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a dataset is computed by a terminal such as `save_text_to`, or by `Flow::run`"]
pub struct Zip {
    left: Dataset,
    right: Dataset,
    zipped: Dataset,
    caller: &'static Location<'static>,
}

impl Zip {
    /// The dataset that ends first goes on with nils, as many as its widest row has columns: none if
    /// it has no rows.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let rows = flow.range(0..1).zip(&flow.lines(["a", "b"])).longest();
    /// let rows: Vec<(Option<i64>, String)> = rows.collect()?;
    /// assert_eq!(rows, [(Some(0), "a".into()), (None, "b".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn longest(&self) -> Dataset {
        self.left.add_two("zip", self.caller, &self.right, |plan, step, both| {
            Ok(zipped(plan, step, both, true))
        })
    }
}

impl Deref for Zip {
    type Target = Dataset;

    fn deref(&self) -> &Dataset {
        &self.zipped
    }
}

impl From<Zip> for Dataset {
    fn from(zip: Zip) -> Dataset {
        zip.zipped
    }
}

fn zipped(plan: &mut Lower, step: u32, [left, right]: [Open; 2], longest: bool) -> Open {
    let names = match left.names().width() {
        Some(_) => left.names().clone().and(right.names().clone()),
        None => left.names().clone(),
    };
    plan.zip(step, [left, right], longest).named(names)
}
