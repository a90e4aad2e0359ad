//! Messages from the engine, in the order in which they are dealt with.
//!
//! A task is opened when the open ones of its stage want nothing: one after the other they share a
//! Lua state, and what of it is in the processor's caches.
//!
//! A newcomer's trap: messages overtake each other, but each task's keep their order.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::row::block::{Content, Control, Header};
use crate::worker::channel::{Input, Received};

/// So long a task waits for the one before it to be told to read, before it gets a Lua state of its
/// own: the two would share the processor's caches from then on.
const PATIENCE: Duration = Duration::from_millis(10);

const OPEN: Content = Content::Control(Control::Open);

pub(crate) struct Inbound {
    input: Input,
    /// For tasks that are at work, or not opened yet.
    waiting: VecDeque<Received>,
    /// The stage of the task that was opened or has read last, and when: it is soon told to read.
    reading: Option<(u32, Instant)>,
}

impl Inbound {
    pub(crate) fn new(input: OwnedFd) -> Inbound {
        Inbound { input: Input::new(input), waiting: VecDeque::new(), reading: None }
    }

    /// Whether, and for which stage, the engine is about to tell a task to read.
    pub(crate) fn expect_read(&mut self, stage: Option<u32>) {
        self.reading = stage.map(|stage| (stage, Instant::now()));
    }

    /// Keeps a message for later.
    pub(crate) fn put_back(&mut self, received: Received) {
        self.waiting.push_back(received);
    }

    /// The next message that can be dealt with; waits for one if there is none, and says before
    /// that it is `idle`. `stage_of` knows the stages of open tasks.
    pub(crate) fn next(
        &mut self,
        stage_of: impl Fn(u32) -> Option<u32>,
        idle: impl Fn(),
    ) -> io::Result<Option<Received>> {
        loop {
            let first = self.first_in_turn(&stage_of);
            if let Some(at) = first {
                let Header { content, partition: stage, .. } = self.waiting[at].header;
                if content != OPEN || !self.is_more_within_patience(stage) {
                    return Ok(self.waiting.remove(at));
                }
            }
            if !self.input.is_ready() {
                idle();
            }
            let Some(received) = self.input.next()? else { return Ok(None) };
            self.waiting.push_back(received);
        }
    }

    /// A message that has come and is not for one of the tasks at work. Those that had to wait come
    /// before what is still to be received.
    pub(crate) fn take_ready(
        &mut self,
        is_running: impl Fn(u32) -> bool,
    ) -> io::Result<Option<Received>> {
        let ready = self.waiting.iter().position(|received| !is_running(received.header.task));
        match ready {
            Some(at) => Ok(self.waiting.remove(at)),
            None => self.receive_ready(),
        }
    }

    /// What has come, if anything has, whomever it is for.
    pub(crate) fn receive_ready(&mut self) -> io::Result<Option<Received>> {
        if !self.input.is_ready() {
            return Ok(None);
        }
        let received = self.input.next()?;
        received.map(Some).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Whether there is more to receive before a task of the stage is opened.
    fn is_more_within_patience(&self, stage: u32) -> bool {
        let patience = match self.reading {
            Some((reading, since)) if reading == stage => PATIENCE.saturating_sub(since.elapsed()),
            _ => Duration::ZERO,
        };
        self.input.is_ready_within(patience)
    }

    /// Where the first message is that need not wait for an earlier task of the same stage.
    fn first_in_turn(&self, stage_of: impl Fn(u32) -> Option<u32>) -> Option<usize> {
        let is_busy =
            |stage| self.waiting.iter().any(|other| stage_of(other.header.task) == Some(stage));
        let mut unopened = Vec::new();
        self.waiting.iter().position(|received| {
            let Header { content, task, partition: stage, .. } = received.header;
            let is_held = unopened.contains(&task) || content == OPEN && is_busy(stage);
            if is_held {
                unopened.push(task);
            }
            !is_held
        })
    }
}
