//! The few signal settings that the library makes: none in the user's own threads.
//!
//! A newcomer's trap: the library installs no handler. The engine's threads block SIGXFSZ
//! and SIGPIPE, so that a file-size limit is a write error; a worker, which is ours alone, ignores what is meant for
//! the program. The one setting of the whole program that is touched is a SIGCHLD that it ignores.
#![allow(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::own::PerProcess;

/// How many children need their status kept, and what SIGCHLD was before the first.
static WAITING: PerProcess<Mutex<Waiting>> = PerProcess::new();

#[derive(Default)]
struct Waiting {
    children: usize,
    before: Option<libc::sigaction>,
}

/// While one lives, the system keeps the status of ended children for us.
///
/// A program that ignores SIGCHLD, as some hosts of other languages do, has told the system to
/// throw it away. Then the default takes its place, also for what is started, and the program's
/// own setting comes back with the last child.
pub(crate) struct Waitable(());

impl Waitable {
    pub(crate) fn new() -> Waitable {
        let mut waiting = waiting();
        if waiting.children == 0 {
            waiting.before = keep_statuses();
        }
        waiting.children += 1;
        Waitable(())
    }
}

impl Drop for Waitable {
    fn drop(&mut self) {
        let mut waiting = waiting();
        waiting.children -= 1;
        if waiting.children == 0
            && let Some(before) = waiting.before.take()
        {
            restore(&before);
        }
    }
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes sure that children can be waited for; returns the setting that forbade it.
fn keep_statuses() -> Option<libc::sigaction> {
    // SAFETY: `before` is filled in before it is read. The default disposition runs no code, and a
    // handler of the program's own is put back with only a flag changed.
    unsafe {
        let mut before = std::mem::zeroed::<libc::sigaction>();
        if libc::sigaction(libc::SIGCHLD, std::ptr::null(), &mut before) != 0 {
            return None;
        }
        let ignored = before.sa_sigaction == libc::SIG_IGN;
        if !ignored && before.sa_flags & libc::SA_NOCLDWAIT == 0 {
            return None;
        }
        let mut kept = before;
        if ignored {
            kept.sa_sigaction = libc::SIG_DFL;
        }
        kept.sa_flags &= !libc::SA_NOCLDWAIT;
        tracing::debug!("SIGCHLD is ignored: the default takes its place while children live");
        libc::sigaction(libc::SIGCHLD, &kept, std::ptr::null_mut());
        Some(before)
    }
}

/// Puts the program's setting back, unless it has made another one since.
fn restore(before: &libc::sigaction) {
    // SAFETY: `before` came from `sigaction`, and so is a valid setting of this program; `now` is
    // filled in before it is read.
    unsafe {
        let mut now = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &mut now);
        let ours = match before.sa_sigaction == libc::SIG_IGN {
            true => libc::SIG_DFL,
            false => before.sa_sigaction,
        };
        if now.sa_sigaction == ours {
            libc::sigaction(libc::SIGCHLD, before, std::ptr::null_mut());
        }
    }
}

/// Makes a write past RLIMIT_FSIZE, or into a pipe that nobody reads, an error in this thread
/// instead of the process's death.
pub(crate) fn block_write_signals() {
    // SAFETY: the set is initialised by sigemptyset before it is used, and the mask of the calling
    // thread alone is changed.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGXFSZ);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}

/// Starts a process from a thread that has blocked these signals: what is started inherits what the
/// thread blocks, and a command must be able to die of a pipe that nobody reads.
pub(super) fn with_write_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are initialised before they are used; only the calling thread's mask is
    // changed, and it is put back. What is taken are signals of this thread's own failed writes,
    // which would be delivered otherwise as soon as they are not blocked.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGXFSZ);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        // From here on they are blocked, also where they were not.
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before);
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        while libc::sigtimedwait(&set, std::ptr::null_mut(), &at_once) > 0 {}
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        started
    }
}

/// In a worker process: Ctrl-C is the engine's to act on, and a broken pipe or a full disk is an
/// error of the write.
pub(crate) fn ignore_signals_in_worker() {
    for signal in [libc::SIGINT, libc::SIGPIPE, libc::SIGXFSZ] {
        // SAFETY: SIG_IGN is a valid disposition for these signals; no handler is installed.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// Ends a worker process with all that user code has started in it, and without running exit
/// handlers, which belong to a program that never started.
pub(crate) fn end_worker() -> ! {
    // SAFETY: these calls have no preconditions. The group is ours alone if we lead it.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
        libc::_exit(0)
    }
}

/// Writes what Lua's `print` and `io.write` have left in C's buffers, which die with a worker.
pub(crate) fn flush_c_streams() {
    // SAFETY: a null pointer means all streams.
    unsafe {
        libc::fflush(std::ptr::null_mut());
    }
}

/// Whether this program has been started with more rights than its user has (setuid, file
/// capabilities).
pub(crate) fn has_raised_privileges() -> bool {
    // SAFETY: getauxval only reads what the kernel has passed to this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Calls `write` with a write past RLIMIT_FSIZE being an error in this thread instead of the
/// process's death, and leaves the thread's signals as they were.
pub(crate) fn with_file_size_as_error<T>(write: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are initialised before they are used; only the calling thread's mask is
    // changed, and it is put back. The signal is directed at the thread whose write causes it, so
    // what is taken here is our own.
    unsafe {
        let mut blocked = std::mem::zeroed::<libc::sigset_t>();
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut blocked);
        libc::sigaddset(&mut blocked, libc::SIGXFSZ);
        libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, &mut before);
        let result = write();
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        if libc::sigismember(&before, libc::SIGXFSZ) == 0 {
            libc::sigtimedwait(&blocked, std::ptr::null_mut(), &at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        result
    }
}
