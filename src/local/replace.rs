//! Rows, with columns in the place of others that have gone through a command.
//!
//! A newcomer's trap: the command may read all rows before it writes a line. Meanwhile they wait in
//! this stage's own queue of them, and so on disk, while the queue that feeds the command goes on.
//!
//! Lines stay lines where both sides have them, and one column of a line is replaced without looking
//! at what it is.

use bytes::{Buf, Bytes};
use memchr::{memchr, memchr_iter};

use crate::error::{ErrorKind, Failed, Failure};
use crate::local::block::Block;
use crate::local::edge::{Reader, Stop, Writer};
use crate::plan::stage::Replace;
use crate::row::frame::{self, put_row, too_large};
use crate::row::layout::{Layout, Rows};
use crate::row::missing::Missing;
use crate::row::msgpack;

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

    /// Some rows have been taken, which end at this byte of the block.
    fn advance(&mut self, rows: u32, bytes: usize) {
        self.block.bytes.advance(bytes);
        self.block.rows -= rows;
        self.rows += u64::from(rows);
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
    readers: [Reader; 2],
    sizes: Sizes,
    out: Writer,
) {
    let [rows, columns] = readers.map(Side::new);
    let replacing = Replacing::new(replace, sizes);
    let result = tokio::select! {
        result = replace_all(&replacing, partition, rows, columns, &out) => result,
        () = out.gone() => return,
    };
    out.settle(result);
}

/// How large rows and blocks may be.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub max_row: usize,
    pub block_bytes: usize,
}

async fn replace_all(
    replacing: &Replacing,
    partition: u32,
    mut rows: Side,
    mut columns: Side,
    out: &Writer,
) -> Result<(), Stop> {
    loop {
        rows.fill().await?;
        columns.fill().await?;
        match (rows.ended, columns.ended) {
            (true, true) => return Ok(()),
            (false, false) => {}
            _ => {
                let (rows, lines) = (rows.count().await?, columns.count().await?);
                return Err(Stop::Failed(replacing.uneven(&rows, &lines)));
            }
        }
        let mut made = Made::default();
        let result = replacing.replace(&mut rows, &mut columns, &mut made);
        if made.rows > 0 {
            let Made { layout, rows, bytes } = made;
            out.push(Block { layout, partition, rows, bytes }).await?;
        }
        result?;
    }
}

/// A block that is made.
struct Made {
    layout: Layout,
    rows: u32,
    bytes: Bytes,
}

impl Default for Made {
    fn default() -> Made {
        Made { layout: Layout::Columns, rows: 0, bytes: Bytes::new() }
    }
}

/// What is replaced.
struct Replacing {
    /// As the user names them, and what the command is called.
    replace: Replace,
    /// The columns, from 1, in order, each with its place among those that come back.
    sorted: Vec<(u32, usize)>,
    sizes: Sizes,
}

impl Replacing {
    fn new(replace: Replace, sizes: Sizes) -> Replacing {
        let mut sorted: Vec<(u32, usize)> = replace.columns.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        Replacing { replace, sorted, sizes }
    }

    fn uneven(&self, rows: &Counted, lines: &Counted) -> Failure {
        let Replace { command, .. } = &self.replace;
        let message = format!("`{command}` wrote {lines} lines for {rows} rows");
        Failure::new(ErrorKind::Command, message)
            .hint("it takes a line for each row, in order; other commands are for `pipe`")
    }

    /// Takes rows of both sides, as many as both have or fit into a block.
    fn replace(&self, rows: &mut Side, columns: &mut Side, made: &mut Made) -> Result<(), Failure> {
        let both = rows.block.rows.min(columns.block.rows);
        made.layout = match rows.block.layout {
            Layout::Lines => {
                // The only column of a line is all of it.
                let end = columns.block.as_rows().end_of(both as usize);
                made.bytes = columns.block.bytes.slice(..end);
                made.rows = both;
                let passed = match both == rows.block.rows {
                    true => rows.block.bytes.len(),
                    false => rows.block.as_rows().end_of(both as usize),
                };
                rows.advance(both, passed);
                columns.advance(both, end);
                return Ok(());
            }
            layout => layout,
        };
        let (mut out, mut count) = (Vec::new(), 0);
        let (mut at, mut other_at) = (0, 0);
        let [first, second] = [&rows.block, &columns.block].map(|block| block.as_rows());
        out.reserve((first.bytes.len() + second.bytes.len()).min(self.sizes.block_bytes * 5 / 4));
        let mut result = Ok(());
        while count < both && out.len() < self.sizes.block_bytes {
            let start = out.len();
            let put = next_row(first, &mut at).and_then(|row| {
                let other = next_row(second, &mut other_at)?;
                match (first.layout, second.layout) {
                    (Layout::Frames, _) => self.put_frame(row, other, second.layout, &mut out),
                    _ => self.put_line(row, other, &mut out),
                }
            });
            if let Err(failure) = put {
                out.truncate(start);
                result = Err(failure);
                break;
            }
            count += 1;
        }
        rows.advance(count, at);
        columns.advance(count, other_at);
        (made.bytes, made.rows) = (Bytes::from(out), count);
        result
    }

