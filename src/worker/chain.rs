//! A chain at work: native and Lua segments in turn, then the tail.
//!
//! A newcomer's trap: a Lua segment hands its rows on from inside its loop, into the segments
//! behind it. All Lua segments of a chain share one state, so that they share globals.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::error::{Failed, Failure, Rejected, Warning};
use crate::lua::{LuaSegment, LuaTail, Progress, Vm};
use crate::op::group::{Each, Emit, GroupTask};
use crate::plan;
use crate::plan::chain::{Chain, Head, Tail};
use crate::plan::native::Native;
use crate::row::layout::{Layout, Rows};
use crate::worker::alone::{Stretch, stretches};
use crate::worker::in_order::InOrder;
use crate::worker::native_code::{Code, NativeCode};
use crate::worker::rejected::{Rejects, columns_of};
use crate::worker::seen::Seen;
use crate::worker::segments::{Segment, Segments};
use crate::worker::side_tables::NamedTable;
use crate::worker::tail::{TailSink, written};
use crate::worker::task::{Counts, Limits, TaskWork};

/// The compiled steps of a chain; serves one task at a time.
pub(crate) struct ChainRunner {
    segments: Vec<Segment>,
    vm: Option<Vm>,
    max_row: usize,
    block_bytes: usize,
    /// What rows that come as lines are taken for.
    view: Layout,
    /// The chain begins with groups.
    takes_groups: bool,
    /// The chain begins with folding rows of equal keys, and nothing else in Lua.
    only_folds: bool,
    /// The fold may have a group that has not ended.
    in_group: Cell<bool>,
    /// For groups that come without marks.
    in_order: RefCell<InOrder>,
    /// The last segment writes its rows as the text that the tail wants.
    writes_text: bool,
    warnings: RefCell<Vec<Warning>>,
    /// What the task has counted for the report.
    counts: RefCell<Counts>,
    rejects: RefCell<Rejects>,
    seen: Seen,
}

impl ChainRunner {
    pub(crate) fn new(
        chain: &Chain,
        shared: &[plan::chain::Code],
        tables: Vec<NamedTable>,
        limits: &Limits,
        progress: Arc<Progress>,
    ) -> Result<ChainRunner, Failure> {
        let Segments { all: segments, mut lua, view, views, single_apart, .. } =
            Segments::of(chain)?;
        let ends = segments.iter().map(|segment| segment.ends(&lua)).collect();
        let only_folds = single_apart
            && matches!(
                lua.first(),
                Some(LuaSegment { steps, tail: LuaTail::Frames, .. }) if steps.is_empty()
            );
        let seen = Seen::new(chain, views, ends, only_folds);
        let written = match (segments.last(), &chain.tail) {
            (Some(Segment::Lua(_)), Tail::Written(writing)) => Some(written(writing)?),
            _ => None,
        };
        let writes_text = written.is_some();
        if let (Some(written), Some(last)) = (written, lua.last_mut()) {
            last.tail = LuaTail::Written(written);
        }
        let vm = match lua.is_empty() {
            true => None,
            false => {
                let (lua_bytes, max_row) = (limits.lua_bytes, limits.max_row);
                Some(Vm::new(shared, lua, tables, lua_bytes, max_row, progress)?)
            }
        };
        let (max_row, block_bytes) = (limits.max_row, limits.block_bytes);
        let in_group = Cell::new(false);
        let (in_order, warnings, counts, rejects) = Default::default();
        Ok(ChainRunner {
            segments,
            vm,
            max_row,
            block_bytes,
            view,
            takes_groups: matches!(chain.head, Head::Groups(_)),
            only_folds,
            in_group,
            in_order,
            writes_text,
            warnings,
            counts,
            rejects,
            seen,
        })
    }

