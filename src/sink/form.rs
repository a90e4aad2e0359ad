//! Rows in a form that a command reads.

use std::sync::Arc;

use super::lines::lines;
use super::registry::RowFormat;
use crate::error::Failure;
use crate::plan::named::Arguments;
use crate::plan::text_form::TextForm;
use crate::plan::writing::TextFormat;
use crate::row::written::RowWriter;

/// The format's name for plans.
pub(crate) fn form(form: &TextForm) -> TextFormat {
    match form {
        TextForm::Tabs => lines(),
        form => TextFormat::new(form),
    }
}

impl Arguments for TextForm {
    const NAME: &str = "form";
}

impl RowFormat for TextForm {
    fn writer(&self) -> Result<Arc<dyn RowWriter>, Failure> {
        Ok(TextForm::writer(self))
    }
}
