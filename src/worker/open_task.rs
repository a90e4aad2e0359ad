//! A task that a worker has open: its source, its chain, its tail.
//!
//! A newcomer's trap: it does one piece of work at a time and returns; whose turn comes next is for
//! the task loop in `serve` to say.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::error::{Failed, Failure, InputPlace, Rejected};
use crate::plan::stage::StageId;
use crate::row::block::BLOCK_BYTES;
use crate::row::describe::describe;
use crate::row::layout::{Mark, Rows};
use crate::worker::chain::ChainRunner;
use crate::worker::held::HeldSides;
use crate::worker::rejected::put_letter;
use crate::worker::runs::RunStore;
use crate::worker::side_tables::MappedTables;
use crate::worker::source::{RunFiles, TaskSource};
use crate::worker::tail::TailSink;
use crate::worker::task::{Setup, StageWork, TaskResult};

/// The run that this worker serves.
pub(super) struct ServedRun {
    pub setup: Setup,
    pub stages: HashMap<StageId, StageWork>,
    /// Chains that serve no task right now.
    pub idle: RefCell<HashMap<StageId, Vec<ChainRunner>>>,
    pub held: HeldSides,
    pub tables: MappedTables,
    /// This worker's place for runs; its file comes before the first task that may need it.
    pub store: RunStore,
}

/// A stage over one piece of its input, at work.
pub(super) struct OpenTask {
    pub stage: StageId,
    pub chain: ChainRunner,
    pub tail: TailSink,
    pub source: TaskSource,
    pub block: Vec<u8>,
    pub marks: Vec<Mark>,
    /// The number of the next block for it.
    pub next: u32,
    /// Time of the processor that it has taken, in nanoseconds.
    pub cpu: u64,
}

/// What a task is to do.
pub(super) enum Work<'a> {
    /// Take a block of so many rows.
    Rows(Rows<'a>, u32),
    /// Read the next block of its own source, or finish where there is none.
    Read,
    /// Finish: the engine has no more rows.
    End,
}

/// What a task has done.
pub(super) enum Worked {
    /// A block.
    Taken,
    Done(Box<TaskResult>),
}

impl OpenTask {
    /// Does one piece of work.
    pub(super) fn work(
        &mut self,
        work: Work<'_>,
        run: &ServedRun,
        files: &RunFiles,
    ) -> Result<Worked, Failed> {
        self.do_work(work, run, files).and_then(|done| {
            self.send_rejected()?;
            Ok(done)
        })
    }

    fn do_work(
        &mut self,
        work: Work<'_>,
        run: &ServedRun,
        files: &RunFiles,
    ) -> Result<Worked, Failed> {
        match work {
            Work::Rows(rows, count) => self.chain.push(rows, Some(count), &mut self.tail)?,
            Work::Read => {
                let limits = &run.setup.limits;
                match self.source.next(&mut self.block, &mut self.marks, limits)? {
                    Some(rows) => self.chain.push(rows, None, &mut self.tail)?,
                    None => return self.end(run, files),
                }
            }
            Work::End => return self.end(run, files),
        }
        Ok(Worked::Taken)
    }

    fn end(&mut self, run: &ServedRun, files: &RunFiles) -> Result<Worked, Failed> {
        if let Some(result) = self.source.finish(&run.setup.limits, files, &run.store)? {
            return Ok(Worked::Done(Box::new(result)));
        }
        self.chain.finish(&mut self.tail)?;
        let result = self.tail.finish()?;
        let counts = self.chain.take_counts();
        let work = self.chain.take_work(self.source.is_own());
        Ok(Worked::Done(Box::new(TaskResult { counts, work, ..result })))
    }

    /// Sends the rows that steps have left out, behind those that they have not.
    fn send_rejected(&mut self) -> Result<(), Failure> {
        let (mut letters, mut rows) = (Vec::new(), 0);
        for Rejected { failed, columns } in self.chain.take_rejected() {
            let failed = Failed { failure: failed.failure.row(describe(&columns)), ..failed };
            put_letter(&mut letters, &self.with_place(failed), &columns);
            rows += 1;
            if letters.len() >= BLOCK_BYTES {
                self.tail.send_letters(std::mem::take(&mut rows), &letters)?;
                letters.clear();
            }
        }
        match rows {
            0 => Ok(()),
            _ => self.tail.send_letters(rows, &letters),
        }
    }

    /// Adds file and line to a failure whose row is known.
    pub(super) fn with_place(&self, failed: Failed) -> Failure {
        let Failed { mut failure, row } = failed;
        if let Some(place) = row.and_then(|row| self.source.place(row)) {
            let shown = failure.input.take().and_then(|input| input.row);
            let place = InputPlace { row: shown.or(place.row), ..place };
            failure.input = Some(Box::new(place));
        }
        failure
    }
}
