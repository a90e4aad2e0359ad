//! Native steps that only say how the text of lines is to be looked at, so that who reads the lines
//! can do it by itself: nothing is encoded.

use serde::{Deserialize, Serialize};

use crate::error::StepId;

/// What a step means for lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum View {
    /// They are cut at each of these bytes.
    Cut(u8),
    /// These of their columns, from 1, are numbers.
    Numbers(Vec<u32>),
}

/// Lines as rows of columns: what some views mean together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Columns {
    /// The byte between columns.
    pub separator: u8,
    /// Columns that are numbers, and the step that says so, in the order of the steps.
    pub numbers: Vec<(StepId, Vec<u32>)>,
}

/// What separates the columns of lines in [`Layout::Columns`](crate::row::layout::Layout).
pub(crate) const TAB: u8 = b'\t';
