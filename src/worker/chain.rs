//! A chain at work: native and Lua segments in turn, then the tail.
//!
//! A newcomer's trap: a Lua segment hands its rows on from inside its loop, into the segments
//! behind it. All Lua segments of a chain share one state, so that they share globals.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::error::{Failed, Failure, Warning};
use crate::lua::{LuaSegment, LuaStep, LuaTail, Progress, Vm};
use crate::plan::chain::{Chain, Code, Head, Step, Tail};
use crate::plan::exchange::Combine;
use crate::row::layout::{Layout, Rows};
use crate::worker::alone::{Stretch, stretches};
use crate::worker::native;
use crate::worker::tail::{TailSink, written};
use crate::worker::task::Limits;

/// The compiled steps of a chain; serves one task at a time.
pub(crate) struct ChainRunner {
    segments: Vec<Segment>,
    vm: Option<Vm>,
    max_row: usize,
    /// The chain begins with folding rows of equal keys, and nothing else in Lua.
    only_folds: bool,
    /// The fold may have a group that has not ended.
    in_group: Cell<bool>,
    /// The last segment writes its rows as the text that the tail wants.
    writes_text: bool,
}

/// What comes out of a segment.
const FRAMES: Head = Head::Rows(Layout::Frames);

enum Segment {
    Native(Step, RefCell<Vec<u8>>),
    /// The number of a segment of the Lua state.
    Lua(usize),
}

impl ChainRunner {
    pub(crate) fn new(
        chain: &Chain,
        shared: &[Code],
        limits: &Limits,
        progress: Arc<Progress>,
    ) -> Result<ChainRunner, Failure> {
        let mut segments = Vec::new();
        let mut lua: Vec<LuaSegment> = Vec::new();
        let mut head = Some(chain.head.clone());
        if let Head::Reduce { .. } = chain.head {
            segments.push(Segment::Lua(0));
            let head = head.take().expect("it has just been made");
            lua.push(LuaSegment { head, steps: Vec::new(), tail: LuaTail::Frames });
        }
        // Raw lines are passed on as they are; see [`Chain::raw`].
        let steps = if chain.makes_raw_runs() { &[] } else { &chain.steps[..] };
        for step in steps {
            match lua_step(step) {
                None => {
                    segments.push(Segment::Native(step.clone(), RefCell::default()));
                    head = Some(FRAMES);
                }
                Some(step) => {
                    if !matches!(segments.last(), Some(Segment::Lua(_))) {
                        segments.push(Segment::Lua(lua.len()));
                        let head = head.take().unwrap_or(FRAMES);
                        lua.push(LuaSegment { head, steps: Vec::new(), tail: LuaTail::Frames });
                    }
                    lua.last_mut().expect("there is one now").steps.push(step);
                }
            }
        }
        if let Tail::Runs { combine: Some(Combine::Lua { keys, code }), .. } = &chain.tail {
            if !matches!(segments.last(), Some(Segment::Lua(_))) {
                segments.push(Segment::Lua(lua.len()));
                let head = head.take().unwrap_or(FRAMES);
                lua.push(LuaSegment { head, steps: Vec::new(), tail: LuaTail::Frames });
            }
            lua.last_mut().expect("there is one now").tail =
                LuaTail::Combine { keys: keys.clone(), code: code.clone() };
        }
        let only_folds = matches!(
            lua.first(),
            Some(LuaSegment { head: Head::Reduce { .. }, steps, tail: LuaTail::Frames })
                if steps.is_empty()
        );
        let written = match segments.last() {
            Some(Segment::Lua(_)) => written(&chain.tail)?,
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
        let in_group = Cell::new(false);
        Ok(ChainRunner { segments, vm, max_row: limits.max_row, only_folds, in_group, writes_text })
    }

    /// Makes everything that user code could have left behind fresh.
    pub(crate) fn begin_task(&self, seed: u64) -> Result<(), Failure> {
        self.in_group.set(false);
        self.vm.as_ref().map_or(Ok(()), |vm| vm.begin_task(seed))
    }

    /// Takes a block of a task's rows.
    pub(crate) fn push(&self, rows: Rows<'_>, tail: &mut TailSink) -> Result<(), Failed> {
        if !self.only_folds {
            return self.run(0, rows, tail);
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
        let (Segment::Lua(number), Some(vm)) = (&self.segments[at], &self.vm) else {
            return Ok(());
        };
        vm.finish(*number, &mut |_, bytes, rows| self.pass(at + 1, bytes, rows, tail))
    }

    /// What the user is to be told of what has run so far.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        self.vm.as_ref().map_or_else(Vec::new, Vm::take_warnings)
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
            Some(Segment::Native(step, buffer)) => {
                let mut buffer = buffer.borrow_mut();
                buffer.clear();
                let applied = native::apply(step, rows, self.max_row, &mut buffer);
                // Rows before a failing one are right, and come first. That one's frame has no
                // length yet.
                let whole = match &applied {
                    Ok(()) => buffer.len(),
                    Err(_) => Rows::frames(&buffer).whole(),
                };
                self.run(at + 1, Rows::frames(&buffer[..whole]), tail)?;
                applied
            }
            Some(Segment::Lua(number)) => {
                let vm = self.vm.as_ref().expect("a chain with Lua segments has a state");
                vm.push(*number, rows, &mut |_, bytes, rows| self.pass(at + 1, bytes, rows, tail))
            }
        }
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

fn lua_step(step: &Step) -> Option<LuaStep> {
    Some(match step {
        Step::Map(code) => LuaStep::Map(code.clone()),
        Step::FlatMap(code) => LuaStep::FlatMap(code.clone()),
        Step::Filter(code) => LuaStep::Filter(code.clone()),
        Step::ForEach(code) => LuaStep::ForEach(code.clone()),
        Step::Select { .. } | Step::Split { .. } | Step::Numbers { .. } => return None,
    })
}
