//! Native folds at work: rows of equal keys within a task, and groups behind an exchange.
//!
//! A newcomer's trap: a task's groups are put out when they take a fixed amount of memory, never
//! because of the budget, so that what a fold is told of depends on the rows alone: also on how
//! they lie, so only their columns' encoded values count.

use crate::error::{Failed, Failure};
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::op::native::{Fold, malformed};
use crate::plan::view;
use crate::row::cells::{Cells, Finder};
use crate::row::describe::describe;
use crate::row::frame;
use crate::row::key;
use crate::row::key_table::KeyTable;
use crate::row::layout::Rows;
use crate::row::msgpack::{self, Value};
use crate::worker::line_cells::LineCells;

/// What a task's groups may take before they are put out.
const MOST_BYTES: usize = 4 << 20;

/// What one part may take.
const MOST_PART_BYTES: usize = 256 << 10;

/// Room is looked at whenever so much has come.
const CHECKED_BYTES: usize = 16 << 10;

/// What a row takes at least.
const ROW_BYTES: usize = 16;

/// Groups that are not put out because there are so many of them, but of so few rows each, are
/// worth nothing: so many times as many rows go by without.
const PASSED_BY: usize = 7;

/// Folds within a task. Rows out: the key columns, then the parts of the fold, in the order in
/// which keys came.
pub(crate) struct Combining {
    /// The key columns are the first cells of each row.
    keys: usize,
    finder: Finder,
    /// For rows that come as lines.
    lines: Option<LineCells>,
    framed: Vec<u8>,
    groups: Groups,
}

/// Groups of a task.
struct Groups {
    fold: Box<dyn Fold>,
    table: KeyTable,
    key: Vec<u8>,
    /// Rows in the groups.
    rows: usize,
    /// What has come since room was looked at.
    unchecked: usize,
    /// So many rows are parts of their own.
    pass_by: usize,
}

impl Combining {
    pub(crate) fn new(
        keys: &[u32],
        mut fold: Box<dyn Fold>,
        view: Option<view::Columns>,
    ) -> Result<Combining, Failure> {
        fold.begin()?;
        let finder = Finder::new([keys, &fold.columns()].concat());
        let lines = view.map(|view| LineCells::new(view, finder.asked()));
        let (table, key) = (KeyTable::default(), Vec::new());
        let groups = Groups { fold, table, key, rows: 0, unchecked: 0, pass_by: 0 };
        Ok(Combining { keys: keys.len(), finder, lines, framed: Vec::new(), groups })
    }

    /// Takes rows. Where groups are put out, they are appended to `out`.
    pub(crate) fn push(&mut self, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), Failed> {
        let Combining { keys, finder, lines, framed, groups } = self;
        if let Some(lines) = lines
            && rows.layout.is_lines()
        {
            return lines.try_each(rows, finder, |cells| groups.add(*keys, cells, out));
        }
        framed.clear();
        let mut index = 0;
        Rows::frames(rows.as_frames(framed)?).try_each(|row| {
            finder
                .find(row)
                .and_then(|cells| groups.add(*keys, cells, out))
                .map_err(|failure| Failed::from(failure).at_row(index, || describe(row)))?;
            index += 1;
            Ok(())
        })
    }

    /// Puts out all groups.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.groups.put_all(out)
    }

    pub(crate) fn clear(&mut self) {
        self.groups.clear();
        self.groups.pass_by = 0;
    }
}

impl Groups {
    #[inline]
    fn add(&mut self, keys: usize, row: Cells<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.pass_by > 0 {
            self.pass_by -= 1;
            return self.put_alone(keys, row, out);
        }
        let known = self.table.len();
        let plain = if keys == 1 { plain_text(row.get(0)) } else { None };
        let key = match plain {
            Some(text) => text,
            None => {
                self.key.clear();
                for cell in 0..keys {
                    append_key(&mut self.key, row.get(cell))?;
                }
                &self.key
            }
        };
        let group = self.table.number(key, |shown| {
            (0..keys).for_each(|cell| shown.extend_from_slice(row.get(cell)));
            Ok(())
        })?;
        if group == known {
            self.fold.begin_group();
        }
        self.fold.add(group, row.behind(keys))?;
        self.rows += 1;
        self.unchecked += ROW_BYTES + row.size;
        if self.unchecked >= CHECKED_BYTES {
            self.unchecked = 0;
            self.look_at_room(out)?;
        }
        Ok(())
    }

