//! Rows, with columns in the place of others that have gone through a command.
//!
//! A newcomer's trap: the command may read all rows before it writes a line. Meanwhile they wait in
//! this stage's own queue of them, and so on disk, while the queue that feeds the command goes on.
//!
//! Invariant: as much is looked at as both sides have, so that a command which writes little by little
//! costs no more than one that writes much.

use bytes::Bytes;

use crate::error::{ErrorKind, Failure};
use crate::local::block::Block;
use crate::local::edge::{Reader, Stop, Writer};
use crate::plan::stage::Replace;
use crate::row::layout::{Layout, Rows};
use crate::row::replace::Replacer;

/// Rows that are counted beyond the first which has no counterpart, to say how many there are.
const MOST_COUNTED: u64 = 1_000_000;

/// One of the two inputs.
struct Side {
    reader: Reader,
    /// What has come and is not through.
    block: Block,
    /// Rows that are through, of all blocks.
    rows: u64,
    ended: bool,
}

impl Side {
    fn new(reader: Reader) -> Side {
        let block = Block { layout: Layout::Lines, partition: 0, rows: 0, bytes: Bytes::new() };
        Side { reader, block, rows: 0, ended: false }
    }

    /// Waits for rows, or for the end.
    async fn fill(&mut self) -> Result<(), Failure> {
        while self.block.rows == 0 && !self.ended {
            match self.reader.next().await? {
                Some(block) => self.block = block,
                None => self.ended = true,
            }
        }
        Ok(())
    }

    /// Takes the first rows of the block, of which there are as many.
    fn take(&mut self, rows: u32) -> Bytes {
        let end = match rows == self.block.rows {
            true => self.block.bytes.len(),
            false => self.block.as_rows().end_of(rows as usize),
        };
        self.block.rows -= rows;
        self.rows += u64::from(rows);
        self.block.bytes.split_to(end)
    }

    /// How many rows there are in all, as far as it is worth counting.
    async fn count(&mut self) -> Result<Counted, Failure> {
        let most = self.rows + MOST_COUNTED;
        loop {
            self.rows += u64::from(std::mem::take(&mut self.block.rows));
            if self.rows >= most {
                return Ok(Counted { rows: most, more: true });
            }
            if self.ended {
                return Ok(Counted { rows: self.rows, more: false });
            }
            self.fill().await?;
        }
    }
}

/// A number of rows, or of the first of them.
struct Counted {
    rows: u64,
    more: bool,
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.more { "at least " } else { "" }, self.rows)
    }
}

/// Puts rows together until both sides have ended.
pub(crate) async fn run_replace(
    replace: Replace,
    partition: u32,
    [rows, columns]: [Reader; 2],
    max_row: usize,
    out: Writer,
) {
    let both = [Side::new(rows), Side::new(columns)];
    let result = tokio::select! {
        result = replace_all(&replace, partition, both, max_row, &out) => result,
        () = out.gone() => return,
    };
    out.settle(result);
}

async fn replace_all(
    Replace { columns, command }: &Replace,
    partition: u32,
    [mut rows, mut others]: [Side; 2],
    max_row: usize,
    out: &Writer,
) -> Result<(), Stop> {
    let mut replacer = Replacer::new(columns, max_row);
    loop {
        rows.fill().await?;
        others.fill().await?;
        match (rows.ended, others.ended) {
            (true, true) => return Ok(()),
            (false, false) => {}
            _ => {
                let (rows, lines) = (rows.count().await?, others.count().await?);
                return Err(Stop::Failed(uneven(command, &rows, &lines)));
            }
        }
        let both = rows.block.rows.min(others.block.rows);
        let (layout, other_layout) = (rows.block.layout, others.block.layout);
        let (first, second) = (rows.take(both), others.take(both));
        let (made, bytes, failure) = match layout {
            // The only column of a line is all of it.
            Layout::Lines => (both, second, None),
            layout => {
                let mut made = Vec::new();
                let (first, second) = (Rows::new(layout, &first), Rows::new(other_layout, &second));
                let (count, failure) = replacer.replace(first, second, &mut made);
                (count, Bytes::from(made), failure)
            }
        };
        if made > 0 {
            let layout = Replacer::layout(layout);
            out.push(Block { layout, partition, rows: made, bytes }).await?;
        }
        if let Some(failure) = failure {
            return Err(Stop::Failed(failure));
        }
    }
}

fn uneven(command: &str, rows: &Counted, lines: &Counted) -> Failure {
    let message = format!("`{command}` wrote {lines} lines for {rows} rows");
    Failure::new(ErrorKind::Command, message)
        .hint("it takes a line for each row, in order; other commands are for `pipe`")
}