    /// Makes everything that user code could have left behind fresh.
    pub(crate) fn begin_task(&self, seed: u64, task: &GroupTask<'_>) -> Result<(), Failure> {
        self.in_group.set(false);
        self.in_order.borrow_mut().begun = false;
        self.counts.take();
        self.rejects.take();
        self.seen.clear();
        self.take_seen();
        for segment in &self.segments {
            if let Segment::Native(native, code) = segment {
                code.borrow_mut().begin_task(native, task)?;
            }
        }
        self.vm.as_ref().map_or(Ok(()), |vm| vm.begin_task(seed))
    }

    /// Takes a block of a task's rows, and how many they are, if that is known.
    pub(crate) fn push(
        &self,
        rows: Rows<'_>,
        count: Option<u32>,
        tail: &mut TailSink,
    ) -> Result<(), Failed> {
        let count = match count {
            Some(count) => count,
            None if !rows.marks.is_empty() => rows.marks.len() as u32,
            None if self.counts_lines(rows.layout) => 0,
            None => rows.count(),
        };
        self.seen.give(count.into(), rows.bytes.len());
        if self.takes_groups && rows.marks.is_empty() {
            return self.run(0, self.in_order.borrow_mut().mark(rows)?, Some(0), tail);
        }
        if !self.only_folds {
            let layout = if rows.layout == Layout::Lines { self.view } else { rows.layout };
            return self.run(0, Rows { layout, ..rows }, Some(0), tail);
        }
        for Stretch { alone, rows } in stretches(rows) {
            if !alone {
                self.in_group.set(true);
                self.run(0, rows, None, tail)?;
                continue;
            }
            if self.in_group.replace(false) {
                self.finish_segment(0, tail)?;
            }
            self.seen.pass(0, rows.marks.len() as u32, rows.bytes.len());
            self.run(1, Rows::frames(rows.bytes), None, tail)?;
        }
        Ok(())
    }

    /// Rows that the first loop in Lua has been given, if the chain begins with one.
    fn take_seen(&self) -> u64 {
        match self.segments.first() {
            Some(Segment::Lua(number)) => self.vm().take_seen(*number),
            _ => 0,
        }
    }

    /// Whether a loop in Lua finds out how many rows a block of the task's own has.
    fn counts_lines(&self, layout: Layout) -> bool {
        layout.is_lines() && matches!(self.segments.first(), Some(Segment::Lua(_)))
    }

    /// The task's input is complete: passes on what steps have kept.
    pub(crate) fn finish(&self, tail: &mut TailSink) -> Result<(), Failed> {
        (0..self.segments.len()).try_for_each(|at| self.finish_segment(at, tail))?;
        let Some(vm) = &self.vm else { return Ok(()) };
        let outcome = vm.outcome()?;
        self.counts.borrow_mut().add_outcome(outcome);
        Ok(())
    }

    fn finish_segment(&self, at: usize, tail: &mut TailSink) -> Result<(), Failed> {
        self.seen.time(at, || self.finish_timed(at, tail))
    }

    fn finish_timed(&self, at: usize, tail: &mut TailSink) -> Result<(), Failed> {
        match &self.segments[at] {
            Segment::Lua(number) => {
                let pass = &mut |_, bytes: &mut Vec<u8>, rows| {
                    self.keep_rejected(None)?;
                    self.pass(at + 1, bytes, rows, tail)
                };
                self.vm().finish(*number, pass)?;
                Ok(self.keep_rejected(None)?)
            }
            Segment::Native(native, code) => {
                let NativeCode { code, out, layout } = &mut *code.borrow_mut();
                out.clear();
                match code {
                    Code::Step(step) => {
                        let warning = step.warning().map(|warning| warning.at_step(native.step));
                        self.warnings.borrow_mut().extend(warning);
                        return Ok(());
                    }
                    Code::Group(group) => {
                        let pass = &mut |rows: &[u8]| self.pass_on(at + 1, rows, tail);
                        let mut emit = self.emit(out, pass);
                        let finished = group.finish(&mut emit);
                        // Rows before a failing one are right, and come first.
                        emit.flush()?;
                        finished.map_err(|failed| failed.at_step(native.step))?;
                        let warning = group.warning().map(|warning| warning.at_step(native.step));
                        self.warnings.borrow_mut().extend(warning);
                        return Ok(());
                    }
                    Code::Combine(combining) => combining.finish(out),
                }
                .map_err(|failure| failure.at_step(native.step))?;
                self.seen.pass(at, 0, out.len());
                self.run(at + 1, Rows::new(*layout, out), None, tail).map_err(without_row)
            }
        }
    }

