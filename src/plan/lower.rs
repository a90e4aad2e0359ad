//! The primitives in which operators say what they are: fuse, exchange, concat, slice, deal,
//! command, closure, share.
//!
//! A newcomer's trap: [`Open`] is an unfinished chain. It becomes a stage only when something ends
//! it: an exchange, a command, a second reader or a sink. Nothing here knows an operator's name,
//! and what makes a finished plan faster is a pass in `plan/rewrite`.

mod guard;

use crate::error::{ErrorKind, Failure, StepId};
use crate::plan::chain::{Chain, Code, Head, Step, Tail, codes};
use crate::plan::closure::Closure;
use crate::plan::command::{Command, Form};
use crate::plan::exchange::{Exchange, Group, Side};
use crate::plan::names::Names;
use crate::plan::native::Native;
use crate::plan::seed;
use crate::plan::source::Source;
use crate::plan::stage::{Input, Merge, Output, Replace, Slice, Stage, StageId, Work, Zip};
use crate::plan::tables::{Mentions, Table, TableId};
use crate::plan::writing::{TextFormat, Writing};
use crate::row::layout::Layout;

const FRAMES: Output = Output::Rows(Layout::Frames);

/// Steps in one chain. Each Lua step is a call inside the one before it, and a state's stack ends.
const MOST_STEPS: usize = 64;

/// Changes between native steps and Lua in one chain: each is a level of the worker's own stack.
const MOST_TURNS: usize = 8;

/// Rows on their way to the next operator: a chain under construction.
pub(crate) struct Open {
    step: StepId,
    input: Input,
    head: Head,
    steps: Vec<Step>,
    merge: Option<Merge>,
    held: Vec<StageId>,
    partitions: u32,
    /// What the columns are called, as far as it is known.
    names: Names,
}

/// A plan under construction.
#[derive(Default)]
pub(crate) struct Lower {
    pub(super) stages: Vec<Stage>,
    /// How many steps lie between the sources and the one that is being lowered.
    pub(super) depth: u32,
    pub(super) tables: Vec<Table>,
    /// Which side tables the inputs of the step that is being lowered have, and what it gives.
    pub(super) tables_of_inputs: Vec<Vec<TableId>>,
    pub(super) tables_out: Vec<TableId>,
    /// What code that all steps share names.
    pub(super) shared: Mentions,
}

impl Lower {
    /// A piece of the user's Lua that belongs to the step which is being lowered.
    pub(crate) fn code(&self, step: StepId, text: &str) -> Code {
        let named = |&table: &TableId| (table, &*self.tables[table as usize].name);
        let tables = Mentions::of(text).and(&self.shared);
        let tables = tables.needed(self.tables_out.iter().map(named));
        Code { step, text: text.to_owned(), seed: seed::of_step(self.depth, text), tables }
    }

    /// Says which side tables there are where the rows of all these inputs come together.
    pub(super) fn enter(&mut self, inputs: Vec<Vec<TableId>>) -> Result<(), Failure> {
        self.tables_out = inputs.concat();
        self.tables_out.sort_unstable();
        self.tables_out.dedup();
        self.tables_of_inputs = inputs;
        let mut names: Vec<&str> =
            self.tables_out.iter().map(|&table| &*self.tables[table as usize].name).collect();
        names.sort_unstable();
        match names.windows(2).find(|two| two[0] == two[1]) {
            None => Ok(()),
            Some(two) => {
                let message = format!("its inputs have different tables of the name {:?}", two[0]);
                Err(Failure::new(ErrorKind::Plan, message)
                    .hint("give one of them another name, or add the table behind this step"))
            }
        }
    }

