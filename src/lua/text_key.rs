//! What tables of texts compare: a text of up to 16 bytes itself, else a hash of it.

use xxhash_rust::xxh3::xxh3_128;

/// A text of at most so many bytes is its own key.
pub(super) const KEY_BYTES: u32 = 16;

#[derive(Clone, Copy)]
pub(super) struct TextKey {
    /// The text and zeros behind it, or its hash where it is longer.
    pub words: [u64; 2],
    /// The size, then the hash: in one number, because two that were just written apart are slow to
    /// be read together.
    size_and_hash: u64,
}

impl TextKey {
    /// The size of no text.
    pub const NO_SIZE: u32 = u32::MAX;
    pub const NONE: TextKey = TextKey { words: [0; 2], size_and_hash: u32::MAX as u64 };

    #[inline(always)]
    pub fn new(block: &[u8], span: [u32; 2]) -> TextKey {
        let size = span[1] - span[0];
        let (words, hash) = match size {
            0..=KEY_BYTES => {
                let words = first_bytes(block, span[0] as usize, size as usize);
                (words, mix(words, size))
            }
            _ => {
                let hash = hash_of_long(part(block, span));
                ([hash as u64, (hash >> 64) as u64], hash as u32)
            }
        };
        TextKey { words, size_and_hash: u64::from(size) | u64::from(hash) << 32 }
    }

    pub fn size(&self) -> u32 {
        self.size_and_hash as u32
    }

    pub fn hash(&self) -> u32 {
        (self.size_and_hash >> 32) as u32
    }
}

#[inline(never)]
fn hash_of_long(text: &[u8]) -> u128 {
    xxh3_128(text)
}

pub(super) fn part(block: &[u8], [start, end]: [u32; 2]) -> &[u8] {
    &block[start as usize..end as usize]
}

/// By size: the bits of a key's two halves that are of the text.
const MASKS: [[u64; 2]; KEY_BYTES as usize + 1] = {
    let mut masks = [[0; 2]; KEY_BYTES as usize + 1];
    let mut size = 1;
    while size < masks.len() {
        masks[size] = masks[size - 1];
        masks[size][(size - 1) / 8] |= 255 << (8 * ((size - 1) % 8));
        size += 1;
    }
    masks
};

/// Up to 16 bytes as two numbers, zeros behind them.
#[inline(always)]
fn first_bytes(block: &[u8], start: usize, size: usize) -> [u64; 2] {
    let mut chunk = [0; 16];
    match block[start..].first_chunk() {
        Some(whole) => chunk = *whole,
        None => chunk[..size].copy_from_slice(&block[start..start + size]),
    }
    let (halves, _) = chunk.as_chunks();
    let [low, high] = MASKS[size];
    [u64::from_le_bytes(halves[0]) & low, u64::from_le_bytes(halves[1]) & high]
}

fn mix(words: [u64; 2], size: u32) -> u32 {
    let x = words[0] ^ words[1].rotate_left(23) ^ u64::from(size);
    let product = u128::from(x) * 0x9e37_79b9_7f4a_7c15;
    ((product >> 64) as u64 ^ product as u64) as u32
}
