//! The word count as one would write it for this machine alone: two threads, AVX2, tables whose
//! keys of up to 16 bytes are compared as one number.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use crate::words::write;

const BLOCK_BYTES: usize = 512 << 10;

/// Readable bytes behind each block, for loads that go past its end.
const PADDING: usize = 64;

/// `word,count`.
pub fn words(file: &str, workers: usize) -> io::Result<()> {
    let blocks = Mutex::new(Blocks { file: File::open(file)?, rest: Vec::new(), ended: false });
    let tables: io::Result<Vec<Table>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| count(&blocks))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    let mut tables = tables?.into_iter();
    let mut all = tables.next().expect("there is at least one worker");
    for table in tables {
        all.add_all(table);
    }
    let short: Vec<_> = all
        .slots
        .iter()
        .filter(|slot| slot.count > 0)
        .map(|slot| (slot.key.to_le_bytes(), slot.count))
        .collect();
    let short = short.iter().map(|(key, count)| {
        let length = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
        (&key[..length], *count)
    });
    write(short.chain(all.long.iter().map(|(word, count)| (&word[..], *count))))
}

/// The file in blocks that end outside of a word.
struct Blocks {
    file: File,
    /// What was read behind the last block.
    rest: Vec<u8>,
    ended: bool,
}

impl Blocks {
    /// Fills `block`; false at the end. `block` has `PADDING` zeros behind what is returned.
    fn next(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        block.clear();
        block.append(&mut self.rest);
        while !self.ended {
            let from = block.len();
            block.resize(from + BLOCK_BYTES, 0);
            let read = self.file.read(&mut block[from..])?;
            block.truncate(from + read);
            self.ended = read == 0;
            if let Some(last) = block.iter().rposition(|byte| !byte.is_ascii_alphanumeric()) {
                self.rest.extend_from_slice(&block[last + 1..]);
                block.truncate(last + 1);
                if !self.ended {
                    break;
                }
                block.append(&mut self.rest);
            }
        }
        let more = !block.is_empty();
        block.resize(block.len() + PADDING, 0);
        Ok(more)
    }
}

fn count(blocks: &Mutex<Blocks>) -> io::Result<Table> {
    let mut table = Table::new();
    let mut block = Vec::new();
    // A panic elsewhere ends the program.
    while blocks.lock().unwrap_or_else(PoisonError::into_inner).next(&mut block)? {
        let each = |start: usize, end: usize| table.count(&block, start, end);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            unsafe { each_word_avx2(&block, each) };
            continue;
        }
        each_word(&block, class_of, each);
    }
    Ok(table)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn each_word_avx2(block: &[u8], each: impl FnMut(usize, usize)) {
    each_word(block, |chunk| class_of_avx2(chunk), each);
}

/// Calls `each` with start and end of every word. What whole chunks don't cover is padding.
#[inline(always)]
fn each_word(
    block: &[u8],
    class_of: impl Fn(&[u8; 64]) -> u64,
    mut each: impl FnMut(usize, usize),
) {
    let (mut start, mut inside) = (0, 0);
    let (chunks, _) = block.as_chunks::<64>();
    for (nth, chunk) in chunks.iter().enumerate() {
        let class = class_of(chunk);
        let mut edges = class ^ (class << 1 | inside);
        let was_inside = inside == 1;
        inside = class >> 63;
        if was_inside && edges != 0 {
            each(start, nth * 64 + edges.trailing_zeros() as usize);
            edges &= edges - 1;
        }
        // Edges now come in pairs, but for a word that goes on in the next chunk.
        while edges != 0 {
            start = nth * 64 + edges.trailing_zeros() as usize;
            edges &= edges - 1;
            if edges == 0 {
                break;
            }
            each(start, nth * 64 + edges.trailing_zeros() as usize);
            edges &= edges - 1;
        }
    }
}

/// A bit for each byte that belongs to a word.
fn class_of(chunk: &[u8; 64]) -> u64 {
    let bits = chunk.iter().enumerate();
    bits.fold(0, |bits, (at, byte)| bits | u64::from(byte.is_ascii_alphanumeric()) << at)
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn class_of_avx2(chunk: &[u8; 64]) -> u64 {
    use std::arch::x86_64::*;
    let half = |at: usize| {
        // SAFETY: the load is unaligned and within the 64 bytes.
        let bytes = unsafe { _mm256_loadu_si256(chunk[at..].as_ptr().cast()) };
        // Unsigned `x <= most` is `min(x, most) == x`.
        let within =
            |x: __m256i, most: i8| _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(most)), x);
        let lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        let letters = within(_mm256_sub_epi8(lower, _mm256_set1_epi8(b'a' as i8)), 25);
        let digits = within(_mm256_sub_epi8(bytes, _mm256_set1_epi8(b'0' as i8)), 9);
        u64::from(_mm256_movemask_epi8(_mm256_or_si256(letters, digits)) as u32)
    };
    half(0) | half(32) << 32
}

/// Words of up to 16 bytes are keys of one number, for words hold no zeros.
struct Table {
    slots: Vec<Slot>,
    used: usize,
    long: HashMap<Box<[u8]>, u64>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    key: u128,
    count: u64,
}

impl Table {
    fn new() -> Table {
        Table { slots: vec![Slot::default(); 1 << 16], used: 0, long: HashMap::new() }
    }

    #[inline(always)]
    fn count(&mut self, block: &[u8], start: usize, end: usize) {
        let length = end - start;
        if length > 16 {
            return self.add_long(&block[start..end], 1);
        }
        let bytes = block[start..].first_chunk().expect("there is padding behind the words");
        let key = u128::from_le_bytes(*bytes) & (u128::MAX >> (128 - 8 * length));
        self.add(key, 1);
    }

    #[inline(always)]
    fn add(&mut self, key: u128, count: u64) {
        let mask = self.slots.len() - 1;
        let mut at = hash(key) & mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.key == key {
                slot.count += count;
                return;
            }
            if slot.count == 0 {
                *slot = Slot { key, count };
                self.used += 1;
                if self.used * 2 > self.slots.len() {
                    self.grow();
                }
                return;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn add_long(&mut self, word: &[u8], count: u64) {
        match self.long.get_mut(word) {
            Some(sum) => *sum += count,
            None => {
                self.long.insert(word.into(), count);
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![Slot::default(); self.slots.len() * 4];
        self.used = 0;
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.count > 0 {
                self.add(slot.key, slot.count);
            }
        }
    }

    fn add_all(&mut self, other: Table) {
        for slot in other.slots.iter().filter(|slot| slot.count > 0) {
            self.add(slot.key, slot.count);
        }
        for (word, count) in other.long {
            self.add_long(&word, count);
        }
    }
}

#[inline(always)]
fn hash(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let product =
        u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xe703_7ed1_a0b4_28db);
    ((product >> 64) as u64 ^ product as u64) as usize
}
