//! Formats of rows as text, and the names of them in plans: a new one adds a line.

use std::sync::Arc;

use crate::error::Failure;
use crate::plan::named::registry;
use crate::row::written::RowWriter;

/// How rows become text, a line for each.
pub(crate) trait RowFormat {
    /// What writes the rows, unless the format itself is wrong.
    fn writer(&self) -> Result<Arc<dyn RowWriter>, Failure>;
}

registry! {
    /// A format's code.
    row_format, RowFormat:
    crate::plan::text_form::TextForm,
    super::lines::Lines,
    super::text::Text,
}
