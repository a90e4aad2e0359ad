//! A frame: one row as bytes, a 32-bit little-endian payload length and then the payload.
//!
//! A newcomer's trap: a length comes from outside; it is checked against `max_row` before it is
//! believed, and a row is never empty. The loop over many frames is [`super::layout::Rows`]'.

use crate::error::{ErrorKind, Failed, Failure};

/// Bytes of the length before a payload.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Why bytes are not frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the rows end within a row")]
    Truncated,
    #[error("a row of {length} bytes is longer than the limit of {max_row}")]
    TooLong { length: usize, max_row: usize },
    #[error("a row has no columns")]
    Empty,
    #[error("a row behind an exchange has no mark")]
    Unmarked,
}

/// The length of the first frame, its own length field included; `None` if that isn't there yet.
#[inline]
pub(super) fn first_len(bytes: &[u8], max_row: usize) -> Result<Option<usize>, FrameError> {
    let Some(length) = bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize) else {
        return Ok(None);
    };
    if length == 0 {
        return Err(FrameError::Empty);
    }
    if length > max_row {
        return Err(FrameError::TooLong { length, max_row });
    }
    Ok(Some(LENGTH_BYTES + length))
}

/// The payload of the first frame of what a program has written so far; `None` if it isn't there
/// in whole.
pub(crate) fn first(bytes: &[u8], max_row: usize) -> Result<Option<&[u8]>, FrameError> {
    let length = first_len(bytes, max_row)?;
    Ok(length.and_then(|length| bytes.get(LENGTH_BYTES..length)))
}

/// Starts a frame in place; append the columns, then call [`end`] with what this gave.
#[inline]
pub(crate) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    start
}

/// Ends the frame begun at `start`. A refused frame is taken out again.
#[inline]
pub(crate) fn end(out: &mut Vec<u8>, start: usize) -> Result<(), FrameError> {
    let length = out.len() - start - LENGTH_BYTES;
    let error = match u32::try_from(length) {
        Ok(0) => FrameError::Empty,
        Ok(length) => {
            out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
            return Ok(());
        }
        Err(_) => FrameError::TooLong { length, max_row: u32::MAX as usize },
    };
    out.truncate(start);
    Err(error)
}

/// Appends a whole frame.
/// Appends a row whose columns are appended by `put`.
pub(crate) fn put_row(
    max_row: usize,
    out: &mut Vec<u8>,
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failed> {
    let start = begin(out);
    put(out)?;
    if out.len() - start - LENGTH_BYTES > max_row {
        return Err(too_large());
    }
    Ok(end(out, start)?)
}

pub(crate) fn too_large() -> Failed {
    Failure::new(ErrorKind::Row, "a row is larger than `max_row` allows").into()
}

#[cfg(test)]
pub(crate) fn put(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), FrameError> {
    let start = begin(out);
    out.extend_from_slice(payload);
    end(out, start)
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Failure {
        Failure::new(ErrorKind::Row, error.to_string())
    }
}

impl From<FrameError> for Failed {
    fn from(error: FrameError) -> Failed {
        Failed::from(Failure::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_length_and_its_columns() {
        let mut out = Vec::new();
        put(&mut out, &[0xa1, b'x', 7]).expect("it is a row");
        assert_eq!(out, [3, 0, 0, 0, 0xa1, b'x', 7]);
        assert_eq!(first_len(&out, 3), Ok(Some(7)));
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(first_len(&[1, 0, 0], 8), Ok(None));
        assert_eq!(first_len(&[0, 0, 0, 0], 8), Err(FrameError::Empty));
        let error = first_len(&[9, 0, 0, 0], 8).expect_err("9 is over 8");
        assert_eq!(error.to_string(), "a row of 9 bytes is longer than the limit of 8");
        let mut out = vec![1];
        assert_eq!(put(&mut out, &[]), Err(FrameError::Empty));
        assert_eq!(out, [1]);
    }
}
