//! The worker's end of its link: blocks in, with files; blocks out.
//!
//! A newcomer's trap: the output is shared with the watchdog, which reports a step without end
//! while the main thread is still inside it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

use crate::error::Warning;
use crate::row::block::{Content, Control, HEADER_BYTES, Header};

/// Where blocks come from.
pub(crate) struct Input {
    socket: File,
}

/// A block as it arrived.
pub(crate) struct Received {
    pub header: Header,
    pub payload: Vec<u8>,
    pub file: Option<OwnedFd>,
}

impl Input {
    pub(crate) fn new(socket: OwnedFd) -> Input {
        Input { socket: File::from(socket) }
    }

    /// Whether something has come, or the engine has gone.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready_within(Duration::ZERO)
    }

    /// The same, after waiting for it a while.
    pub(crate) fn is_ready_within(&self, wait: Duration) -> bool {
        let mut watched = [PollFd::new(&self.socket, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        poll(&mut watched, Some(&wait)).is_ok_and(|ready| ready > 0)
    }

    /// The next block; `None` when the engine has gone.
    pub(crate) fn next(&mut self) -> io::Result<Option<Received>> {
        let mut bytes = [0; HEADER_BYTES];
        let (mut filled, mut file) = (0, None);
        while filled < HEADER_BYTES {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut bytes[filled..])];
            let flags = RecvFlags::CMSG_CLOEXEC;
            let received = match recvmsg(&self.socket, &mut slices, &mut ancillary, flags) {
                Err(rustix::io::Errno::INTR) => continue,
                received => received?,
            };
            if received.bytes == 0 {
                return Ok(None);
            }
            filled += received.bytes;
            if received.flags.contains(ReturnFlags::CTRUNC) {
                // A file was to come, and there was no room for it.
                return Err(rustix::io::Errno::MFILE.into());
            }
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(files) = message {
                    file = files.last().or(file);
                }
            }
        }
        let header = Header::decode(&bytes).map_err(io::Error::other)?;
        let mut payload = vec![0; header.len as usize];
        self.socket.read_exact(&mut payload)?;
        header.verify(&payload).map_err(io::Error::other)?;
        Ok(Some(Received { header, payload, file }))
    }
}

/// Where blocks go.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Pipe>>);

struct Pipe {
    file: File,
    /// The number of each open task's next block.
    next: HashMap<u32, u32>,
}

impl Output {
    pub(crate) fn new(pipe: OwnedFd) -> Output {
        Output(Arc::new(Mutex::new(Pipe { file: File::from(pipe), next: HashMap::new() })))
    }

    /// Tells the engine, while the task goes on; it must not have ended.
    pub(crate) fn warn(&self, task: u32, warning: &Warning) -> io::Result<()> {
        let payload = rmp_serde::to_vec(warning).expect("a warning is plain data");
        self.tell(Control::Warning, task, &payload)
    }

    /// Writes one block of a task whole.
    pub(crate) fn send(
        &self,
        content: Content,
        task: u32,
        partition: u32,
        rows: u32,
        payload: &[u8],
    ) -> io::Result<()> {
        let header = Header { partition, ..Header::new(content, task, rows, payload) };
        let mut pipe = self.0.lock().map_err(|_| io::Error::other("a writer has panicked"))?;
        let sequence = pipe.number(content, task);
        pipe.write(&Header { sequence, ..header }.encode(), payload)
    }

    /// Tells the engine something, mostly of a task.
    pub(crate) fn tell(&self, control: Control, task: u32, payload: &[u8]) -> io::Result<()> {
        self.send(Content::Control(control), task, 0, 0, payload)
    }
}

impl Pipe {
    fn number(&mut self, content: Content, task: u32) -> u32 {
        match content {
            Content::Control(Control::Hello | Control::Ending) => 0,
            Content::Control(control) if control.ends_task() => {
                self.next.remove(&task).unwrap_or(0)
            }
            _ => {
                let next = self.next.entry(task).or_default();
                let sequence = *next;
                *next = next.wrapping_add(1);
                sequence
            }
        }
    }

    fn write(&mut self, header: &[u8], payload: &[u8]) -> io::Result<()> {
        let mut slices = [IoSlice::new(header), IoSlice::new(payload)];
        let mut left = &mut slices[..];
        while !left.is_empty() {
            match self.file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while left.first().is_some_and(|slice| slice.is_empty()) {
                left = &mut std::mem::take(&mut left)[1..];
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::layout::Layout;

    #[test]
    fn blocks_of_a_task_are_numbered() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let output = Output::new(writer);
        let rows = Content::Rows(Layout::Lines);
        output.tell(Control::Hello, 0, b"").unwrap();
        for (content, task) in [
            (rows, 0),
            (rows, 7),
            (Content::Control(Control::Ack), 0),
            (rows, 0),
            (Content::Control(Control::Done), 0),
            (rows, 0),
            (Content::Control(Control::Failed), 7),
            (Content::Control(Control::Closed), 7),
        ] {
            output.send(content, task, 0, 1, b"x\n").unwrap();
        }
        drop(output);
        let mut all = Vec::new();
        File::from(reader).read_to_end(&mut all).unwrap();
        let (mut rest, mut sequences) = (&all[..], Vec::new());
        while let Some((bytes, behind)) = rest.split_first_chunk() {
            let header = Header::decode(bytes).unwrap();
            sequences.push((header.task, header.sequence));
            rest = &behind[header.len as usize..];
        }
        assert_eq!(
            sequences,
            [(0, 0), (0, 0), (7, 0), (0, 1), (0, 2), (0, 3), (0, 0), (7, 1), (7, 0)]
        );
    }
}
