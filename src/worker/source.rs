//! Where a task's rows come from, piece by piece.
//!
//! A newcomer's trap: each `next` gives one block. The engine asks for the next one only when it
//! wants it; that is how it keeps a source from running ahead.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{ErrorKind, Failure, InputPlace};
use crate::plan::chain::Head;
use crate::plan::exchange::Keep;
use crate::row::layout::{Layout, Mark, Rows};
use crate::source::open::BlockReader;
use crate::source::registry;
use crate::worker::runs::{Merge, RunInput, RunStore};
use crate::worker::task::{Limits, StageWork, TaskInput, TaskResult};

/// Files of sorted runs, by number.
pub(crate) type RunFiles = Arc<Mutex<HashMap<u32, Arc<File>>>>;

/// A task's input at work.
pub(crate) enum TaskSource {
    /// The engine sends blocks.
    Blocks,
    /// A part of a source.
    Part(Box<dyn BlockReader>),
    Merge {
        merge: Box<Merge>,
        layout: Layout,
        /// The chain asks where keys begin.
        marked: bool,
    },
    /// Runs to be made one: done when the input ends.
    MergeRuns { runs: Vec<RunInput>, keep: Keep },
}

impl TaskSource {
    pub(crate) fn open(
        input: TaskInput,
        work: &StageWork,
        limits: &Limits,
        files: &RunFiles,
        store: &RunStore,
    ) -> Result<TaskSource, Failure> {
        Ok(match input {
            TaskInput::Blocks => TaskSource::Blocks,
            TaskInput::Part(part) => TaskSource::Part(registry::part(&part)?.open(limits.max_row)?),
            TaskInput::Merge { runs, from, to, sides_from, facts: _ } => {
                store.drop_arenas();
                let keep = work.keep.expect("only merges read runs");
                let find = |number| find_file(files, number);
                let merge =
                    Merge::open(runs, &find, from.as_ref(), to.as_ref(), limits.merge_bytes, keep)?;
                let merge = merge.with_sides(sides_from);
                let head = &work.chain.head;
                TaskSource::Merge {
                    merge: Box::new(merge),
                    layout: head.layout(),
                    marked: matches!(head, Head::Groups(_)),
                }
            }
            TaskInput::MergeRuns { runs, keep } => {
                store.drop_arenas();
                TaskSource::MergeRuns { runs, keep }
            }
        })
    }

    /// Fills the next block; `None` at the end.
    pub(crate) fn next<'a>(
        &mut self,
        block: &'a mut Vec<u8>,
        marks: &'a mut Vec<Mark>,
        limits: &Limits,
    ) -> Result<Option<Rows<'a>>, Failure> {
        block.clear();
        marks.clear();
        match self {
            TaskSource::Blocks | TaskSource::MergeRuns { .. } => Ok(None),
            TaskSource::Part(reader) => {
                let more = reader.next_block(block, limits.block_bytes)?;
                Ok(more.then_some(Rows::new(reader.layout(), block)))
            }
            TaskSource::Merge { merge, layout, marked } => {
                match *marked {
                    true => merge.next_marked(block, marks, limits.block_bytes)?,
                    false => merge.next_rows(*layout, block, limits.block_bytes)?,
                }
                Ok((!block.is_empty()).then_some(Rows { layout: *layout, bytes: block, marks }))
            }
        }
    }

    /// Whether the engine has only to say when to read.
    pub(crate) fn is_own(&self) -> bool {
        !matches!(self, TaskSource::Blocks | TaskSource::MergeRuns { .. })
    }

    /// Where a row of the last block came from.
    pub(crate) fn place(&self, row: u32) -> Option<InputPlace> {
        match self {
            TaskSource::Part(reader) => reader.place(row),
            _ => None,
        }
    }

    /// What a task makes that has no rows of its own.
    pub(crate) fn finish(
        &mut self,
        limits: &Limits,
        files: &RunFiles,
        store: &RunStore,
    ) -> Result<Option<TaskResult>, Failure> {
        let TaskSource::MergeRuns { runs, keep } = self else { return Ok(None) };
        let runs = std::mem::take(runs);
        let find = |number| find_file(files, number);
        let merge = Merge::open(runs, &find, None, None, limits.merge_bytes, *keep)?;
        let merged = Some(merge.write_run(&mut store.clone())?);
        Ok(Some(TaskResult { merged, ..TaskResult::default() }))
    }
}

pub(crate) fn find_file(files: &RunFiles, number: u32) -> Result<Arc<File>, Failure> {
    let files = files.lock().unwrap_or_else(PoisonError::into_inner);
    files.get(&number).cloned().ok_or_else(|| {
        Failure::new(ErrorKind::Worker, format!("the engine has sent no file {number} of runs"))
    })
}
