//! A VM: one LuaJIT state with the loops of all Lua segments of a chain.
//!
//! A newcomer's trap: the loops and their traces live as long as the VM, the user's functions and
//! globals only as long as a task: `begin_task` makes them again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mlua::state::{GcIncParams, GcMode};
use mlua::{Function, Table};

use super::columns;
use super::failure::{self, internal};
use super::formats::Formats;
use super::heap::State;
use super::keys::KeyBytes;
use super::native::{Key, Ports, Shared};
use super::port::Port;
use super::rejects::{Outcome, Rejects, read_outcome};
use super::setup::{Known, Modules, Told, Warnings, halves, setup};
use super::slabs::TIGHT_BYTES;
use super::tables::Tables;
use super::tally::Tally;
use super::words::Words;
use super::{LuaSegment, LuaTail, Progress};
use crate::error::{Failed, Failure, Rejected, Warning};
use crate::plan::chain::{Code, Head};
use crate::plan::view::{Columns, TAB};
use crate::row::layout::{Layout, Rows};
use crate::row::side_table::SideTable;

/// Takes the rows that a segment has put out: its number, the frames or the text (which may be
/// taken away or left), and how many they are.
pub(crate) type Out<'a> = dyn FnMut(usize, &mut Vec<u8>, u32) -> Result<(), Failure> + 'a;

/// A state that waits for its next task holds a 16th of what it may use, between these bounds.
const RESTING_BYTES: (usize, usize) = (2 << 20, 32 << 20);

pub(crate) struct Vm {
    release: Function,
    begin: Function,
    push: Function,
    finish: Function,
    failure: Function,
    outcome: Function,
    #[cfg(any(test, feature = "fuzz-internals"))]
    environment: Table,
    // Dropped after all that is made of it, and before what it points into.
    lua: State,
    ports: Ports,
    _columns: Vec<Option<Shared<columns::Columns>>>,
    segments: Vec<LuaSegment>,
    progress: Arc<Progress>,
    _key: Key,
    words: Shared<Words>,
    tally: Shared<Tally>,
    _formats: Shared<Formats>,
    _tables: Tables,
    memory_limit: usize,
    warnings: Warnings,
    rejects: Rejects,
    /// There was a task since the last rest.
    awake: Cell<bool>,
    /// Why the open task has failed, if it has.
    failed: RefCell<Option<Failed>>,
}

impl Vm {
    /// Makes the state, its environment and its loops, and compiles the user's code. `shared` are
    /// the texts given to `lua(code)`, `tables` what `tables` has in user code.
    pub fn new(
        shared: &[Code],
        segments: Vec<LuaSegment>,
        tables: Vec<(String, Rc<SideTable>)>,
        memory_limit: usize,
        max_row: usize,
        progress: Arc<Progress>,
    ) -> Result<Vm, Failure> {
        let lua = State::new();
        lua.set_limit(memory_limit);
        let key = Key::new(KeyBytes::default());
        let ports: Ports = segments
            .iter()
            .map(|segment| Shared::new(port_of(segment, max_row, &progress)))
            .collect();
        let columns: Vec<_> = segments
            .iter()
            .map(|segment| view_of(&segment.head))
            .map(|view| view.map(|view| Shared::new(columns::Columns::new(view))))
            .collect();
        let words = Shared::new(Words::new(most_words(memory_limit)));
        let tally = Shared::new(Tally::new());
        let formats = Shared::new(Formats::new());
        let tables = Tables::new(tables, &progress);
        let (warnings, rejects) = (Warnings::default(), Rejects::new(max_row, &progress));
        let known =
            Known { key: &key, words: &words, tally: &tally, formats: &formats, tables: &tables };
        let told = Told { progress: &progress, warnings: &warnings, rejects: &rejects };
        let modules = Modules::load(&lua, &known, told).map_err(internal)?;
        let setup = setup(&lua, shared, &segments, &ports, &columns)?;
        #[cfg(any(test, feature = "fuzz-internals"))]
        let environment = modules.environment.clone();
        let chain = modules.chain().map_err(internal)?;
        let wire = || {
            let template =
                lua.create_function(move |lua, name: String| modules.template(lua, &name))?;
            chain.get::<Function>("build")?.call::<()>((setup, template))
        };
        wire().map_err(internal)?;
        let part = |name: &str| chain.get::<Function>(name).map_err(internal);
        let (begin, release) = (part("begin")?, part("release")?);
        let (push, finish, failure) = (part("push")?, part("finish")?, part("failure")?);
        let outcome = part("outcome")?;
        Ok(Vm {
            lua,
            release,
            begin,
            push,
            finish,
            failure,
            outcome,
            ports,
            _columns: columns,
            segments,
            progress,
            _key: key,
            words,
            tally,
            _formats: formats,
            _tables: tables,
            memory_limit,
            warnings,
            rejects,
            awake: Cell::new(false),
            #[cfg(any(test, feature = "fuzz-internals"))]
            environment,
            failed: RefCell::new(None),
        })
    }

