//! What goes through a chain, for the report: rows and bytes between its segments, once a block.
//!
//! A newcomer's trap: Lua steps that are one loop have no place between them where rows are seen.
//! Only what goes into the first of them is known, and what comes out of the last. A count of each
//! step's rows inside the loop was tried: with three steps it costs 3 to 7 % of all.

use std::cell::Cell;

use rustix::time::{ClockId, clock_gettime};

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
    /// It has no other step than the first.
    pub is_alone: bool,
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
        let behind = all.last();
        let last = combine.is_none().then(|| behind.unwrap_or(first));
        Ends { first, last, keeps_rows: false, is_alone: behind.is_none() }
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
    /// There where some segment has a time of its own.
    clock: Option<Clock>,
}

/// Who has taken how much of the processor. Read at the borders of segments, once a block each.
struct Clock {
    /// By segment, in nanoseconds; what is behind the last is the tail's.
    taken: Vec<Cell<u64>>,
    /// Whose time it is, and since when.
    current: Cell<Option<usize>>,
    since: Cell<u64>,
}

impl Clock {
    /// Gives the time to a segment, or to nobody; returns whose it was.
    fn turn_to(&self, next: Option<usize>) -> Option<usize> {
        let (before, now) = (self.current.replace(next), cpu_time());
        let since = self.since.replace(now);
        if let Some(taken) = before.and_then(|segment| self.taken.get(segment)) {
            taken.set(taken.get() + now.saturating_sub(since));
        }
        before
    }
}

/// What this thread has taken of the processor, in nanoseconds.
pub(super) fn cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Seen {
    /// `in_turn`: the segments take few rows in turn, too often to look at the clock.
    pub(crate) fn new(chain: &Chain, views: usize, ends: Vec<Ends>, in_turn: bool) -> Seen {
        let tail = match &chain.tail {
            Tail::Runs { step, combine: None, .. } | Tail::Partition { step, .. } => Some(*step),
            _ => None,
        };
        let has_clock = !in_turn && ends.iter().any(|ends| ends.is_alone);
        let clock = has_clock.then(|| Clock {
            taken: ends.iter().map(|_| Cell::new(0)).collect(),
            current: Cell::new(None),
            since: Cell::new(0),
        });
        Seen {
            clock,
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
        if let Some(clock) = &self.clock {
            clock.current.set(None);
            clock.taken.iter().for_each(|taken| taken.set(0));
        }
    }

    /// Calls what a segment does; what that calls of other segments is their time.
    pub(crate) fn time<T>(&self, segment: usize, work: impl FnOnce() -> T) -> T {
        let Some(clock) = &self.clock else { return work() };
        let before = clock.turn_to(Some(segment));
        let result = work();
        clock.turn_to(before);
        result
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
        if let Some(clock) = &self.clock {
            let taken = self.segments.iter().zip(&clock.taken);
            let alone = taken.filter(|((ends, _), _)| ends.is_alone);
            work.cpu_of = alone.map(|((ends, _), taken)| (ends.first, taken.get())).collect();
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
