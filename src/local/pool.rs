//! The workers of this process: started on demand, kept for the next flow.
//!
//! A newcomer's trap: a worker serves one run at a time. A run may always start its first one, and
//! further ones only while the process has fewer than its cores or the run's own number, so that
//! many flows at once neither wait for each other nor start a crowd.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::Command;

use crate::error::{ErrorKind, Failure};
use crate::local::link::{Body, Link};
use crate::process::has_raised_privileges;
use crate::row::block::Control;
use crate::worker;

/// Pipes ask for this much and take what they get.
const PIPE_BYTES: usize = 1 << 20;

static IDLE: Mutex<Vec<Arc<Link>>> = Mutex::new(Vec::new());
static LEASED: AtomicUsize = AtomicUsize::new(0);

/// A worker that serves one run.
pub(crate) struct Lease {
    pub link: Arc<Link>,
    in_process: bool,
}

impl Lease {
    /// Takes an idle worker or starts one; `None` if the process has enough of them and `first`
    /// is false.
    pub(crate) fn take(
        first: bool,
        most: usize,
        in_process: bool,
    ) -> Result<Option<Lease>, Failure> {
        let leased = LEASED.fetch_add(1, Ordering::Relaxed);
        if !first && leased >= most {
            LEASED.fetch_sub(1, Ordering::Relaxed);
            return Ok(None);
        }
        let link = match in_process {
            true => start_thread(),
            false => take_idle().map_or_else(start_process, Ok),
        };
        let link = link.inspect_err(|_| {
            LEASED.fetch_sub(1, Ordering::Relaxed);
        })?;
        Ok(Some(Lease { link, in_process }))
    }

    /// Gives the worker back; one that still has something to do, and one more than `keep`, is
    /// ended.
    pub(crate) fn release(&self, keep: usize) {
        let mut idle = idle();
        let busy = self.link.open_tasks() > 0 || self.link.is_dead();
        if self.in_process || busy || idle.len() >= keep {
            self.link.kill();
        } else {
            self.link.send(Control::Release, 0, bytes::Bytes::new(), None);
            idle.push(self.link.clone());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        LEASED.fetch_sub(1, Ordering::Relaxed);
    }
}

fn idle() -> std::sync::MutexGuard<'static, Vec<Arc<Link>>> {
    IDLE.lock().expect("no code panics while it holds the idle workers")
}

fn take_idle() -> Option<Arc<Link>> {
    let mut idle = idle();
    idle.retain(|link| !link.is_dead());
    idle.pop()
}

/// Starts this very program again as a worker; `worker::entry` catches it before `main`.
fn start_process() -> Result<Arc<Link>, Failure> {
    if worker::entry::is_refused_worker() {
        return Err(Failure::new(
            ErrorKind::Worker,
            "this program was started as a worker but could not be one",
        )
        .hint("`workers_in_process()` needs no other processes"));
    }
    if has_raised_privileges() {
        let message = "a program with raised privileges (setuid, capabilities) has no workers";
        return Err(Failure::new(ErrorKind::Worker, message)
            .hint("`workers_in_process()` needs no other processes"));
    }
    let program = match std::env::var_os("GLEAMFLOW_WORKER") {
        Some(program) => program.into(),
        None => std::path::PathBuf::from("/proc/self/exe"),
    };
    let failed = |error: std::io::Error| {
        let what = format!("cannot start a worker ({})", program.display());
        let hint = "`workers_in_process()` needs no other processes";
        Failure::new(ErrorKind::Worker, format!("{what}: {error}")).hint(hint)
    };
    let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
    let (output, theirs_out) = output_pipe().map_err(failed)?;
    worker::entry::keep_linked();
    let child = Command::new(&program)
        .arg0(worker::entry::ARGV0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(theirs_out))
        // So that what user code starts can be ended with its worker.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    tracing::debug!(process = child.id(), "start a worker");
    Ok(Link::start(socket(ours).map_err(failed)?, output, Body::Process(child)))
}

/// Runs the same loop on a thread of this process.
fn start_thread() -> Result<Arc<Link>, Failure> {
    let failed = |error: std::io::Error| Failure::io("cannot start a worker thread", &error);
    let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
    let (output, theirs_out) = output_pipe().map_err(failed)?;
    std::thread::Builder::new()
        .name("gleamflow-worker".into())
        .spawn(move || {
            crate::process::block_write_signals();
            worker::serve(theirs.into(), theirs_out, worker::Home::Thread);
        })
        .map_err(failed)?;
    Ok(Link::start(socket(ours).map_err(failed)?, output, Body::Thread))
}

fn output_pipe() -> std::io::Result<(pipe::Receiver, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // The system's limit may be lower; a small pipe is slower and no less right.
    let _ = rustix::pipe::fcntl_setpipe_size(&reader, PIPE_BYTES);
    rustix::fs::fcntl_setfl(
        &reader,
        rustix::fs::fcntl_getfl(&reader)? | rustix::fs::OFlags::NONBLOCK,
    )?;
    Ok((pipe::Receiver::from_owned_fd(reader)?, writer))
}

fn socket(ours: StdUnixStream) -> std::io::Result<UnixStream> {
    ours.set_nonblocking(true)?;
    UnixStream::from_std(ours)
}
