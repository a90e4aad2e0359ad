//! A Lua state with memory of its own, up to a limit.
//!
//! Code that reads lines makes and drops several short strings for each, and a general allocator
//! takes longer over them than LuaJIT does: small blocks come from slabs, and wait there for the
//! next of their size when they are freed.
//!
//! A newcomer's trap: the limit is on what LuaJIT has asked for. What waits beside that is given
//! back when both together reach the limit, as far as whole slabs wait.
//!
//! # Safety
//!
//! LuaJIT calls [`allocate`] with the address of the state's own [`Heap`], on the thread that uses
//! the state, never twice at once, and names a block's size as it asked for it. The heap lives
//! until the state is closed. A block is of the size that [`whole`] gives for the size asked for,
//! so that any freed block of as many units can stand for any other.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ops::Deref;
use std::ptr;

use mlua::{Lua, ffi};

use super::large::Large;
use super::slabs::{LARGEST, Slabs, UNIT};

/// With more bytes that wait, slabs are given back before a new one is taken.
const MOST_WAITING: usize = 64 << 20;

/// A state with all libraries; the prelude takes away what user code must not have.
///
/// What is made of its `Lua` must be dropped before it.
pub(super) struct State {
    lua: Option<Lua>,
    raw: *mut ffi::lua_State,
    heap: Box<UnsafeCell<Heap>>,
}

struct Heap {
    raw: *mut ffi::lua_State,
    /// Bytes that LuaJIT has asked for.
    used: usize,
    limit: usize,
    /// With more bytes used the collector is woken: by itself it may sleep until the limit.
    wake_at: usize,
    /// The blocks that are too large for slabs.
    large: Large,
    slabs: Slabs,
    /// With fewer bytes that wait it is too early to look for slabs again.
    trim_from: usize,
}

/// The size of the block for so many bytes.
#[inline]
fn whole(size: usize) -> usize {
    if size <= LARGEST { size.next_multiple_of(UNIT) } else { size }
}

impl Heap {
    fn new() -> Heap {
        Heap {
            raw: ptr::null_mut(),
            used: 0,
            limit: usize::MAX,
            wake_at: usize::MAX,
            large: Large::new(),
            slabs: Slabs::new(),
            trim_from: 0,
        }
    }

    /// Where the collector is to be woken next: in the upper half, a quarter of what is free on.
    fn next_wake(&self) -> usize {
        (self.used + self.limit.saturating_sub(self.used) / 4).max(self.limit / 2)
    }

    #[cold]
    fn wake_collector(&mut self) {
        self.wake_at = self.next_wake();
        if !self.raw.is_null() {
            // SAFETY: the state is open, and this sets nothing but the number of bytes from which
            // it takes steps of a collection.
            unsafe { ffi::lua_gc(self.raw, ffi::LUA_GCRESTART, 0) };
        }
    }

    /// A block of a whole size; null where there is none.
    #[inline]
    unsafe fn take(&mut self, size: usize) -> *mut u8 {
        if size > LARGEST {
            self.make_room(size);
            // SAFETY: the size is not 0.
            return unsafe { self.large.take(size) };
        }
        self.slabs.take(size).unwrap_or_else(|| self.take_from_new(size))
    }

    #[cold]
    fn take_from_new(&mut self, size: usize) -> *mut u8 {
        let slab = self.slabs.next_slab(self.limit);
        self.make_room(slab);
        let block = self.slabs.take(size);
        let block =
            block.or_else(|| self.slabs.grow(slab).then(|| self.slabs.take(size)).flatten());
        block.unwrap_or(ptr::null_mut())
    }

    /// Takes a block of a whole size back.
    #[inline]
    unsafe fn give(&mut self, block: *mut u8, size: usize) {
        if size <= LARGEST {
            self.slabs.give(block, size);
        } else {
            // SAFETY: it was taken from there, with this size.
            unsafe { self.large.give(block, size) };
        }
    }

    fn held(&self) -> usize {
        self.large.bytes() + self.slabs.bytes()
    }

    /// Gives back what waits where so many bytes more would be too much.
    fn make_room(&mut self, more: usize) {
        let waiting = self.slabs.waiting();
        let is_much = waiting > MOST_WAITING || self.held().saturating_add(more) > self.limit;
        if is_much && waiting > self.trim_from {
            self.trim();
        }
    }

    /// Gives back what waits, as far as whole slabs do.
    #[cold]
    fn trim(&mut self) {
        self.slabs.trim();
        self.trim_from = self.slabs.waiting() + (self.limit / 16).min(MOST_WAITING);
    }

    unsafe fn resize(&mut self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        if old == new {
            return block;
        }
        if old > LARGEST && new > LARGEST {
            self.make_room(new.saturating_sub(old));
            // SAFETY: it was taken from there, with this size.
            return unsafe { self.large.resize(block, old, new) };
        }
        // SAFETY: two blocks of at least so many bytes; the old one is not used any more.
        unsafe {
            let to = self.take(new);
            if !to.is_null() {
                ptr::copy_nonoverlapping(block, to, old.min(new));
                self.give(block, old);
            }
            to
        }
    }
}

