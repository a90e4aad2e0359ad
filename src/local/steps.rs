//! Stages that the engine runs by itself: reading a source without steps,
//! slices, and rows dealt out in turn.
//!
//! A newcomer's trap: rows are not looked into here, only counted and cut.

use std::io::Read;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;

use crate::error::{ErrorKind, Failure};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::edge::{Reader, Stop, Writer};
use crate::local::run::Run;
use crate::local::runtime::on_a_thread;
use crate::plan::stage::Slice;
use crate::row::frame::FrameError;
use crate::row::layout::{Layout, Rows};
use crate::row::{frame, msgpack};
use crate::source::kept::KeptFile;
use crate::source::lines::LineReader;
use crate::source::long_row::longer_than;
use crate::source::memory::blocks;
use crate::source::paths::InputFile;
use crate::source::split::Piece;
use crate::source::stream::{SequentialLines, Stream};

/// A source as the engine reads it.
pub(crate) enum Feed {
    Pieces(Vec<Vec<Piece>>),
    Files(Vec<InputFile>),
    Reader(Box<dyn Read + Send>),
    Lines(Bytes),
    Frames(Bytes),
    Kept(Arc<KeptFile>),
    Range(i64, i64),
    UsedUp,
}

/// Reads a source on a thread of its own and passes its rows on.
pub(crate) async fn run_feed(run: &Arc<Run>, feed: Feed, out: Writer) {
    let (max_row, block_bytes) = (run.settings.limits.max_row, run.settings.limits.block_bytes);
    let out = Arc::new(out);
    let (writer, buffers) = (out.clone(), run.buffers.clone());
    let handle = Handle::current();
    let reading = on_a_thread(move || {
        let push = |layout, rows, bytes: Bytes| {
            let block = Block { layout, partition: 0, rows, bytes };
            handle.block_on(writer.push(block)).map_err(Stop::from)
        };
        read_feed(feed, max_row, block_bytes, &buffers, push)
    });
    let reading = match reading {
        Ok(reading) => reading,
        Err(failure) => return out.settle(Err(Stop::Failed(failure))),
    };
    let result = tokio::select! {
        // A thread that panics, in the caller's own reader, gives no result.
        result = reading => result.unwrap_or_else(|_| {
            let failure = Failure::new(ErrorKind::Input, "the reader panicked");
            Err(Stop::Failed(failure))
        }),
        // The thread finds out at its next block; one that waits for a read is left behind.
        () = out.gone() => return,
    };
    out.settle(result);
}

fn read_feed(
    feed: Feed,
    max_row: usize,
    block_bytes: usize,
    buffers: &Buffers,
    mut push: impl FnMut(Layout, u32, Bytes) -> Result<(), Stop>,
) -> Result<(), Stop> {
    match feed {
        Feed::UsedUp => Err(Stop::Failed(used_up())),
        Feed::Lines(text) => {
            let mut given = Given { layout: Layout::Lines, max_row, rows: 0 };
            for (block, _) in blocks(Layout::Lines, &text, block_bytes) {
                given.pass(block, &mut push)?;
            }
            Ok(())
        }
        Feed::Frames(frames) => {
            let mut given = Given { layout: Layout::Frames, max_row, rows: 0 };
            for (block, _) in blocks(Layout::Frames, &frames, block_bytes) {
                given.pass(block, &mut push)?;
            }
            Ok(())
        }
        Feed::Kept(kept) => {
            let mut given = Given { layout: kept.layout(), max_row, rows: 0 };
            let (mut offset, mut block) = (0, buffers.take());
            while kept.next_block(&mut offset, &mut block, block_bytes).map_err(Stop::Failed)? {
                let rows = buffers.freeze(std::mem::replace(&mut block, buffers.take()));
                given.pass(rows, &mut push)?;
            }
            Ok(())
        }
        Feed::Range(first, end) => {
            let mut next = first;
            while next < end {
                let (mut block, mut rows) = (Vec::with_capacity(block_bytes + 16), 0);
                while next < end && block.len() < block_bytes {
                    let start = frame::begin(&mut block);
                    msgpack::put_int(&mut block, next);
                    frame::end(&mut block, start).expect("nine bytes fit into a frame");
                    rows += 1;
                    next += 1;
                }
                push(Layout::Frames, rows, Bytes::from(block))?;
            }
            Ok(())
        }
        Feed::Pieces(splits) => {
            for pieces in splits {
                let mut reader = LineReader::new(pieces, max_row);
                let mut block = buffers.take();
                while reader.next_block(&mut block, block_bytes).map_err(Stop::Failed)? {
                    let lines = buffers.freeze(std::mem::replace(&mut block, buffers.take()));
                    push(Layout::Lines, Rows::lines(&lines).count(), lines)?;
                }
            }
            Ok(())
        }
        Feed::Files(files) => {
            let streams = files.into_iter().map(|file| Stream::open(&file));
            read_streams(SequentialLines::new(streams, max_row), block_bytes, push)
        }
        Feed::Reader(reader) => {
            let stream = std::iter::once(Ok(Stream::reader(reader)));
            read_streams(SequentialLines::new(stream, max_row), block_bytes, push)
        }
    }
}

