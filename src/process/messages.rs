//! What a command writes to stderr: passed on to the program's stderr line by line while the
//! command runs, and its end kept for the command's error.
//!
//! A newcomer's trap: stderr is drained on a task of its own, since a child that fills it while we
//! fill its stdin would wait for ever; and it is written on a thread of its own, since a program's
//! stderr that nobody reads would otherwise stop the engine's threads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::process::own::PerProcess;
use crate::process::signals::block_write_signals;

/// Bytes of a command's stderr that are kept for its error.
const TAIL_BYTES: usize = 2048;

/// A line of more than this is passed on in parts.
const LINE_BYTES: usize = 64 << 10;

/// What a pipe may hold.
const PIPE_BYTES: usize = 64 << 10;

/// How long a command that has ended is waited for to have said all: what it has left behind in a
/// session of its own may keep its stderr open.
const PATIENCE: Duration = Duration::from_millis(200);

/// The thread that writes.
static WRITER: PerProcess<Mutex<Option<mpsc::Sender<Piece>>>> = PerProcess::new();

/// Whole lines, and who waits until they are written.
struct Piece {
    lines: Vec<u8>,
    written: oneshot::Sender<()>,
}

/// The messages of one command.
pub(super) struct Messages {
    tail: Arc<Mutex<VecDeque<u8>>>,
    /// Tells that the command is being ended, with whom to answer.
    mute: Option<oneshot::Sender<oneshot::Sender<()>>>,
    /// Tells that the command has ended.
    over: Option<oneshot::Sender<()>>,
    /// Tells that it has said all.
    said: Option<oneshot::Receiver<()>>,
}

impl Messages {
    pub(super) fn of(stderr: pipe::Receiver, muted: bool) -> Messages {
        let tail = Arc::new(Mutex::new(VecDeque::with_capacity(TAIL_BYTES)));
        let (mute, is_mute) = oneshot::channel();
        let (over, is_over) = oneshot::channel();
        let (all_said, said) = oneshot::channel();
        let passing = Passing { stderr, tail: tail.clone(), lines: Vec::new(), muted };
        tokio::spawn(passing.pass_on(is_mute, is_over, all_said));
        Messages { tail, mute: Some(mute), over: Some(over), said: Some(said) }
    }

    /// From here on, nothing that the command says is passed on: the engine ends it, and a shell
    /// would say so of each of its processes.
    pub(super) async fn mute(&mut self) {
        let Some(mute) = self.mute.take() else { return };
        let (answer, answered) = oneshot::channel();
        if mute.send(answer).is_ok() {
            // A stderr that takes nothing must not keep the command from being ended.
            let _ = timeout(PATIENCE, answered).await;
        }
    }

    /// Resolves when all that the command has said is written, once the command has ended.
    pub(super) async fn finish(&mut self) {
        drop(self.over.take());
        if let Some(said) = self.said.take() {
            // The task that passes on tells by going, too.
            let _ = said.await;
        }
    }

    /// The end of what the command has said so far.
    pub(super) fn tail(&self) -> String {
        let tail: Vec<u8> = lock(&self.tail).iter().copied().collect();
        String::from_utf8_lossy(&tail).trim_end().to_owned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Passing {
    stderr: pipe::Receiver,
    tail: Arc<Mutex<VecDeque<u8>>>,
    /// What has come of a line that has not ended.
    lines: Vec<u8>,
    muted: bool,
}

impl Passing {
    async fn pass_on(
        mut self,
        mut mute: oneshot::Receiver<oneshot::Sender<()>>,
        mut over: oneshot::Receiver<()>,
        all_said: oneshot::Sender<()>,
    ) {
        let mut all_said = Some(all_said);
        let mut may_mute = true;
        // When the command has ended, and how much has come since: more than what was in the pipe
        // is of others.
        let mut ended: Option<(Instant, usize)> = None;
        loop {
            let before = self.lines.len();
            let patience = async {
                match ended {
                    Some((at, bytes)) if bytes <= PIPE_BYTES => sleep_until(at + PATIENCE).await,
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            };
            let read = tokio::select! {
                biased;
                answer = &mut mute, if may_mute => {
                    may_mute = false;
                    // A command that is waited for is not muted: its sender has just gone.
                    if answer.is_ok() {
                        self.pass_on_what_is_there().await;
                        self.muted = true;
                    }
                    continue;
                }
                _ = &mut over, if ended.is_none() => {
                    ended = Some((Instant::now(), 0));
                    continue;
                }
                read = self.stderr.read_buf(&mut self.lines) => read,
                () = patience, if all_said.is_some() => {
                    all_said = None;
                    continue;
                }
            };
            let Ok(bytes @ 1..) = read else { break };
            if let Some((_, since)) = &mut ended {
                *since += bytes;
            }
            self.pass_on_lines(before).await;
        }
        if !self.lines.is_empty() && !self.muted {
            self.lines.push(b'\n');
            write(self.lines).await;
        }
    }

    async fn pass_on_what_is_there(&mut self) {
        let mut piece = [0; 4096];
        // Around the runtime, which may not have been told yet of what has just come.
        while let Ok(read @ 1..) = rustix::io::read(&self.stderr, &mut piece) {
            let before = self.lines.len();
            self.lines.extend_from_slice(&piece[..read]);
            self.pass_on_lines(before).await;
        }
    }

    /// Passes on the lines that end behind the first `before` bytes, which hold no end.
    async fn pass_on_lines(&mut self, before: usize) {
        let fresh = &self.lines[before..];
        keep(&mut lock(&self.tail), fresh);
        let whole = match memchr::memrchr(b'\n', fresh) {
            Some(at) => before + at + 1,
            None if self.lines.len() > LINE_BYTES => self.lines.len(),
            None => return,
        };
        let rest = self.lines.split_off(whole);
        let lines = std::mem::replace(&mut self.lines, rest);
        if !self.muted {
            write(lines).await;
        }
    }
}

fn keep(tail: &mut VecDeque<u8>, piece: &[u8]) {
    let piece = &piece[piece.len().saturating_sub(TAIL_BYTES)..];
    let excess = (tail.len() + piece.len()).saturating_sub(TAIL_BYTES);
    tail.drain(..excess);
    tail.extend(piece);
}

/// Writes lines to the program's stderr. What cannot be written is lost, as it would be if the
/// command had this stderr itself.
async fn write(lines: Vec<u8>) {
    let Some(writer) = writer() else { return write_all(&lines) };
    let (written, is_written) = oneshot::channel();
    if writer.send(Piece { lines, written }).await.is_ok() {
        let _ = is_written.await;
    }
}

/// The thread's queue; `None` where no thread can be started.
fn writer() -> Option<mpsc::Sender<Piece>> {
    let mut writer = lock(WRITER.get());
    if writer.is_none() {
        let (sender, mut pieces) = mpsc::channel::<Piece>(1);
        let thread = std::thread::Builder::new().name("gleamflow-stderr".into());
        let started = thread.spawn(move || {
            block_write_signals();
            while let Some(Piece { lines, written }) = pieces.blocking_recv() {
                write_all(&lines);
                // A command that was ended meanwhile does not wait.
                let _ = written.send(());
            }
        });
        started.ok()?;
        *writer = Some(sender);
    }
    writer.clone()
}

/// Not through Rust's own stderr, whose lock the program may hold during a run.
fn write_all(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(1)),
            Err(_) => return,
        }
    }
}
