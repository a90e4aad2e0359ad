//! Rows that the program already has, as blocks.
//!
//! A newcomer's trap: blocks share the memory of the whole; nothing is copied.

use bytes::Bytes;

use crate::row::layout::{Layout, Rows};

/// Cuts rows into blocks of about `block_bytes`, each with its number of rows, without copying.
pub(crate) fn blocks(
    layout: Layout,
    bytes: &Bytes,
    block_bytes: usize,
) -> impl Iterator<Item = (Bytes, u32)> + use<> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let end = Rows::new(layout, &rest).cut_at(block_bytes.max(1));
        let block = rest.split_to(end);
        let rows = Rows::new(layout, &block).count();
        (rows > 0).then_some((block, rows))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_only_between_rows_and_not_copied() {
        let lines = Bytes::from("a\n\nbcd\ne\n");
        let blocks: Vec<_> = blocks(Layout::Lines, &lines, 4).collect();
        assert_eq!(blocks, [(Bytes::from("a\n\nbcd\n"), 3), (Bytes::from("e\n"), 1)]);
        assert_eq!(blocks[0].0.as_ptr(), lines.as_ptr());
    }

    #[test]
    fn frames_are_cut_only_between_rows() {
        let mut frames = Vec::new();
        for len in [3, 4, 5, 100, 1, 2] {
            frames.extend_from_slice(&u32::to_le_bytes(len));
            frames.extend(std::iter::repeat_n(b'x', len as usize));
        }
        let frames = Bytes::from(frames);
        let blocks: Vec<_> = blocks(Layout::Frames, &frames, 20).collect();
        let sizes: Vec<_> = blocks.iter().map(|(bytes, rows)| (bytes.len(), *rows)).collect();
        assert_eq!(sizes, [(24, 3), (104, 1), (11, 2)]);
        assert_eq!(blocks.iter().flat_map(|(b, _)| b.to_vec()).collect::<Vec<_>>(), frames);
    }
}
