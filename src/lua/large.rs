//! Blocks of a Lua heap that are too large for slabs: the program's own allocator has them, or
//! LuaJIT's.
//!
//! A newcomer's trap: the program's own is the better one, but where addresses have more than 47
//! bits it gives some that LuaJIT cannot hold. LuaJIT's own asks the system for low ones; it is
//! only had with a state, which is made for that and runs nothing.
//!
//! # Safety
//!
//! A block is given back once, with the size that it was taken with, to where it was taken.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::c_void;
use std::ptr;

use mlua::ffi;

/// What LuaJIT's values need; its own allocator gives no more.
const ALIGNMENT: usize = 8;

pub(super) struct Large {
    owner: Owner,
    /// Of the blocks in use.
    bytes: usize,
}

enum Owner {
    Program,
    Luajit { state: *mut ffi::lua_State, allocate: ffi::lua_Alloc, data: *mut c_void },
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, ALIGNMENT).ok()
}

impl Large {
    /// With the allocator whose addresses fit on this kind of processor.
    pub fn new() -> Large {
        if cfg!(target_arch = "x86_64") { Large::of_program() } else { Large::of_luajit() }
    }

    fn of_program() -> Large {
        Large { owner: Owner::Program, bytes: 0 }
    }

    fn of_luajit() -> Large {
        let mut data = ptr::null_mut();
        // SAFETY: the state is new, and lives as long as what is taken from its allocator.
        let (state, allocate) = unsafe {
            let state = ffi::luaL_newstate();
            assert!(!state.is_null(), "no memory is left for a Lua state");
            (state, ffi::lua_getallocf(state, &raw mut data))
        };
        Large { owner: Owner::Luajit { state, allocate, data }, bytes: 0 }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A block; null where there is none.
    ///
    /// # Safety
    ///
    /// The size is not 0.
    pub unsafe fn take(&mut self, size: usize) -> *mut u8 {
        let block = match self.owner {
            Owner::Program => {
                // SAFETY: the size is not 0.
                layout(size).map_or(ptr::null_mut(), |layout| unsafe { alloc(layout) })
            }
            Owner::Luajit { allocate, data, .. } => {
                // SAFETY: no block and no old size ask for a new block.
                unsafe { allocate(data, ptr::null_mut(), 0, size).cast() }
            }
        };
        if !block.is_null() {
            self.bytes += size;
        }
        block
    }

    /// The block with another size, perhaps elsewhere; null where there is none, and the block is
    /// as it was.
    ///
    /// # Safety
    ///
    /// See the module's contract; the new size is not 0.
    pub unsafe fn resize(&mut self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        let to = match self.owner {
            Owner::Program => match (layout(old), layout(new)) {
                // SAFETY: the block was allocated with this layout, and the new one is valid.
                (Some(layout), Some(_)) => unsafe { realloc(block, layout, new) },
                _ => ptr::null_mut(),
            },
            // SAFETY: see the module's contract.
            Owner::Luajit { allocate, data, .. } => unsafe {
                allocate(data, block.cast(), old, new).cast()
            },
        };
        if !to.is_null() {
            self.bytes = self.bytes - old + new;
        }
        to
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// See the module's contract.
    pub unsafe fn give(&mut self, block: *mut u8, size: usize) {
        match self.owner {
            Owner::Program => {
                let layout = layout(size).expect("the block was allocated with it");
                // SAFETY: see the module's contract.
                unsafe { dealloc(block, layout) };
            }
            Owner::Luajit { allocate, data, .. } => {
                // SAFETY: see the module's contract; no new size gives the block back.
                unsafe { allocate(data, block.cast(), size, 0) };
            }
        }
        self.bytes -= size;
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        if let Owner::Luajit { state, .. } = self.owner {
            // SAFETY: nothing else has the state, and all blocks of its allocator are given back.
            unsafe { ffi::lua_close(state) };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lua::low;

    /// Takes, resizes and gives back; each block's bytes must stay what they were made.
    fn check(mut large: Large, requests: &[(usize, usize)]) {
        let mut blocks: Vec<(*mut u8, usize, u8)> = vec![(ptr::null_mut(), 0, 0); 16];
        for (number, &(slot, size)) in requests.iter().enumerate() {
            let (block, old, mark) = blocks[slot];
            let new = number as u8;
            // SAFETY: blocks are named by the sizes they were asked for, and used within them.
            unsafe {
                let to = match (block.is_null(), size) {
                    (true, 0) => continue,
                    (true, _) => large.take(size),
                    (false, 0) => {
                        large.give(block, old);
                        ptr::null_mut()
                    }
                    (false, _) => large.resize(block, old, size),
                };
                assert!(size == 0 || !to.is_null(), "there is memory");
                assert!(to.addr() + size <= low::END, "LuaJIT cannot hold {to:?}");
                let kept = std::slice::from_raw_parts(
                    if size == 0 { ptr::dangling() } else { to.cast_const() },
                    old.min(size),
                );
                assert!(kept.iter().all(|&byte| byte == mark));
                if size > 0 {
                    ptr::write_bytes(to, new, size);
                }
                blocks[slot] = (to, size, new);
            }
            assert_eq!(large.bytes(), blocks.iter().map(|block| block.1).sum::<usize>());
        }
        for (block, size, _) in blocks.into_iter().filter(|block| block.1 > 0) {
            // SAFETY: a block of this size, which nobody else has.
            unsafe { large.give(block, size) };
        }
        assert_eq!(large.bytes(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
        #[test]
        fn blocks_keep_their_bytes_whoever_has_them(
            requests in prop::collection::vec(
                (0..16usize, prop_oneof![Just(0), 513..20_000usize, 100_000..3_000_000usize]),
                0..200,
            )
        ) {
            check(Large::of_luajit(), &requests);
            if cfg!(target_arch = "x86_64") {
                check(Large::of_program(), &requests);
            }
        }
    }
}
