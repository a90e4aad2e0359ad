//! Memory for small blocks: cut from slabs one behind the other, and kept by size when freed.
//!
//! A Lua heap is many small blocks that are used in no order. In huge pages, and without a header
//! each, the processor finds them sooner; and a list of freed ones that does not lead through them
//! leaves them alone.
//!
//! A newcomer's trap: a slab is given back as a whole, when all that was cut from it waits. Nobody
//! counts that until [`Slabs::trim`] does.
//!
//! # Safety
//!
//! A block is given back once, with the size that it was taken with. Slabs lie apart, so that a
//! block's address says whose it is.
#![allow(unsafe_code)]

use std::ptr;

use super::low;

/// Blocks are multiples of this, at such addresses.
pub(super) const UNIT: usize = 16;

/// The largest block.
pub(super) const LARGEST: usize = 512;

/// A slab is as large as all before it together, between these; the second is a huge page.
const SLAB_BYTES: (usize, usize) = (64 << 10, 2 << 20);

/// A heap that may hold less has smaller slabs, of which more go back.
pub(super) const TIGHT_BYTES: usize = 256 << 20;
const TIGHT_SLAB_BYTES: usize = 128 << 10;

pub(super) struct Slabs {
    /// By address.
    slabs: Vec<Slab>,
    /// Of all slabs.
    bytes: usize,
    /// What is left of the slab that blocks are cut from.
    rest: *mut u8,
    rest_bytes: usize,
    /// By their number of units.
    freed: [Vec<*mut u8>; LARGEST / UNIT + 1],
    /// Of the blocks in `freed`.
    waiting: usize,
}

struct Slab {
    start: *mut u8,
    size: usize,
    /// Bytes at its end that were too few for a block.
    lost: usize,
}

impl Slabs {
    pub const fn new() -> Slabs {
        Slabs {
            slabs: Vec::new(),
            bytes: 0,
            rest: ptr::null_mut(),
            rest_bytes: 0,
            freed: [const { Vec::new() }; _],
            waiting: 0,
        }
    }

    /// Bytes taken from the system.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of freed blocks that nobody has taken again.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// A block; nothing where it takes a new slab.
    #[inline]
    pub fn take(&mut self, size: usize) -> Option<*mut u8> {
        let freed = &mut self.freed[size / UNIT];
        if let Some(block) = freed.pop() {
            if let Some(next) = freed.last() {
                prefetch(*next);
            }
            self.waiting -= size;
            return Some(block);
        }
        if self.rest_bytes < size {
            return None;
        }
        let block = self.rest;
        // SAFETY: so many bytes are left of the slab.
        self.rest = unsafe { block.add(size) };
        self.rest_bytes -= size;
        Some(block)
    }

    /// Takes a block back.
    #[inline]
    pub fn give(&mut self, block: *mut u8, size: usize) {
        self.freed[size / UNIT].push(block);
        self.waiting += size;
    }

    /// How large the next slab will be, of a heap that may hold so much.
    pub fn next_slab(&self, limit: usize) -> usize {
        let most = if limit < TIGHT_BYTES { TIGHT_SLAB_BYTES } else { SLAB_BYTES.1 };
        self.bytes.clamp(SLAB_BYTES.0, most)
    }

    /// Whether the system had memory for another slab, of this size.
    #[cold]
    pub fn grow(&mut self, size: usize) -> bool {
        let Some(start) = map(size) else { return false };
        if self.rest_bytes > 0 {
            let open = slab_of(&self.slabs, self.rest);
            self.slabs[open].lost = self.rest_bytes;
        }
        let at = self.slabs.partition_point(|slab| slab.start < start);
        self.slabs.insert(at, Slab { start, size, lost: 0 });
        self.bytes += size;
        (self.rest, self.rest_bytes) = (start, size);
        true
    }

