//! Telling a closed standard output from other closed writers.
//!
//! A newcomer's trap: a broken pipe says that some reader has gone, not which one. `| head` is a
//! success only if it was the reader of fd 1.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::retry_on_intr;

/// Whether standard output is a pipe or a socket whose reader has gone.
pub(crate) fn stdout_is_closed() -> bool {
    reader_has_gone(std::io::stdout())
}

fn reader_has_gone(fd: impl AsFd) -> bool {
    let fd = fd.as_fd();
    let kind = fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if !matches!(kind, Ok(FileType::Fifo | FileType::Socket)) {
        return false;
    }
    // Errors and hang-ups are reported without being asked for.
    let mut fds = [PollFd::new(&fd, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = retry_on_intr(|| poll(&mut fds, Some(&at_once)));
    polled.is_ok() && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_closed_when_its_reader_has_gone() {
        let (reader, writer) = std::io::pipe().unwrap();
        assert!(!reader_has_gone(&writer));
        drop(reader);
        assert!(reader_has_gone(&writer));
    }

    #[test]
    fn a_socket_is_closed_when_its_peer_has_gone() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!reader_has_gone(&ours));
        drop(theirs);
        assert!(reader_has_gone(&ours));
    }

    #[test]
    fn a_file_is_never_closed() {
        assert!(!reader_has_gone(tempfile::tempfile().unwrap()));
    }
}
