//! Stages that the engine runs by itself: reading a source without steps,
//! slices, and rows dealt out in turn.
//!
//! A newcomer's trap: rows are not looked into here, only counted and cut.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;

use crate::error::{ErrorKind, Failure};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::edge::{Reader, Stop, Taken, Writer};
use crate::local::runtime::on_a_thread;
use crate::local::session::Session;
use crate::plan::stage::Slice;
use crate::row::frame::FrameError;
use crate::row::layout::{Layout, Rows};
use crate::source::open::BlockReader;

/// Reads a source on a thread of its own and passes its rows on.
pub(crate) async fn run_source(session: &Arc<Session>, source: Box<dyn BlockReader>, out: Writer) {
    let block_bytes = session.settings.limits.block_bytes;
    let out = Arc::new(out);
    let (writer, buffers) = (out.clone(), session.buffers.clone());
    let (handle, tally) = (Handle::current(), session.tally.clone());
    let reading = on_a_thread(move || {
        let push = |block: Block| {
            tally.read(block.amount());
            handle.block_on(writer.push(block)).map_err(Stop::from)
        };
        read_source(source, block_bytes, &buffers, push)
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

fn read_source(
    mut source: Box<dyn BlockReader>,
    block_bytes: usize,
    buffers: &Buffers,
    mut push: impl FnMut(Block) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let layout = source.layout();
    let mut block = buffers.take();
    while source.next_block(&mut block, block_bytes).map_err(Stop::Failed)? {
        let bytes = buffers.freeze(std::mem::replace(&mut block, buffers.take()));
        let rows = Rows::new(layout, &bytes).count();
        push(Block { layout, partition: 0, rows, bytes })?;
    }
    buffers.keep(block);
    Ok(())
}

/// Passes on rows. Lines may lie in another way for those who read them: cut at TAB.
pub(crate) async fn run_forward(layout: Layout, mut reader: Reader, out: Writer) {
    let cut = layout == Layout::Columns;
    let result = async {
        while let Some(taken) = reader.take().await? {
            match taken {
                Taken::Counted(counted) => out.pass(&counted),
                Taken::Block(block) => {
                    let layout = if cut { layout } else { block.layout };
                    out.push(Block { layout, partition: 0, ..block }).await?;
                }
            }
        }
        Ok(())
    };
    let result = tokio::select! {
        result = result => result,
        () = out.gone() => return,
    };
    out.settle(result);
}

/// Passes on some neighbouring rows, and stops what comes before when it has them.
pub(crate) async fn run_slice(slice: Slice, mut reader: Reader, out: Writer) {
    let Slice { mut skip, take } = slice;
    let mut left = take.unwrap_or(u64::MAX);
    let result = async {
        while left > 0 {
            let mut block = match reader.take().await.map_err(Stop::Failed)? {
                Some(Taken::Block(block)) => block,
                Some(Taken::Counted(counted)) => {
                    out.pass(&counted);
                    continue;
                }
                None => break,
            };
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
        while let Some(taken) = reader.take().await.map_err(Stop::Failed)? {
            let block = match taken {
                Taken::Block(block) => block,
                Taken::Counted(counted) => {
                    out.pass(&counted);
                    continue;
                }
            };
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
