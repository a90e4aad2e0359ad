//! Ends commands when the program is killed and cannot do it.
//!
//! A newcomer's trap: commands stand in process groups of their own, so Ctrl-C does not reach
//! them, and in a killed program nobody is left to act. Therefore a shell of a few lines waits for
//! the end of a socket whose other end only this program holds. Then it ends the groups of which
//! it was told, as the engine would have, and removes their folders. There is one for the process,
//! from its first command on.
//!
//! What is left open: a program killed between a command's start and the word to the guard, which
//! are one system call apart, leaves that command running; and a child that the program has forked
//! without `exec` holds the socket open as long as it lives.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::net::{SendFlags, send};
use rustix::process::Pid;

use crate::process::child::number_of;
use crate::process::exit::wait_at_exit;
use crate::process::own::PerProcess;
use crate::process::signals::Waitable;

/// `groups` holds numbers with blanks around them. They are removed when their commands have
/// ended, since a number may then come to mean another group. The arguments are folders.
const SCRIPT: &str = r#"
groups=' '
while IFS= read -r line; do
    what=${line#??}
    case $line in
    '+ '*) groups="$groups$what " ;;
    '- '*) groups="${groups%%" $what "*} ${groups#*" $what "}" ;;
    'm '*) set -- "$@" "$what" ;;
    'r '*)
        for folder do
            shift
            [ "$folder" = "$what" ] || set -- "$@" "$folder"
        done ;;
    esac
done
signal() {
    for group in $groups; do
        kill -s "$1" -- "-$group"
    done
}
live() {
    for group in $groups; do
        kill -s 0 -- "-$group" && return
    done
    return 1
}
signal TERM
signal CONT
looks=0
while [ $looks -lt 20 ] && live; do
    sleep 0.1 || looks=20
    looks=$((looks + 1))
done
signal KILL
for folder do
    case $folder in
    */gleamflow-*) rm -rf -- "$folder" ;;
    esac
done
"#;

static GUARD: PerProcess<Mutex<Option<Guard>>> = PerProcess::new();

struct Guard {
    /// The program's end of the socket.
    socket: UnixStream,
    process: Pid,
}

/// A group that ends with the program, as long as this lives.
pub(crate) struct Guarded(Pid);

impl Guarded {
    pub(crate) fn new(group: Pid) -> Guarded {
        tell_new(&line('+', group.to_string().as_bytes()));
        Guarded(group)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        tell_old(&line('-', self.0.to_string().as_bytes()));
    }
}

/// A folder that is removed with the program, as long as this lives.
pub(super) struct GuardedFolder(PathBuf);

impl GuardedFolder {
    pub(super) fn new(folder: &Path) -> GuardedFolder {
        let bytes = folder.as_os_str().as_bytes();
        // The guard reads lines.
        if !bytes.contains(&b'\n') {
            tell_new(&line('m', bytes));
        }
        GuardedFolder(folder.to_owned())
    }
}

impl Drop for GuardedFolder {
    fn drop(&mut self) {
        let bytes = self.0.as_os_str().as_bytes();
        if !bytes.contains(&b'\n') {
            tell_old(&line('r', bytes));
        }
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

/// Lets the guard go when the program ends by itself; returns its number for whoever waits for it.
pub(super) fn let_go() -> Option<Pid> {
    // A lock that is held may be held for ever now.
    let guard = GUARD.existing()?.try_lock().ok()?.take()?;
    Some(guard.process)
}

fn guard() -> MutexGuard<'static, Option<Guard>> {
    GUARD.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(change: char, what: &[u8]) -> Vec<u8> {
    [change.to_string().as_bytes(), b" ", what, b"\n"].concat()
}

/// Tells of what has come to be.
fn tell_new(line: &[u8]) {
    let mut guard = guard();
    if !guard.as_ref().is_some_and(|guard| tell(guard, line)) {
        // Somebody has ended the guard; what the old one knew is lost.
        *guard = start().ok();
        let _ = guard.as_ref().is_some_and(|guard| tell(guard, line));
    }
}

/// Tells of what is no more. A guard that does not know it needs no word.
fn tell_old(line: &[u8]) {
    let _ = guard().as_ref().is_some_and(|guard| tell(guard, line));
}

/// Whether the guard, if there still is one, has been told.
fn tell(guard: &Guard, line: &[u8]) -> bool {
    let sent = send(&guard.socket, line, SendFlags::NOSIGNAL);
    sent.is_ok_and(|sent| sent == line.len())
}

fn start() -> std::io::Result<Guard> {
    wait_at_exit();
    let (socket, theirs) = UnixStream::pair()?;
    // The shell waits for commands of its own, also where the program ignores their ends.
    let _waitable = Waitable::new();
    let started = Command::new("sh")
        .args(["-c", SCRIPT, "gleamflow-guard"])
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(Guard { socket, process: number_of(&started) })
}
