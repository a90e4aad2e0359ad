//! Ends commands when the program is killed and cannot do it.
//!
//! A newcomer's trap: commands stand in process groups of their own, so Ctrl-C does not reach
//! them, and in a killed program nobody is left to act. Therefore a shell of a few lines waits for
//! the end of a socket whose other end only this program holds. Then it ends the groups of which
//! it was told, as the engine would have, and removes their folders. There is one for the process,
//! from its first run with commands on.
//!
//! A small program must not wait for it. So it is started beside other things, and told through
//! its socket before it is there. It reads a byte at a time, as a shell must, and hears of removed
//! folders together with what comes next. A program that ends by itself and has left it nothing to
//! do kills it.
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
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::net::{SendFlags, send};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::child::{has_ended, number_of};
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

/// Looked for in no other place if it is there.
const SHELL: &str = "/bin/sh";

static GUARD: PerProcess<Mutex<Guard>> = PerProcess::new();

#[derive(Default)]
struct Guard {
    shell: Option<Shell>,
    /// What it has to know.
    groups: Vec<Pid>,
    folders: Vec<PathBuf>,
    /// Lines on removed folders, which it need not know at once: nothing else gets their names.
    unsaid: Vec<u8>,
}

struct Shell {
    /// The program's end of the socket.
    socket: UnixStream,
    start: Arc<Start>,
}

/// How far its start has come.
#[derive(Default)]
struct Start {
    /// Set just before.
    begins: OnceLock<()>,
    process: OnceLock<Pid>,
}

/// A shell that has yet to be started: by whoever has been given it, at once.
#[must_use]
struct Launch {
    command: Command,
    start: Arc<Start>,
    /// The shell waits for commands of its own, also where the program ignores their ends.
    _waitable: Waitable,
}

/// A group that ends with the program, as long as this lives.
pub(crate) struct Guarded(Pid);

impl Guarded {
    pub(crate) fn new(group: Pid) -> Guarded {
        let mut guard = guard();
        guard.groups.push(group);
        guard.tell(&line('+', group.to_string().as_bytes()));
        Guarded(group)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let mut guard = guard();
        guard.groups.retain(|group| *group != self.0);
        // A guard that is no more needs no word.
        guard.send(&line('-', self.0.to_string().as_bytes()));
    }
}

/// A folder that is removed with the program, as long as this lives.
pub(super) struct GuardedFolder(PathBuf);

impl GuardedFolder {
    pub(super) fn new(folder: &Path) -> GuardedFolder {
        let bytes = folder.as_os_str().as_bytes();
        // The guard reads lines.
        if !bytes.contains(&b'\n') {
            let mut guard = guard();
            guard.folders.push(folder.to_owned());
            guard.tell(&line('m', bytes));
        }
        GuardedFolder(folder.to_owned())
    }
}

impl Drop for GuardedFolder {
    fn drop(&mut self) {
        let mut guard = guard();
        let known = guard.folders.len();
        guard.folders.retain(|folder| *folder != self.0);
        if guard.folders.len() < known {
            guard.unsaid.extend_from_slice(&line('r', self.0.as_os_str().as_bytes()));
        }
    }
}

/// Starts the guard, if there is none. Who needs it meanwhile does not wait.
pub(crate) fn prepare() {
    let launch = {
        let mut guard = guard();
        if guard.shell.is_some() {
            return;
        }
        guard.launch()
    };
    if let Some(launch) = launch {
        launch.run();
    }
}

/// Returns when the guard has been started or is just being started, which takes no longer than
/// the start of a command.
pub(super) fn begin() {
    prepare();
    let start = guard().shell.as_ref().map(|shell| shell.start.clone());
    if let Some(start) = start {
        start.begins.wait();
    }
}

/// Lets the guard go when the program ends by itself; returns its number for whoever waits for it.
pub(super) fn let_go() -> Option<Pid> {
    // A lock that is held may be held for ever now.
    let mut guard = GUARD.existing()?.try_lock().ok()?;
    let process = *guard.shell.take()?.start.process.get()?;
    let is_idle = guard.groups.is_empty() && guard.folders.is_empty();
    // Until it has been waited for, the number is its own.
    if is_idle && !has_ended(process) {
        let _ = kill_process(process, Signal::KILL);
    }
    Some(process)
}

fn guard() -> MutexGuard<'static, Guard> {
    GUARD.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(change: char, what: &[u8]) -> Vec<u8> {
    [change.to_string().as_bytes(), b" ", what, b"\n"].concat()
}

impl Guard {
    /// Tells of what has come to be, and is listed. A shell that somebody has ended gets a
    /// successor, which is told all.
    fn tell(&mut self, line: &[u8]) {
        if (self.shell.is_none() || !self.send(line))
            && let Some(launch) = self.launch()
        {
            launch.run();
        }
    }

    /// Whether the shell, if there is one, has been told.
    fn send(&mut self, line: &[u8]) -> bool {
        let Some(shell) = &self.shell else { return false };
        let mut lines = std::mem::take(&mut self.unsaid);
        lines.extend_from_slice(line);
        if lines.is_empty() {
            return true;
        }
        let sent = send(&shell.socket, &lines, SendFlags::NOSIGNAL);
        sent.is_ok_and(|sent| sent == lines.len())
    }

    /// A shell that has been told all. Where none can be started, no command can be either.
    fn launch(&mut self) -> Option<Launch> {
        self.shell = None;
        let (shell, launch) = Shell::new().ok()?;
        self.shell = Some(shell);
        let folders = self.folders.iter().map(|folder| line('m', folder.as_os_str().as_bytes()));
        let groups = self.groups.iter().map(|group| line('+', group.to_string().as_bytes()));
        self.unsaid.clear();
        self.send(&folders.chain(groups).collect::<Vec<_>>().concat());
        Some(launch)
    }
}

impl Shell {
    fn new() -> std::io::Result<(Shell, Launch)> {
        wait_at_exit();
        let (socket, theirs) = UnixStream::pair()?;
        let start = Arc::new(Start::default());
        let mut command = Command::new(if Path::new(SHELL).exists() { SHELL } else { "sh" });
        command
            .args(["-c", SCRIPT, "gleamflow-guard"])
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let launch = Launch { command, start: start.clone(), _waitable: Waitable::new() };
        Ok((Shell { socket, start }, launch))
    }
}

impl Launch {
    fn run(mut self) {
        let _ = self.start.begins.set(());
        if let Ok(started) = self.command.spawn() {
            let _ = self.start.process.set(number_of(&started));
        }
    }
}
