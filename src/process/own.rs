//! What a process has one of, and a forked child gets anew.
//!
//! A newcomer's trap: after `fork` without `exec` the child has copies of all our tables, but none
//! of our threads and not one child of its own; a lock may be held by a thread that it lacks. So
//! a process never looks at what another one has made, and never waits for it either.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicPtr, Ordering};

/// A value of which each process has its own.
pub(crate) struct PerProcess<T: 'static> {
    current: AtomicPtr<Entry<T>>,
}

struct Entry<T> {
    process: u32,
    value: T,
}

impl<T: Default + Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> PerProcess<T> {
        PerProcess { current: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// This process's value; made when it is first asked for, and never dropped.
    pub(crate) fn get(&self) -> &'static T {
        let process = std::process::id();
        let mut current = self.current.load(Ordering::Acquire);
        loop {
            if let Some(value) = value_of(current, process) {
                return value;
            }
            let fresh = Box::into_raw(Box::new(Entry { process, value: T::default() }));
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match self.current.compare_exchange(current, fresh, success, failure) {
                Ok(_) => current = fresh,
                Err(other) => {
                    // SAFETY: it was made above by `Box::into_raw`, and nobody has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    current = other;
                }
            }
        }
    }

    /// This process's value, if it has asked for one before.
    pub(crate) fn existing(&self) -> Option<&'static T> {
        value_of(self.current.load(Ordering::Acquire), std::process::id())
    }
}

/// # Safety contract
/// Pointers in a `PerProcess` come from `Box::into_raw` in `get` and are never freed once they
/// have been stored: what a parent has made stays as it was, unused, in its child. The value is
/// shared by threads, hence `Send + Sync`.
fn value_of<T>(entry: *mut Entry<T>, process: u32) -> Option<&'static T> {
    // SAFETY: see the contract; a null pointer gives `None`.
    let entry = unsafe { entry.as_ref() }?;
    (entry.process == process).then_some(&entry.value)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn all_threads_of_a_process_share_one_value() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new();
        assert!(COUNT.existing().is_none());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| COUNT.get().fetch_add(1, Ordering::Relaxed));
            }
        });
        assert_eq!(COUNT.existing().unwrap().load(Ordering::Relaxed), 8);
    }

    #[test]
    fn what_another_process_has_made_is_not_looked_at() {
        static COUNT: PerProcess<AtomicU32> = PerProcess::new();
        let others = Entry { process: std::process::id() + 1, value: AtomicU32::new(7) };
        COUNT.current.store(Box::into_raw(Box::new(others)), Ordering::Release);
        assert!(COUNT.existing().is_none());
        assert_eq!(COUNT.get().load(Ordering::Relaxed), 0);
    }
}
