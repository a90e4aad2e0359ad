//! `cogroup`, `cogroup_all`, `group_by`: the rows of each key as lists.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure, Origin};
use crate::flow::Flow;
use crate::op::Columns;
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::op::native::malformed;
use crate::plan::chain::KeyColumn;
use crate::plan::exchange::{Cuts, Exchange, Group, Keep, Side};
use crate::plan::graph::Operation;
use crate::plan::lower::{Lower, Open};
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::row::describe::describe;
use crate::row::layout::Rows;
use crate::row::missing::column_of;
use crate::row::msgpack;

/// Marks have room for so many sides.
const MOST_INPUTS: usize = 64;

impl Dataset {
    /// The rows of each key as one list. Columns out: the keys, then a list of the rows, each a list
    /// of all its columns, in their order. Sorted by key.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("b", 1), ("a", 2), ("b", 3)]);
    /// let groups: Vec<(String, Vec<(String, i64)>)> = rows.group_by(1).collect()?;
    /// assert_eq!(groups[1], ("b".into(), vec![("b".into(), 1), ("b".into(), 3)]));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no key columns; a column that a row does not have (see [`Dataset::pad`]); a
    /// group whose rows together are larger than [`max_row`](Flow::max_row).
    #[track_caller]
    pub fn group_by(&self, keys: impl Into<Columns>) -> Dataset {
        grouped("group_by", Location::caller(), [self], keys.into())
    }

    /// [`Dataset::group_by`] of this dataset and another one of the same flow at once. Columns out:
    /// the keys, the list of this one's rows, the list of the other's. A key that only one of them
    /// has comes with an empty list for the other; nil is a key like any other.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// type Rows = Vec<(String, i64)>;
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([("a", 1), ("b", 2)]), flow.rows([("a", 3)]));
    /// let groups: Vec<(String, Rows, Rows)> = left.cogroup(&right, 1).collect()?;
    /// assert_eq!(groups[0], ("a".into(), vec![("a".into(), 1)], vec![("a".into(), 3)]));
    /// assert_eq!(groups[1].2, []);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: as for [`Dataset::group_by`]; a dataset of another flow.
    #[track_caller]
    pub fn cogroup(&self, other: &Dataset, keys: impl Into<Columns>) -> Dataset {
        grouped("cogroup", Location::caller(), [self, other], keys.into())
    }

    /// [`Dataset::cogroup`] of any number of datasets, at most 64. Columns out: the keys, then a
    /// list of rows for each dataset.
    ///
    /// ```
    /// use gleamflow::{Dataset, Flow};
    ///
    /// let flow = Flow::new();
    /// let [a, b, c] = [0..2, 1..3, 2..4].map(|range| flow.range(range));
    /// let groups = Dataset::cogroup_all([&a, &b, &c], 1);
    /// let rows: Vec<(i64, Vec<[i64; 1]>, Vec<[i64; 1]>, Vec<[i64; 1]>)> = groups.collect()?;
    /// assert_eq!(rows[2], (2, vec![], vec![[2]], vec![[2]]));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: as for [`Dataset::cogroup`]; no datasets, or more than 64.
    #[track_caller]
    pub fn cogroup_all<const N: usize>(
        datasets: [&Dataset; N],
        keys: impl Into<Columns>,
    ) -> Dataset {
        grouped("cogroup_all", Location::caller(), datasets, keys.into())
    }
}

fn grouped<const N: usize>(
    operator: &'static str,
    caller: &Location<'_>,
    datasets: [&Dataset; N],
    keys: Columns,
) -> Dataset {
    let lower = move |plan: &mut Lower, step, inputs: [Open; N]| {
        let names = inputs[0].names().clone();
        let mut sides = Vec::new();
        let mut keys_of = Vec::new();
        for rows in inputs {
            let numbers =
                keys.some_numbers(rows.names(), "`group_map([], …)` takes all rows as one group")?;
            let order = numbers.iter().map(|&column| KeyColumn::ascending(column)).collect();
            sides.push(Side::sorted(rows, order, Keep::All));
            keys_of.push(numbers);
        }
        let names = names.select(&keys_of[0]);
        let group = Some(Group::Step(Native::new(step, &Lists::new(operator, keys_of))));
        let exchange = Exchange { keep: Keep::All, cuts: Cuts::Keys, group };
        Ok(plan.exchange(step, sides, exchange).named(names))
    };
    let operation = match N {
        1..=MOST_INPUTS => Ok(Operation::new(lower)),
        _ => {
            let message = format!("{N} datasets: from 1 to {MOST_INPUTS} are possible");
            Err(Failure::new(ErrorKind::Plan, message))
        }
    };
    let flow = datasets.first().map_or_else(Flow::new, |first| first.flow.clone());
    flow.add(Origin::new(operator, caller), datasets, operation)
}

/// Makes one row of each key: its columns, then a list for each side.
#[derive(Serialize, Deserialize)]
pub(super) struct Lists {
    operator: String,
    /// The key columns of each side.
    keys: Vec<Vec<u32>>,
    #[serde(skip)]
    max_row: usize,
    /// The columns of the open group's key, as its first row has them; empty where none is open.
    #[serde(skip)]
    key: Vec<u8>,
    /// Of each side, how many rows there are, and these as lists.
    #[serde(skip)]
    lists: Vec<(u32, Vec<u8>)>,
}

impl Lists {
    fn new(operator: &str, keys: Vec<Vec<u32>>) -> Lists {
        let operator = operator.to_owned();
        Lists { operator, keys, max_row: 0, key: Vec::new(), lists: Vec::new() }
    }

    fn take(&mut self, side: usize, row: &[u8]) -> Result<(), Failure> {
        if self.key.is_empty() {
            for &column in &self.keys[side] {
                self.key.extend_from_slice(column_of(row, column)?);
            }
        }
        let (rows, list) = &mut self.lists[side];
        let width = msgpack::columns(row).count();
        *rows += 1;
        msgpack::put_array_len(list, u32::try_from(width).map_err(malformed)?);
        list.extend_from_slice(row);
        let bytes: usize = self.lists.iter().map(|(_, list)| list.len()).sum();
        if bytes > self.max_row {
            let key = describe(&self.key);
            let message = format!("the rows of one key are larger than `max_row` allows: {key}");
            return Err(Failure::new(ErrorKind::Row, message)
                .hint("`group_map` goes through the rows of a key without holding them"));
        }
        Ok(())
    }
}

impl GroupStep for Lists {
    fn begin(&mut self, task: &GroupTask<'_>) -> Result<(), Failure> {
        self.max_row = task.max_row;
        self.key.clear();
        self.lists = vec![(0, Vec::new()); self.keys.len()];
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each_marked(|row, mark| {
            if mark.begins_key() {
                self.finish(out)?;
            }
            Ok::<(), Failed>(self.take(usize::from(mark.side()), row)?)
        })
    }

    fn finish(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        if self.key.is_empty() {
            return Ok(());
        }
        out.row(|out| {
            out.extend_from_slice(&self.key);
            for (rows, list) in &self.lists {
                msgpack::put_array_len(out, *rows);
                out.extend_from_slice(list);
            }
            Ok(())
        })?;
        self.key.clear();
        self.lists.iter_mut().for_each(|(rows, list)| {
            *rows = 0;
            list.clear();
        });
        Ok(())
    }
}

impl Arguments for Lists {
    const NAME: &str = "lists";
}

impl fmt::Display for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operator)
    }
}
