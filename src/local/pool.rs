//! The workers of this process: started on demand, kept for the next flow.
//!
//! A newcomer's trap: a worker serves one run at a time. A run may always start its first one, and
//! further ones only while the process has fewer than its cores or the run's own number, so that
//! many flows at once neither wait for each other nor start a crowd. A child that the program has
//! forked has none of its parent's workers.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use crate::error::{ErrorKind, Failure};
use crate::local::link::{Body, Link};
use crate::process::{Guarded, PerProcess, WorkerProcess, has_raised_privileges};
use crate::row::block::Control;
use crate::worker;

/// Pipes ask for this much and take what they get.
const PIPE_BYTES: usize = 1 << 20;

/// How long a worker may take to say that it is one. The program itself may start slowly on a
/// machine that has much to do; another one may be no worker at all.
const OWN_HANDSHAKE: Duration = Duration::from_secs(60);
const NAMED_HANDSHAKE: Duration = Duration::from_secs(10);

static POOL: PerProcess<Pool> = PerProcess::new();

#[derive(Default)]
struct Pool {
    idle: Mutex<Vec<Arc<Link>>>,
    leased: AtomicUsize,
}

/// A worker that serves one run. Dropped without being released, it is ended.
pub(crate) struct Lease {
    pub link: Arc<Link>,
    in_process: bool,
    released: bool,
}

impl Lease {
    /// Takes an idle worker or starts one; `None` if the process has enough of them and `first`
    /// is false.
    pub(crate) fn take(
        first: bool,
        most: usize,
        in_process: bool,
    ) -> Result<Option<Lease>, Failure> {
        let leased = POOL.get().leased.fetch_add(1, Ordering::Relaxed);
        if !first && leased >= most {
            POOL.get().leased.fetch_sub(1, Ordering::Relaxed);
            return Ok(None);
        }
        let link = match in_process {
            true => start_thread(),
            false => take_idle().map_or_else(start_process, Ok),
        };
        let link = link.inspect_err(|_| {
            POOL.get().leased.fetch_sub(1, Ordering::Relaxed);
        })?;
        Ok(Some(Lease { link, in_process, released: false }))
    }

    /// Gives the worker back; one that still has something to do, and one more than `keep`, is
    /// ended.
    pub(crate) fn release(&mut self, keep: usize) {
        self.released = true;
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
        if !self.released {
            self.link.kill();
        }
        POOL.get().leased.fetch_sub(1, Ordering::Relaxed);
    }
}

fn idle() -> std::sync::MutexGuard<'static, Vec<Arc<Link>>> {
    POOL.get().idle.lock().expect("no code panics while it holds the idle workers")
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
    let named = worker::entry::named_program();
    let program = named.clone().unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
    let failed = |error: std::io::Error| {
        let failure = Failure::start(format_args!("a worker ({})", program.display()), &error);
        match failure.hint {
            Some(_) => failure,
            None => failure.hint("`workers_in_process()` needs no other processes"),
        }
    };
    let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
    let (output, theirs_out) = output_pipe().map_err(failed)?;
    worker::entry::keep_linked();
    // It leads a group, so that what user code starts can be ended with its worker.
    let mut command = Command::new(&program);
    command
        .arg0(worker::entry::ARGV0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(theirs_out));
    let process = WorkerProcess::spawn(&mut command).map_err(failed)?;
    tracing::debug!(process = process.pid().as_raw_nonzero(), "start a worker");
    let handshake = if named.is_some() { NAMED_HANDSHAKE } else { OWN_HANDSHAKE };
    // Another program may be no worker, and then does not see our end.
    let guarded = named.map(|_| Guarded::new(process.pid()));
    let body = Body::Process { process, guarded };
    Ok(Link::start(socket(ours).map_err(failed)?, output, body, handshake))
}

/// Runs the same loop on a thread of this process.
fn start_thread() -> Result<Arc<Link>, Failure> {
    let failed = |error: std::io::Error| Failure::start("a worker thread", &error);
    let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
    let (output, theirs_out) = output_pipe().map_err(failed)?;
    std::thread::Builder::new()
        .name("gleamflow-worker".into())
        .spawn(move || {
            crate::process::block_write_signals();
            worker::serve(theirs.into(), theirs_out, worker::Home::Thread);
        })
        .map_err(failed)?;
    Ok(Link::start(socket(ours).map_err(failed)?, output, Body::Thread, OWN_HANDSHAKE))
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
