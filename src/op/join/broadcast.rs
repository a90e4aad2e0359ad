//! A join whose right side each worker holds: left rows pass by and stay in their order.
//!
//! A newcomer's trap: the table is made once in a worker, not once in a task.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::joined::{Joined, KEY_LENGTH, Kind, behind_key, put_split};
use crate::error::{ErrorKind, Failed, Failure};
use crate::op::group::{Emit, GroupStep, GroupTask, Held};
use crate::plan::chain::KeyColumn;
use crate::plan::named::Arguments;
use crate::row::describe::describe;
use crate::row::key;
use crate::row::layout::Rows;
use crate::row::msgpack;

/// A record is found by 32 bits.
const MOST_BYTES: usize = 3 << 30;

#[derive(Serialize, Deserialize)]
pub(in crate::op) struct Broadcast {
    joined: Joined,
    /// Which of the sides that the worker holds is the right one.
    held: usize,
    #[serde(skip)]
    table: Option<Rc<Table>>,
    /// The order of the left's keys, and how many columns left rows have at least besides them.
    #[serde(skip)]
    order: Vec<KeyColumn>,
    #[serde(skip)]
    left_others: u32,
    /// How many columns the rows of this task have, once there has been one.
    #[serde(skip)]
    width: Option<usize>,
    #[serde(skip)]
    framed: Vec<u8>,
    /// Keys of a block's rows, one behind another.
    #[serde(skip)]
    keys: Vec<u8>,
    #[serde(skip)]
    probes: Vec<Probe>,
    #[serde(skip)]
    row: Vec<u8>,
    #[serde(skip)]
    spans: Vec<(usize, usize)>,
}

/// The right rows, by key.
#[derive(Default)]
struct Table {
    /// As many as a power of two, at least twice as many as there are keys.
    slots: Vec<Slot>,
    /// Of each key the length of its bytes, these, the length of all its rows, and these: of each row
    /// the length of its columns without the key, and these, padded. What belongs to a key lies
    /// together, for what a lookup costs is the memory that it waits for.
    records: Vec<u8>,
    right_others: u32,
}

/// Where a record begins, plus one, and some bits of its key's hash; 0 is free.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u32,
    record: u32,
}

/// A left row whose key is being looked up.
struct Probe {
    row: Range<usize>,
    key: Range<usize>,
    hash: u64,
    slot: Slot,
}

