//! Two threads of a worker process that look on: one ends it when the engine has gone, one reports
//! a step that takes too long for one row, or warns of it where no limit is set.
//!
//! A newcomer's trap: a compiled Lua loop cannot be interrupted from inside; that is why the
//! watchdog ends the process, after it has said why.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvError, RecvTimeoutError, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, getppid, pidfd_open};

use crate::error::{ErrorKind, Failure, Warning};
use crate::lua::Progress;
use crate::process::end_worker;
use crate::row::block::Control;
use crate::worker::channel::Output;
use crate::worker::serve::Home;

/// Ends the process when the engine closes its end of the socket, or ends: a child that it has
/// forked may have the socket's end too.
pub(crate) fn watch_engine(socket: OwnedFd) -> io::Result<()> {
    // Without a descriptor for it, which old systems do not have, the socket has to do.
    let parent = getppid().and_then(|parent| pidfd_open(parent, PidfdFlags::empty()).ok());
    Builder::new().spawn(move || {
        loop {
            let mut watched = vec![PollFd::new(&socket, PollFlags::RDHUP)];
            watched.extend(parent.as_ref().map(|parent| PollFd::new(parent, PollFlags::IN)));
            match poll(&mut watched, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            let over = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::IN;
            if watched.iter().any(|watched| watched.revents().intersects(over)) {
                end_worker();
            }
        }
    })?;
    Ok(())
}

/// What the watchdog may look at.
pub(crate) struct Watched {
    pub progress: Arc<Progress>,
    /// The task whose rows are being worked on.
    pub task: AtomicU32,
    /// Counts pushes, so that the same row of two blocks is told apart.
    pub turn: AtomicU32,
}

/// So long a step may be in one row before a run without a limit says so.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a watchdog of steps is told.
pub(crate) enum Watch {
    /// A run has begun: report a step that has been in one row for longer than the limit, or warn of
    /// one where there is none.
    Run(Option<Duration>),
    /// It is over.
    Rest,
}

/// Starts the watchdog of steps: one for as long as the worker lives, since a thread for each run
/// costs short runs more than all that they do.
pub(crate) fn watch_steps(
    watched: Arc<Watched>,
    output: Output,
    home: Home,
) -> io::Result<Sender<Watch>> {
    let (sender, told) = mpsc::channel();
    Builder::new().spawn(move || {
        let mut word = told.recv();
        while let Ok(now) = word {
            word = match now {
                Watch::Rest => told.recv(),
                Watch::Run(limit) => watch_run(&watched, limit, &output, home, &told),
            };
        }
    })?;
    Ok(sender)
}

/// Watches one run; returns the next word.
fn watch_run(
    watched: &Watched,
    limit: Option<Duration>,
    output: &Output,
    home: Home,
    told: &Receiver<Watch>,
) -> Result<Watch, RecvError> {
    let allowed = limit.unwrap_or(PATIENCE);
    let look = (allowed / 8).clamp(Duration::from_millis(1), Duration::from_millis(250));
    let mut since = Instant::now();
    let mut last = None;
    let mut warned = false;
    loop {
        match told.recv_timeout(look) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(RecvError),
            Ok(word) => return Ok(word),
        }
        let now = snapshot(watched);
        if now.is_none() || now != last {
            (last, since, warned) = (now, Instant::now(), false);
            continue;
        }
        if warned || since.elapsed() < allowed {
            continue;
        }
        warned = true;
        let Some(limit) = limit else {
            warn(watched, output);
            continue;
        };
        report(watched, limit, output);
        if home == Home::Process {
            // Nothing more is run: the main thread may be in the middle of anything.
            end_worker();
        }
    }
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
    let mut failure = Failure::new(ErrorKind::Timeout, message)
        .at_step(watched.progress.step.load(Ordering::Relaxed))
        .hint("`step_timeout` sets the limit; is there a loop without end?");
    if let Some(row) = watched.progress.describe_row() {
        failure = failure.row(row);
    }
    let payload = rmp_serde::to_vec(&failure).expect("a failure is plain data");
    // If the engine has gone, there is nobody to tell.
    let _ = output.tell(Control::Failed, watched.task.load(Ordering::Relaxed), &payload);
}

fn warn(watched: &Watched, output: &Output) {
    let message = format!("the step has been at one row for {PATIENCE:?}");
    let warning = Warning {
        row: watched.progress.describe_row(),
        urgent: true,
        ..Warning::new(message)
            .at_step(watched.progress.step.load(Ordering::Relaxed))
            .hint("is there a loop without end? `step_timeout` ends one")
    };
    let _ = output.warn(watched.task.load(Ordering::Relaxed), &warning);
}