    /// Starts a task: fresh globals, the shared code, and each step's outer function again.
    pub fn begin_task(&self, seed: u64) -> Result<(), Failure> {
        self.awake.set(true);
        self.failed.replace(None);
        self.rejects.take();
        for port in &self.ports {
            port.with(Port::reset);
        }
        self.release();
        let _shown = self.progress.show(None);
        let _busy = self.progress.enter();
        let [high, low] = halves(seed);
        let result = self.begin.call::<bool>((high, low));
        self.settle(result, None, None).map_err(|failed| failed.failure)
    }

    /// What the user is to be told of what has run so far.
    pub fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// The rows that guarded steps have left out since it was last asked; the number of each is its
    /// place in the block that was pushed.
    pub fn take_rejected(&self) -> Vec<Rejected> {
        self.rejects.take()
    }

    /// What the task has done besides its rows, all segments of which are finished.
    pub fn outcome(&self) -> Result<Outcome, Failed> {
        let _busy = self.progress.enter();
        match self.outcome.call::<(Option<Table>, Option<Table>)>(()) {
            Ok((Some(steps), Some(counts))) => {
                read_outcome(&steps, &counts).map_err(|error| Failed::from(internal(error)))
            }
            Ok(_) => Err(self.settle(Ok(false), None, None).expect_err("the task has failed")),
            Err(error) => Err(self.settle(Err(error), None, None).expect_err("it is one")),
        }
    }

    /// The task is over. Where the state's part of the memory is small, others need what it does not
    /// use.
    pub fn end_task(&self) {
        if self.memory_limit < TIGHT_BYTES {
            self.rest();
        }
    }

    /// The task is over, and the next one may be long in coming: lets go of a large heap. A small
    /// one is left for the next task to clear.
    pub fn rest(&self) {
        if !self.awake.replace(false) {
            return;
        }
        self.words.with(Words::rest);
        self.tally.with(Tally::rest);
        if self.lua.held() > (self.memory_limit / 16).clamp(RESTING_BYTES.0, RESTING_BYTES.1) {
            self.release();
            let _ = self.lua.gc_collect();
            self.lua.trim();
        }
    }

    /// Runs a segment over rows. All rows that come of them are out when this returns, except what
    /// a reduce or a combine holds. `out` may push into later segments.
    pub fn push(&self, segment: usize, rows: Rows<'_>, out: &mut Out<'_>) -> Result<(), Failed> {
        if !fits(&self.segments[segment].head, rows) {
            return Err(Failed::from(internal("rows of another kind than the segment's head")));
        }
        self.ports[segment]
            .with(|port| port.load(rows))
            .map_err(|what| Failed::from(internal(what)))?;
        let result = self.run(&self.push, segment, Some(rows), out);
        self.ports[segment].with(Port::unload);
        result
    }

    /// Rows that a segment has been given since this was last asked.
    pub fn take_seen(&self, segment: usize) -> u64 {
        self.ports[segment].with(|port| std::mem::take(&mut port.seen))
    }

    /// Ends a segment's input: the last group of a reduce, and what a combine holds.
    pub fn finish(&self, segment: usize, out: &mut Out<'_>) -> Result<(), Failed> {
        self.run(&self.finish, segment, None, out)
    }

