//! Two threads of a worker process that look on: one ends it when the engine has gone, one reports
//! a step that takes too long for one row.
//!
//! A newcomer's trap: a compiled Lua loop cannot be interrupted from inside; that is why the
//! watchdog ends the process, after it has said why.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::error::{ErrorKind, Failure};
use crate::lua::Progress;
use crate::process::end_worker;
use crate::row::block::Control;
use crate::worker::channel::Output;
use crate::worker::serve::Home;

/// Ends the process when the engine closes its end of the socket.
pub(crate) fn watch_engine(socket: OwnedFd) {
    std::thread::spawn(move || {
        loop {
            let mut watched = [PollFd::new(&socket, PollFlags::RDHUP)];
            match poll(&mut watched, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            if watched[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR) {
                end_worker();
            }
        }
    });
}

/// What the watchdog may look at.
pub(crate) struct Watched {
    pub progress: Arc<Progress>,
    /// The task whose rows are being worked on.
    pub task: AtomicU32,
    /// Counts pushes, so that the same row of two blocks is told apart.
    pub turn: AtomicU32,
}

/// Reports a step that has been in one row for longer than `limit`.
pub(crate) fn watch_steps(
    watched: Arc<Watched>,
    limit: Duration,
    output: Output,
    home: Home,
    over: std::sync::mpsc::Receiver<()>,
) {
    let look = (limit / 8).clamp(Duration::from_millis(1), Duration::from_millis(250));
    std::thread::spawn(move || {
        let mut since = Instant::now();
        let mut last = None;
        loop {
            match over.recv_timeout(look) {
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                _ => return,
            }
            let now = snapshot(&watched);
            if now.is_none() || now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() >= limit {
                report(&watched, limit, &output);
                match home {
                    // Nothing more is run: the main thread may be in the middle of anything.
                    Home::Process => end_worker(),
                    Home::Thread => return,
                }
            }
        }
    });
}

fn snapshot(watched: &Watched) -> Option<[u32; 4]> {
    let progress = &watched.progress;
    if progress.busy.load(Ordering::Relaxed) == 0 {
        return None;
    }
    Some([
        watched.turn.load(Ordering::Relaxed),
        progress.row.load(Ordering::Relaxed),
        progress.step.load(Ordering::Relaxed),
        progress.emitted.load(Ordering::Relaxed),
    ])
}

fn report(watched: &Watched, limit: Duration, output: &Output) {
    let message = format!("the step took longer than {limit:?} for one row");
    let failure = Failure::new(ErrorKind::Timeout, message)
        .at_step(watched.progress.step.load(Ordering::Relaxed))
        .hint("`step_timeout` sets the limit; is there a loop without end?");
    let payload = rmp_serde::to_vec(&failure).expect("a failure is plain data");
    // If the engine has gone, there is nobody to tell.
    let _ = output.tell(Control::Failed, watched.task.load(Ordering::Relaxed), &payload);
}
