//! A plan as text, for people: one paragraph a stage, in the order in which they are listed.
//!
//! A newcomer's trap: stages are numbered from 1 here, as people count.

use std::fmt::{self, Write as _};

use crate::error::StepId;
use crate::plan::chain::{Chain, Combine, Head, KeyColumn, Step, Tail, WHOLE_ROW};
use crate::plan::stage::{Input, MergeOrder, Plan, Source, Stage, Work};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            self.stage(f, index, stage)?;
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
        match &stage.input {
            Input::Source(source) => f.write_str(&source_text(source))?,
            Input::Stage(input) => {
                let partitions = self.stages[*input].partitions;
                match (&stage.work, partitions) {
                    (Work::Merge { order, .. }, _) => {
                        write!(f, "merge of stage {} {}", input + 1, merge_text(order))?;
                    }
                    (_, 1) => write!(f, "stage {}", input + 1)?,
                    (_, count) => write!(f, "stage {} ({count} partitions)", input + 1)?,
                }
            }
        }
        match &stage.work {
            Work::Forward => f.write_str(" → forward")?,
            Work::Chain(chain) | Work::Merge { chain, .. } => self.chain(f, chain)?,
            Work::Shell { commands } => {
                for (_, command) in commands {
                    write!(f, " → pipe {command:?}")?;
                }
            }
            Work::ShellPerRow { command } => write!(f, " → pipe_as_args {command:?}")?,
            Work::FrameCommand { command } => write!(f, " → pipe_rows {command:?}")?,
            Work::Limit { rows } => write!(f, " → limit {rows}")?,
            Work::RoundRobin { count } => write!(f, " → round_robin {count}")?,
        }
        writeln!(f)
    }

    fn chain(&self, f: &mut fmt::Formatter<'_>, chain: &Chain) -> fmt::Result {
        if let Head::Reduce { code, .. } = &chain.head {
            write!(f, " → {}", self.operator(code.step))?;
        }
        for step in &chain.steps {
            match step {
                Step::Map(code)
                | Step::FlatMap(code)
                | Step::Filter(code)
                | Step::ForEach(code) => {
                    write!(f, " → {}", self.operator(code.step))?;
                }
                Step::Select { columns, .. } => write!(f, " → select {}", list(columns))?,
                Step::Split { separator, .. } => {
                    write!(f, " → split {:?}", String::from_utf8_lossy(separator))?;
                }
                Step::Numbers { columns, .. } => write!(f, " → numbers {}", list(columns))?,
            }
        }
        match &chain.tail {
            Tail::Frames => Ok(()),
            Tail::Lines { .. } => f.write_str(" → lines"),
            Tail::Text { format, .. } => write!(f, " → format {format:?}"),
            Tail::Count => f.write_str(" → count"),
            Tail::Partition { keys, count, .. } => {
                write!(f, " → partition by {} into {count}", list(keys))
            }
            Tail::Runs { step, order, combine, .. } => {
                let combined = if matches!(combine, Combine::None) { "" } else { "combine, " };
                let operator = self.operator(*step);
                write!(f, " → {operator}: {combined}sort by {}", order_text(order))
            }
        }
    }

    fn operator(&self, step: StepId) -> &str {
        &self.origins[step as usize].operator
    }
}

fn source_text(source: &Source) -> String {
    match source {
        Source::TextFile { patterns } => {
            let names: Vec<String> = patterns.iter().map(|p| format!("{p:?}")).collect();
            format!("text_file {}", names.join(", "))
        }
        Source::Lines { rows, .. } => format!("lines ({rows})"),
        Source::Rows { rows, .. } => format!("rows ({rows})"),
        Source::Range { first, end } => format!("range {first}..{end}"),
        Source::Reader { .. } => "reader".to_owned(),
    }
}

fn merge_text(merge: &MergeOrder) -> String {
    let first = if merge.first_only { ", first of each" } else { "" };
    format!("by {}{first}", order_text(&merge.order))
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