    fn run(
        &self,
        function: &Function,
        segment: usize,
        rows: Option<Rows<'_>>,
        out: &mut Out<'_>,
    ) -> Result<(), Failed> {
        if let Some(failed) = &*self.failed.borrow() {
            return Err(failed.clone());
        }
        self.mind_memory();
        let _shown = self.progress.show(rows);
        let _busy = self.progress.enter();
        let mut elsewhere = None;
        let result = self.call(function, segment, out, &mut elsewhere);
        let failed_here = elsewhere.is_none();
        let refused = self.ports[segment].with(Port::take_refused);
        let elsewhere = elsewhere.or(refused).map(|failure| match failed_here {
            true => self.beyond_limit(|| self.refused(failure, rows)),
            false => Failed::from(failure),
        });
        let settled = self.beyond_limit(|| self.settle(result, elsewhere, rows));
        match settled {
            Err(failed) if failed_here => Err(self.after_rows_before(failed, segment, out)),
            settled => settled,
        }
    }

    fn call(
        &self,
        function: &Function,
        segment: usize,
        out: &mut Out<'_>,
        elsewhere: &mut Option<Failure>,
    ) -> mlua::Result<bool> {
        let port = &self.ports[segment];
        self.lua.scope(|scope| {
            let flush = scope.create_function_mut(|_, ()| {
                let (mut bytes, rows) = port.with(Port::take_rows);
                let result = out(segment, &mut bytes, rows);
                port.with(|port| port.put_back(bytes));
                Ok(match result {
                    Ok(()) => true,
                    Err(failure) => {
                        elsewhere.get_or_insert(failure);
                        false
                    }
                })
            })?;
            function.call::<bool>((segment + 1, flush))
        })
    }

    /// The rows before a failing one come first: whoever takes them may have enough of them, or
    /// fail at one of them, which is then the task's failure.
    fn after_rows_before(&self, failed: Failed, segment: usize, out: &mut Out<'_>) -> Failed {
        let (mut bytes, rows) = self.ports[segment].with(Port::take_rows);
        if bytes.is_empty() {
            return failed;
        }
        // Segments behind this one have not failed.
        self.failed.replace(None);
        let failed = match out(segment, &mut bytes, rows) {
            Ok(()) => failed,
            Err(earlier) => Failed::from(earlier),
        };
        self.failed.replace(Some(failed.clone()));
        failed
    }

    /// A row was put out that cannot be written as text; the loop's own note says where it was.
    fn refused(&self, failure: Failure, rows: Option<Rows<'_>>) -> Failed {
        let row = || self.failure.call::<Table>(()).and_then(|table| table.get("row")).ok();
        Failed { failure, row: rows.and_then(|_| row()) }
    }

    /// What came of a call: the first failure of the task, whatever user code made of it.
    fn settle(
        &self,
        result: mlua::Result<bool>,
        elsewhere: Option<Failed>,
        rows: Option<Rows<'_>>,
    ) -> Result<(), Failed> {
        let failed = match (elsewhere, result) {
            (Some(failed), _) => failed,
            (None, Ok(true)) => match &*self.failed.borrow() {
                Some(failed) => Failed::from(failed.failure.clone()),
                None => return Ok(()),
            },
            (None, Ok(false)) => match &*self.failed.borrow() {
                Some(failed) => Failed::from(failed.failure.clone()),
                None => self
                    .failure
                    .call::<Table>(())
                    .and_then(|table| failure::read(&table, rows))
                    .unwrap_or_else(|error| Failed::from(internal(error))),
            },
            // Not even the handler had memory left; the loop's own note says where it was.
            (None, Err(mlua::Error::MemoryError(_))) => {
                let step = self.progress.step.load(Ordering::Relaxed);
                let row = self.progress.row.load(Ordering::Relaxed);
                failure::at_row(failure::out_of_memory().at_step(step), row, rows)
            }
            (None, Err(error)) => Failed::from(internal(error)),
        };
        self.failed.borrow_mut().get_or_insert_with(|| failed.clone());
        Err(failed)
    }

