//! What goes through a chain, for the report: rows and bytes between its segments, once a block.
//!
//! A newcomer's trap: Lua steps that are one loop have no place between them where rows are seen.
//! Only what goes into the first of them is known, and what comes out of the last.

use std::cell::Cell;

use crate::error::StepId;
use crate::lua::{LuaSegment, LuaTail};
use crate::plan::chain::{Chain, Head, Step, Tail};
use crate::plan::exchange::Group;
use crate::row::layout::Rows;
use crate::worker::task::{Amount, TaskWork};

/// The steps of a segment at its ends.
pub(crate) struct Ends {
    pub first: StepId,
    /// Without it, what comes out is not the step's own yet.
    pub last: Option<StepId>,
    /// One row comes out for each, so that nobody needs to count them.
    pub keeps_rows: bool,
}

impl Ends {
    pub(super) fn of_lua(segment: &LuaSegment) -> Ends {
        let head = match &segment.head {
            Head::Groups(Group::Lua(group)) => Some(group.code.step),
            _ => None,
        };
        let combine = match &segment.tail {
            LuaTail::Combine { code, .. } => Some(code.step),
            _ => None,
        };
        let steps = segment.steps.iter().map(|step| step.code.step);
        let mut all = head.into_iter().chain(steps).chain(combine);
        let first = all.next().expect("a segment in Lua has user code");
        let last = combine.is_none().then(|| all.last().unwrap_or(first));
        Ends { first, last, keeps_rows: false }
    }
}

/// What has gone through a chain since its task began.
pub(crate) struct Seen {
    given: Cell<Amount>,
    segments: Vec<(Ends, Cell<Amount>)>,
    /// Steps that are but another view of the lines that the first segment gets.
    views: Vec<StepId>,
    /// What takes the rows behind the last segment, if it is a step.
    tail: Option<StepId>,
    /// It passes them on at once.
    deals: bool,
}

impl Seen {
    pub(crate) fn new(chain: &Chain, views: usize, ends: Vec<Ends>) -> Seen {
        let tail = match &chain.tail {
            Tail::Runs { step, combine: None, .. } | Tail::Partition { step, .. } => Some(*step),
            _ => None,
        };
        Seen {
            given: Cell::default(),
            segments: ends.into_iter().map(|ends| (ends, Cell::default())).collect(),
            views: chain.steps[..views].iter().map(Step::id).collect(),
            tail,
            deals: matches!(chain.tail, Tail::Partition { .. }),
        }
    }

    pub(crate) fn clear(&self) {
        self.given.set(Amount::default());
        self.segments.iter().for_each(|(_, out)| out.set(Amount::default()));
    }

    /// The task has been given rows.
    pub(crate) fn give(&self, rows: u64, bytes: usize) {
        add(&self.given, rows, bytes);
    }

    /// Rows have come out of a segment.
    pub(crate) fn pass(&self, segment: usize, rows: u32, bytes: usize) {
        add(&self.segments[segment].1, rows.into(), bytes);
    }

    /// The same of rows that have not been counted.
    pub(crate) fn pass_rows(&self, segment: usize, rows: Rows<'_>) {
        let count = if self.segments[segment].0.keeps_rows { 0 } else { rows.count() };
        self.pass(segment, count, rows.bytes.len());
    }

    /// What the task's steps have been given and have made.
    pub(crate) fn take(&self) -> TaskWork {
        let read = self.given.take();
        let mut work = TaskWork { read, ..TaskWork::default() };
        work.into.extend(self.views.iter().map(|view| (*view, read)));
        work.out_of.extend(self.views.iter().map(|view| (*view, read)));
        let mut amount = read;
        for (ends, out) in &self.segments {
            work.into.push((ends.first, amount));
            let out = out.take();
            let rows = if ends.keeps_rows { amount.rows } else { out.rows };
            amount = Amount { rows, ..out };
            work.out_of.extend(ends.last.map(|last| (last, amount)));
        }
        work.into.extend(self.tail.map(|tail| (tail, amount)));
        work.out_of.extend(self.tail.filter(|_| self.deals).map(|tail| (tail, amount)));
        work
    }
}

fn add(sum: &Cell<Amount>, rows: u64, bytes: usize) {
    let mut amount = sum.get();
    amount.add(rows, bytes);
    sum.set(amount);
}
