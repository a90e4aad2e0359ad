//! `aggregate`: what many kinds of aggregates make of the rows of each key.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, StepId};
use crate::op::Columns;
use crate::op::agg::{self, Accumulate, Agg};
use crate::op::group::GroupTask;
use crate::op::native::{Fold, malformed};
use crate::plan::exchange::{Combine, Cuts, Exchange, Group, Keep, Side};
use crate::plan::lower::{Lower, Open};
use crate::plan::named::{Arguments, Name};
use crate::plan::native::Native;
use crate::row::cells::Cells;
use crate::row::msgpack;

/// # Groups and aggregates
///
/// What becomes of the rows of each key, sorted by key. What does not fit into memory goes to disk.
impl Dataset {
    /// Makes one row of the rows of each key, which is the named columns, counted from 1. Columns
    /// out: the keys in the order named, then one of each aggregate. Sorted by key. Without key
    /// columns there is one row of all rows, also if there are none: counts are 0 then, lists empty,
    /// and all else is nil.
    ///
    /// Rows are taken together within each task before they meet others, and nothing runs in Lua.
    /// What a group needs beyond memory goes to disk.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let lines = Flow::new().lines(["a 3", "b 10", "a 4"]).split(" ").numbers([2]);
    /// let rows: Vec<(String, u64, i64, f64)> =
    ///     lines.aggregate([1], [Agg::count(), Agg::sum(2), Agg::mean(2)]).collect()?;
    /// assert_eq!(rows, [("a".to_string(), 2, 7, 3.5), ("b".to_string(), 1, 10, 10.0)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column that a row does not have (see [`Dataset::pad`]); what each kind of
    /// aggregate refuses; neither key columns nor aggregates.
    #[track_caller]
    pub fn aggregate(
        &self,
        keys: impl Into<Columns>,
        aggregates: impl IntoIterator<Item = Agg>,
    ) -> Dataset {
        let (keys, aggregates) = (keys.into(), aggregates.into_iter().collect::<Vec<_>>());
        self.add("aggregate", Location::caller(), move |plan, step, rows| {
            if keys.is_empty() && aggregates.is_empty() {
                return Err(Failure::new(ErrorKind::Plan, "neither key columns nor aggregates")
                    .hint("`count` counts all rows"));
            }
            let keys = keys.numbers(rows.names())?;
            aggregated(plan, step, rows, keys, &aggregates)
        })
    }
}

/// Folds within each task, sorts by key, and folds what comes together.
pub(super) fn aggregated(
    plan: &mut Lower,
    step: StepId,
    rows: Open,
    keys: Vec<u32>,
    aggregates: &[Agg],
) -> Result<Open, Failure> {
    let names = rows.names().select(&keys);
    let kinds: Result<Vec<_>, _> = aggregates.iter().map(|agg| agg.resolve(rows.names())).collect();
    let fold = Native::new(step, &Aggregate { kinds: kinds?, at_work: Vec::new() });
    let width = u32::try_from(keys.len()).expect("fewer than 2^32 key columns");
    let combine = Combine::Native { keys, fold: fold.clone() };
    let group = Some(Group::Fold { keys: width, fold });
    let cuts = if width == 0 { Cuts::One } else { Cuts::Keys };
    let side = Side::folded(rows, width, combine);
    Ok(plan.exchange(step, [side], Exchange { keep: Keep::All, cuts, group }).named(names))
}

/// Several kinds of aggregates side by side.
#[derive(Serialize, Deserialize)]
pub(super) struct Aggregate {
    /// Each kind, and the column whose values it takes.
    kinds: Vec<(Name, Option<u32>)>,
    #[serde(skip)]
    at_work: Vec<AtWork>,
}

struct AtWork {
    kind: Box<dyn Accumulate>,
    /// Which of the cells it takes.
    cell: Option<usize>,
}

impl Arguments for Aggregate {
    const NAME: &str = "aggregate";
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, column) in &self.kinds {
            write!(f, "{separator}{}", kind.shown)?;
            if let Some(column) = column {
                write!(f, " of {column}")?;
            }
            separator = ", ";
        }
        Ok(())
    }
}

impl Aggregate {
    #[cold]
    fn refused(&self, at: usize, unfit: agg::Unfit) -> Failure {
        let (kind, column) = &self.kinds[at];
        unfit.failure(&kind.shown, column.unwrap_or_default())
    }
}

impl Fold for Aggregate {
    fn begin(&mut self) -> Result<(), Failure> {
        let columns = self.columns();
        let at_work = self.kinds.iter().map(|(kind, column)| {
            let cell = column.and_then(|column| columns.iter().position(|it| *it == column));
            Ok(AtWork { kind: agg::kind(kind)?, cell })
        });
        self.at_work = at_work.collect::<Result<_, Failure>>()?;
        Ok(())
    }

    fn columns(&self) -> Vec<u32> {
        let mut columns: Vec<u32> = Vec::new();
        for column in self.kinds.iter().filter_map(|(_, column)| *column) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    fn begin_group(&mut self) {
        self.at_work.iter_mut().for_each(|it| it.kind.begin_group());
    }

    #[inline]
    fn add(&mut self, group: usize, row: Cells<'_>) -> Result<(), Failure> {
        for at in 0..self.at_work.len() {
            let AtWork { kind, cell } = &mut self.at_work[at];
            let value = cell.map_or(&[][..], |cell| row.get(cell));
            if let Err(unfit) = kind.add(group, value) {
                return Err(self.refused(at, unfit));
            }
        }
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        self.at_work.iter().for_each(|it| it.kind.put_part(group, out));
    }

    fn begin_merging(&mut self, task: &GroupTask<'_>) {
        self.at_work.iter_mut().for_each(|it| it.kind.begin_merging(task));
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let mut rest = part;
        for it in &mut self.at_work {
            let (part, behind) = rest.split_at(msgpack::skip(rest).map_err(malformed)?);
            it.kind.merge(part)?;
            rest = behind;
        }
        Ok(())
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.at_work.iter_mut().try_for_each(|it| it.kind.put_result(out))
    }

    fn bytes(&self) -> usize {
        self.at_work.iter().map(|it| it.kind.bytes()).sum()
    }

    fn largest_part(&self) -> usize {
        self.at_work.iter().map(|it| it.kind.largest_part()).max().unwrap_or(0)
    }

    fn clear(&mut self) {
        self.at_work.iter_mut().for_each(|it| it.kind.clear());
    }
}