    /// Lets go of what the last task held, which may have ended for want of memory.
    fn release(&self) {
        self.beyond_limit(|| {
            // An error here would come again, and be reported, when the task begins.
            let _ = self.release.call::<()>(());
            self.mind_memory();
        });
    }

    /// With a little more memory than allowed: calls of our own need some where user code has
    /// left none.
    fn beyond_limit<R>(&self, f: impl FnOnce() -> R) -> R {
        self.lua.set_limit(self.memory_limit.saturating_add(1 << 20));
        let result = f();
        self.lua.set_limit(self.memory_limit);
        result
    }

    /// LuaJIT doesn't collect garbage when the limit is reached, so its pause must leave room: near
    /// the limit a new cycle begins at once. This costs time, and no result depends on it. A cycle
    /// takes few steps: there is one with each new object, and a few large ones fill the memory.
    fn mind_memory(&self) {
        let used = self.lua.used_memory();
        if used > self.memory_limit / 8 * 7 {
            let _ = self.beyond_limit(|| self.lua.gc_collect());
        }
        let live = self.lua.used_memory().max(1);
        let room = (self.memory_limit.saturating_sub(live) / 2).min(live.max(4 << 20));
        let pause = 100 + (room.saturating_mul(100) / live).min(900);
        self.lua.gc_set_mode(GcMode::Incremental(
            GcIncParams::default().pause(pause as i32).step_multiplier(4000),
        ));
    }
}

/// So many texts of a word's length take a small part of the state's memory.
fn most_words(memory_limit: usize) -> usize {
    (memory_limit / 1024).clamp(1024, 1 << 16)
}

fn port_of(segment: &LuaSegment, max_row: usize, progress: &Arc<Progress>) -> Port {
    let separator = view_of(&segment.head).and_then(|view| columns::separator(&view));
    let written = match &segment.tail {
        LuaTail::Written(written) => Some(written.clone()),
        LuaTail::Frames | LuaTail::Combine { .. } => None,
    };
    Port::new(max_row, written, separator, progress.clone())
}

/// How the loop takes the columns of lines, if it does.
fn view_of(head: &Head) -> Option<Columns> {
    match head {
        Head::Columns(_, columns) => Some(columns.clone()),
        Head::Rows(Layout::Columns) => Some(Columns { cut: TAB, then: Vec::new() }),
        _ => None,
    }
}

fn fits(head: &Head, rows: Rows<'_>) -> bool {
    let marked = !rows.marks.is_empty() || rows.bytes.is_empty();
    head.layout() == rows.layout && (marked || !matches!(head, Head::Groups(_)))
}

#[cfg(any(test, feature = "fuzz-internals"))]
impl Vm {
    #[cfg(test)]
    /// Starts to count: the function gives how many traces of row loops were compiled since it was
    /// last called, and how many recordings of them were given up.
    pub(super) fn watch_traces(&self) -> mlua::Result<Function> {
        let watch = include_str!("tests/watch.lua");
        self.lua.load(watch).set_environment(self.environment.clone()).eval()
    }

    /// One of our own modules.
    pub(super) fn module_for_test(&self, name: &str) -> mlua::Result<Table> {
        let name = format!("gleamflow.{name}");
        self.environment.get::<Function>("require")?.call(name)
    }

    /// The `string` library as LuaJIT has it, and as user code sees it.
    pub(super) fn string_libraries(&self) -> mlua::Result<(Table, Table)> {
        self.load_for_test("return ({...})[1].stock, string")?
            .call(self.module_for_test("patterns")?)
    }

    pub(super) fn load_for_test(&self, text: &str) -> mlua::Result<Function> {
        let chunk = self.lua.load(text).set_name("=gleamflow:1");
        chunk.set_environment(self.environment.clone()).into_function()
    }

    pub(super) fn args_for_test(
        &self,
        texts: &[Option<&[u8]>],
        numbers: &[i64],
    ) -> mlua::Result<Table> {
        let args = self.lua.create_table()?;
        for (i, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                args.set(i + 1, self.lua.create_string(text)?)?;
            }
        }
        if let [init, most] = numbers {
            args.set(3, *init)?;
            args.set(5, *most)?;
        }
        args.set("n", 5)?;
        Ok(args)
    }
}
