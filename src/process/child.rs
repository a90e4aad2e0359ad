//! A child process that leads a group of its own, waited for through a descriptor.
//!
//! A newcomer's trap: until a process has been reaped its number is its own, and so is its group's;
//! from then on either may come to mean somebody else's. So its end is awaited first, its group is
//! killed next, and it is reaped last.
#![allow(unsafe_code)]

use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, pidfd_open,
    waitid, waitpid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use crate::process::own::PerProcess;
use crate::process::signals::{Waitable, with_write_signals};

/// How often a process is looked at where the system gives no descriptor for it.
const LOOK: Duration = Duration::from_millis(2);

/// Killed processes that were dropped before they had ended.
static LEFT: PerProcess<Mutex<Vec<(Pid, Waitable)>>> = PerProcess::new();

/// A started process. Dropped, it is killed with its group.
pub(crate) struct Child {
    pid: Pid,
    /// Becomes readable when the process ends.
    end: Option<AsyncFd<OwnedFd>>,
    /// There until the process has been reaped.
    waitable: Option<Waitable>,
    /// What it has taken of the processor, with the children that it has waited for. Known once it
    /// has been reaped.
    pub cpu: Duration,
    pub stderr: Option<pipe::Receiver>,
}

impl Child {
    /// Starts a process in a group of its own, and calls a function as soon as it has a number. Must
    /// be called within the engine's runtime.
    pub(crate) fn spawn<T>(
        command: &mut Command,
        at_once: impl FnOnce(Pid) -> T,
    ) -> std::io::Result<(Child, T)> {
        reap_left();
        let waitable = Waitable::new();
        let mut started = with_write_signals(|| command.process_group(0).spawn())?;
        let pid = number_of(&started);
        let told = at_once(pid);
        // From here on the process is ended if something fails.
        let mut child =
            Child { pid, end: None, waitable: Some(waitable), cpu: Duration::ZERO, stderr: None };
        // Without a descriptor, for which there may be no room, the process is looked at.
        child.end = pidfd_open(pid, PidfdFlags::empty()).ok().and_then(watched);
        let ours = |stderr| pipe::Receiver::from_owned_fd(OwnedFd::from(stderr));
        child.stderr = started.stderr.take().map(ours).transpose()?;
        Ok((child, told))
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn is_reaped(&self) -> bool {
        self.waitable.is_none()
    }

    /// Resolves when the process has ended. It is not reaped by that.
    pub(crate) async fn ended(&self) {
        while !has_ended(self.pid) {
            match &self.end {
                // An error would be of the runtime, which has gone then.
                Some(end) => drop(end.readable().await),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Sends a signal to the whole group, unless the process has been reaped.
    pub(super) fn signal_group(&self, signal: Signal) {
        if !self.is_reaped() {
            // A group that has gone by itself is what we want.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Takes the status of a process that has ended.
    pub(super) fn reap(&mut self) -> std::io::Result<ExitStatus> {
        let mut status = 0;
        // SAFETY: a record of numbers may be all zeros, and both places are valid for the call.
        let (reaped, usage) = unsafe {
            let mut usage = std::mem::zeroed::<libc::rusage>();
            let pid = self.pid.as_raw_nonzero().get();
            (libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage), usage)
        };
        let failed = (reaped < 0).then(std::io::Error::last_os_error);
        self.waitable = None;
        match (failed, reaped) {
            (Some(error), _) => return Err(error),
            (None, 0) => return Err(Errno::CHILD.into()),
            _ => self.cpu = duration(usage.ru_utime) + duration(usage.ru_stime),
        }
        Ok(ExitStatus::from_raw(status))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(waitable) = self.waitable.take() {
            let _ = kill_process_group(self.pid, Signal::KILL);
            left().push((self.pid, waitable));
            reap_left();
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}

pub(super) fn number_of(started: &std::process::Child) -> Pid {
    let number = i32::try_from(started.id()).ok().and_then(Pid::from_raw);
    number.expect("the system's process numbers are positive and of 31 bits")
}

fn watched(end: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is a valid descriptor, and nobody closes or replaces it within the
    // `AsyncFd`.
    unsafe { AsyncFd::register_with_interest(end, Interest::READABLE) }.ok()
}

/// Whether a child of ours has ended, or is not ours to wait for.
pub(super) fn has_ended(pid: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), look), Ok(None) | Err(Errno::INTR))
}

fn left() -> std::sync::MutexGuard<'static, Vec<(Pid, Waitable)>> {
    LEFT.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn reap_left() {
    left().retain(|(pid, _)| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)));
}
