//! A join whose right side each worker holds: left rows pass by and stay in their order.
//!
//! A newcomer's trap: the table is made once in a worker, not once in a task.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::joined::{Joined, KEY_LENGTH, Kind, behind_key, put_split};
use crate::error::{ErrorKind, Failed, Failure};
use crate::op::group::{Emit, GroupStep, GroupTask, Held};
use crate::plan::chain::KeyColumn;
use crate::plan::named::Arguments;
use crate::row::describe::describe;
use crate::row::key;
use crate::row::key_table::KeyTable;
use crate::row::layout::Rows;
use crate::row::msgpack;

/// The keys of a table and what is behind them are found by 32 bits.
const MOST_BYTES: usize = 3 << 30;

#[derive(Serialize, Deserialize)]
pub(in crate::op) struct Broadcast {
    joined: Joined,
    /// Which of the sides that the worker holds is the right one.
    held: usize,
    #[serde(skip)]
    table: Option<Rc<Table>>,
    /// How many columns the rows of this task have, once there has been one.
    #[serde(skip)]
    width: Option<usize>,
    #[serde(skip)]
    framed: Vec<u8>,
    #[serde(skip)]
    key: Vec<u8>,
    #[serde(skip)]
    row: Vec<u8>,
    #[serde(skip)]
    spans: Vec<(usize, usize)>,
}

/// The right rows, by key.
#[derive(Default)]
struct Table {
    keys: KeyTable,
    /// Where in `others` the rows of each key end, by the key's number; they lie one behind another.
    ends: Vec<u32>,
    /// Of each row the length of its columns without the key, and these, padded.
    others: Vec<u8>,
    right_others: u32,
}

impl Broadcast {
    pub(super) fn new(joined: Joined, held: usize) -> Broadcast {
        Broadcast {
            joined,
            held,
            table: None,
            width: None,
            framed: Vec::new(),
            key: Vec::new(),
            row: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Takes a left row apart, and finds its key in the table.
    fn find(
        &mut self,
        table: &Table,
        order: &[KeyColumn],
        row: &[u8],
    ) -> Result<Option<usize>, Failure> {
        self.key.clear();
        key::append_row_key(&mut self.key, row, order)?;
        self.row.clear();
        self.row.extend_from_slice(&[0; KEY_LENGTH]);
        let padded = self.joined.left_width().filter(|_| !self.joined.asks_only_whether());
        let others = self.joined.others("left", 0, padded)?;
        let [left_key, _] = self.joined.keys();
        let has_nil = put_split(row, left_key, &mut self.spans, &mut self.row, others)?;
        self.check_width()?;
        Ok(if has_nil { None } else { table.keys.find(&self.key) })
    }

    /// Puts out what comes of a left row that has been taken apart.
    fn put(&self, table: &Table, found: Option<usize>, out: &mut Emit<'_>) -> Result<(), Failed> {
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
            (_, Some(number)) => table.rows(number).try_for_each(|right| {
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
        let declared = self.joined.left_width().map(|width| width as usize);
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
        let [_, right_key] = joined.keys();
        let order: Vec<_> = right_key.iter().map(|&column| KeyColumn::ascending(column)).collect();
        let mut table =
            Table { right_others: joined.right_others(&held.facts)?, ..Table::default() };
        let (mut key, mut spans, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        let only_whether = joined.asks_only_whether();
        let most_bytes = held.most_bytes.min(MOST_BYTES);
        let read = (held.read)(&mut |row| {
            key.clear();
            key::append_row_key(&mut key, row, &order)?;
            let number = table.keys.number(&key, |_| Ok(()))?;
            if number == table.ends.len() {
                table.ends.push(table.end());
            }
            if !only_whether {
                columns.clear();
                columns.extend_from_slice(&[0; KEY_LENGTH]);
                put_split(row, right_key, &mut spans, &mut columns, table.right_others)?;
                let others = behind_key(&columns);
                let length = u32::try_from(others.len()).expect("a row is far below 4 GiB");
                table.others.extend_from_slice(&length.to_le_bytes());
                table.others.extend_from_slice(others);
            }
            table.ends[number] = table.end();
            let bytes = table.keys.bytes() + 4 * table.ends.len() + table.others.len();
            if bytes > most_bytes {
                return Err(too_large(most_bytes).into());
            }
            Ok(())
        });
        read.map_err(|failed| failed.failure)?;
        Ok(table)
    }

    fn end(&self) -> u32 {
        u32::try_from(self.others.len()).expect("what is held is below 4 GiB")
    }

    /// The rows of a key, without it.
    fn rows(&self, number: usize) -> impl Iterator<Item = &[u8]> {
        let from = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut rest = &self.others[from as usize..self.ends[number] as usize];
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk()?;
            let (row, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            rest = behind;
            Some(row)
        })
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
        // A task that only makes longer runs of shorter ones holds nothing.
        let Some(held) = task.held.get(self.held) else { return Ok(()) };
        self.table = Some(held.once(|held| Table::of(held, &self.joined))?);
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        let Some(table) = self.table.clone() else { return Ok(()) };
        let order: Vec<_> =
            self.joined.keys()[0].iter().map(|&column| KeyColumn::ascending(column)).collect();
        let mut framed = std::mem::take(&mut self.framed);
        framed.clear();
        let mut index = 0;
        let frames = Rows::frames(rows.as_frames(&mut framed)?);
        let pushed = frames.try_each(|row| {
            let found = self
                .find(&table, &order, row)
                .map_err(|failure| Failed::from(failure).at_row(index, || describe(row)))?;
            index += 1;
            self.put(&table, found, out)
        });
        self.framed = framed;
        pushed
    }

    fn finish(&mut self, _: &mut Emit<'_>) -> Result<(), Failed> {
        Ok(())
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
