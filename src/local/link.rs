//! A link: the engine's end of one worker, for as long as that worker lives.
//!
//! A newcomer's trap: everything that a worker writes is taken at once, whoever it is for. A
//! worker is slowed down only by not being sent its next block.

use std::collections::HashMap;
use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::error::{ErrorKind, Failure};
use crate::local::block::{Block, Item};
use crate::local::buffers::Buffers;
use crate::local::spool::{Meter, Spool};
use crate::process::end_group;
use crate::row::block::{Content, Control, HEADER_BYTES, Header};
use crate::worker::task::{TaskResult, TaskSpec};

/// Blocks of one task that may be on their way to the worker.
const WINDOW: usize = 3;

/// Messages of less than this get a buffer of their own.
const SMALL_BYTES: usize = 16 << 10;

/// What waits to be sent: a block, and a file that goes with it.
struct Message {
    header: [u8; HEADER_BYTES],
    payload: Bytes,
    file: Option<OwnedFd>,
}

/// The engine's end of one worker.
pub(crate) struct Link {
    outgoing: mpsc::UnboundedSender<Message>,
    tasks: Mutex<HashMap<u32, Arc<Inbox>>>,
    next_task: AtomicU32,
    /// Tasks that have been opened and are not done.
    open: AtomicUsize,
    dead: AtomicBool,
    kill: CancellationToken,
    gone: CancellationToken,
    /// The last open task has ended.
    idle: Notify,
    /// Why the worker ended.
    ending: Mutex<Option<String>>,
    /// What the worker's watchdog said before it ended the worker.
    timeout: Mutex<Option<Failure>>,
}

/// What has come back for one task.
pub(crate) struct Inbox {
    pub spool: Arc<Spool>,
    /// The number of the next block.
    next: AtomicU32,
    window: Semaphore,
    finished: AtomicBool,
}

/// The process or thread behind a link.
pub(crate) enum Body {
    Process(tokio::process::Child),
    Thread,
}

impl Link {
    /// Takes over a started worker.
    pub(crate) fn start(socket: UnixStream, output: pipe::Receiver, body: Body) -> Arc<Link> {
        let (outgoing, messages) = mpsc::unbounded_channel();
        let link = Arc::new(Link {
            outgoing,
            tasks: Mutex::default(),
            next_task: AtomicU32::new(0),
            open: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            kill: CancellationToken::new(),
            gone: CancellationToken::new(),
            idle: Notify::new(),
            ending: Mutex::new(None),
            timeout: Mutex::new(None),
        });
        tokio::spawn(send_all(socket, messages, link.kill.clone()));
        tokio::spawn(link.clone().receive_all(output, body));
        link
    }