    /// Gives back the slabs of which no block is in use.
    #[cold]
    pub fn trim(&mut self) {
        let mut unused: Vec<usize> = self.slabs.iter().map(|slab| slab.lost).collect();
        if self.rest_bytes > 0 {
            unused[slab_of(&self.slabs, self.rest)] += self.rest_bytes;
        }
        for (units, blocks) in self.freed.iter().enumerate() {
            for &block in blocks {
                unused[slab_of(&self.slabs, block)] += units * UNIT;
            }
        }
        let slabs = &self.slabs;
        let goes = |at: usize| unused[at] == slabs[at].size;
        for (units, blocks) in self.freed.iter_mut().enumerate() {
            let before = blocks.len();
            blocks.retain(|&block| !goes(slab_of(slabs, block)));
            blocks.shrink_to_fit();
            self.waiting -= (before - blocks.len()) * units * UNIT;
        }
        if self.rest_bytes > 0 && goes(slab_of(slabs, self.rest)) {
            (self.rest, self.rest_bytes) = (ptr::null_mut(), 0);
        }
        let gone: Vec<bool> = (0..slabs.len()).map(goes).collect();
        let mut gone = gone.into_iter();
        self.slabs.retain(|slab| {
            let goes = gone.next() == Some(true);
            if goes {
                unmap(slab);
                self.bytes -= slab.size;
            }
            !goes
        });
    }
}

/// Which slab a block was cut from.
fn slab_of(slabs: &[Slab], block: *mut u8) -> usize {
    slabs.partition_point(|slab| slab.start <= block) - 1
}

/// The next block will be written to, and is in no near cache.
#[inline]
fn prefetch(block: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: no address is wrong for this, which is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(block.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = block;
}

/// Fresh memory for a slab, or nothing. A huge page begins at a multiple of its size, so twice as
/// much is taken for it, and what is too much given back.
fn map(size: usize) -> Option<*mut u8> {
    if size != SLAB_BYTES.1 {
        return low::map(size, low::END);
    }
    let at = low::map(2 * size, low::END)?;
    let before = at.align_offset(size);
    // SAFETY: the mapping is twice as large as a slab, and a part of it is left. Advice changes no
    // bytes.
    unsafe {
        let start = at.add(before);
        if before > 0 {
            low::unmap(at, before);
        }
        low::unmap(start.add(size), size - before);
        #[cfg(target_os = "linux")]
        libc::madvise(start.cast(), size, libc::MADV_HUGEPAGE);
        Some(start)
    }
}

fn unmap(slab: &Slab) {
    // SAFETY: a mapping of our own, of which nothing is in use.
    unsafe { low::unmap(slab.start, slab.size) };
}

impl Drop for Slabs {
    fn drop(&mut self) {
        self.slabs.iter().for_each(unmap);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes, gives and trims; each block's bytes must stay what they were made.
    fn check(acts: Vec<(u16, u8)>) {
        let mut slabs = Slabs::new();
        let mut taken: Vec<(*mut u8, usize, u8)> = Vec::new();
        for (number, (choice, units)) in acts.into_iter().enumerate() {
            let size = UNIT * (1 + usize::from(units) % (LARGEST / UNIT));
            match choice % 100 {
                0 => slabs.trim(),
                // Much is given back at once, so that whole slabs go.
                1 => taken.drain(taken.len() / 2..).for_each(|block| give(&mut slabs, block)),
                2..30 if !taken.is_empty() => {
                    let block = taken.swap_remove(usize::from(choice) % taken.len());
                    give(&mut slabs, block);
                }
                _ => {
                    let block = slabs.take(size).unwrap_or_else(|| {
                        let slab = slabs.next_slab(usize::MAX);
                        assert!(slabs.grow(slab));
                        slabs.take(size).expect("there is a new slab")
                    });
                    // SAFETY: a block of this size.
                    unsafe { ptr::write_bytes(block, number as u8, size) };
                    taken.push((block, size, number as u8));
                }
            }
            let held: usize = taken.iter().map(|block| block.1).sum();
            assert!(held + slabs.waiting() <= slabs.bytes());
        }
        taken.into_iter().for_each(|block| give(&mut slabs, block));
        slabs.trim();
        assert_eq!((slabs.bytes(), slabs.waiting(), slabs.slabs.len()), (0, 0, 0));
    }

    fn give(slabs: &mut Slabs, (block, size, mark): (*mut u8, usize, u8)) {
        // SAFETY: a block of this size, which nobody else has.
        let bytes = unsafe { std::slice::from_raw_parts(block, size) };
        assert!(bytes.iter().all(|&byte| byte == mark));
        slabs.give(block, size);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn blocks_keep_their_bytes_and_whole_slabs_go(
            acts in prop::collection::vec(any::<(u16, u8)>(), 0..4_000)
        ) {
            check(acts);
        }
    }
}
