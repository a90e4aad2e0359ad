//! A chain at work: native and Lua segments in turn, then the tail.
//!
//! A newcomer's trap: a Lua segment hands its rows on from inside its loop, into the segments
//! behind it. All Lua segments of a chain share one state, so that they share globals.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::error::{Failed, Failure, Warning};
use crate::lua::{LuaSegment, LuaTail, Progress, Vm};
use crate::op::group::{Each, Emit, GroupStep, GroupTask};
use crate::op::native::{self, BlockStep};
use crate::plan;
use crate::plan::chain::{Chain, Head, Step, Tail};
use crate::plan::exchange::{Combine, Group};
use crate::plan::native::Native;
use crate::row::frame::FrameError;
use crate::row::layout::{Layout, Mark, Rows};
use crate::worker::alone::{Stretch, stretches};
use crate::worker::fold::{Combining, FoldedGroups};
use crate::worker::tail::{TailSink, written};
use crate::worker::task::{Counts, Limits};

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
}

/// What comes out of a segment.
const FRAMES: Head = Head::Rows(Layout::Frames);

enum Segment {
    /// The number of a segment of the Lua state.
    Lua(usize),
    Native(Native, Box<RefCell<NativeCode>>),
}

/// Native code for one task, and room for its rows.
struct NativeCode {
    code: Code,
    out: Vec<u8>,
    /// How its rows lie.
    layout: Layout,
}

enum Code {
    Step(Box<dyn BlockStep>),
    Group(Box<dyn GroupStep>),
    Combine(Box<Combining>),
}

/// The segments of a chain under construction.
struct Segments {
    all: Vec<Segment>,
    lua: Vec<LuaSegment>,
    /// How rows reach the next segment.
    head: Head,
}

impl Segments {
    fn native(&mut self, native: &Native, code: Code) {
        let layout = match &code {
            Code::Step(step) => step.layout(self.head.layout()),
            Code::Group(_) | Code::Combine(_) => Layout::Frames,
        };
        let code = Box::new(RefCell::new(NativeCode { code, out: Vec::new(), layout }));
        self.all.push(Segment::Native(native.clone(), code));
        self.head = Head::Rows(layout);
    }

    /// A Lua segment of its own.
    fn begin_lua(&mut self) {
        self.all.push(Segment::Lua(self.lua.len()));
        let head = std::mem::replace(&mut self.head, FRAMES);
        self.lua.push(LuaSegment { head, steps: Vec::new(), tail: LuaTail::Frames });
    }

    /// The Lua segment at the end, which begins now unless it is there.
    fn last_lua(&mut self) -> &mut LuaSegment {
        if !matches!(self.all.last(), Some(Segment::Lua(_))) {
            self.begin_lua();
        }
        self.lua.last_mut().expect("there is one now")
    }
}

