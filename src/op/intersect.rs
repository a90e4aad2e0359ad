//! `intersect`, `subtract`: rows that another dataset has, or has not.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Failed, Failure};
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::plan::chain::{KeyColumn, WHOLE_ROW};
use crate::plan::exchange::{Cuts, Exchange, Group, Keep, Side};
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::row::layout::Rows;

impl Dataset {
    /// Each different row that another dataset of the same flow has too, whole rows compared,
    /// sorted. Of rows that are equal without being the same bytes, the first of this one is kept.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let (one, other) = (flow.lines(["b", "a", "b", "c"]), flow.lines(["c", "b"]));
    /// assert_eq!(one.intersect(&other).collect::<String>()?, ["b", "c"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a dataset of another flow.
    #[track_caller]
    pub fn intersect(&self, other: &Dataset) -> Dataset {
        self.membership("intersect", Location::caller(), other, true)
    }

    /// Each different row that another dataset of the same flow does not have, sorted: see
    /// [`Dataset::intersect`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let (one, other) = (flow.lines(["b", "a", "a"]), flow.lines(["c", "b"]));
    /// assert_eq!(one.subtract(&other).collect::<String>()?, ["a"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a dataset of another flow.
    #[track_caller]
    pub fn subtract(&self, other: &Dataset) -> Dataset {
        self.membership("subtract", Location::caller(), other, false)
    }

    fn membership(
        &self,
        operator: &'static str,
        caller: &Location<'_>,
        other: &Dataset,
        in_both: bool,
    ) -> Dataset {
        self.add_two(operator, caller, other, move |plan, step, both| {
            let whole = vec![KeyColumn::ascending(WHOLE_ROW)];
            let sides = both.map(|rows| Side::sorted(rows, whole.clone(), Keep::First));
            let membership = Membership { in_both, first: Vec::new(), has: [false; 2] };
            let group = Some(Group::Step(Native::new(step, &membership)));
            Ok(plan.exchange(step, sides, Exchange { keep: Keep::All, cuts: Cuts::Keys, group }))
        })
    }
}

/// Keeps the first row of each key that the first side has, and the second one has or has not.
#[derive(Serialize, Deserialize)]
pub(super) struct Membership {
    in_both: bool,
    #[serde(skip)]
    first: Vec<u8>,
    /// Which sides have rows of the open group.
    #[serde(skip)]
    has: [bool; 2],
}

impl Arguments for Membership {
    const NAME: &str = "membership";
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.in_both { "in both" } else { "in the first alone" })
    }
}

impl GroupStep for Membership {
    fn begin(&mut self, _: &GroupTask<'_>) -> Result<(), Failure> {
        self.has = [false; 2];
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each_marked(|row, mark| {
            if mark.begins_key() {
                self.finish(out)?;
            }
            let side = usize::from(mark.side());
            if side == 0 && !self.has[0] {
                self.first.clear();
                self.first.extend_from_slice(row);
            }
            self.has[side] = true;
            Ok::<(), Failed>(())
        })
    }

    fn finish(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        let is_wanted = std::mem::take(&mut self.has) == [true, self.in_both];
        if is_wanted {
            out.row(|out| {
                out.extend_from_slice(&self.first);
                Ok(())
            })?;
        }
        Ok(())
    }
}
