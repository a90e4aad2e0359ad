//! Native code in a chain: its name in the registry of `op/native.rs`, its step, and what it means
//! for rows that nobody has taken apart yet.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::StepId;
use crate::plan::guard::Guard;
use crate::plan::named::{Arguments, Name};
use crate::plan::view::View;

/// A piece of native code and its arguments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Native {
    pub step: StepId,
    pub code: Name,
    /// What it means for lines, if that is all it means.
    pub view: Option<View>,
    /// A step's code makes one row of each row.
    pub keeps_rows: bool,
    /// What becomes of rows that fail in a step's code; else they end the run.
    pub guard: Option<Guard>,
}

impl Native {
    pub(crate) fn new<A: Arguments>(step: StepId, arguments: &A) -> Native {
        Native { step, code: Name::new(arguments), view: None, keeps_rows: true, guard: None }
    }

    /// The same code, which leaves out the rows that fail in it.
    pub(crate) fn guarded(&mut self, guard: Guard) {
        self.guard = Some(guard);
        self.keeps_rows = false;
        // Who looks at lines through a view has no way to leave one out.
        self.view = None;
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Native({})", self.code.shown)
    }
}
