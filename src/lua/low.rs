//! Mappings at addresses that LuaJIT can hold: its values have 47 bits for them.
//!
//! On x86-64 a program is given no others. On aarch64 with 48 bits of address space it is: programs
//! and what they map lie in the upper half, and only who asks for an address gets a lower one.
//!
//! A newcomer's trap: LuaJIT looks at the address of a state's first block and at no other; a later
//! one that is too high breaks what points to it.
//!
//! # Safety
//!
//! What is mapped here overlaps nothing, and belongs to who has asked for it.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the addresses end that LuaJIT can hold.
pub(super) const END: usize = 1 << 47;

/// Below are programs at fixed addresses, and what they map.
const FIRST_HINT: usize = 1 << 36;

/// So many ranges are tried before there is said to be none, the later ones this far apart.
const MOST_HINTS: usize = 256;
const LONGEST_STEP: usize = 1 << 40;

/// What has been asked for, so that the next range asked for lies behind it.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Fresh memory of a whole number of pages that ends at `end` or before, or nothing.
pub(super) fn map(size: usize, end: usize) -> Option<*mut u8> {
    let given = map_near(0, size)?;
    if fits(given, size, end) {
        return Some(given);
    }
    // SAFETY: a mapping that nobody has.
    unsafe { unmap(given, size) };
    // A hint is no order: where the range is taken the system gives another one, a high one again.
    let span = end.checked_sub(FIRST_HINT + size)?;
    // What has taken it may be large, as a sanitizer's shadow is, so the next is further on.
    let mut step = size;
    for _ in 0..MOST_HINTS {
        let hint = FIRST_HINT + ASKED.fetch_add(step, Ordering::Relaxed) % span;
        step = (2 * step).min(LONGEST_STEP);
        let given = map_near(hint, size)?;
        if fits(given, size, end) {
            return Some(given);
        }
        // SAFETY: a mapping that nobody has.
        unsafe { unmap(given, size) };
    }
    None
}

fn fits(start: *mut u8, size: usize, end: usize) -> bool {
    start.addr() <= end.saturating_sub(size)
}

fn map_near(hint: usize, size: usize) -> Option<*mut u8> {
    // SAFETY: a new mapping, which overlaps nothing.
    let given = unsafe {
        libc::mmap(
            ptr::without_provenance_mut(hint),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    (given != libc::MAP_FAILED).then_some(given.cast())
}

/// Gives back a mapping, or pages at either end of it.
///
/// # Safety
///
/// They are the caller's, who does not use them any more.
pub(super) unsafe fn unmap(start: *mut u8, size: usize) {
    // SAFETY: see above.
    unsafe { libc::munmap(start.cast(), size) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What x86-64 gives by itself lies above this, as what aarch64 gives lies above `END`.
    #[cfg(target_arch = "x86_64")]
    const LOW_END: usize = 1 << 46;
    #[cfg(not(target_arch = "x86_64"))]
    const LOW_END: usize = END;

    #[test]
    fn memory_is_found_below_an_end_where_the_system_gives_higher() {
        let size = 2 << 20;
        let mut mapped: Vec<*mut u8> = Vec::new();
        for _ in 0..64 {
            let start = map(size, LOW_END).expect("the lower half is empty");
            assert!(start.addr() + size <= LOW_END, "{start:?}");
            // SAFETY: both are within the mapping.
            unsafe {
                assert_eq!((*start, *start.add(size - 1)), (0, 0), "it was somebody's");
                start.write(1);
                start.add(size - 1).write(1);
            }
            mapped.push(start);
        }
        // A range that is taken is passed over.
        let taken = mapped[0].addr();
        ASKED.store(taken.saturating_sub(FIRST_HINT), Ordering::Relaxed);
        let next = map(size, LOW_END).expect("the lower half is empty");
        assert!(next.addr() + size <= LOW_END && !mapped.contains(&next));
        mapped.push(next);
        // SAFETY: mappings of this test's own.
        mapped.into_iter().for_each(|start| unsafe { unmap(start, size) });
    }

    #[test]
    fn there_is_none_below_an_end_that_is_too_low() {
        assert_eq!(map(2 << 20, 1 << 20), None);
    }
}
