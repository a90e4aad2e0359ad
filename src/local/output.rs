//! What a command writes, as rows.
//!
//! A newcomer's trap: of a command that fails, what comes last may be half of a row. So it waits until
//! the command is known to have ended well.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::{ErrorKind, Failure};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::edge::{Stop, Writer};
use crate::local::pace::Pace;
use crate::local::session::Session;
use crate::plan::command::Command;
use crate::row::forms::{RowReader, Taken};
use crate::row::layout::{Layout, Rows};
use crate::row::{frame, msgpack};
use crate::source::long_row::longer_than;

/// Bytes that one read of a command's output asks for.
const READ_BYTES: usize = 256 << 10;

/// What ends a command's output: rows only of a command that ends well, and else what one has left
/// half-written.
#[must_use]
pub(crate) struct Last {
    block: Option<Block>,
    refused: Option<Failure>,
}

/// Passes on what a command writes, in blocks of whole rows. Gives back what may be half of one.
pub(crate) async fn take_rows(
    session: &Session,
    stdout: impl AsyncRead + Unpin,
    out: &Writer,
    command: &Command,
    partition: u32,
    pace: &Pace,
) -> Result<Last, Stop> {
    match command.setup.output.reader(session.settings.limits.max_row) {
        Some(reader) => take_text(session, stdout, out, reader, partition, pace).await,
        None => take_whole(session, stdout, out, command.output(), partition, pace).await,
    }
}

/// Passes on rows in a form of text, as frames.
async fn take_text(
    session: &Session,
    mut stdout: impl AsyncRead + Unpin,
    out: &Writer,
    mut reader: Box<dyn RowReader>,
    partition: u32,
    pace: &Pace,
) -> Result<Last, Stop> {
    let max_row = session.settings.limits.max_row;
    let (mut text, mut taken) = (session.buffers.take(), 0);
    loop {
        let read = read_more(&mut stdout, &mut text).await?;
        let end = read == 0;
        pace.pieces.fetch_add(usize::from(!end), Ordering::Relaxed);
        let mut frames = session.buffers.take();
        let Taken { bytes, rows, refused } = reader.read(&text[taken..], end, &mut frames);
        let refused = refused.map(|refused| match refused.kind {
            ErrorKind::Command => {
                Failure { message: format!("a command wrote {}", refused.message), ..refused }
            }
            _ => refused,
        });
        taken += bytes;
        let bytes = session.buffers.freeze(frames);
        let block = Block { layout: Layout::Frames, partition, rows, bytes };
        let block = Some(block).filter(|block| block.rows > 0);
        if end {
            session.buffers.keep(text);
            return Ok(Last { block, refused });
        }
        if let Some(block) = block {
            pace.passing.store(true, Ordering::Relaxed);
            out.push(block).await?;
            pace.passing.store(false, Ordering::Relaxed);
        }
        // A record that is too long need not come whole to be refused.
        let long = text.len() - taken > max_row + 1;
        if let Some(failure) = refused.or_else(|| long.then(|| frame::too_large().failure)) {
            return Err(Stop::Failed(failure));
        }
        if taken == text.len() {
            text.clear();
            taken = 0;
        } else if taken > text.len() / 2 {
            text.drain(..taken);
            taken = 0;
        }
    }
}

/// Reads what has come, behind what is there. Gives how much that is; nothing at the end.
async fn read_more(
    stdout: &mut (impl AsyncRead + Unpin),
    text: &mut Vec<u8>,
) -> Result<usize, Stop> {
    if text.capacity() - text.len() < READ_BYTES / 2 {
        text.reserve(READ_BYTES);
    }
    let read = stdout.read_buf(text).await;
    read.map_err(|error| Stop::Failed(Failure::io("cannot read a command's output", &error)))
}