    /// Lets the functions of all steps behind `rows` look into the rows of another dataset.
    pub(crate) fn table(
        &mut self,
        step: StepId,
        [rows, table]: [Open; 2],
        name: &str,
    ) -> Result<Open, Failure> {
        let mut tables = self.tables_of_inputs[0].clone();
        if tables.iter().any(|&known| self.tables[known as usize].name == name) {
            let message = format!("there is a table {name:?} already");
            return Err(Failure::new(ErrorKind::Plan, message));
        }
        tables.push(TableId::try_from(self.tables.len()).expect("fewer than 2^32 tables"));
        self.tables_out = tables;
        let stage = Some(self.share_as_frames(table));
        self.tables.push(Table { step, name: name.to_owned(), stage });
        // Functions before this step must not find the table, and all of a chain find the same.
        if rows.codes().any(|code| Mentions::of(&code.text).may_be(name)) {
            let names = rows.names.clone();
            let stage = self.share(rows);
            return Ok(self.reopen(stage, step).named(names));
        }
        Ok(rows)
    }

    /// Rows of a source.
    pub(crate) fn source(&mut self, step: StepId, source: Source) -> Open {
        let layout = source.layout;
        Open {
            step,
            input: Input::Source(source),
            head: Head::Rows(layout),
            steps: Vec::new(),
            merge: None,
            held: Vec::new(),
            partitions: 1,
            names: Names::default(),
        }
    }

    /// Adds a step that takes row for row, in the same tasks as those before it. What its columns
    /// are called is [for the operator to say](Open::named).
    pub(crate) fn fuse(&mut self, rows: Open, step: Step) -> Open {
        let mut rows = self.with_room(rows);
        rows.steps.push(step);
        rows.named(Names::default())
    }

    /// A chain that can take one more step.
    fn with_room(&mut self, rows: Open) -> Open {
        let turns = rows.steps.windows(2).filter(|two| two[0].is_lua() != two[1].is_lua()).count();
        if rows.steps.len() >= MOST_STEPS || turns >= MOST_TURNS {
            let first = rows.step;
            let stage = self.share(rows);
            return self.reopen(stage, first);
        }
        rows
    }

    /// Brings the rows of all sides together in the order of their keys.
    pub(crate) fn exchange(
        &mut self,
        step: StepId,
        sides: impl IntoIterator<Item = Side>,
        exchange: Exchange,
    ) -> Open {
        let Exchange { keep, cuts, group } = exchange;
        let mut stages = Vec::new();
        let mut orders = Vec::new();
        for side in sides {
            orders.push(side.order.clone());
            stages.push(self.runs_of(step, side));
        }
        let head = match group {
            None => Head::Rows(Layout::Frames),
            Some(group) => Head::Groups(group),
        };
        Open {
            step,
            input: Input::Stages(stages),
            head,
            steps: Vec::new(),
            merge: Some(Merge { orders, keep, cuts }),
            held: Vec::new(),
            partitions: 1,
            names: Names::default(),
        }
    }

    /// Adds a step that makes any number of rows of each, beside all rows of a side, which each
    /// worker holds. `code` is told by which number the step finds them: see
    /// [`GroupTask::held`](crate::op::group::GroupTask).
    pub(crate) fn beside(
        &mut self,
        step: StepId,
        rows: Open,
        side: Side,
        code: impl FnOnce(usize) -> Native,
    ) -> Open {
        let mut rows = self.with_room(rows);
        if rows.merge.is_some() {
            let stage = self.share(rows);
            rows = self.reopen(stage, step);
        }
        let native = code(rows.held.len());
        rows.held.push(self.runs_of(step, side));
        rows.steps.push(Step::Spread(native));
        rows.named(Names::default())
    }

    /// Ends the chain of a side in sorted runs.
    fn runs_of(&mut self, step: StepId, side: Side) -> StageId {
        let Side { rows, order, keep, combine, measured } = side;
        let tail = Tail::Runs { step, order, keep, combine, measured, raw: false };
        self.end(rows, tail, Output::Runs)
    }

    /// Gives all rows to a group as its only one, in order and so in one task: of each partition
    /// those that are in it, or else of the whole dataset.
    pub(crate) fn in_order(
        &mut self,
        step: StepId,
        rows: Open,
        each_partition: bool,
        group: Group,
    ) -> Open {
        let partitions = if each_partition { rows.partitions } else { 1 };
        let input = Input::Stages(vec![self.share(rows)]);
        let (head, steps) = (Head::Groups(group), Vec::new());
        let names = Names::default();
        let held = Vec::new();
        let ordered = Open { step, input, head, steps, merge: None, held, partitions, names };
        if partitions == 1 {
            return ordered;
        }
        // What follows may look through the partitions.
        let stage = self.share(ordered);
        self.reopen(stage, step)
    }

