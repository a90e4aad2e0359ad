//! A frame: one row as bytes, a 32-bit little-endian payload length and then the payload.
//!
//! A newcomer's trap: a length comes from outside; it is checked against `max_row` before it is
//! believed, and a row is never empty.

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
}

/// The payloads of the frames in a block.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
    max_row: usize,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(block: &'a [u8], max_row: usize) -> Frames<'a> {
        Frames { rest: block, max_row }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], FrameError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let first = first_len(self.rest, self.max_row).and_then(|length| {
            length.filter(|length| self.rest.len() >= *length).ok_or(FrameError::Truncated)
        });
        match first {
            Ok(length) => {
                let (frame, rest) = self.rest.split_at(length);
                self.rest = rest;
                Some(Ok(&frame[LENGTH_BYTES..]))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// The length of the first frame, its own length field included; `None` if that isn't there yet.
#[inline]
fn first_len(bytes: &[u8], max_row: usize) -> Result<Option<usize>, FrameError> {
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
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), FrameError> {
    let start = begin(out);
    out.extend_from_slice(payload);
    end(out, start)
}

/// The whole frames at the front of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    pub bytes: usize,
    pub rows: u32,
}

/// Finds the whole frames at the front of what a program has written so far; the rest waits for
/// more. A bad length is an error only once the frames before it have been taken, so that rows
/// before damage are not lost.
pub(crate) fn whole(buffer: &[u8], max_row: usize) -> Result<Whole, FrameError> {
    let mut whole = Whole::default();
    loop {
        match first_len(&buffer[whole.bytes..], max_row) {
            Ok(Some(length)) if length <= buffer.len() - whole.bytes => {
                whole.bytes += length;
                whole.rows += 1;
            }
            Ok(_) => return Ok(whole),
            Err(_) if whole.rows > 0 => return Ok(whole),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 64 << 20;

    fn frames(bytes: &[u8], max_row: usize) -> Result<Vec<&[u8]>, FrameError> {
        Frames::new(bytes, max_row).collect()
    }

    #[test]
    fn a_frame_is_its_length_and_its_columns() {
        let mut out = Vec::new();
        put(&mut out, &[0xa1, b'x', 7]).expect("it is a row");
        assert_eq!(out, [3, 0, 0, 0, 0xa1, b'x', 7]);
        assert_eq!(frames(&out, MAX), Ok(vec![&out[4..]]));
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(frames(&[1, 0, 0], MAX), Err(FrameError::Truncated));
        assert_eq!(frames(&[2, 0, 0, 0, 7], MAX), Err(FrameError::Truncated));
        assert_eq!(frames(&[0, 0, 0, 0], MAX), Err(FrameError::Empty));
        let error = frames(&[9, 0, 0, 0], 8).expect_err("9 is over 8");
        assert_eq!(error.to_string(), "a row of 9 bytes is longer than the limit of 8");
        let mut out = vec![1];
        assert_eq!(put(&mut out, &[]), Err(FrameError::Empty));
        assert_eq!(out, [1]);
    }

    #[test]
    fn rows_before_damage_are_found() {
        let bytes = [1, 0, 0, 0, 7, 0, 0, 0, 0];
        assert_eq!(whole(&bytes, MAX), Ok(Whole { bytes: 5, rows: 1 }));
        assert_eq!(whole(&bytes[5..], MAX), Err(FrameError::Empty));
    }

    proptest! {
        #[test]
        fn any_chunks_give_the_same_frames(
            rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..12),
            cuts in prop::collection::vec(0usize..200, 0..12),
        ) {
            let mut bytes = Vec::new();
            for row in &rows {
                put(&mut bytes, row).expect("it is a row");
            }
            prop_assert_eq!(frames(&bytes, MAX), Ok(rows.iter().map(Vec::as_slice).collect()));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut waiting, mut taken, mut count) = (Vec::new(), Vec::new(), 0);
            for cut in cuts.windows(2) {
                waiting.extend_from_slice(&bytes[cut[0]..cut[1]]);
                let whole = whole(&waiting, MAX).expect("all is well");
                taken.extend(waiting.drain(..whole.bytes));
                count += whole.rows;
            }
            prop_assert!(waiting.is_empty());
            prop_assert_eq!((taken, count as usize), (bytes, rows.len()));
        }

        #[test]
        fn any_bytes_are_cut_without_panic(bytes: Vec<u8>) {
            let _ = frames(&bytes, MAX);
            let _ = whole(&bytes, MAX);
        }
    }
}
