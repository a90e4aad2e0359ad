//! Rows that are alone under their key, of which a reduce has nothing to fold.
//!
//! A newcomer's trap: whether a row goes this way or through Lua depends on where blocks end, so
//! both ways must give the same bytes. They do: a combine has written the row, and what Lua has
//! written, it writes in the same way once it has read it.

use crate::row::frame::LENGTH_BYTES;

/// Fewer rows in a row are not worth leaving the loop in Lua for.
const LEAST_ROWS: usize = 64;

/// Neighbouring rows of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stretch<'a> {
    /// Each has another key than those beside it.
    Alone(&'a [u8]),
    Groups {
        frames: &'a [u8],
        starts: &'a [u8],
    },
}

/// Cuts a block of groups. `starts` has a byte for each row, 1 where a key begins, and one more
/// for what comes behind the block.
pub(crate) fn stretches<'a>(frames: &'a [u8], starts: &'a [u8]) -> Vec<Stretch<'a>> {
    let rows = starts.len() - 1;
    let mut stretches = Vec::new();
    let (mut at, mut done, mut row) = (0, 0, 0);
    while row < rows {
        let ones = starts[row..].iter().take_while(|&&start| start == 1).count();
        let alone = ones.saturating_sub(1);
        if alone >= LEAST_ROWS {
            if done < row {
                let end = at + bytes_of(&frames[at..], row - done);
                let (frames, starts) = (&frames[at..end], &starts[done..row]);
                stretches.push(Stretch::Groups { frames, starts });
                at = end;
            }
            let end = at + bytes_of(&frames[at..], alone);
            stretches.push(Stretch::Alone(&frames[at..end]));
            (at, done) = (end, row + alone);
        }
        row += ones.max(1);
    }
    if done < rows {
        stretches.push(Stretch::Groups { frames: &frames[at..], starts: &starts[done..rows] });
    }
    stretches
}

/// Bytes of the first frames.
fn bytes_of(frames: &[u8], rows: usize) -> usize {
    (0..rows).fold(0, |at, _| {
        let length = frames[at..].first_chunk().expect("blocks hold whole frames");
        at + LENGTH_BYTES + u32::from_le_bytes(*length) as usize
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::frame::{Frames, put};

    proptest! {
        #[test]
        fn only_rows_beside_other_keys_are_alone(
            groups in prop::collection::vec((0..200_usize, 0..3_usize), 0..8),
            mid_group in any::<bool>(), ends in any::<bool>(),
        ) {
            let mut starts = vec![];
            if mid_group {
                starts.push(0);
            }
            for (single, folded) in groups {
                starts.extend(std::iter::repeat_n(1, single));
                starts.extend(std::iter::repeat_n(0, folded));
            }
            let rows = starts.len();
            starts.push(u8::from(ends));
            let mut frames = Vec::new();
            (0..rows).for_each(|row| put(&mut frames, &(row as u32).to_le_bytes()[..1 + row % 4]).unwrap());
            let (mut row, mut joined) = (0, Vec::new());
            for stretch in stretches(&frames, &starts) {
                let bytes = match stretch {
                    Stretch::Alone(bytes) => {
                        let count = Frames::new(bytes, 9).count();
                        prop_assert!(count >= LEAST_ROWS);
                        prop_assert!(starts[row..=row + count].iter().all(|&start| start == 1));
                        row += count;
                        bytes
                    }
                    Stretch::Groups { frames, starts: its_starts } => {
                        prop_assert_eq!(Frames::new(frames, 9).count(), its_starts.len());
                        prop_assert_eq!(its_starts, &starts[row..row + its_starts.len()]);
                        row += its_starts.len();
                        frames
                    }
                };
                joined.extend_from_slice(bytes);
            }
            prop_assert_eq!((row, joined), (rows, frames));
        }
    }
}