    /// The rows of one after those of another.
    pub(crate) fn concat(&mut self, step: StepId, all: impl IntoIterator<Item = Open>) -> Open {
        let all: Vec<Open> = all.into_iter().collect();
        let layouts: Vec<Layout> = all.iter().map(Open::layout).collect();
        let alike = layouts.windows(2).all(|two| two[0] == two[1]);
        let stages: Vec<StageId> = all
            .into_iter()
            .map(|rows| if alike { self.share(rows) } else { self.share_as_frames(rows) })
            .collect();
        let output =
            stages.first().map_or(Layout::Frames, |&first| self.stages[first].output.layout());
        self.engine_stage(step, stages, Work::Forward, output, 1)
    }

    /// Some neighbouring rows only. What comes before stops as soon as they are there.
    pub(crate) fn slice(&mut self, step: StepId, rows: Open, slice: Slice) -> Open {
        let names = rows.names.clone();
        let stage = self.share(rows);
        let output = self.stages[stage].output.layout();
        self.engine_stage(step, vec![stage], Work::Slice(slice), output, 1).named(names)
    }

    /// Each row of one beside the row of the other that stands at the same place.
    pub(crate) fn zip(&mut self, step: StepId, both: [Open; 2], longest: bool) -> Open {
        let stages = both.map(|rows| self.share_as_frames(rows)).to_vec();
        self.engine_stage(step, stages, Work::Zip(Zip { longest }), Layout::Frames, 1)
    }

    /// The rows of a stage, with columns of others, which stand for the same rows, in the place of some
    /// of theirs. Partitions stay apart.
    pub(crate) fn replace(
        &mut self,
        step: StepId,
        rows: StageId,
        columns: Open,
        replace: Replace,
    ) -> Open {
        let columns = self.share(columns);
        let Stage { output, partitions, .. } = self.stages[rows];
        let layout = match output.layout() {
            Layout::Frames => Layout::Frames,
            _ => Layout::Columns,
        };
        self.engine_stage(step, vec![rows, columns], Work::Replace(replace), layout, partitions)
    }

    /// Deals rows out to `count` partitions in turn.
    pub(crate) fn deal(&mut self, step: StepId, rows: Open, count: u32) -> Open {
        let names = rows.names.clone();
        let stage = self.share(rows);
        let output = self.stages[stage].output.layout();
        self.engine_stage(step, vec![stage], Work::Deal { count }, output, count).named(names)
    }

    /// Deals rows out to `count` partitions by the hash of the columns `keys`, from 1.
    pub(crate) fn deal_by(&mut self, step: StepId, rows: Open, keys: Vec<u32>, count: u32) -> Open {
        let names = rows.names.clone();
        let stage = self.end(rows, Tail::Partition { step, keys, count }, FRAMES);
        self.stages[stage].partitions = count;
        self.reopen(stage, step).named(names)
    }

    /// Sends the rows through a command, apart for each partition: as text or else as they are.
    pub(crate) fn command(
        &mut self,
        rows: Open,
        as_text: Option<TextFormat>,
        command: Command,
    ) -> Open {
        let (step, output) = (command.step, command.output());
        let stage = match (as_text, command.form) {
            (Some(format), _) => self.write(rows, Writing { step, format }),
            (None, Form::Frames) => self.share_as_frames(rows),
            (None, _) => self.share(rows),
        };
        let partitions = self.stages[stage].partitions;
        self.engine_stage(step, vec![stage], Work::Commands(vec![command]), output, partitions)
    }

    /// Has a closure of the program go through the rows, apart for each partition.
    pub(crate) fn closure(&mut self, rows: Open, closure: Closure) -> Open {
        let (step, stage) = (closure.step, self.share(rows));
        let Stage { output, partitions, .. } = self.stages[stage];
        let output = closure.output(output.layout());
        self.engine_stage(step, vec![stage], Work::Closures(vec![closure]), output, partitions)
    }

