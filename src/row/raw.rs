//! The bytes of one column as they are, with nothing between those of one row and those of the next;
//! read, all of a text is one row of one column.
//!
//! A newcomer's trap: a text without bytes is a row too, so that a command which is run for each row
//! gives a row for each.

use super::forms::{Column, RowReader, Taken, write_by_columns};
use super::nul::append_only;
use super::{frame, msgpack};
use crate::error::Failure;

/// Rows as the bytes of their only column.
pub(crate) struct RawWriter;

impl RawWriter {
    fn append_row<'a>(
        &self,
        out: &mut Vec<u8>,
        columns: impl Iterator<Item = Column<'a>>,
    ) -> Result<(), Failure> {
        append_only(out, columns)
    }
}

write_by_columns!(RawWriter);

/// A whole text as a row.
pub(crate) struct RawReader {
    max_row: usize,
}

impl RawReader {
    pub(crate) fn new(max_row: usize) -> RawReader {
        RawReader { max_row }
    }
}

impl RowReader for RawReader {
    fn read(&mut self, text: &[u8], end: bool, frames: &mut Vec<u8>) -> Taken {
        if !end {
            return Taken::default();
        }
        let put = |out: &mut Vec<u8>| {
            msgpack::put_text(out, text);
            Ok(())
        };
        match frame::put_row(self.max_row, frames, put) {
            Ok(()) => Taken { bytes: text.len(), rows: 1, refused: None },
            Err(failed) => Taken { refused: Some(failed.failure), ..Taken::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::written::RowWriter;

    #[test]
    fn bytes_are_written_as_they_are_and_read_as_one_row() {
        let mut out = Vec::new();
        for payload in [&b"\xa2a\n"[..], b"\xc4\x01\xff", b"\xc0", b"\x07"] {
            RawWriter.append(&mut out, payload).unwrap();
        }
        assert_eq!(out, b"a\n\xff7");
        assert!(RawWriter.append(&mut out, b"\xa1a\xa1b").is_err());
        for (text, frame) in [(&b""[..], &b"\x01\0\0\0\xa0"[..]), (b"a\n", b"\x03\0\0\0\xa2a\n")] {
            let mut frames = Vec::new();
            let mut reader = RawReader::new(100);
            assert_eq!(reader.read(text, false, &mut frames).rows, 0);
            assert_eq!(reader.read(text, true, &mut frames).rows, 1);
            assert_eq!(frames, frame);
        }
        let mut frames = Vec::new();
        assert!(RawReader::new(3).read(b"abcd", true, &mut frames).refused.is_some());
    }
}
