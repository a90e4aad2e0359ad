//! Native code in a chain: its name in the registry of `op/native.rs`, its step, and what it means
//! for rows that nobody has taken apart yet.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::StepId;
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
}

impl Native {
    pub(crate) fn new<A: Arguments>(step: StepId, arguments: &A) -> Native {
        Native { step, code: Name::new(arguments), view: None, keeps_rows: true }
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Native({})", self.code.shown)
    }
}