    /// Ends a chain where its rows are wanted as they are, by whoever [reopens](Lower::reopen) the
    /// stage, as often as that may be.
    pub(crate) fn share(&mut self, rows: Open) -> StageId {
        if !rows.steps.is_empty() || matches!(rows.head, Head::Groups(_)) || rows.merge.is_some() {
            return self.end(rows, Tail::Frames, FRAMES);
        }
        match rows.input {
            Input::Stages(stages) => stages[0],
            Input::Source(_) => {
                let output = Output::Rows(rows.layout());
                self.add(rows.step, rows.input, Work::Forward, output, 1)
            }
        }
    }

    /// [`Lower::share`] for who takes lines as well as frames: those that are only cut at TAB stay
    /// lines.
    pub(crate) fn share_lines(&mut self, rows: Open) -> StageId {
        let is_alone = rows.partitions == 1 && rows.merge.is_none() && !rows.steps.is_empty();
        if !is_alone || rows.layout_of_lines() != Some(Layout::Columns) {
            return self.share(rows);
        }
        let step = rows.step;
        let lines = self.share(Open { steps: Vec::new(), ..rows });
        let input = Input::Stages(vec![lines]);
        self.add(step, input, Work::Forward, Output::Rows(Layout::Columns), 1)
    }

    /// Begins a chain on the rows of a finished stage.
    pub(crate) fn reopen(&self, stage: StageId, step: StepId) -> Open {
        let Stage { output, partitions, .. } = self.stages[stage];
        Open {
            step,
            input: Input::Stages(vec![stage]),
            head: Head::Rows(output.layout()),
            steps: Vec::new(),
            merge: None,
            held: Vec::new(),
            partitions,
            names: Names::default(),
        }
    }

    /// Ends a chain where its rows leave as text.
    pub(super) fn write(&mut self, rows: Open, writing: Writing) -> StageId {
        let output = Output::Rows(writing.format.layout);
        self.end(rows, Tail::Written(writing), output)
    }

    /// Ends a chain.
    pub(super) fn end(&mut self, rows: Open, tail: Tail, output: Output) -> StageId {
        let partitions = if tail.keeps_partitions() { rows.partitions } else { 1 };
        let chain = Chain { head: rows.head, steps: rows.steps, tail };
        let work = match rows.merge {
            Some(merge) => Work::Merge { chain, merge },
            None => Work::Chain(chain),
        };
        let stage = self.add(rows.step, rows.input, work, output, partitions);
        self.stages[stage].held = rows.held;
        stage
    }

    pub(crate) fn share_as_frames(&mut self, rows: Open) -> StageId {
        match rows.layout() {
            Layout::Frames => self.share(rows),
            _ => self.end(rows, Tail::Frames, FRAMES),
        }
    }

    /// Adds a stage that the engine runs by itself.
    fn engine_stage(
        &mut self,
        step: StepId,
        inputs: Vec<StageId>,
        work: Work,
        layout: Layout,
        partitions: u32,
    ) -> Open {
        let output = Output::Rows(layout);
        let stage = self.add(step, Input::Stages(inputs), work, output, partitions);
        self.reopen(stage, step)
    }

    fn add(
        &mut self,
        step: StepId,
        input: Input,
        work: Work,
        output: Output,
        partitions: u32,
    ) -> StageId {
        self.stages.push(Stage { step, input, work, output, held: Vec::new(), partitions });
        self.stages.len() - 1
    }
}

impl Open {
    /// What the columns are called.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The same rows, whose columns are called so.
    pub(crate) fn named(self, names: Names) -> Open {
        Open { names, ..self }
    }

    /// The user's functions in it.
    fn codes(&self) -> impl Iterator<Item = &Code> {
        codes(&self.head, &self.steps)
    }

    /// How the rows lie if no step looks into their lines.
    fn layout_of_lines(&self) -> Option<Layout> {
        let (head, steps) = (self.head.clone(), self.steps.clone());
        Chain { head, steps, tail: Tail::Frames }.raw()
    }

    /// How the rows lie when they come out of the chain.
    pub(crate) fn layout(&self) -> Layout {
        match (&self.head, self.steps.is_empty()) {
            (Head::Rows(layout), true) => *layout,
            _ => Layout::Frames,
        }
    }
}
