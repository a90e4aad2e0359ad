//! Rows of two datasets side by side.

use bytes::Bytes;

use crate::error::{ErrorKind, Failed, Failure};
use crate::local::block::Block;
use crate::local::edge::{Reader, Stop, Writer};
use crate::plan::stage::Zip;
use crate::row::frame::put_row;
use crate::row::layout::{Layout, Rows};
use crate::row::msgpack;

/// One of the two: the rows that have come, as frames.
struct Side {
    reader: Reader,
    block: Block,
    /// Bytes of the block that are through.
    at: usize,
    /// Rows that are through, of all blocks.
    rows: u64,
    /// The most columns of a row so far.
    width: u32,
    ended: bool,
    /// All rows must have as many columns: others come behind them.
    even: bool,
}

impl Side {
    fn new(reader: Reader, even: bool) -> Side {
        let block = Block { layout: Layout::Frames, partition: 0, rows: 0, bytes: Bytes::new() };
        Side { reader, block, at: 0, rows: 0, width: 0, ended: false, even }
    }

    /// Waits for rows, or for the end.
    async fn fill(&mut self) -> Result<(), Stop> {
        while self.at == self.block.bytes.len() && !self.ended {
            match self.reader.next().await.map_err(Stop::Failed)? {
                Some(block) => (self.block, self.at) = (block, 0),
                None => self.ended = true,
            }
        }
        Ok(())
    }

    /// The next row, if it has come.
    fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        if self.at == self.block.bytes.len() {
            return Ok(None);
        }
        let rest = Rows::frames(&self.block.bytes[self.at..]);
        let Some(row) = rest.each().next().transpose()? else { return Ok(None) };
        self.at += rest.end_of(1);
        self.rows += 1;
        let width = msgpack::columns(row).count();
        let width = u32::try_from(width).expect("a row is far below 4 GiB");
        if self.even && self.rows > 1 && width != self.width {
            return Err(uneven(self.width, width));
        }
        self.width = self.width.max(width);
        Ok(Some(row))
    }
}

/// Pairs rows until both sides have ended.
pub(crate) async fn run_zip(
    zip: Zip,
    readers: [Reader; 2],
    max_row: usize,
    block_bytes: usize,
    out: Writer,
) {
    let result = tokio::select! {
        result = pair(zip, readers, max_row, block_bytes, &out) => result,
        () = out.gone() => return,
    };
    out.settle(result);
}

async fn pair(
    Zip { longest }: Zip,
    readers: [Reader; 2],
    max_row: usize,
    block_bytes: usize,
    out: &Writer,
) -> Result<(), Stop> {
    let [left, right] = readers;
    let (mut left, mut right) = (Side::new(left, true), Side::new(right, false));
    let (mut frames, mut rows) = (Vec::new(), 0);
    loop {
        left.fill().await?;
        right.fill().await?;
        let ended = match (left.ended, right.ended) {
            (true, true) => return Ok(()),
            (one, other) => one || other,
        };
        let mut failure = None;
        if ended && !longest {
            failure = Some(one_has_ended(&left, &right));
        }
        while failure.is_none() && frames.len() < block_bytes {
            match put_pair(&mut left, &mut right, max_row, &mut frames) {
                Ok(true) => rows += 1,
                Ok(false) => break,
                Err(failed) => failure = Some(failed),
            }
        }
        if rows > 0 {
            let bytes = Bytes::from(std::mem::take(&mut frames));
            let rows = std::mem::take(&mut rows);
            out.push(Block { layout: Layout::Frames, partition: 0, rows, bytes }).await?;
        }
        if let Some(failure) = failure {
            return Err(Stop::Failed(failure));
        }
    }
}

/// Appends the next row of both, if both have one or have ended; false if not.
fn put_pair(
    left: &mut Side,
    right: &mut Side,
    max_row: usize,
    frames: &mut Vec<u8>,
) -> Result<bool, Failure> {
    let waits = |side: &Side| side.at == side.block.bytes.len() && !side.ended;
    let over = |side: &Side| side.at == side.block.bytes.len() && side.ended;
    if waits(left) || waits(right) || (over(left) && over(right)) {
        return Ok(false);
    }
    let start = frames.len();
    let put = put_row(max_row, frames, |out| {
        for side in [&mut *left, right] {
            let width = side.width;
            match side.next()? {
                Some(row) => out.extend_from_slice(row),
                None => (0..width).for_each(|_| msgpack::put_nil(out)),
            }
        }
        Ok(())
    });
    put.map_err(|failed: Failed| {
        frames.truncate(start);
        failed.failure
    })?;
    Ok(true)
}

fn uneven(width: u32, other: u32) -> Failure {
    let message = format!(
        "the first dataset has rows of {width} and of {other} columns, and the second's come behind them"
    );
    let widest = width.max(other);
    Failure::new(ErrorKind::Row, message)
        .hint(format!("`pad({widest})` makes rows at least {widest} columns wide"))
}

fn one_has_ended(left: &Side, right: &Side) -> Failure {
    let (shorter, rows, longer) = match left.ended {
        true => ("first", left.rows, "second"),
        false => ("second", right.rows, "first"),
    };
    let message =
        format!("the {shorter} dataset ends after {rows} rows, and the {longer} one goes on");
    Failure::new(ErrorKind::Row, message).hint("`zip(…).longest()` goes on with nils")
}
