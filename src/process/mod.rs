//! Other people's processes: spawn in a group, keep the end of stderr, kill, reap.
//!
//! A newcomer's trap: a group outlives its leader. `Group` kills the whole group when it is
//! dropped, unless the command has ended and closed its output by itself.

mod guard;
mod signals;

use std::collections::VecDeque;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use guard::Guarded;
pub(crate) use signals::{
    block_write_signals, end_worker, flush_c_streams, has_raised_privileges,
    ignore_signals_in_worker, with_file_size_as_error,
};

/// Bytes of a command's stderr that are kept for its error.
const STDERR_TAIL: usize = 2048;

/// A command in a process group of its own.
pub(crate) struct Group {
    pub child: Child,
    group: Option<Pid>,
    /// Ends the group if this program is killed.
    guarded: Option<Guarded>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Group {
    /// Starts `sh -c command`; `prepare` sets stdin, stdout, arguments and environment.
    pub(crate) fn spawn_shell(
        command: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> std::io::Result<Group> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).stderr(Stdio::piped()).process_group(0);
        prepare(&mut shell);
        guard::prepare();
        let mut child = shell.spawn()?;
        tracing::debug!(command, process = child.id(), "start a command");
        let group = pid_of(&child);
        let guarded = group.map(Guarded::new);
        // Drained on a task of its own: a child that fills stderr while we fill its stdin would
        // wait for ever.
        let stderr = child.stderr.take().map(|stderr| tokio::spawn(keep_tail(stderr)));
        Ok(Group { child, group, guarded, stderr })
    }

    /// Whether the terminal has stopped the command: in a group of its own it is a background job
    /// to it, and would wait for ever.
    pub(crate) fn is_stopped_by_terminal(&self) -> bool {
        let Some(leader) = self.group else { return false };
        let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let stopped = waitid(WaitId::Pid(leader), look).ok().flatten();
        let signal = stopped.and_then(|status| status.stopping_signal());
        signal == Some(Signal::TTIN.as_raw()) || signal == Some(Signal::TTOU.as_raw())
    }

    /// Waits for the command's end; its group is then no longer ours to kill. A command that has
    /// failed takes with it what it has started.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        let group = self.group.take();
        if let Some(group) = group
            && !status.success()
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.guarded = None;
        Ok(status)
    }

    /// The end of what the command wrote to stderr, up to now: what a process that it left
    /// behind may still write is not waited for.
    pub(crate) async fn stderr_tail(&mut self) -> String {
        let Some(mut task) = self.stderr.take() else { return String::new() };
        let patience = Duration::from_millis(200);
        match tokio::time::timeout(patience, &mut task).await {
            Ok(Ok(tail)) => String::from_utf8_lossy(&tail).trim_end().to_owned(),
            _ => {
                task.abort();
                String::new()
            }
        }
    }

    /// Kills the whole group and waits for its leader.
    pub(crate) async fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // A group that has gone by itself is what we want.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.child.wait().await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
}

/// Waits a while for the end of a process that leads a group, then ends it, and in any case what
/// else is in the group.
pub(crate) async fn end_group(mut child: Child, patience: Duration) -> std::io::Result<ExitStatus> {
    if let Some(leader) = pid_of(&child) {
        let since = Instant::now();
        // Looked at without being reaped: until then its number cannot become another group's.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(leader), look), Ok(None)) && since.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = kill_process_group(leader, Signal::KILL);
    }
    child.wait().await
}

async fn keep_tail(mut stderr: ChildStderr) -> Vec<u8> {
    let mut tail = VecDeque::with_capacity(STDERR_TAIL);
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        let excess = (tail.len() + read).saturating_sub(STDERR_TAIL).min(tail.len());
        tail.drain(..excess);
        tail.extend(&piece[..read]);
    }
    tail.into()
}

/// An exit status in words: `exited with code 3`, `was killed by signal 9 (SIGKILL)`.
pub(crate) struct Ending(pub ExitStatus);

impl Ending {
    /// Whether the process ended because nobody read its output any more.
    pub(crate) fn by_closed_output(&self) -> bool {
        let pipe = Signal::PIPE.as_raw();
        self.0.signal() == Some(pipe) || self.0.code() == Some(128 + pipe)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => {
                let name = match signal {
                    6 => " (SIGABRT)",
                    9 => " (SIGKILL)",
                    11 => " (SIGSEGV)",
                    13 => " (SIGPIPE)",
                    15 => " (SIGTERM)",
                    24 => " (SIGXCPU)",
                    25 => " (SIGXFSZ)",
                    _ => "",
                };
                write!(f, "was killed by signal {signal}{name}")
            }
            (None, None) => f.write_str("ended without a status"),
        }
    }
}