    pub(crate) fn open_tasks(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Resolves when no task is open.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.open_tasks() == 0 || self.is_dead() {
                return;
            }
            idle.await;
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Sends a message that belongs to no task.
    pub(crate) fn send(
        &self,
        control: Control,
        number: u32,
        payload: Bytes,
        file: Option<OwnedFd>,
    ) {
        let header = Header::new(Content::Control(control), number, 0, &payload).encode();
        // A dead worker's tasks have been told; there is nobody to send to.
        let _ = self.outgoing.send(Message { header, payload, file });
    }

    /// Kills the worker; [`Link::gone`] resolves when it is no more.
    pub(crate) fn kill(&self) {
        self.kill.cancel();
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.kill.is_cancelled()
    }

    /// What a task gets when its worker has ended.
    pub(crate) fn failure(&self) -> Failure {
        if let Some(timeout) = &*self.timeout.lock().expect("no code panics while it holds it") {
            return timeout.clone();
        }
        let ending = self.ending.lock().expect("no code panics while it holds the ending").clone();
        let ending = ending.unwrap_or_else(|| "ended".to_owned());
        let failure = Failure::new(ErrorKind::Worker, format!("a worker {ending}"));
        match ending.contains("SIGKILL") {
            true => failure.hint("the system kills processes when memory is short: see `memory`"),
            false => failure,
        }
    }

    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Starts a task and returns the handle through which it is fed and read.
    pub(crate) fn open_task(self: &Arc<Link>, spec: &TaskSpec, meter: &Arc<Meter>) -> Task {
        let number = self.next_task.fetch_add(1, Ordering::Relaxed);
        let inbox = Arc::new(Inbox {
            spool: Spool::new(meter.clone(), Arc::new(Notify::new())),
            next: AtomicU32::new(0),
            window: Semaphore::new(WINDOW),
            finished: AtomicBool::new(false),
        });
        self.tasks().insert(number, inbox.clone());
        self.open.fetch_add(1, Ordering::Relaxed);
        if self.is_dead() {
            self.fail_all();
        }
        let payload = rmp_serde::to_vec(spec).expect("a task is plain data");
        let open = Header::new(Content::Control(Control::Open), number, 0, &payload);
        let header = Header { partition: spec.stage as u32, ..open }.encode();
        let _ = self.outgoing.send(Message { header, payload: payload.into(), file: None });
        Task { link: self.clone(), number, next: AtomicU32::new(1), inbox }
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<u32, Arc<Inbox>>> {
        self.tasks.lock().expect("no code panics while it holds the tasks")
    }

    async fn receive_all(self: Arc<Link>, mut output: pipe::Receiver, body: Body) {
        let ended = tokio::select! {
            ended = self.receive_blocks(&mut output) => ended,
            () = self.kill.cancelled() => Ok(()),
        };
        self.dead.store(true, Ordering::Release);
        self.kill.cancel();
        let ending = end_of(body).await;
        let ending = match ended {
            Ok(()) => ending,
            Err(reason) => format!("{ending} ({reason})"),
        };
        tracing::debug!(ending, "a worker has ended");
        *self.ending.lock().expect("no code panics while it holds the ending") = Some(ending);
        self.fail_all();
        self.gone.cancel();
    }

    /// Returns at the end of what the worker writes.
    async fn receive_blocks(&self, output: &mut pipe::Receiver) -> Result<(), String> {
        let buffers = Buffers::default();
        let mut header = [0; HEADER_BYTES];
        loop {
            if output.read_exact(&mut header).await.is_err() {
                return Ok(());
            }
            let header = Header::decode(&header).map_err(|damage| damage.to_string())?;
            let len = header.len as usize;
            // Most messages are a few bytes, and large buffers are for rows.
            let mut payload = if len < SMALL_BYTES { Vec::new() } else { buffers.take() };
            payload.reserve_exact(len);
            let mut rest = (&mut *output).take(u64::from(header.len));
            while payload.len() < len {
                if !matches!(rest.read_buf(&mut payload).await, Ok(1..)) {
                    return Ok(());
                }
            }
            header.verify(&payload).map_err(|damage| damage.to_string())?;
            self.dispatch(header, payload, &buffers)?;
        }
    }

    fn dispatch(&self, header: Header, payload: Vec<u8>, buffers: &Buffers) -> Result<(), String> {
        if header.content == Content::Control(Control::Hello) {
            return match payload == crate::worker::VERSION.as_bytes() {
                true => Ok(()),
                false => Err("the worker is of another version of gleamflow".into()),
            };
        }
        // A task that was closed may still have had something to say.
        let Some(inbox) = self.tasks().get(&header.task).cloned() else { return Ok(()) };
        let next = inbox.next.fetch_add(1, Ordering::Relaxed);
        header.verify_sequence(next).map_err(|damage| damage.to_string())?;
        let layout = match header.content {
            Content::Rows(layout) => layout,
            Content::Control(control) => return self.hear(control, header.task, &inbox, &payload),
        };
        let bytes = buffers.freeze(payload);
        let block = Block { layout, partition: header.partition, rows: header.rows, bytes };
        if let Err(failure) = inbox.spool.push(Item::Block(block)) {
            self.finish(header.task, &inbox, Item::Failed(failure));
        }
        Ok(())
    }

    /// Deals with what a worker says of a task.
    fn hear(
        &self,
        control: Control,
        number: u32,
        inbox: &Inbox,
        payload: &[u8],
    ) -> Result<(), String> {
        match control {
            Control::Ack => inbox.window.add_permits(1),
            Control::Closed => self.finish(number, inbox, Item::End),
            Control::Done => {
                let result: TaskResult =
                    rmp_serde::from_slice(payload).map_err(|error| error.to_string())?;
                self.finish(number, inbox, Item::Done(result));
            }
            Control::Failed => {
                let failure: Failure =
                    rmp_serde::from_slice(payload).map_err(|error| error.to_string())?;
                if failure.kind == ErrorKind::Timeout {
                    // A worker that hangs serves no task any more, and earlier ones may be among
                    // those. So it counts at once, as if the worker had been killed.
                    let mut timeout =
                        self.timeout.lock().expect("no code panics while it holds it");
                    *timeout = Some(failure.clone());
                    self.kill.cancel();
                }
                self.finish(number, inbox, Item::Failed(failure));
            }
            other => return Err(format!("unexpected block {other:?}")),
        }
        Ok(())
    }

    fn finish(&self, number: u32, inbox: &Inbox, last: Item) {
        if self.tasks().remove(&number).is_some() && self.open.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.idle.notify_waiters();
        }
        inbox.finished.store(true, Ordering::Release);
        // Only blocks can fail to be queued.
        let _ = inbox.spool.push(last);
        inbox.window.close();
    }

    fn fail_all(&self) {
        if self.ending.lock().expect("no code panics while it holds the ending").is_none() {
            return;
        }
        let open: Vec<_> = self.tasks().drain().collect();
        for (_, inbox) in open {
            self.open.fetch_sub(1, Ordering::Relaxed);
            inbox.finished.store(true, Ordering::Release);
            let _ = inbox.spool.push(Item::Failed(self.failure()));
            inbox.window.close();
        }
    }
}

async fn end_of(body: Body) -> String {
    match body {
        Body::Thread => "thread ended".to_owned(),
        Body::Process(child) => {
            // The worker has closed its output or must go; what it still did is for nobody.
            match end_group(child, std::time::Duration::from_millis(200)).await {
                Ok(status) => crate::process::Ending(status).to_string(),
                Err(error) => format!("ended unseen: {error}"),
            }
        }
    }
}

/// A started task.
pub(crate) struct Task {
    link: Arc<Link>,
    number: u32,
    /// The number of the next block for it.
    next: AtomicU32,
    pub inbox: Arc<Inbox>,
}

impl Task {
    /// Sends a block of input once the worker has dealt with those before.
    pub(crate) async fn feed(&self, block: Block) {
        self.send_in_turn(Content::Rows(block.layout), block.rows, block.bytes).await;
    }