    fn vm(&self) -> &Vm {
        self.vm.as_ref().expect("a chain with Lua segments has a state")
    }

    /// What the user is to be told of what has run so far.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        let mut warnings = self.warnings.take();
        warnings.extend(self.vm.iter().flat_map(Vm::take_warnings));
        warnings
    }

    /// What the task has been given, and its steps have made of it. `reads`: all of it by itself.
    pub(crate) fn take_work(&self, reads: bool) -> TaskWork {
        let lines = self.take_seen();
        if reads && self.counts_lines(self.view) {
            self.seen.give(lines, 0);
        }
        self.seen.take()
    }

    /// What the task has counted.
    pub(crate) fn take_counts(&self) -> Counts {
        self.counts.take()
    }

    /// No task is in sight; see [`Vm::rest`].
    pub(crate) fn rest(&self) {
        if let Some(vm) = &self.vm {
            vm.rest();
        }
    }

    pub(crate) fn end_task(&self) {
        if let Some(vm) = &self.vm {
            vm.end_task();
        }
    }

    /// Runs the segments from `at` on. `first`: the first row's place in the task's block, if these
    /// rows are neighbours there.
    fn run(
        &self,
        at: usize,
        rows: Rows<'_>,
        first: Option<u32>,
        tail: &mut TailSink,
    ) -> Result<(), Failed> {
        self.seen.time(at, || self.run_timed(at, rows, first, tail))
    }

    fn run_timed(
        &self,
        at: usize,
        rows: Rows<'_>,
        first: Option<u32>,
        tail: &mut TailSink,
    ) -> Result<(), Failed> {
        match self.segments.get(at) {
            None => tail.push(rows),
            Some(Segment::Native(native, code)) if native.guard.is_some() => {
                self.run_guarded(at, native, &mut code.borrow_mut(), rows, first, tail)
            }
            Some(Segment::Native(native, code)) => {
                let NativeCode { code, out, layout } = &mut *code.borrow_mut();
                out.clear();
                let applied = match code {
                    Code::Step(step) => step.apply(rows, self.max_row, out),
                    Code::Group(group) => {
                        let pass = &mut |rows: &[u8]| self.pass_on(at + 1, rows, tail);
                        let mut emit = self.emit(out, pass);
                        let pushed = group.push(rows, &mut emit);
                        // Rows before a failing one are right, and come first.
                        emit.flush()?;
                        return pushed.map_err(|failed| failed.at_step(native.step));
                    }
                    Code::Combine(combining) => combining.push(rows, out),
                }
                .map_err(|failed| failed.at_step(native.step));
                // Rows before a failing one are right, and come first. That one's frame has no
                // length yet.
                let whole = match &applied {
                    Ok(()) => out.len(),
                    Err(_) => Rows::new(*layout, out).whole(),
                };
                if whole > 0 {
                    let keeps_rows = matches!(code, Code::Step(_)) && native.keeps_rows;
                    let made = Rows::new(*layout, &out[..whole]);
                    self.seen.pass_rows(at, made);
                    let first = first.filter(|_| keeps_rows);
                    let passed = self.run(at + 1, made, first, tail);
                    passed
                        .map_err(|failed| if keeps_rows { failed } else { without_row(failed) })?;
                }
                applied
            }
            Some(Segment::Lua(number)) => {
                let pass = &mut |_, bytes: &mut Vec<u8>, rows| {
                    self.keep_rejected(first)?;
                    self.pass(at + 1, bytes, rows, tail)
                };
                self.vm().push(*number, rows, pass)?;
                Ok(self.keep_rejected(first)?)
            }
        }
    }

    /// Runs a step that leaves bad rows out. What lies between two of them is taken in pieces, which
    /// are small behind a bad one, so that many of them cost no more than their number.
    fn run_guarded(
        &self,
        at: usize,
        native: &Native,
        code: &mut NativeCode,
        rows: Rows<'_>,
        first: Option<u32>,
        tail: &mut TailSink,
    ) -> Result<(), Failed> {
        let NativeCode { code: Code::Step(step), out, layout } = code else {
            unreachable!("only steps that take row for row have a guard")
        };
        let guard = native.guard.as_ref().expect("asked for by its guard");
        let (mut rest, mut at_row, mut piece) = (rows, 0, usize::MAX);
        *self.counts.borrow_mut().seen.entry(native.step).or_default() += u64::from(rows.count());
        while !rest.bytes.is_empty() {
            let (these, behind) = rest.split_at(piece);
            out.clear();
            let applied = step.apply(these, self.max_row, out);
            let whole = match &applied {
                Ok(()) => out.len(),
                Err(_) => Rows::new(*layout, out).whole(),
            };
            if whole > 0 {
                let made = Rows::new(*layout, &out[..whole]);
                self.seen.pass_rows(at, made);
                let first = first.map(|first| first + at_row);
                let passed = self.run(at + 1, made, first, tail);
                passed.map_err(|failed| failed.moved(at_row))?;
            }
            let Err(failed) = applied else {
                at_row += if behind.bytes.is_empty() { 0 } else { these.count() };
                (rest, piece) = (behind, piece.saturating_mul(2));
                continue;
            };
            let failed = failed.at_step(native.step);
            let Some(nth) = failed.row else { return Err(failed) };
            let (bad, behind) = rest.split_at(nth as usize).1.split_at(1);
            let row = first.map(|first| first + at_row + nth);
            let rejected = Rejected { columns: columns_of(bad), failed: Failed { row, ..failed } };
            let counts = &mut self.counts.borrow_mut();
            self.rejects.borrow_mut().leave_out(guard, counts, rejected)?;
            at_row += nth + 1;
            (rest, piece) = (behind, 16);
        }
        Ok(())
    }

    /// Keeps what Lua steps have left out, from a block whose first row is the task's row `first`.
    fn keep_rejected(&self, first: Option<u32>) -> Result<(), Failure> {
        for mut rejected in self.vm().take_rejected() {
            rejected.failed.row = rejected.failed.row.zip(first).map(|(row, first)| first + row);
            self.rejects.borrow_mut().keep(rejected)?;
        }
        Ok(())
    }

    /// The rows that steps have left out since it was last asked.
    pub(crate) fn take_rejected(&self) -> Vec<Rejected> {
        self.rejects.borrow_mut().take()
    }

    fn emit<'a>(&self, out: &'a mut Vec<u8>, pass: &'a mut Each<'a>) -> Emit<'a> {
        Emit { out, max_row: self.max_row, block_bytes: self.block_bytes, pass }
    }

    /// Passes rows of a group on to the segment `at`.
    fn pass_on(&self, at: usize, rows: &[u8], tail: &mut TailSink) -> Result<(), Failed> {
        let rows = Rows::frames(rows);
        self.seen.pass_rows(at - 1, rows);
        self.run(at, rows, None, tail).map_err(without_row)
    }

    /// Passes what a Lua segment has put out to the segment `at`.
    fn pass(&self, at: usize, bytes: &[u8], rows: u32, tail: &mut TailSink) -> Result<(), Failure> {
        self.seen.pass(at - 1, rows, bytes.len());
        if self.writes_text && at == self.segments.len() {
            return tail.push_written(bytes, rows);
        }
        // The row is one of another block than the task's.
        self.run(at, Rows::frames(bytes), None, tail).map_err(|failed| failed.failure)
    }
}

/// The row is one of another block than the task's.
fn without_row(failed: Failed) -> Failed {
    Failed::from(failed.failure)
}
