//! `branch`: rows parted by a Lua function.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Failed, Failure};
use crate::op::native::{BlockStep, malformed};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::plan::names::Names;
use crate::plan::native::Native;
use crate::row::frame;
use crate::row::layout::Rows;
use crate::row::msgpack::{self, Value};
use crate::script::IntoScript;

impl Dataset {
    /// Two datasets: the rows for which a Lua function returns neither `nil` nor `false`, and the
    /// others, each in their order. The function is called once for each row in a run, also where
    /// the run needs both.
    ///
    /// Numbers that have been to Lua are Lua's: a double of 1.0 comes back as the integer 1.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let (even, odd) = Flow::new().range(0..7).branch("function(x) return x % 2 == 0 end");
    /// assert_eq!(even.collect::<i64>()?, [0, 2, 4, 6]);
    /// assert_eq!(odd.union(&even).collect::<i64>()?, [1, 3, 5, 0, 2, 4, 6]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, and what the function throws.
    #[track_caller]
    pub fn branch(&self, function: impl IntoScript) -> (Dataset, Dataset) {
        let caller = Location::caller();
        let told = self.add_lua("branch", caller, function.into_script(), |plan, rows, code| {
            let names = Names::default().select(&[1]).and(rows.names().clone());
            Ok(plan.fuse(rows, Step::lua("branch", code)).named(names))
        });
        let branch = |holds| {
            told.add("branch", caller, move |plan, step, rows| {
                let names = rows.names().without(&[1]);
                let native = Native { keeps_rows: false, ..Native::new(step, &Branch { holds }) };
                Ok(plan.fuse(rows, Step::Native(native)).named(names))
            })
        };
        (branch(true), branch(false))
    }
}

/// Takes the rows that begin with this, which they lose.
#[derive(Serialize, Deserialize)]
pub(super) struct Branch {
    holds: bool,
}

impl Arguments for Branch {
    const NAME: &str = "branch";
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.holds { "where it holds" } else { "where it does not" })
    }
}

impl BlockStep for Branch {
    fn apply(&mut self, rows: Rows<'_>, _: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        let mut framed = Vec::new();
        Rows::frames(rows.as_frames(&mut framed)?).try_each(|row| {
            let (first, used) = msgpack::head(row).map_err(malformed)?;
            if first == Value::Bool(self.holds) {
                let start = frame::begin(out);
                out.extend_from_slice(&row[used..]);
                frame::end(out, start).map_err(|error| Failed::from(Failure::from(error)))?;
            }
            Ok(())
        })
    }
}
