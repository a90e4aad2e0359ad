//! Rows that leave a chain as text, a line for each: for commands and text sinks.

use serde::{Deserialize, Serialize};

use crate::error::StepId;
use crate::plan::named::{Arguments, Name};
use crate::row::layout::Layout;

/// How rows become text: a name in the registry of `sink/registry.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextFormat {
    pub code: Name,
    /// How the lines lie.
    pub layout: Layout,
    /// Whether raw lines are what they would be written as.
    pub keeps_lines: bool,
}

impl TextFormat {
    /// A format in which a line is only text.
    pub(crate) fn new(format: &impl Arguments) -> TextFormat {
        TextFormat { code: Name::new(format), layout: Layout::Text, keeps_lines: false }
    }
}

/// The rows of a chain as text, for a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Writing {
    pub step: StepId,
    pub format: TextFormat,
}