impl Broadcast {
    pub(super) fn new(joined: Joined, held: usize) -> Broadcast {
        Broadcast {
            joined,
            held,
            table: None,
            order: Vec::new(),
            left_others: 0,
            width: None,
            framed: Vec::new(),
            keys: Vec::new(),
            probes: Vec::new(),
            row: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Finds the keys of all rows, up to one whose key can't be had, and then their slots: one after
    /// another each lookup would wait for memory, together they wait at the same time.
    fn look_up(&mut self, table: &Table, rows: Rows<'_>) -> Result<(), Failed> {
        self.keys.clear();
        self.probes.clear();
        let mut at = 0;
        let found = rows.try_each_whole(|row, whole| {
            let start = self.keys.len();
            key::append_row_key(&mut self.keys, row, &self.order).map_err(|failure| {
                let index = u32::try_from(self.probes.len()).expect("blocks are far smaller");
                Failed::from(failure).at_row(index, || describe(row))
            })?;
            let hash = key::hash(&self.keys[start..]);
            at += whole.len();
            let (row, key) = (at - row.len()..at, start..self.keys.len());
            self.probes.push(Probe { row, key, hash, slot: Slot::default() });
            Ok(())
        });
        for probe in &mut self.probes {
            probe.slot = table.slot(probe.hash);
        }
        found
    }

    /// Takes a left row apart. Whether a column of its key is nil.
    fn take(&mut self, row: &[u8]) -> Result<bool, Failure> {
        self.row.clear();
        self.row.extend_from_slice(&[0; KEY_LENGTH]);
        let (key, others) = (&self.joined.left.key, self.left_others);
        let has_nil = put_split(row, key, &mut self.spans, &mut self.row, others)?;
        self.check_width()?;
        Ok(has_nil)
    }

    /// Puts out what comes of a left row that has been taken apart.
    fn put(&self, table: &Table, found: Option<&[u8]>, out: &mut Emit<'_>) -> Result<(), Failed> {
        let left = &self.row[KEY_LENGTH..];
        let alone = |out: &mut Vec<u8>| {
            out.extend_from_slice(left);
            Ok(())
        };
        match (self.joined.kind(), found) {
            (Kind::Semi, Some(_)) | (Kind::Anti, None) => out.row(alone),
            (Kind::Semi, None) | (Kind::Anti, Some(_)) | (Kind::Inner, None) => Ok(()),
            (_, None) => out.row(|out| {
                out.extend_from_slice(left);
                (0..table.right_others).for_each(|_| msgpack::put_nil(out));
                Ok(())
            }),
            (_, Some(rows)) => Lengths(rows).try_for_each(|right| {
                out.row(|out| {
                    out.extend_from_slice(left);
                    out.extend_from_slice(right);
                    Ok(())
                })
            }),
        }
    }

    /// The right's columns must stand at the same place in each row.
    fn check_width(&mut self) -> Result<(), Failure> {
        if self.joined.asks_only_whether() {
            return Ok(());
        }
        let width = self.spans.len();
        let declared = self.joined.left.width.map(|width| width as usize);
        let before = declared.unwrap_or(*self.width.get_or_insert(width));
        if width == before || (declared.is_some() && width < before) {
            return Ok(());
        }
        let widest = width.max(before);
        let message = match declared {
            Some(_) => {
                format!("the left side has a row of {width} columns, and is to have {before}")
            }
            None => format!(
                "the left side has rows of {before} and of {width} columns, and the right's come behind them"
            ),
        };
        Err(Failure::new(ErrorKind::Row, message)
            .hint(format!("`left_width({widest})` says how many it has, and pads shorter rows")))
    }
}

impl Table {
    fn of(held: &Held, joined: &Joined) -> Result<Table, Failure> {
        let (right_key, order) = (&joined.right.key, joined.right.order());
        let right_others = joined.right.others(held.facts.width)?;
        let mut table = Table { slots: Vec::new(), records: Vec::new(), right_others };
        let mut hashes: Vec<(u64, u32)> = Vec::new();
        let (mut last, mut key) = (Vec::new(), Vec::new());
        let (mut spans, mut columns) = (Vec::new(), Vec::new());
        let most_bytes = held.most_bytes.min(MOST_BYTES);
        let mut rows_from = 0;
        let read = (held.read)(&mut |row| {
            key.clear();
            key::append_row_key(&mut key, row, &order)?;
            // Rows come in the order of their keys.
            if hashes.is_empty() || key != last {
                hashes.push((key::hash(&key), table.end()));
                put_piece(&mut table.records, &key);
                put_piece(&mut table.records, &[]);
                rows_from = table.records.len();
                std::mem::swap(&mut last, &mut key);
            }
            if !joined.asks_only_whether() {
                columns.clear();
                columns.extend_from_slice(&[0; KEY_LENGTH]);
                put_split(row, right_key, &mut spans, &mut columns, right_others)?;
                put_piece(&mut table.records, behind_key(&columns));
                let length = length_of(&table.records[rows_from..]);
                table.records[rows_from - LENGTH..rows_from].copy_from_slice(&length);
            }
            let slots = (2 * hashes.len()).next_power_of_two() * size_of::<Slot>();
            let bytes = table.records.len() + slots + size_of_val(&hashes[..]);
            if bytes > most_bytes {
                return Err(too_large(most_bytes).into());
            }
            Ok(())
        });
        read.map_err(|failed| failed.failure)?;
        table.slots = vec![Slot::default(); (2 * hashes.len()).next_power_of_two().max(2)];
        for (hash, record) in hashes {
            let mut at = table.first(hash);
            while table.slots[at].record != 0 {
                at = (at + 1) & (table.slots.len() - 1);
            }
            table.slots[at] = Slot { tag: tag(hash), record: record + 1 };
        }
        Ok(table)
    }

    fn end(&self) -> u32 {
        u32::try_from(self.records.len()).expect("what is held is below 4 GiB")
    }

    #[inline]
    fn first(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    /// Where a key's record is found, or one of another key that has the same place.
    #[inline]
    fn slot(&self, hash: u64) -> Slot {
        self.slots[self.first(hash)]
    }

    /// The rows of a key whose first slot is known.
    #[inline]
    fn rows(&self, hash: u64, key: &[u8], mut slot: Slot) -> Option<&[u8]> {
        let mut at = self.first(hash);
        while slot.record != 0 {
            if slot.tag == tag(hash) {
                let mut record = Lengths(&self.records[slot.record as usize - 1..]);
                if record.next() == Some(key) {
                    return record.next();
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
            slot = self.slots[at];
        }
        None
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Bytes of a length.
const LENGTH: usize = 4;

fn length_of(bytes: &[u8]) -> [u8; LENGTH] {
    u32::try_from(bytes.len()).expect("what is held is below 4 GiB").to_le_bytes()
}

/// Appends bytes behind their length.
fn put_piece(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&length_of(bytes));
    out.extend_from_slice(bytes);
}

/// Goes through bytes, each behind their length.
struct Lengths<'a>(&'a [u8]);

impl<'a> Iterator for Lengths<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, behind) = self.0.split_first_chunk()?;
        let (piece, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        self.0 = behind;
        Some(piece)
    }
}

fn too_large(most_bytes: usize) -> Failure {
    let message = format!(
        "the right side takes more than {} MiB in each worker, which is all it may",
        most_bytes >> 20
    );
    Failure::new(ErrorKind::Memory, message)
        .hint("without `broadcast` the rows meet on disk; `memory` gives a run more")
}

impl GroupStep for Broadcast {
    fn begin(&mut self, task: &GroupTask<'_>) -> Result<(), Failure> {
        self.width = None;
        self.order = self.joined.left.order();
        self.left_others =
            if self.joined.asks_only_whether() { 0 } else { self.joined.left.others(0)? };
        // A task that only makes longer runs of shorter ones holds nothing.
        let Some(held) = task.held.get(self.held) else { return Ok(()) };
        self.table = Some(held.once(|held| Table::of(held, &self.joined))?);
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        let Some(table) = self.table.clone() else { return Ok(()) };
        let mut framed = std::mem::take(&mut self.framed);
        framed.clear();
        let bytes = rows.as_frames(&mut framed)?;
        let found = self.look_up(&table, Rows::frames(bytes));
        let probes = std::mem::take(&mut self.probes);
        for (index, probe) in (0..).zip(&probes) {
            let row = &bytes[probe.row.clone()];
            let has_nil = self
                .take(row)
                .map_err(|failure| Failed::from(failure).at_row(index, || describe(row)))?;
            let key = &self.keys[probe.key.clone()];
            let rows = if has_nil { None } else { table.rows(probe.hash, key, probe.slot) };
            self.put(&table, rows, out)?;
        }
        (self.probes, self.framed) = (probes, framed);
        found
    }
}

impl Arguments for Broadcast {
    const NAME: &str = "broadcast_join";
}

impl fmt::Display for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broadcast {}", self.joined)
    }
}
