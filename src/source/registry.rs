//! The names of sources, places, formats and parts in plans and tasks: a new one adds a line.

use super::open::{Format, Part, Place, Source};
use crate::plan::named::registry;

registry! {
    /// A source's code.
    source, Source:
    super::generator::Generator,
    super::open::Input,
    super::range::Range,
    super::rows::Given,
    super::rows_file::RowFiles,
}

registry! {
    /// A place's code.
    place, Place:
    super::reader::Reader,
    super::text_file::Files,
}

registry! {
    /// A format's code.
    format, Format:
    super::lines::Lines,
}

registry! {
    /// A part's code.
    part, Part:
    super::open::Pieces,
    super::range::Range,
}
