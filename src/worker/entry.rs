//! How a program becomes its own worker: caught before `main`, under conditions that only our
//! engine can meet.
//!
//! A newcomer's trap: every condition that fails means that `main` runs as always. A worker is
//! only what was started as one: by its name, by our parent, which is the same program, over a
//! socket that this parent made, and without raised privileges.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::process::{end_worker, has_raised_privileges};
use crate::worker::{Home, serve};

/// The name under which the engine starts a worker.
pub(crate) const ARGV0: &str = "gleamflow-worker";

/// What the C library calls before `main`: only glibc passes the program's arguments.
#[cfg(target_env = "gnu")]
type Start = extern "C" fn(i32, *const *const u8, *const *const u8);
#[cfg(not(target_env = "gnu"))]
type Start = extern "C" fn();

/// Called before `main`, in every program that links the library.
#[used]
#[unsafe(link_section = ".init_array")]
static START: Start = start;

/// Called where workers are started, so that the linker keeps `START`.
pub(crate) fn keep_linked() {
    std::hint::black_box(&START);
}

/// Whether this process was started under the worker's name and yet runs `main`: it must not
/// start workers of its own, or one refusal would become a chain of processes.
pub(crate) fn is_refused_worker() -> bool {
    std::env::args_os().next().is_some_and(|name| name == ARGV0)
}

/// The program that the user has named as worker.
pub(crate) fn named_program() -> Option<PathBuf> {
    std::env::var_os("GLEAMFLOW_WORKER").filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(target_env = "gnu")]
extern "C" fn start(count: i32, arguments: *const *const u8, _environment: *const *const u8) {
    if count != 1 || arguments.is_null() {
        return;
    }
    // SAFETY: the loader passes `count` arguments as NUL-ended strings, which live as long as the
    // process; the first is there because `count` is 1.
    let name = unsafe { std::ffi::CStr::from_ptr((*arguments).cast()) };
    if name.to_bytes() == ARGV0.as_bytes() {
        start_named();
    }
}

#[cfg(not(target_env = "gnu"))]
extern "C" fn start() {
    if own_command_line().is_some_and(|line| is_of_worker(&line)) {
        start_named();
    }
}

/// As much of our command line as tells whose it is, from the kernel: a program with many arguments
/// does not wait for them.
#[cfg(any(test, not(target_env = "gnu")))]
fn own_command_line() -> Option<Vec<u8>> {
    use std::io::Read;
    let mut line = Vec::new();
    let file = std::fs::File::open("/proc/self/cmdline").ok()?;
    file.take(ARGV0.len() as u64 + 2).read_to_end(&mut line).ok()?;
    Some(line)
}

/// Whether these arguments, each with a NUL behind it, are the worker's name and no other.
#[cfg(any(test, not(target_env = "gnu")))]
fn is_of_worker(command_line: &[u8]) -> bool {
    command_line.strip_suffix(b"\0") == Some(ARGV0.as_bytes())
}

/// The process has a worker's name.
fn start_named() {
    if !is_ours() {
        // The program that has started us may have ended before we could look at it. Then nobody
        // wants a worker, and least of all a second `main`.
        if engine_has_gone() {
            end_worker();
        }
        return;
    }
    let Some((input, output)) = take_pipes() else { return };
    crate::process::ignore_signals_in_worker();
    serve(input, output, Home::Process);
    end_worker()
}

fn is_ours() -> bool {
    if has_raised_privileges() {
        return false;
    }
    let Ok(peer) = rustix::net::sockopt::socket_peercred(stdin()) else { return false };
    let Some(parent) = rustix::process::getppid() else { return false };
    peer.pid == parent && same_program(parent)
}

/// Whether stdin is a socket of our kind whose other end has been closed, or is about to be: a
/// program that ends is no longer known by its parts while its last sockets are still open.
fn engine_has_gone() -> bool {
    if has_raised_privileges() || rustix::net::sockopt::socket_peercred(stdin()).is_err() {
        return false;
    }
    let mut watched = [PollFd::from_borrowed_fd(stdin(), PollFlags::RDHUP)];
    let patience = Timespec { tv_sec: 1, tv_nsec: 0 };
    poll(&mut watched, Some(&patience)).is_ok()
        && watched[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP)
}

fn stdin() -> BorrowedFd<'static> {
    // SAFETY: descriptor 0 is only looked at, through calls that refuse what is no socket.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// Whether our parent runs the program that we are, or has named us as its worker.
fn same_program(parent: rustix::process::Pid) -> bool {
    let identity =
        |path: &Path| std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let own = identity(Path::new("/proc/self/exe"));
    if own.is_none() {
        return false;
    }
    let parents = identity(Path::new(&format!("/proc/{}/exe", parent.as_raw_nonzero())));
    let named = named_program().and_then(|path| identity(&path));
    own == parents || own == named
}

/// Moves the data pipes away from stdin and stdout, so that user code cannot harm the rows: fd 0
/// becomes /dev/null, fd 1 a copy of stderr.
fn take_pipes() -> Option<(OwnedFd, OwnedFd)> {
    // SAFETY: the engine has passed both descriptors to this process, and nothing else in it has
    // started yet that could own them.
    let (stdin, stdout, stderr) = unsafe {
        (BorrowedFd::borrow_raw(0), BorrowedFd::borrow_raw(1), BorrowedFd::borrow_raw(2))
    };
    let input = rustix::io::fcntl_dupfd_cloexec(stdin, 3).ok()?;
    let output = rustix::io::fcntl_dupfd_cloexec(stdout, 3).ok()?;
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").ok()?;
    replace(0, null.as_fd())?;
    // A program without stderr loses what user code prints, as it would lose its own.
    replace(1, stderr).or_else(|| replace(1, null.as_fd()))?;
    Some((input, output))
}

fn replace(number: i32, source: BorrowedFd<'_>) -> Option<()> {
    // SAFETY: `number` is 0 or 1, which this process owns and keeps open to its end: the handle is
    // forgotten, never closed.
    let mut target = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    rustix::io::dup2(source, &mut target).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_arguments_are_passed_the_kernel_tells_the_name() {
        let own = own_command_line().expect("the kernel tells it");
        let name = std::env::args().next().expect("a test has a name");
        let start = &name.as_bytes()[..name.len().min(own.len())];
        assert!(own.starts_with(start), "{}", String::from_utf8_lossy(&own));
        assert!(!is_of_worker(&own));

        assert!(is_of_worker(b"gleamflow-worker\0"));
        for other in [
            &b""[..],
            b"gleamflow-worker",
            b"gleamflow-worker\0x",
            b"gleamflow-worker\0\0",
            b"gleamflow-worker2\0",
            b"/bin/gleamflow-worker\0",
        ] {
            assert!(!is_of_worker(other), "{}", String::from_utf8_lossy(other));
        }
    }
}