impl ChainRunner {
    pub(crate) fn new(
        chain: &Chain,
        shared: &[plan::chain::Code],
        limits: &Limits,
        progress: Arc<Progress>,
    ) -> Result<ChainRunner, Failure> {
        let head = chain.head.clone();
        let (first, steps) = match chain.columns_of_lines() {
            Some((columns, steps)) => (Head::Columns(head.layout(), columns), steps),
            None => {
                let (layout, steps) = chain.viewed(head.layout());
                (Head::Rows(layout), steps)
            }
        };
        let view = first.layout();
        let mut segments = Segments { all: Vec::new(), lua: Vec::new(), head: first };
        // Rows that are alone under their key pass by the first segment: see `push`.
        let mut single_apart = false;
        match &head {
            Head::Rows(_) | Head::Columns(..) => {}
            Head::Groups(Group::Lua(group)) => {
                single_apart = group.keeps_single;
                segments.head = head.clone();
                segments.begin_lua();
            }
            Head::Groups(Group::Fold { keys, fold }) => {
                let groups = FoldedGroups::new(*keys, native::fold(&fold.code)?)?;
                segments.native(fold, Code::Group(Box::new(groups)));
            }
            Head::Groups(Group::Step(step)) => {
                segments.native(step, Code::Group(native::group_step(&step.code)?));
            }
        }
        for (nth, step) in steps.iter().enumerate() {
            match step {
                Step::Native(step) => {
                    segments.native(step, Code::Step(native::block_step(&step.code)?))
                }
                Step::Spread(step) => {
                    segments.native(step, Code::Group(native::group_step(&step.code)?));
                }
                Step::Lua(step) => {
                    if nth == 0 && single_apart {
                        segments.begin_lua();
                    }
                    segments.last_lua().steps.push(step.clone());
                }
            }
        }
        match &chain.tail {
            Tail::Runs { combine: Some(Combine::Lua { template, keys, code }), .. } => {
                let (template, keys) = (template.clone(), keys.clone());
                let code = code.clone();
                segments.last_lua().tail = LuaTail::Combine { template, keys, code };
            }
            Tail::Runs { combine: Some(Combine::Native { keys, fold }), .. } => {
                let view = match &segments.head {
                    Head::Columns(_, columns) => Some(columns.clone()),
                    _ => None,
                };
                let combining = Combining::new(keys, native::fold(&fold.code)?, view)?;
                segments.native(fold, Code::Combine(Box::new(combining)));
            }
            _ => {}
        }
        let Segments { all: segments, mut lua, .. } = segments;
        let only_folds = single_apart
            && matches!(
                lua.first(),
                Some(LuaSegment { steps, tail: LuaTail::Frames, .. }) if steps.is_empty()
            );
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
            false => Some(Vm::new(shared, lua, limits.lua_bytes, limits.max_row, progress)?),
        };
        let (max_row, block_bytes) = (limits.max_row, limits.block_bytes);
        let in_group = Cell::new(false);
        let (in_order, warnings, counts) = Default::default();
        Ok(ChainRunner {
            segments,
            vm,
            max_row,
            block_bytes,
            view,
            takes_groups: matches!(head, Head::Groups(_)),
            only_folds,
            in_group,
            in_order,
            writes_text,
            warnings,
            counts,
        })
    }

    /// Makes everything that user code could have left behind fresh.
    pub(crate) fn begin_task(&self, seed: u64, task: &GroupTask<'_>) -> Result<(), Failure> {
        self.in_group.set(false);
        self.in_order.borrow_mut().begun = false;
        self.counts.take();
        for segment in &self.segments {
            if let Segment::Native(native, code) = segment {
                code.borrow_mut().begin_task(native, task)?;
            }
        }
        self.vm.as_ref().map_or(Ok(()), |vm| vm.begin_task(seed))
    }

    /// Takes a block of a task's rows.
    pub(crate) fn push(&self, rows: Rows<'_>, tail: &mut TailSink) -> Result<(), Failed> {
        if self.takes_groups && rows.marks.is_empty() {
            return self.run(0, self.in_order.borrow_mut().mark(rows)?, tail);
        }
        if !self.only_folds {
            let layout = if rows.layout == Layout::Lines { self.view } else { rows.layout };
            return self.run(0, Rows { layout, ..rows }, tail);
        }
        for Stretch { alone, rows } in stretches(rows) {
            if !alone {
                self.in_group.set(true);
                self.run(0, rows, tail)?;
                continue;
            }
            if self.in_group.replace(false) {
                self.finish_segment(0, tail)?;
            }
            self.run(1, Rows::frames(rows.bytes), tail)?;
        }
        Ok(())
    }

    /// The task's input is complete: passes on what steps have kept.
    pub(crate) fn finish(&self, tail: &mut TailSink) -> Result<(), Failed> {
        (0..self.segments.len()).try_for_each(|at| self.finish_segment(at, tail))
    }

    fn finish_segment(&self, at: usize, tail: &mut TailSink) -> Result<(), Failed> {
        match &self.segments[at] {
            Segment::Lua(number) => {
                let pass = &mut |_, bytes: &mut Vec<u8>, rows| self.pass(at + 1, bytes, rows, tail);
                self.vm().finish(*number, pass)
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
                self.run(at + 1, Rows::new(*layout, out), tail).map_err(without_row)
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

    fn run(&self, at: usize, rows: Rows<'_>, tail: &mut TailSink) -> Result<(), Failed> {
        match self.segments.get(at) {
            None => tail.push(rows),
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
                    let passed = self.run(at + 1, Rows::new(*layout, &out[..whole]), tail);
                    passed
                        .map_err(|failed| if keeps_rows { failed } else { without_row(failed) })?;
                }
                applied
            }
            Some(Segment::Lua(number)) => {
                let pass = &mut |_, bytes: &mut Vec<u8>, rows| self.pass(at + 1, bytes, rows, tail);
                self.vm().push(*number, rows, pass)
            }
        }
    }

    fn emit<'a>(&self, out: &'a mut Vec<u8>, pass: &'a mut Each<'a>) -> Emit<'a> {
        Emit { out, max_row: self.max_row, block_bytes: self.block_bytes, pass }
    }

    /// Passes rows of a group on to the segment `at`.
    fn pass_on(&self, at: usize, rows: &[u8], tail: &mut TailSink) -> Result<(), Failed> {
        self.run(at, Rows::frames(rows), tail).map_err(without_row)
    }

    /// Passes what a Lua segment has put out to the segment `at`.
    fn pass(&self, at: usize, bytes: &[u8], rows: u32, tail: &mut TailSink) -> Result<(), Failure> {
        if self.writes_text && at == self.segments.len() {
            return tail.push_written(bytes, rows);
        }
        // The row is one of another block than the task's.
        self.run(at, Rows::frames(bytes), tail).map_err(|failed| failed.failure)
    }
}

/// The rows of a task as one group.
#[derive(Default)]
struct InOrder {
    frames: Vec<u8>,
    marks: Vec<Mark>,
    begun: bool,
}

impl InOrder {
    /// The next rows, as frames and with the marks that an exchange would give them.
    fn mark<'a>(&'a mut self, rows: Rows<'a>) -> Result<Rows<'a>, FrameError> {
        self.frames.clear();
        let frames = Rows::frames(rows.as_frames(&mut self.frames)?);
        self.marks.clear();
        self.marks.resize(frames.count() as usize, Mark::new(false, 0));
        if let Some(first) = self.marks.first_mut().filter(|_| !self.begun) {
            *first = Mark::new(true, 0);
            self.begun = true;
        }
        Ok(Rows { marks: &self.marks, ..frames })
    }
}

/// The row is one of another block than the task's.
fn without_row(failed: Failed) -> Failed {
    Failed::from(failed.failure)
}

impl NativeCode {
    /// Forgets what an earlier task left behind.
    fn begin_task(&mut self, native: &Native, task: &GroupTask<'_>) -> Result<(), Failure> {
        match &mut self.code {
            Code::Step(step) => *step = native::block_step(&native.code)?,
            Code::Group(group) => {
                group.begin(task).map_err(|failure| failure.at_step(native.step))?;
            }
            Code::Combine(combining) => combining.clear(),
        }
        Ok(())
    }
}
