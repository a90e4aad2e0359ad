//! Workers end with the program, and the program waits for them: what they have used of the
//! processor is then part of what `time ./program` shows.
//!
//! A newcomer's trap: this runs in `exit`, on whatever thread has called it, while the engine's
//! threads go on. Workers are therefore reaped under one lock, by whoever comes first, so that no
//! number is signalled that has come to mean another process. A program that is killed, or calls
//! `_exit`, runs nothing of this: its workers see its end by themselves.
#![allow(unsafe_code)]

use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process_group, pidfd_open, waitpid,
};

use crate::process::child::{Child, has_ended};
use crate::process::guard;
use crate::process::own::PerProcess;

/// How long the program's end may wait for all workers together.
const PATIENCE: Duration = Duration::from_millis(50);

/// The workers of this process that have not been reaped.
static WORKERS: PerProcess<Mutex<Vec<Pid>>> = PerProcess::new();

/// A process that ends with the program at the latest.
pub(crate) struct WorkerProcess {
    child: Child,
}

impl WorkerProcess {
    /// Starts a worker. Must be called within the engine's runtime.
    pub(crate) fn spawn(command: &mut Command) -> std::io::Result<WorkerProcess> {
        wait_at_exit();
        let (child, ()) = Child::spawn(command, |_| ())?;
        workers().push(child.pid());
        Ok(WorkerProcess { child })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Waits a while for the worker's end, then ends it, and in any case what user code has
    /// started in it.
    pub(crate) async fn end(mut self, patience: Duration) -> std::io::Result<ExitStatus> {
        // A worker that is late is killed like one that leaves others behind.
        let _ = tokio::time::timeout(patience, self.child.ended()).await;
        self.child.signal_group(Signal::KILL);
        self.child.ended().await;
        let mut workers = workers();
        workers.retain(|&worker| worker != self.child.pid());
        self.child.reap()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        if !self.child.is_reaped() {
            workers().retain(|&worker| worker != self.child.pid());
        }
    }
}

/// Lets the program's end wait for that of its workers, and of the guard of its commands.
pub(super) fn wait_at_exit() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: `end_all` is a function of the C calling convention without arguments, which
        // lives as long as the library. Where there is no room for it, workers end as those of a
        // killed program do.
        unsafe { libc::atexit(end_all) };
    });
}

fn workers() -> MutexGuard<'static, Vec<Pid>> {
    WORKERS.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called by `exit`. In a forked child it finds no workers, since those of its parent are not its
/// own.
extern "C" fn end_all() {
    let until = Instant::now() + PATIENCE;
    let guard = guard::let_go();
    if let Some(mut workers) = workers_at_exit(until) {
        for &worker in workers.iter() {
            let _ = kill_process_group(worker, Signal::KILL);
        }
        workers.drain(..).for_each(|worker| reap_until(worker, until));
    }
    if let Some(guard) = guard {
        reap_until(guard, until);
    }
}

/// The lock is held for a few system calls at a time, unless a signal handler has called `exit` in
/// between: then nothing may wait for ever.
fn workers_at_exit(until: Instant) -> Option<MutexGuard<'static, Vec<Pid>>> {
    let workers = WORKERS.existing()?;
    loop {
        match workers.try_lock() {
            Ok(workers) => return Some(workers),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn reap_until(process: Pid, until: Instant) {
    let end = pidfd_open(process, PidfdFlags::empty());
    while !has_ended(process) && Instant::now() < until {
        let left = until.saturating_duration_since(Instant::now());
        match &end {
            Ok(end) => {
                let left = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
                // Whatever comes of it, the process is looked at next.
                let _ = poll(&mut [PollFd::new(end, PollFlags::IN)], Some(&left));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1).min(left)),
        }
    }
    // One that is late becomes the system's to reap.
    let _ = waitpid(Some(process), WaitOptions::NOHANG);
}