    fn look_at_room(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let full = self.table.bytes() + self.fold.bytes() >= MOST_BYTES;
        if full || self.fold.largest_part() >= MOST_PART_BYTES {
            if full && self.table.len() >= self.rows / 4 * 3 {
                self.pass_by = PASSED_BY * self.rows;
            }
            self.put_all(out)?;
        }
        Ok(())
    }

    /// Puts out a row as a part of its own.
    fn put_alone(&mut self, keys: usize, row: Cells<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.fold.begin_group();
        self.fold.add(0, row.behind(keys))?;
        let start = frame::begin(out);
        (0..keys).for_each(|cell| out.extend_from_slice(row.get(cell)));
        self.fold.put_part(0, out);
        frame::end(out, start).map_err(malformed)?;
        self.fold.clear();
        Ok(())
    }

    fn put_all(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        for group in 0..self.table.len() {
            let start = frame::begin(out);
            out.extend_from_slice(self.table.shown(group));
            self.fold.put_part(group, out);
            frame::end(out, start).map_err(malformed)?;
        }
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.table.clear();
        self.fold.clear();
        (self.rows, self.unchecked) = (0, 0);
    }
}

/// Appends what tells a key column's value from others within a task: text as it is encoded, which
/// needs no more than a copy, and else its key bytes. They begin with other bytes.
#[inline]
fn append_key(key: &mut Vec<u8>, value: &[u8]) -> Result<(), Failure> {
    match msgpack::head(value).map_err(malformed)?.0 {
        Value::Str(text) | Value::Bin(text) => msgpack::put_str(key, text),
        _ => key::append(key, value).map_err(malformed)?,
    }
    Ok(())
}

/// The text of a value that tells it from others by itself: short, and it begins with what none begins
/// with that [`append_key`] makes.
#[inline]
fn plain_text(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0xa1..=0xbf, text @ ..] if matches!(text, [b' '..=b'~', ..]) => Some(text),
        _ => None,
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
    pub(crate) fn new(keys: u32, mut fold: Box<dyn Fold>) -> Result<FoldedGroups, Failure> {
        fold.begin()?;
        Ok(FoldedGroups { keys, fold, key: Vec::new(), open: false })
    }

    fn begin_group(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.open = true;
        self.fold.begin_group();
    }

    fn end_group(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        if std::mem::take(&mut self.open) {
            out.row(|out| {
                out.extend_from_slice(&self.key);
                self.fold.put_result(out).map_err(|failure| of_group(&self.key, failure))
            })?;
            self.fold.clear();
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, begins: bool, row: &[u8], out: &mut Emit<'_>) -> Result<(), Failed> {
        let mut key_end = 0;
        for _ in 0..self.keys {
            key_end += msgpack::skip(&row[key_end..]).map_err(malformed)?;
        }
        let (key, part) = row.split_at(key_end);
        if begins {
            self.end_group(out)?;
            self.begin_group(key);
        }
        Ok(self.fold.merge(part).map_err(|failure| of_group(&self.key, failure))?)
    }
}

/// Names the group that an error is about.
#[cold]
fn of_group(key: &[u8], failure: Failure) -> Failure {
    if key.is_empty() { failure } else { failure.row(describe(key)) }
}

impl GroupStep for FoldedGroups {
    fn begin(&mut self, task: &GroupTask<'_>) -> Result<(), Failure> {
        self.open = false;
        self.fold.clear();
        self.fold.begin_merging(task);
        if self.keys == 0 {
            self.begin_group(&[]);
        }
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each_marked(|row, mark| {
            let begins = mark.begins_key() || !self.open;
            self.take(begins && self.keys > 0, row, out)
        })
    }

    fn finish(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        self.end_group(out)
    }
}