/// Passes on rows that need not be looked into.
async fn take_whole(
    session: &Session,
    mut stdout: impl AsyncRead + Unpin,
    out: &Writer,
    layout: Layout,
    partition: u32,
    pace: &Pace,
) -> Result<Last, Stop> {
    let max_row = session.settings.limits.max_row;
    let mut buffer = session.buffers.take();
    loop {
        let read = read_more(&mut stdout, &mut buffer).await?;
        if read == 0 {
            break;
        }
        pace.pieces.fetch_add(1, Ordering::Relaxed);
        let fresh = buffer.len() - read;
        let (end, refused) = match layout {
            Layout::Frames => whole_frames(&buffer, max_row),
            _ => whole_lines(&buffer, fresh, max_row),
        };
        // Rows before a bad one come first, however one read has brought them.
        if end > 0 {
            let bytes = take_front(&session.buffers, &mut buffer, end);
            let rows = Rows::new(layout, &bytes).count();
            pace.passing.store(true, Ordering::Relaxed);
            out.push(Block { layout, partition, rows, bytes }).await?;
            pace.passing.store(false, Ordering::Relaxed);
        }
        if let Some(failure) = refused {
            return Err(Stop::Failed(failure));
        }
    }
    if buffer.is_empty() {
        return Ok(Last { block: None, refused: None });
    }
    if layout == Layout::Frames {
        let message = "a command's output ends within a frame";
        return Err(Stop::Failed(Failure::new(ErrorKind::Command, message)));
    }
    buffer.extend_from_slice(b"\n");
    let bytes = Bytes::from(buffer);
    Ok(Last { block: Some(Block { layout, partition, rows: 1, bytes }), refused: None })
}

/// Passes on what ends the output of a command that has ended well.
pub(crate) async fn push_last(out: &Writer, last: Last) -> Result<(), Stop> {
    if let Some(block) = last.block {
        out.push(block).await?;
    }
    match last.refused {
        Some(failure) => Err(Stop::Failed(failure)),
        None => Ok(()),
    }
}

/// Where the whole lines at the front of a buffer end, and what is wrong with the one behind them.
/// Before `fresh` no line ends.
fn whole_lines(buffer: &[u8], fresh: usize, max_row: usize) -> (usize, Option<Failure>) {
    let end = memchr::memrchr(b'\n', &buffer[fresh..]).map_or(0, |at| fresh + at + 1);
    let long = Rows::lines(&buffer[..end]).first_longer(max_row);
    let long = long.or_else(|| (buffer.len() - end > max_row).then_some(end));
    let failure = long.map(|_| longer_than("a command wrote a line of", max_row));
    (long.unwrap_or(end), failure)
}

/// The same of frames. Rows of other people's programs are looked through here, where the command
/// can still be named.
fn whole_frames(buffer: &[u8], max_row: usize) -> (usize, Option<Failure>) {
    let mut end = 0;
    loop {
        let whole = match frame::first(&buffer[end..], max_row) {
            Ok(None) => return (end, None),
            Ok(Some(payload)) => check_payload(payload).map(|()| payload.len()),
            Err(error) => Err(not_frames(error)),
        };
        match whole {
            Ok(len) => end += frame::LENGTH_BYTES + len,
            Err(failure) => return (end, Some(failure)),
        }
    }
}

/// Takes whole rows from the front; what is left is the start of a row.
fn take_front(buffers: &Buffers, buffer: &mut Vec<u8>, end: usize) -> Bytes {
    let mut rest = buffers.take();
    rest.extend_from_slice(&buffer[end..]);
    buffer.truncate(end);
    buffers.freeze(std::mem::replace(buffer, rest))
}

fn check_payload(payload: &[u8]) -> Result<(), Failure> {
    msgpack::columns(payload).try_for_each(|column| column.map(drop)).map_err(not_frames)
}

fn not_frames(error: impl std::fmt::Display) -> Failure {
    let message = format!("a command's output is not frames: {error}");
    Failure::new(ErrorKind::Command, message)
        .hint("`pipe_rows` is for programs that speak frames; `pipe` takes lines")
}
