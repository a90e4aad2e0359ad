//! Rows that are alone under their key, of which a reduce has nothing to fold.
//!
//! A newcomer's trap: whether a row goes this way or through Lua depends on where blocks end, so
//! both ways must give the same bytes. They do: a combine has written the row, and what Lua has
//! written, it writes in the same way once it has read it.

use crate::row::layout::Rows;

/// Fewer rows in a row are not worth leaving the loop in Lua for.
const LEAST_ROWS: usize = 64;

/// Neighbouring rows of a block.
#[derive(Debug)]
pub(crate) struct Stretch<'a> {
    /// Each has another key than those beside it.
    pub alone: bool,
    pub rows: Rows<'a>,
}

/// Cuts a block of marked rows.
pub(crate) fn stretches(rows: Rows<'_>) -> Vec<Stretch<'_>> {
    let mut stretches = Vec::new();
    let (mut rest, mut grouped) = (rows, 0);
    while grouped < rest.marks.len() {
        let alone = rest.marks[grouped..].iter().take_while(|mark| mark.is_alone()).count();
        if alone >= LEAST_ROWS {
            let (before, behind) = rest.split_at(grouped);
            if grouped > 0 {
                stretches.push(Stretch { alone: false, rows: before });
            }
            let (rows, behind) = behind.split_at(alone);
            stretches.push(Stretch { alone: true, rows });
            (rest, grouped) = (behind, 0);
        } else {
            grouped += alone.max(1);
        }
    }
    if grouped > 0 {
        stretches.push(Stretch { alone: false, rows: rest });
    }
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::frame::put;
    use crate::row::layout::{Layout, Mark};

    proptest! {
        #[test]
        fn only_rows_beside_other_keys_are_alone(
            groups in prop::collection::vec((0..200_usize, 0..3_usize), 0..8),
            mid_group in any::<bool>(), ends in any::<bool>(),
        ) {
            let mut begins = vec![];
            if mid_group {
                begins.push(false);
            }
            for (single, folded) in groups {
                begins.extend(std::iter::repeat_n(true, single));
                begins.extend(std::iter::repeat_n(false, folded));
            }
            let next = begins.iter().copied().skip(1).chain([ends]);
            let marks: Vec<Mark> = begins.iter().zip(next).map(|(begins, ends)| {
                let mut mark = Mark::new(*begins, 1);
                if ends {
                    mark.end_key();
                }
                mark
            }).collect();
            let mut frames = Vec::new();
            (0..marks.len()).for_each(|row| put(&mut frames, &(row as u32).to_le_bytes()[..1 + row % 4]).unwrap());
            let (mut row, mut joined) = (0, Vec::new());
            let block = Rows { layout: Layout::Frames, bytes: &frames, marks: &marks };
            let mut was_alone = None;
            for Stretch { alone, rows } in stretches(block) {
                let count = rows.count() as usize;
                prop_assert_eq!(rows.marks, &marks[row..row + count]);
                prop_assert!(!alone || count >= LEAST_ROWS && rows.marks.iter().all(|mark| mark.is_alone()));
                prop_assert_ne!(was_alone.replace(alone), Some(alone));
                row += count;
                joined.extend_from_slice(rows.bytes);
            }
            prop_assert_eq!((row, joined), (marks.len(), frames));
        }
    }
}
