//! Rows that guarded steps leave out, on their way to the engine: see [`Guard`].
//!
//! A newcomer's trap: a letter is a frame whose first column is the failure, as bytes; the row's own
//! columns are behind it. How a person reads that is the engine's matter, which knows the program.

use crate::error::{ErrorKind, Failure, Rejected};
use crate::plan::guard::Guard;
use crate::row::block::BLOCK_BYTES;
use crate::row::frame::put_row;
use crate::row::layout::Rows;
use crate::row::msgpack::{self, Value};
use crate::worker::task::Counts;

/// What the rows that a push leaves out may take until it is over, in blocks.
const MOST_BLOCKS: usize = 256;

/// The rows that a task has left out and not sent yet.
#[derive(Default)]
pub(super) struct Rejects {
    rows: Vec<Rejected>,
    bytes: usize,
}

impl Rejects {
    /// Keeps a row until it is sent.
    pub(super) fn keep(&mut self, row: Rejected) -> Result<(), Failure> {
        self.bytes += row.columns.len() + row.failed.failure.message.len();
        if self.bytes > MOST_BLOCKS * BLOCK_BYTES {
            let message = "one block of rows makes too many bad rows";
            let failure = Failure::new(ErrorKind::Memory, message);
            return Err(failure.hint("a row that makes that many of others is a bad row itself"));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Counts a row that native code leaves out, and keeps it where its text is wanted: each, or the
    /// first of the task.
    pub(super) fn leave_out(
        &mut self,
        guard: &Guard,
        counts: &mut Counts,
        row: Rejected,
    ) -> Result<(), Failure> {
        let step = row.failed.failure.step.expect("native code names its step");
        let count = counts.skipped.entry(step).or_default();
        *count += 1;
        match *count == 1 || guard.dead_letters().is_some() {
            true => self.keep(row),
            false => Ok(()),
        }
    }

    pub(super) fn take(&mut self) -> Vec<Rejected> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

/// The columns of a row.
pub(super) fn columns_of(row: Rows<'_>) -> Vec<u8> {
    let mut columns = Vec::new();
    if let Some(Ok(row_bytes)) = row.each().next() {
        row.layout.put_columns(row_bytes, &mut columns);
    }
    columns
}

/// Appends a letter.
pub(crate) fn put_letter(out: &mut Vec<u8>, failure: &Failure, columns: &[u8]) {
    let failure = rmp_serde::to_vec(failure).expect("a failure is plain data");
    let put = put_row(usize::MAX, out, |out| {
        msgpack::put_bin(out, &failure);
        out.extend_from_slice(columns);
        Ok(())
    });
    put.map_err(|failed| failed.failure)
        .expect("a failure has a length, and no row is longer than 4 GiB");
}

/// Reads a letter's frame: the failure, and the row's columns.
pub(crate) fn read_letter(payload: &[u8]) -> Option<(Failure, &[u8])> {
    let (Value::Bin(failure), used) = msgpack::head(payload).ok()? else { return None };
    Some((rmp_serde::from_slice(failure).ok()?, &payload[used..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_reads_back() {
        let failure = Failure::new(ErrorKind::Lua, "no number").at_step(3).hint("mend it");
        let mut out = Vec::new();
        put_letter(&mut out, &failure, &[1, 0xc0]);
        let rows: Vec<_> = Rows::frames(&out).each().collect();
        let (read, columns) = read_letter(rows[0].as_ref().unwrap()).unwrap();
        assert_eq!((read.message.as_str(), read.step), ("no number", Some(3)));
        assert_eq!(columns, [1, 0xc0]);
    }
}