/// What LuaJIT calls for all memory: see `lua_Alloc` in its manual.
unsafe extern "C" fn allocate(
    heap: *mut c_void,
    block: *mut c_void,
    old_size: usize,
    new_size: usize,
) -> *mut c_void {
    // SAFETY: see the module's contract.
    let heap = unsafe { &mut *heap.cast::<Heap>() };
    let block = block.cast::<u8>();
    let old_size = if block.is_null() { 0 } else { old_size };
    let used = (heap.used - old_size).saturating_add(new_size);
    if new_size > old_size && used > heap.limit {
        return ptr::null_mut();
    }
    // SAFETY: see the module's contract.
    let given = unsafe {
        match (block.is_null(), new_size) {
            (true, 0) => ptr::null_mut(),
            (false, 0) => {
                heap.give(block, whole(old_size));
                ptr::null_mut()
            }
            (true, _) => heap.take(whole(new_size)),
            (false, _) => heap.resize(block, whole(old_size), whole(new_size)),
        }
    };
    if !given.is_null() || new_size == 0 {
        heap.used = used;
        if used > heap.wake_at {
            heap.wake_collector();
        } else if new_size == 0 && used < heap.wake_at / 2 {
            heap.wake_at = heap.limit / 2;
        }
    }
    given.cast()
}

impl State {
    pub fn new() -> State {
        let heap = Box::new(UnsafeCell::new(Heap::new()));
        // SAFETY: the state is new and used here alone. `Lua::unsafe_new_with` asks that nothing
        // loads harmful C modules, and so does this: FFI and debug are used by our own files, and
        // the prelude removes both and `package` before any user code runs.
        let (lua, raw) = unsafe {
            let raw = ffi::lua_newstate(allocate, heap.get().cast());
            assert!(!raw.is_null(), "no memory is left for a Lua state");
            (*heap.get()).raw = raw;
            ffi::luaL_openlibs(raw);
            (Lua::get_or_init_from_ptr(raw).clone(), raw)
        };
        State { lua: Some(lua), raw, heap }
    }

    /// The most that the state may hold; more is an error of the code that asks for it.
    pub fn set_limit(&self, bytes: usize) {
        // SAFETY: LuaJIT does not run meanwhile.
        unsafe {
            let heap = &mut *self.heap.get();
            heap.limit = bytes;
            heap.wake_at = heap.next_wake();
        }
    }

    /// Bytes that the state holds, those that wait among them.
    pub fn held(&self) -> usize {
        // SAFETY: LuaJIT does not run meanwhile.
        unsafe { (*self.heap.get()).held() }
    }

    /// Gives back what was freed.
    pub fn trim(&self) {
        // SAFETY: LuaJIT does not run meanwhile.
        unsafe { (*self.heap.get()).trim() };
    }
}

impl Deref for State {
    type Target = Lua;

    fn deref(&self) -> &Lua {
        self.lua.as_ref().expect("it is there until the drop")
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.lua.take();
        // SAFETY: whatever was made of the state is gone.
        unsafe { ffi::lua_close(self.raw) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same requests against a model: blocks keep their bytes, and the limit holds.
    fn check(requests: Vec<(usize, usize)>) {
        let mut heap = Heap::new();
        heap.limit = 40_000;
        let at: *mut Heap = &raw mut heap;
        let mut blocks: Vec<(*mut u8, usize, u8)> = vec![(ptr::null_mut(), 0, 0); 16];
        // SAFETY: blocks are named by the sizes they were asked for, and used within them.
        unsafe {
            for (number, (slot, size)) in requests.into_iter().enumerate() {
                let (block, old, mark) = blocks[slot];
                let used = (*at).used;
                let new = allocate(at.cast(), block.cast(), old, size).cast::<u8>();
                if new.is_null() && size > 0 {
                    assert!(used - old + size > 40_000, "refused with room left");
                    assert_eq!((*at).used, used);
                    continue;
                }
                assert!((*at).used <= 40_000);
                let kept = old.min(size);
                if kept > 0 {
                    let bytes = std::slice::from_raw_parts(new, kept);
                    assert!(bytes.iter().all(|&byte| byte == mark));
                }
                let mark = number as u8;
                if size > 0 {
                    ptr::write_bytes(new, mark, size);
                }
                blocks[slot] = (new, size, mark);
            }
            let held: usize = blocks.iter().map(|block| block.1).sum();
            assert_eq!((*at).used, held);
            for (block, size, _) in blocks {
                allocate(at.cast(), block.cast(), size, 0);
            }
            assert_eq!((*at).used, 0);
            (*at).trim();
            assert_eq!((*at).held(), 0);
        }
    }

    proptest! {
        #[test]
        fn blocks_keep_their_bytes_and_the_limit_holds(
            requests in prop::collection::vec(
                (0..16usize, prop_oneof![Just(0), 1..700usize, 1..20_000usize]),
                0..300,
            )
        ) {
            check(requests);
        }
    }

    #[test]
    fn a_state_may_not_hold_more_than_its_limit() {
        let state = State::new();
        state.set_limit(8 << 20);
        let run = |text: &str| state.load(text).exec();
        let pile = "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(40) .. i end";
        assert!(matches!(run(pile), Err(mlua::Error::MemoryError(_))));
        // mlua itself needs a little memory for a call.
        state.set_limit(9 << 20);
        state.gc_collect().expect("there is room for that");
        state.set_limit(8 << 20);
        run("local t = ('x'):rep(2000000)").expect("there is room again");
    }
}
