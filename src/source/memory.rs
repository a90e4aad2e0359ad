//! Rows that the program already has, as blocks.
//!
//! A newcomer's trap: blocks share the memory of the whole; nothing is copied.

use bytes::Bytes;

/// Cuts frames into blocks of about `block_bytes`, each with its number of rows, without copying.
///
/// The frames are our own encoder's; a length that leads out of the buffer is a broken invariant.
pub(crate) fn frame_blocks(
    bytes: &Bytes,
    block_bytes: usize,
) -> impl Iterator<Item = (Bytes, u32)> + use<> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let mut end = 0;
        let mut rows = 0;
        while end < rest.len() && (rows == 0 || end < block_bytes) {
            let length = rest[end..].first_chunk().expect("a frame starts with its length");
            end += 4 + u32::from_le_bytes(*length) as usize;
            rows += 1;
        }
        (rows > 0).then(|| (rest.split_to(end), rows))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_only_between_rows_and_not_copied() {
        let mut frames = Vec::new();
        for len in [3, 0, 5, 100, 1, 2] {
            frames.extend_from_slice(&u32::to_le_bytes(len));
            frames.extend(std::iter::repeat_n(b'x', len as usize));
        }
        let frames = Bytes::from(frames);
        let blocks: Vec<_> = frame_blocks(&frames, 20).collect();
        let sizes: Vec<_> = blocks.iter().map(|(bytes, rows)| (bytes.len(), *rows)).collect();
        assert_eq!(sizes, [(20, 3), (104, 1), (11, 2)]);
        assert_eq!(blocks.iter().flat_map(|(b, _)| b.to_vec()).collect::<Vec<_>>(), frames);
        assert_eq!(blocks[0].0.as_ptr(), frames.as_ptr());
    }
}
