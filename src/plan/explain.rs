//! A plan as people read it: what each stage reads and does, and what there is to say of steps.
//!
//! [`Shown`] is what is said; that it is text, JSON or a graph is for `text.rs`, `json.rs` and
//! `dot.rs`. Whoever adds to a plan has one place to show it: a kind of work in [`steps_of`], what a
//! Lua step is told in [`lua_step`], what is seen of a step's function in [`Seen`].
//!
//! A newcomer's trap: stages are numbered from 1 here, as people count.

mod dot;
mod json;
mod text;

use std::fmt::{self, Write as _};

use crate::error::{CodePlace, Origin, StepId};
use crate::plan::chain::{Chain, Head, KeyColumn, LuaStep, Step, Tail, WHOLE_ROW};
use crate::plan::command::Command;
use crate::plan::exchange::{Group, Keep};
use crate::plan::guard::Guard;
use crate::plan::stage::{Input, Plan, Slice, Stage, Work};

/// What is seen of a step's function before it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The globals in which it keeps something from one row to the next.
    pub keeps: Vec<String>,
    /// What a native loop does in its place.
    pub recognised: Option<String>,
    /// What keeps it from being compiled.
    pub stops: Vec<Stop>,
}

/// What is not compiled, and at which line of the step's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub line: u32,
    pub what: String,
}

/// A plan as it is shown.
pub(crate) struct Shown<'a> {
    origins: &'a [Origin],
    stages: Vec<StageShown>,
    tables: Vec<TableShown>,
    /// The stage that each sink reads.
    sinks: Vec<usize>,
    notes: Vec<Note<'a>>,
}

struct StageShown {
    reads: Vec<Read>,
    /// What a merge keeps of equal keys, if not all.
    keeps: String,
    /// Stages whose rows each worker holds.
    beside: Vec<usize>,
    tables: Vec<String>,
    steps: Vec<StepShown>,
    partitions: u32,
}

/// One input of a stage.
enum Read {
    Source(String),
    Stage {
        stage: usize,
        partitions: u32,
        /// By what the rows are merged, if they are.
        by: Option<String>,
    },
}

struct TableShown {
    name: String,
    stage: usize,
}

/// What a step does in a stage. A reduce does something in two of them.
struct StepShown {
    step: StepId,
    by: RunBy,
    text: String,
}

/// Who does a step's work.
#[derive(Clone, Copy)]
enum RunBy {
    Lua,
    Native,
    Command,
    Engine,
}

/// What there is to say of a step beside what it does.
struct Note<'a> {
    step: StepId,
    columns: Option<&'a str>,
    /// Why the plan cannot leave the program, if this step is why.
    stays: Option<String>,
    /// What becomes of its bad rows, if they do not end the run.
    guard: Option<&'a Guard>,
    seen: Option<&'a Seen>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(&[]).text())
    }
}

impl Plan {
    /// What is shown of the plan, with what has been seen of its functions.
    pub(crate) fn shown<'a>(&'a self, seen: &'a [(StepId, Seen)]) -> Shown<'a> {
        let steps = 0..StepId::try_from(self.origins.len()).expect("fewer than 2^32 steps");
        let stays = self.travels().err();
        let note = |step: StepId| {
            let columns = self.names.iter().find(|(of, _)| *of == step).map(|(_, names)| &**names);
            let seen = seen.iter().find(|(of, _)| *of == step).map(|(_, seen)| seen);
            let stays = stays.as_ref().filter(|failure| failure.step == Some(step));
            let stays = stays.map(|failure| failure.message.clone());
            let guard = self.guards().find(|(of, _)| *of == step).map(|(_, guard)| guard);
            let is_noted = columns.or(stays.as_deref()).is_some() || guard.is_some();
            let note = Note { step, columns, stays, guard, seen };
            (is_noted || seen.is_some()).then_some(note)
        };
        let tables = self.tables.iter().filter_map(|table| {
            Some(TableShown { name: table.name.clone(), stage: table.stage? + 1 })
        });
        Shown {
            origins: &self.origins,
            stages: self.stages.iter().map(|stage| self.stage(stage)).collect(),
            tables: tables.collect(),
            sinks: self.outputs.iter().map(|stage| stage + 1).collect(),
            notes: steps.filter_map(note).collect(),
        }
    }

    fn stage(&self, stage: &Stage) -> StageShown {
        let merge = match &stage.work {
            Work::Merge { merge, .. } => Some(merge),
            _ => None,
        };
        let reads = match &stage.input {
            Input::Source(source) => vec![Read::Source(source.code.shown.clone())],
            Input::Stages(inputs) => {
                let read = |(nth, input): (usize, &usize)| Read::Stage {
                    stage: input + 1,
                    partitions: self.stages[*input].partitions,
                    by: merge.map(|merge| order_text(&merge.orders[nth])),
                };
                inputs.iter().enumerate().map(read).collect()
            }
        };
        let table = |table: u32| self.tables[table as usize].name.clone();
        StageShown {
            reads,
            keeps: merge.map_or(String::new(), |merge| keep_text(merge.keep)),
            beside: stage.held.iter().map(|held| held + 1).collect(),
            tables: stage.tables().into_iter().map(table).collect(),
            steps: self.steps_of(stage),
            partitions: stage.partitions,
        }
    }

