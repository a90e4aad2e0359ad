//! Native folds at work: rows of equal keys within a task, and groups behind an exchange.
//!
//! A newcomer's trap: a task's groups are put out when they take a fixed amount of memory, never
//! because of the budget, so that what a fold is told of depends on the rows alone.

use crate::error::{Failed, Failure};
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::op::native::{Fold, malformed};
use crate::plan::chain::KeyColumn;
use crate::row::describe::describe;
use crate::row::frame;
use crate::row::key;
use crate::row::layout::Rows;
use crate::row::missing::column_of;
use crate::row::msgpack;
use crate::worker::key_table::KeyTable;

/// What a task's groups may take before they are put out.
const MOST_BYTES: usize = 4 << 20;

/// Folds within a task. Rows out: the key columns, then the parts of the fold, in the order in
/// which keys came.
pub(crate) struct Combining {
    keys: Vec<u32>,
    order: Vec<KeyColumn>,
    fold: Box<dyn Fold>,
    table: KeyTable,
    key: Vec<u8>,
    framed: Vec<u8>,
}

impl Combining {
    pub(crate) fn new(keys: &[u32], fold: Box<dyn Fold>) -> Combining {
        Combining {
            keys: keys.to_vec(),
            order: keys.iter().map(|&column| KeyColumn::ascending(column)).collect(),
            fold,
            table: KeyTable::default(),
            key: Vec::new(),
            framed: Vec::new(),
        }
    }

    /// Takes rows. Where groups are put out, they are appended to `out`.
    pub(crate) fn push(&mut self, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), Failed> {
        let mut framed = std::mem::take(&mut self.framed);
        framed.clear();
        let mut index = 0;
        let frames = Rows::frames(rows.as_frames(&mut framed)?);
        let pushed = frames.try_each(|row| {
            self.add(row, out)
                .map_err(|failure| Failed::from(failure).at_row(index, || describe(row)))?;
            index += 1;
            Ok(())
        });
        self.framed = framed;
        pushed
    }

    fn add(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        self.key.clear();
        key::append_row_key(&mut self.key, row, &self.order)?;
        let keys = &self.keys;
        let group = self.table.number(&self.key, |shown| {
            keys.iter().try_for_each(|&column| {
                shown.extend_from_slice(column_of(row, column)?);
                Ok(())
            })
        })?;
        self.fold.add(group, row)?;
        if self.table.bytes() + self.fold.bytes() >= MOST_BYTES {
            self.finish(out)?;
        }
        Ok(())
    }

    /// Puts out all groups.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        for group in 0..self.table.len() {
            let start = frame::begin(out);
            out.extend_from_slice(self.table.shown(group));
            self.fold.put_part(group, out);
            frame::end(out, start).map_err(malformed)?;
        }
        self.clear();
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.fold.clear();
    }
}

/// Folds what came of the tasks: rows of keys and parts, with marks. Rows out: the keys, as the
/// first row of each group has them, then what the fold gives.
pub(crate) struct FoldedGroups {
    keys: u32,
    fold: Box<dyn Fold>,
    /// The columns of the open group's key.
    key: Vec<u8>,
    open: bool,
}

impl FoldedGroups {
    pub(crate) fn new(keys: u32, fold: Box<dyn Fold>) -> FoldedGroups {
        FoldedGroups { keys, fold, key: Vec::new(), open: false }
    }

    fn end_group(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        if std::mem::take(&mut self.open) {
            out.row(|out| {
                out.extend_from_slice(&self.key);
                self.fold.put_result(0, out)
            })?;
            self.fold.clear();
        }
        Ok(())
    }

    fn take(&mut self, begins: bool, row: &[u8], out: &mut Emit<'_>) -> Result<(), Failed> {
        let mut key_end = 0;
        for _ in 0..self.keys {
            key_end += msgpack::skip(&row[key_end..]).map_err(malformed)?;
        }
        let (key, part) = row.split_at(key_end);
        if begins {
            self.end_group(out)?;
            self.key.clear();
            self.key.extend_from_slice(key);
            self.open = true;
        }
        Ok(self.fold.merge(0, part)?)
    }
}

impl GroupStep for FoldedGroups {
    fn begin(&mut self, _: &GroupTask<'_>) -> Result<(), Failure> {
        self.open = false;
        self.fold.clear();
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        let mut marks = rows.marks.iter();
        rows.try_each(|row| {
            let begins = marks.next().is_some_and(|mark| mark.begins_key()) || !self.open;
            self.take(begins, row, out)
        })
    }

    fn finish(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        self.end_group(out)
    }
}
