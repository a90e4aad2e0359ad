//! A plan as text, for people: one paragraph a stage, in the order in which they are listed.
//!
//! A newcomer's trap: stages are numbered from 1 here, as people count.

use std::fmt::{self, Write as _};

use crate::error::{Failure, StepId};
use crate::plan::chain::{Chain, Head, KeyColumn, Step, Tail, WHOLE_ROW};
use crate::plan::exchange::{Group, Keep};
use crate::plan::stage::{Input, Plan, Slice, Stage, Work};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            self.stage(f, index, stage)?;
        }
        for table in &self.tables {
            if let Some(stage) = table.stage {
                writeln!(f, "table {}: stage {}, by column 1", table.name, stage + 1)?;
            }
        }
        for (index, stage) in self.outputs.iter().enumerate() {
            writeln!(f, "sink {}: stage {}, in order", index + 1, stage + 1)?;
        }
        Ok(())
    }
}

impl Plan {
    /// The plan, and which steps keep something in the named globals from one row to the next.
    pub(crate) fn explain(&self, kept: &[(StepId, Vec<String>)]) -> String {
        let mut text = self.to_string();
        for (step, names) in &self.names {
            let origin = &self.origins[*step as usize];
            writeln!(text, "{origin}: columns {names}").expect("writing to a String");
        }
        if let Err(Failure { step: Some(step), message, .. }) = self.travels() {
            let origin = &self.origins[step as usize];
            writeln!(text, "{origin}: {message}").expect("writing to a String");
        }
        for (step, globals) in kept {
            let names = globals.join(", ");
            let origin = &self.origins[*step as usize];
            writeln!(text, "{origin}: keeps state per task ({names})")
                .expect("writing to a String");
        }
        text
    }

    fn stage(&self, f: &mut fmt::Formatter<'_>, index: usize, stage: &Stage) -> fmt::Result {
        write!(f, "stage {}: ", index + 1)?;
        match (&stage.input, &stage.work) {
            (Input::Source(source), _) => f.write_str(&source.code.shown)?,
            (Input::Stages(inputs), Work::Merge { merge, .. }) => {
                f.write_str("merge of ")?;
                for (nth, (input, order)) in inputs.iter().zip(&merge.orders).enumerate() {
                    let and = if nth > 0 { " and " } else { "" };
                    write!(f, "{and}stage {} by {}", input + 1, order_text(order))?;
                }
                f.write_str(&keep_text(merge.keep))?;
            }
            (Input::Stages(inputs), _) => {
                for (nth, &input) in inputs.iter().enumerate() {
                    let then = if nth > 0 { ", then " } else { "" };
                    write!(f, "{then}stage {}", input + 1)?;
                    match self.stages[input].partitions {
                        1 => {}
                        count => write!(f, " ({count} partitions)")?,
                    }
                }
            }
        }
        for held in &stage.held {
            write!(f, ", beside all of stage {}", held + 1)?;
        }
        for table in stage.tables() {
            write!(f, ", with table {}", self.tables[table as usize].name)?;
        }
        match &stage.work {
            Work::Forward => f.write_str(" → forward")?,
            Work::Chain(chain) | Work::Merge { chain, .. } => self.chain(f, chain)?,
            Work::Commands(commands) => {
                for command in commands {
                    write!(
                        f,
                        " → {} {:?}",
                        self.operator(command.step),
                        command.program.to_string()
                    )?;
                }
            }
            Work::Closures(closures) => {
                for closure in closures {
                    write!(f, " → {}", self.operator(closure.step))?;
                }
            }
            Work::Slice(_) => write!(f, " → {}", self.slice_text(stage))?,
            Work::Zip(_) => write!(f, " → {}", self.operator(stage.step))?,
            Work::Replace(replace) => {
                let operator = self.operator(stage.step);
                write!(f, " → {operator}: replace {}", list(&replace.columns))?;
            }
            Work::Deal { count } => write!(f, " → {} {count}", self.operator(stage.step))?,
        }
        writeln!(f)
    }

    /// `limit 5`, `skip 3`, or both where it is neither of them alone.
    fn slice_text(&self, stage: &Stage) -> String {
        let operator = self.operator(stage.step);
        match stage.work {
            Work::Slice(Slice { skip: 0, take: Some(take) }) => format!("{operator} {take}"),
            Work::Slice(Slice { skip, take: None }) => format!("{operator} {skip}"),
            Work::Slice(Slice { skip, take: Some(take) }) => {
                format!("{operator}: {take} rows behind {skip}")
            }
            _ => operator.to_owned(),
        }
    }

    fn chain(&self, f: &mut fmt::Formatter<'_>, chain: &Chain) -> fmt::Result {
        match &chain.head {
            Head::Rows(_) | Head::Columns(..) => {}
            Head::Groups(Group::Lua(group)) => {
                write!(f, " → {}", self.operator(group.code.step))?;
            }
            Head::Groups(Group::Fold { fold: native, .. } | Group::Step(native)) => {
                write!(f, " → {}", native.code.shown)?;
            }
        }
        for step in &chain.steps {
            match step {
                Step::Lua(step) => write!(f, " → {}", self.operator(step.code.step))?,
                Step::Native(native) | Step::Spread(native) => {
                    write!(f, " → {}", native.code.shown)?;
                }
            }
        }
        match &chain.tail {
            Tail::Frames => Ok(()),
            Tail::Written(writing) => write!(f, " → {}", writing.format.code.shown),
            Tail::Count => f.write_str(" → count"),
            Tail::Partition { keys, count, .. } => {
                write!(f, " → partition by {} into {count}", list(keys))
            }
            Tail::Runs { step, order, keep, combine, .. } => {
                let less = match (keep, combine) {
                    (Keep::All, None) => "",
                    (Keep::Top(_), None) => &keep_text(*keep)[2..],
                    _ => "combine",
                };
                let comma = if less.is_empty() { "" } else { ", " };
                let operator = self.operator(*step);
                write!(f, " → {operator}: {less}{comma}sort by {}", order_text(order))
            }
        }
    }

    fn operator(&self, step: StepId) -> &str {
        &self.origins[step as usize].operator
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

fn list(columns: &[u32]) -> String {
    let names: Vec<String> = columns.iter().map(u32::to_string).collect();
    names.join(", ")
}