    /// Asks for piece after piece of the task's own source until the task is done, which it is
    /// with the last one, or nobody wants more.
    pub(crate) async fn read_source(&self) {
        while self.send_in_turn(Content::Control(Control::Read), 0, Bytes::new()).await {}
    }

    /// Tells the worker that the input is complete.
    pub(crate) fn end_input(&self) {
        self.send(Content::Control(Control::End), 0, Bytes::new());
    }

    async fn send_in_turn(&self, content: Content, rows: u32, payload: Bytes) -> bool {
        self.inbox.spool.room().await;
        // The window is closed when the task has failed: then nothing is wanted any more.
        let Ok(permit) = self.inbox.window.acquire().await else { return false };
        permit.forget();
        self.send(content, rows, payload)
    }

    /// A task has one driver, so that blocks are sent in the order of their numbers.
    fn send(&self, content: Content, rows: u32, payload: Bytes) -> bool {
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        let header = Header::new(content, self.number, rows, &payload);
        let header = Header { sequence, ..header }.encode();
        self.link.outgoing.send(Message { header, payload, file: None }).is_ok()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.inbox.spool.close();
        if !self.inbox.finished.load(Ordering::Acquire) {
            self.send(Content::Control(Control::Close), 0, Bytes::new());
        }
    }
}

/// Writes messages in order until the link goes. Neighbours are written together.
async fn send_all(
    socket: UnixStream,
    mut messages: mpsc::UnboundedReceiver<Message>,
    kill: CancellationToken,
) {
    let work = async {
        while let Some(message) = messages.recv().await {
            if send_message(&socket, message).await.is_err() {
                // The receiving half sees the worker's end and says so.
                return;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = kill.cancelled() => {}
    }
}

async fn send_message(socket: &UnixStream, mut message: Message) -> std::io::Result<()> {
    let mut sent = 0;
    let total = HEADER_BYTES + message.payload.len();
    while sent < total {
        let head = &message.header[sent.min(HEADER_BYTES)..];
        let body = &message.payload[sent.saturating_sub(HEADER_BYTES)..];
        let file = message.file.as_ref();
        let result = socket
            .async_io(Interest::WRITABLE, || {
                let slices = [IoSlice::new(head), IoSlice::new(body)];
                let mut space =
                    [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                let descriptors = file.map(AsFd::as_fd);
                if let Some(descriptor) = &descriptors {
                    let rights = SendAncillaryMessage::ScmRights(std::slice::from_ref(descriptor));
                    ancillary.push(rights);
                }
                Ok(sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL)?)
            })
            .await?;
        message.file = None;
        sent += result;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
