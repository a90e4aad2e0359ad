//! A command: a process in a group of its own, with what it starts.
//!
//! A newcomer's trap: a group outlives its leader. What a command leaves running is killed when
//! the command has ended, whether it succeeded or not; `setsid` is how a user's process gets out.

use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::process::child::{Child, has_ended};
use crate::process::guard::{self, Guarded};
use crate::process::messages::Messages;

/// How long a command may take to end when it is asked to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the group of a command that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Where what a command writes to stderr goes.
pub(crate) enum To {
    /// This program's stderr; its end is kept.
    Program,
    /// Nowhere; its end is kept.
    Quiet,
    /// Where its stdout goes.
    Output(OwnedFd),
}

/// A started command. Dropped, it is killed.
pub(crate) struct Group {
    child: Child,
    /// Ends the group if this program is killed.
    guarded: Option<Guarded>,
    messages: Option<Messages>,
    /// When it was asked to end.
    asked: Option<Instant>,
}

impl Group {
    /// Starts a command whose stdin and stdout have been set. `shown` is what a person calls it.
    /// Must be called within the engine's runtime.
    pub(crate) fn spawn(shown: &str, mut command: Command, to: To) -> std::io::Result<Group> {
        let quiet = matches!(to, To::Quiet);
        command.stderr(match to {
            To::Program | To::Quiet => Stdio::piped(),
            To::Output(output) => Stdio::from(output),
        });
        guard::begin();
        let (mut child, guarded) = Child::spawn(&mut command, Guarded::new)?;
        let guarded = Some(guarded);
        tracing::debug!(command = shown, process = child.pid().as_raw_nonzero(), "start a command");
        let messages = child.stderr.take().map(|stderr| Messages::of(stderr, quiet));
        Ok(Group { child, guarded, messages, asked: None })
    }

    /// Whether the terminal has stopped the command: in a group of its own it is a background job
    /// to it, and would wait for ever.
    pub(crate) fn is_stopped_by_terminal(&self) -> bool {
        if self.child.is_reaped() {
            return false;
        }
        let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let stopped = waitid(WaitId::Pid(self.child.pid()), look).ok().flatten();
        let signal = stopped.and_then(|status| status.stopping_signal());
        signal == Some(Signal::TTIN.as_raw()) || signal == Some(Signal::TTOU.as_raw())
    }

    /// Whether the command has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.child.is_reaped() || has_ended(self.child.pid())
    }

    /// Resolves when the command has ended.
    pub(crate) async fn ended(&self) {
        if !self.child.is_reaped() {
            self.child.ended().await;
        }
    }

    /// Waits for the command's end, kills what it has left running, and passes on the rest of its
    /// messages.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.ended().await;
        let status = self.reap();
        if let Some(messages) = &mut self.messages {
            messages.finish().await;
        }
        status
    }

    /// What the command has taken of the processor, with all that it has waited for. Known once it
    /// has ended.
    pub(crate) fn cpu(&self) -> Duration {
        self.child.cpu
    }

    /// The end of what the command has written to stderr.
    pub(crate) fn stderr_tail(&self) -> String {
        self.messages.as_ref().map(Messages::tail).unwrap_or_default()
    }

    /// Asks the command and all of its group to end. What they say from then on is not passed on.
    pub(crate) async fn ask_to_end(&mut self) {
        if self.asked.is_none() && !self.child.is_reaped() {
            if let Some(messages) = &mut self.messages {
                messages.mute().await;
            }
            self.asked = Some(Instant::now());
            self.child.signal_group(Signal::TERM);
            // One that is stopped would not see it.
            self.child.signal_group(Signal::CONT);
        }
    }

    /// Ends the command with all of its group: those that do not end when they are asked to are
    /// killed two seconds later. Does nothing if the command has been waited for.
    pub(crate) async fn end(&mut self) {
        self.ask_to_end().await;
        let Some(asked) = self.asked else { return };
        let end = async {
            self.child.ended().await;
            while has_others(self.child.pid()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        // Who is late is killed.
        let _ = tokio::time::timeout(PATIENCE.saturating_sub(asked.elapsed()), end).await;
        self.child.signal_group(Signal::KILL);
        self.child.ended().await;
        // Nobody asks how it has ended.
        let _ = self.reap();
    }

    fn reap(&mut self) -> std::io::Result<ExitStatus> {
        self.child.signal_group(Signal::KILL);
        let status = self.child.reap();
        self.guarded = None;
        status
    }
}

/// Whether others than its leader live in a group.
fn has_others(leader: Pid) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    let leader = leader.as_raw_nonzero().to_string();
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let is_process = name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
        is_process
            && name.as_encoded_bytes() != leader.as_bytes()
            && std::fs::read_to_string(entry.path().join("stat"))
                .is_ok_and(|stat| lives_in_group(&stat, &leader))
    })
}

/// Reads a line of `/proc/PID/stat`. The name in it is in parentheses and may hold any text.
fn lives_in_group(stat: &str, group: &str) -> bool {
    let Some((_, fields)) = stat.rsplit_once(')') else { return false };
    let mut fields = fields.split_ascii_whitespace();
    let (state, _parent, of) = (fields.next(), fields.next(), fields.next());
    of == Some(group) && !matches!(state, Some("Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_group_are_found_whatever_their_names() {
        for (stat, lives) in [
            ("12 (sleep) S 1 7 7 0 -1", true),
            ("12 (a) b) R 1 7 7 0 -1", true),
            ("12 (sleep) Z 1 7 7 0 -1", false),
            ("12 (sleep) S 7 70 7 0 -1", false),
            ("12 (x) S 1 7", true),
            ("", false),
        ] {
            assert_eq!(lives_in_group(stat, "7"), lives, "{stat}");
        }
    }
}