    /// What a stage does: each kind of work says so here.
    fn steps_of(&self, stage: &Stage) -> Vec<StepShown> {
        let engine = |text: String| vec![StepShown { step: stage.step, by: RunBy::Engine, text }];
        let operator = self.operator(stage.step);
        match &stage.work {
            Work::Forward => engine("forward".to_owned()),
            Work::Chain(chain) | Work::Merge { chain, .. } => self.chain(stage, chain),
            Work::Commands(commands) => commands.iter().map(|it| self.command(it)).collect(),
            Work::Slice(slice) => engine(slice_text(operator, *slice)),
            Work::Closures(closures) => {
                let shown = |step: StepId| {
                    let text = self.operator(step).to_owned();
                    StepShown { step, by: RunBy::Engine, text }
                };
                closures.iter().map(|closure| shown(closure.step)).collect()
            }
            Work::Zip(_) => engine(operator.to_owned()),
            Work::Replace(replace) => {
                let columns: Vec<String> = replace.columns.iter().map(u32::to_string).collect();
                engine(format!("{operator}: replace {}", columns.join(", ")))
            }
            Work::Deal { count } => engine(format!("{operator} {count}")),
        }
    }

    fn command(&self, command: &Command) -> StepShown {
        let text = format!("{} {:?}", self.operator(command.step), command.program.to_string());
        StepShown { step: command.step, by: RunBy::Command, text }
    }

    fn chain(&self, stage: &Stage, chain: &Chain) -> Vec<StepShown> {
        let native =
            |step, text: &str| StepShown { step, by: RunBy::Native, text: text.to_owned() };
        let mut steps = Vec::new();
        match &chain.head {
            Head::Rows(_) | Head::Columns(..) => {}
            Head::Groups(Group::Lua(group)) => steps.push(self.lua(group.code.step)),
            Head::Groups(Group::Fold { fold: code, .. } | Group::Step(code)) => {
                steps.push(native(code.step, &code.code.shown));
            }
        }
        for step in &chain.steps {
            steps.push(match step {
                Step::Lua(step) => self.lua_step(step),
                Step::Native(code) | Step::Spread(code) => native(code.step, &code.code.shown),
            });
        }
        match &chain.tail {
            Tail::Frames => {}
            Tail::Written(writing) => {
                steps.push(native(writing.step, &writing.format.code.shown));
            }
            Tail::Count => steps.push(native(stage.step, "count")),
            Tail::Partition { step, keys, count } => {
                let keys: Vec<String> = keys.iter().map(u32::to_string).collect();
                let text = format!("partition by {} into {count}", keys.join(", "));
                steps.push(native(*step, &text));
            }
            Tail::Runs { step, order, keep, combine, .. } => {
                let less = match (keep, combine) {
                    (Keep::All, None) => "",
                    (Keep::Top(_), None) => &keep_text(*keep)[2..],
                    _ => "combine",
                };
                let comma = if less.is_empty() { "" } else { ", " };
                let (operator, order) = (self.operator(*step), order_text(order));
                let text = format!("{operator}: {less}{comma}sort by {order}");
                steps.push(native(*step, &text));
            }
        }
        steps
    }

    /// A step that calls the user's function: what it is told beside that is shown here.
    fn lua_step(&self, step: &LuaStep) -> StepShown {
        self.lua(step.code.step)
    }

    fn lua(&self, step: StepId) -> StepShown {
        StepShown { step, by: RunBy::Lua, text: self.operator(step).to_owned() }
    }

    fn operator(&self, step: StepId) -> &str {
        &self.origins[step as usize].operator
    }
}

impl Origin {
    /// A line of an operator's Lua text.
    fn line_of_text(&self, line: u32) -> String {
        match &self.code {
            CodePlace::At(file, first) => format!("{file}:{}", first + line - 1),
            CodePlace::Text | CodePlace::Made { .. } => format!("line {line}"),
        }
    }
}

/// `limit 5`, `skip 3`, or both where it is neither of them alone.
fn slice_text(operator: &str, slice: Slice) -> String {
    match slice {
        Slice { skip: 0, take: Some(take) } => format!("{operator} {take}"),
        Slice { skip, take: None } => format!("{operator} {skip}"),
        Slice { skip, take: Some(take) } => format!("{operator}: {take} rows behind {skip}"),
    }
}

fn keep_text(keep: Keep) -> String {
    match keep {
        Keep::All => String::new(),
        Keep::First => ", first of each".to_owned(),
        Keep::Top(rows) => format!(", first {rows}"),
    }
}

fn order_text(order: &[KeyColumn]) -> String {
    if order.is_empty() {
        return "nothing (one group)".to_owned();
    }
    let mut text = String::new();
    for (index, key) in order.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let column = match key.column {
            WHOLE_ROW => "the whole row".to_owned(),
            column => format!("column {column}"),
        };
        let numeric = if key.numeric { " as numbers" } else { "" };
        let descending = if key.descending { " descending" } else { "" };
        write!(text, "{comma}{column}{numeric}{descending}").expect("writing to a String");
    }
    text
}
