//! A link: the engine's end of one worker, for as long as that worker lives.
//!
//! A newcomer's trap: everything that a worker writes is taken at once, whoever it is for. A
//! worker is slowed down only by not being sent its next block.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::error::{ErrorKind, Failure};
use crate::local::block::{Block, Item};
use crate::local::buffers::Buffers;
use crate::local::outgoing::{Message, send_all};
use crate::local::spool::{Meter, Spool};
use crate::local::tally::Tally;
use crate::local::warnings::Warnings;
use crate::plan::stage::StageId;
use crate::process::{Ending, Guarded, WorkerProcess};
use crate::row::block::{Content, Control, HEADER_BYTES, Header};
use crate::worker;
use crate::worker::task::{TaskInput, TaskResult, TaskSpec};

/// Blocks of one task that may be on their way to the worker.
const WINDOW: usize = 3;

/// How long a worker that has closed its output may take to end.
const PATIENCE: Duration = Duration::from_millis(200);

/// Messages of less than this get a buffer of their own.
const SMALL_BYTES: usize = 16 << 10;

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
    /// The worker's process, if it is one.
    pub process: Option<Pid>,
    /// Why the worker ended.
    ending: Mutex<Option<String>>,
    /// What the worker said about its end, before it ended.
    last_words: Mutex<Option<Failure>>,
}

/// What has come back for one task.
pub(crate) struct Inbox {
    pub spool: Arc<Spool>,
    warnings: Arc<Warnings>,
    tally: Arc<Tally>,
    stage: StageId,
    /// The task reads a part of a source.
    of_source: bool,
    /// The number of the next block.
    next: AtomicU32,
    window: Semaphore,
    finished: AtomicBool,
}

/// The process or thread behind a link.
pub(crate) enum Body {
    Process {
        process: WorkerProcess,
        /// Ends the process with the program where it would not do so by itself.
        guarded: Option<Guarded>,
    },
    Thread,
}

impl Link {
    /// Takes over a started worker, which may take `handshake` to say that it is one.
    pub(crate) fn start(
        socket: UnixStream,
        output: pipe::Receiver,
        body: Body,
        handshake: Duration,
    ) -> Arc<Link> {
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
            process: match &body {
                Body::Process { process, .. } => Some(process.pid()),
                Body::Thread => None,
            },
            ending: Mutex::new(None),
            last_words: Mutex::new(None),
        });
        tokio::spawn(send_all(socket, messages, link.kill.clone()));
        tokio::spawn(link.clone().receive_all(output, body, handshake));
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
        if let Some(said) = &*self.last_words() {
            return said.clone();
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
    pub(crate) fn open_task(
        self: &Arc<Link>,
        spec: &TaskSpec,
        meter: &Arc<Meter>,
        warnings: &Arc<Warnings>,
        tally: &Arc<Tally>,
    ) -> Task {
        let number = self.next_task.fetch_add(1, Ordering::Relaxed);
        let inbox = Arc::new(Inbox {
            spool: Spool::new(meter.clone(), Arc::default()),
            warnings: warnings.clone(),
            tally: tally.clone(),
            stage: spec.stage,
            of_source: matches!(spec.input, TaskInput::Part(_)),
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

    fn last_words(&self) -> MutexGuard<'_, Option<Failure>> {
        self.last_words.lock().expect("no code panics while it holds the last words")
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<u32, Arc<Inbox>>> {
        self.tasks.lock().expect("no code panics while it holds the tasks")
    }

    async fn receive_all(
        self: Arc<Link>,
        mut output: pipe::Receiver,
        body: Body,
        handshake: Duration,
    ) {
        let ended = tokio::select! {
            ended = self.receive_blocks(&mut output, handshake) => ended,
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
    async fn receive_blocks(
        &self,
        output: &mut pipe::Receiver,
        handshake: Duration,
    ) -> Result<(), String> {
        let buffers = Buffers::default();
        let mut header = [0; HEADER_BYTES];
        // What has come counts, however late we look: this program may have been stopped.
        tokio::select! {
            biased;
            ready = output.readable() => ready.map_err(|error| error.to_string())?,
            () = tokio::time::sleep(handshake) => {
                let message = format!("a worker said nothing for {} s", handshake.as_secs());
                let failure = Failure::new(ErrorKind::Worker, message);
                *self.last_words() = Some(match worker::entry::named_program() {
                    Some(_) => failure.hint("GLEAMFLOW_WORKER names a program that links gleamflow"),
                    None => failure,
                });
                return Ok(());
            }
        }
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
            return match payload == worker::VERSION.as_bytes() {
                true => Ok(()),
                false => Err("the worker is of another version of gleamflow".into()),
            };
        }
        if header.content == Content::Control(Control::Ending) {
            let failure = rmp_serde::from_slice(&payload).map_err(|error| error.to_string())?;
            *self.last_words() = Some(failure);
            return Ok(());
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
            Control::Warning => {
                let warning = rmp_serde::from_slice(payload).map_err(|error| error.to_string())?;
                inbox.warnings.add(warning);
            }
            Control::Done => {
                let result: Box<TaskResult> =
                    rmp_serde::from_slice(payload).map_err(|error| error.to_string())?;
                inbox.tally.done(inbox.stage, inbox.of_source, &result.work);
                self.finish(number, inbox, Item::Done(result));
            }
            Control::Failed => {
                let failure: Failure =
                    rmp_serde::from_slice(payload).map_err(|error| error.to_string())?;
                if failure.kind == ErrorKind::Timeout {
                    // A worker that hangs serves no task any more, and earlier ones may be among
                    // those. So it counts at once, as if the worker had been killed.
                    *self.last_words() = Some(failure.clone());
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
        Body::Process { process, guarded } => {
            // The worker has closed its output or must go; what it still did is for nobody.
            let ended = process.end(PATIENCE).await;
            drop(guarded);
            match ended {
                Ok(status) => Ending(status).to_string(),
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

#[cfg(test)]
mod tests;