/// The rows that the program itself has given, which nobody has measured before.
struct Given {
    layout: Layout,
    max_row: usize,
    /// So many have passed.
    rows: u64,
}

impl Given {
    /// Passes whole rows on, up to one that is too long.
    fn pass(
        &mut self,
        mut block: Bytes,
        push: &mut impl FnMut(Layout, u32, Bytes) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let long = Rows::new(self.layout, &block).first_longer(self.max_row);
        block.truncate(long.unwrap_or(block.len()));
        let rows = Rows::new(self.layout, &block).count();
        self.rows += u64::from(rows);
        if rows > 0 {
            push(self.layout, rows, block)?;
        }
        let name = if self.layout.is_lines() { "line" } else { "row" };
        let refused = || longer_than(format_args!("{name} {} has", self.rows + 1), self.max_row);
        long.map_or(Ok(()), |_| Err(Stop::Failed(refused())))
    }
}

/// A reader that is not there any more.
pub(crate) fn used_up() -> Failure {
    Failure::new(ErrorKind::Input, "the reader has been read by an earlier run")
        .hint("a `reader` can be read once; use `text_file` for a file")
}

fn read_streams(
    mut lines: SequentialLines,
    block_bytes: usize,
    mut push: impl FnMut(Layout, u32, Bytes) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut block = Vec::new();
    while lines.next_block(&mut block, block_bytes).map_err(Stop::Failed)? {
        let lines = Bytes::from(std::mem::take(&mut block));
        push(Layout::Lines, Rows::lines(&lines).count(), lines)?;
    }
    Ok(())
}

/// Passes on some neighbouring rows, and stops what comes before when it has them.
pub(crate) async fn run_slice(slice: Slice, mut reader: Reader, out: Writer) {
    let Slice { mut skip, take } = slice;
    let mut left = take.unwrap_or(u64::MAX);
    let result = async {
        while left > 0 {
            let Some(mut block) = reader.next().await.map_err(Stop::Failed)? else { break };
            let skipped = skip.min(block.rows.into());
            skip -= skipped;
            drop_front(&mut block, skipped);
            if block.rows == 0 {
                continue;
            }
            if u64::from(block.rows) > left {
                let first = u32::try_from(left).expect("it is less than the block's rows");
                let end = block.as_rows().end_of(first as usize);
                block.bytes.truncate(end);
                block.rows = first;
            }
            left -= u64::from(block.rows);
            block.partition = 0;
            out.push(block).await?;
        }
        Ok(())
    };
    let result = tokio::select! {
        result = result => result,
        () = out.gone() => return,
    };
    out.settle(result);
}

/// Takes the first rows away.
fn drop_front(block: &mut Block, rows: u64) {
    let rows = u32::try_from(rows).expect("no more than the block has");
    let end = match rows == block.rows {
        true => block.bytes.len(),
        false => block.as_rows().end_of(rows as usize),
    };
    block.bytes.advance(end);
    block.rows -= rows;
}

/// Deals rows out in turn.
pub(crate) async fn run_deal(count: u32, mut reader: Reader, out: Writer) {
    let mut turn = 0;
    let result = async {
        while let Some(block) = reader.next().await.map_err(Stop::Failed)? {
            let mut hands = vec![(Vec::new(), 0); count as usize];
            let dealt = block.as_rows().try_each_whole(|_, row| {
                let (bytes, rows) = &mut hands[turn as usize];
                bytes.extend_from_slice(row);
                *rows += 1;
                turn = (turn + 1) % count;
                Ok::<(), FrameError>(())
            });
            dealt.map_err(|error| Stop::Failed(error.into()))?;
            for (partition, (bytes, rows)) in (0..).zip(hands) {
                if rows > 0 {
                    let bytes = Bytes::from(bytes);
                    out.push(Block { layout: block.layout, partition, rows, bytes }).await?;
                }
            }
        }
        Ok::<(), Stop>(())
    };
    let result = tokio::select! {
        result = result => result,
        () = out.gone() => return,
    };
    out.settle(result);
}
