//! The limit on a row's size, checked wherever a block of rows enters a run.
//!
//! A newcomer's trap: a row is too long or not whatever the block size is, so rows that came
//! whole within one block are checked too; a reader does it once per block, not per row.

use std::fmt;
use std::path::Path;

use crate::error::{ErrorKind, Failure};
use crate::row::layout::Rows;

/// Where in a block of whole lines the first line of more than `max_row` bytes starts.
pub(crate) fn first_long_row(block: &[u8], max_row: usize) -> Option<usize> {
    Rows::lines(block).first_longer(max_row)
}

pub(crate) fn row_too_long(path: &Path, offset: u64, max_row: usize) -> Failure {
    let size = size_text(max_row);
    let message = format!("a line of more than {size} in {} at byte {offset}", path.display());
    Failure::new(ErrorKind::Row, message)
        .hint("is it text with line feeds? if such rows are meant, raise the limit with `max_row`")
}

/// A row of no file, such as `line 2 has`.
pub(crate) fn longer_than(what: impl fmt::Display, max_row: usize) -> Failure {
    Failure::new(ErrorKind::Row, format!("{what} more than {}", size_text(max_row)))
        .hint("`max_row` sets the longest row")
}

fn size_text(bytes: usize) -> String {
    match bytes {
        0 => "0 bytes".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// Makes room for `extra` more bytes by doubling, but never beyond `most` unless it must.
pub(crate) fn reserve_within(buffer: &mut Vec<u8>, extra: usize, most: usize) {
    if buffer.capacity() - buffer.len() < extra {
        let needed = buffer.len() + extra;
        let wanted = needed.max((2 * buffer.len()).min(most));
        buffer.reserve_exact(wanted - buffer.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_exactly_the_limit_passes() {
        assert_eq!(first_long_row(b"abc\nabc\n", 3), None);
        assert_eq!(first_long_row(b"abc\nabcd\n", 3), Some(4));
        assert_eq!(first_long_row(b"abcd\n", 3), Some(0));
        assert_eq!(first_long_row(b"\n\n\n\n\n\n", 0), None);
    }
}