    /// Appends a line whose columns are separated by TAB, some of them replaced by those of another.
    fn put_line(&self, row: &[u8], other: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let start = out.len();
        let missing = |column| missing(column, Layout::Columns, row);
        if let [(column, _)] = self.sorted[..] {
            let (from, to) = span_in_line(row, column).ok_or_else(|| missing(column))?;
            out.extend_from_slice(&row[..from]);
            out.extend_from_slice(other);
            out.extend_from_slice(&row[to..]);
        } else {
            let even = memchr_iter(b'\t', other).count() + 1 == self.replace.columns.len();
            let mut replaced = self.sorted.iter().peekable();
            for (number, column) in (1..).zip(row.split(|byte| *byte == b'\t')) {
                let text = match replaced.next_if(|(column, _)| *column == number) {
                    None => column,
                    Some((_, place)) if even => {
                        other.split(|byte| *byte == b'\t').nth(*place).expect("they were counted")
                    }
                    Some((_, 0)) => other,
                    Some(_) => continue,
                };
                if out.len() > start {
                    out.push(b'\t');
                }
                out.extend_from_slice(text);
            }
            if let Some((column, _)) = replaced.next() {
                return Err(missing(*column));
            }
        }
        out.push(b'\n');
        if out.len() - start > self.sizes.max_row + 1 {
            return Err(too_large().failure);
        }
        Ok(())
    }

    /// Appends a frame of a row, some of whose columns are replaced by those of another row.
    fn put_frame(
        &self,
        row: &[u8],
        other: &[u8],
        layout: Layout,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let put = |out: &mut Vec<u8>| {
            let missing = |column| missing(column, Layout::Frames, row);
            let malformed =
                |error: msgpack::Malformed| Failure::new(ErrorKind::Row, error.to_string());
            let [(column, _)] = self.sorted[..] else {
                return self.put_columns(row, other, layout, out);
            };
            let mut from = 0;
            for _ in 1..column {
                if from == row.len() {
                    return Err(missing(column));
                }
                from += msgpack::skip(&row[from..]).map_err(malformed)?;
            }
            if from == row.len() {
                return Err(missing(column));
            }
            let to = from + msgpack::skip(&row[from..]).map_err(malformed)?;
            out.extend_from_slice(&row[..from]);
            layout.put_columns(other, out);
            out.extend_from_slice(&row[to..]);
            Ok(())
        };
        put_row(self.sizes.max_row, out, put).map_err(|failed: Failed| failed.failure)
    }

    /// Appends the columns of a row, several of them replaced.
    fn put_columns(
        &self,
        row: &[u8],
        other: &[u8],
        layout: Layout,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let malformed = |error: msgpack::Malformed| Failure::new(ErrorKind::Row, error.to_string());
        let mut back = Vec::new();
        layout.put_columns(other, &mut back);
        let back_columns: Vec<&[u8]> =
            msgpack::columns(&back).collect::<Result<_, _>>().map_err(malformed)?;
        let even = back_columns.len() == self.replace.columns.len();
        let mut replaced = self.sorted.iter().peekable();
        for (number, column) in (1..).zip(msgpack::columns(row)) {
            match replaced.next_if(|(column, _)| *column == number) {
                None => out.extend_from_slice(column.map_err(malformed)?),
                Some((_, place)) if even => out.extend_from_slice(back_columns[*place]),
                Some((_, 0)) => out.extend_from_slice(&back),
                Some(_) => {}
            }
        }
        match replaced.next() {
            Some((column, _)) => Err(missing(*column, Layout::Frames, row)),
            None => Ok(()),
        }
    }
}

/// The row at a place, which moves behind it.
#[inline]
fn next_row<'a>(rows: Rows<'a>, at: &mut usize) -> Result<&'a [u8], Failure> {
    let rest = &rows.bytes[*at..];
    let truncated = || Failure::from(frame::FrameError::Truncated);
    if rows.layout.is_lines() {
        let end = memchr(b'\n', rest).ok_or_else(truncated)?;
        *at += end + 1;
        return Ok(&rest[..end]);
    }
    let row = frame::first(rest, usize::MAX)?.ok_or_else(truncated)?;
    *at += frame::LENGTH_BYTES + row.len();
    Ok(row)
}

/// Where a column, from 1, begins and ends in a line.
#[inline]
fn span_in_line(line: &[u8], column: u32) -> Option<(usize, usize)> {
    let mut from = 0;
    for _ in 1..column {
        from += memchr(b'\t', &line[from..])? + 1;
    }
    let to = memchr(b'\t', &line[from..]).map_or(line.len(), |at| from + at);
    Some((from, to))
}

/// The command has taken a column that a row does not have. `select` before it has said so first.
fn missing(column: u32, layout: Layout, row: &[u8]) -> Failure {
    let mut payload = Vec::new();
    layout.put_columns(row, &mut payload);
    let width = msgpack::columns(&payload).count() as u32;
    Failure::from(Missing { column, width }).row(layout.describe(row))
}
