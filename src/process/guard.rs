//! Ends commands when the program is killed and cannot do it.
//!
//! A newcomer's trap: commands stand in process groups of their own, so Ctrl-C does not reach
//! them, and in a killed program nobody is left to act. Therefore a shell of a few lines waits for
//! the end of a socket whose other end only this program holds, and then kills the groups of which
//! it was told. There is one for the process, from its first command on.
//!
//! What is left open: a program killed between a command's start and the word to the guard, which
//! are one system call apart, leaves that command running.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::net::{SendFlags, send};
use rustix::process::Pid;

/// `groups` holds numbers with blanks around them. They are removed when their commands have
/// ended, since a number may then come to mean another group.
const SCRIPT: &str = r#"
groups=' '
while read -r change group; do
    case $change in
    +) groups="$groups$group " ;;
    -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    esac
done
for group in $groups; do
    kill -s KILL -- "-$group"
done
"#;

/// The program's end of the socket.
static GUARD: Mutex<Option<UnixStream>> = Mutex::new(None);

/// A group that dies with the program, as long as this lives.
pub(super) struct Guarded(Pid);

impl Guarded {
    pub(super) fn new(group: Pid) -> Guarded {
        let mut guard = guard();
        if !guard.as_ref().is_some_and(|socket| tell(socket, '+', group)) {
            // Somebody has ended the guard; what the old one knew is lost.
            *guard = start().ok();
            let _ = guard.as_ref().is_some_and(|socket| tell(socket, '+', group));
        }
        Guarded(group)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = guard().as_ref().is_some_and(|socket| tell(socket, '-', self.0));
    }
}

/// Starts the guard before the first command, so that it can be told of it at once.
pub(super) fn prepare() {
    let mut guard = guard();
    if guard.is_none() {
        // Where no shell can be started, no command can be either.
        *guard = start().ok();
    }
}

fn guard() -> MutexGuard<'static, Option<UnixStream>> {
    GUARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the guard, if there still is one, has been told.
fn tell(socket: &UnixStream, change: char, group: Pid) -> bool {
    let line = format!("{change} {group}\n");
    let sent = send(socket, line.as_bytes(), SendFlags::NOSIGNAL);
    sent.is_ok_and(|sent| sent == line.len())
}

fn start() -> std::io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    Command::new("sh")
        .args(["-c", SCRIPT, "gleamflow-guard"])
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(ours)
}
