//! Rows that guarded steps have left out, from the tasks to the files of the run.
//!
//! A newcomer's trap: tasks of several stages and partitions end in any order. What they say is
//! kept by stage, partition and task, and read in that order once the run is over.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::{Error, Failure, Origin, StepId, Warning};
use crate::local::spool::Meter;
use crate::plan::guard::{Guard, Most};
use crate::plan::stage::{Plan, StageId};
use crate::row::frame::put_row;
use crate::row::layout::Rows;
use crate::row::msgpack;
use crate::worker::rejected::read_letter;
use crate::worker::task::Counts;

/// A task's place in the order of all that leave rows out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskPlace {
    pub stage: StageId,
    pub partition: u32,
    pub task: u64,
}

/// What one task has left out.
#[derive(Debug)]
pub(crate) struct TaskLetters {
    place: TaskPlace,
    /// Offset and length in the file of letters.
    pieces: Vec<(u64, u64)>,
    firsts: BTreeMap<StepId, Failure>,
}

impl TaskLetters {
    pub(crate) fn new(place: TaskPlace) -> TaskLetters {
        TaskLetters { place, pieces: Vec::new(), firsts: BTreeMap::new() }
    }

    /// Why each step has left out the first of its rows.
    pub(crate) fn firsts(&self) -> &BTreeMap<StepId, Failure> {
        &self.firsts
    }
}

/// What the tasks of a run have left out.
pub(crate) struct Letters {
    origins: Vec<Origin>,
    guards: BTreeMap<StepId, Guard>,
    file: Mutex<Option<(Arc<File>, u64)>>,
    kept: Mutex<Kept>,
}

/// What counts of what tasks have left out.
#[derive(Default)]
struct Kept {
    pieces: Vec<(TaskPlace, (u64, u64))>,
    /// Of each step, the first failure in the order of tasks.
    firsts: BTreeMap<StepId, (TaskPlace, Failure)>,
}

impl Letters {
    pub(crate) fn new(plan: &Plan) -> Letters {
        let guards = plan.guards().map(|(step, guard)| (step, guard.clone())).collect();
        let (file, kept) = Default::default();
        Letters { origins: plan.origins.clone(), guards, file, kept }
    }

    /// The files into which bad rows go, each with the first step that names it.
    pub(crate) fn paths(&self) -> Vec<(PathBuf, StepId)> {
        let mut paths: Vec<(PathBuf, StepId)> = Vec::new();
        for (step, guard) in &self.guards {
            if let Some(path) = guard.dead_letters()
                && paths.iter().all(|(known, _)| known != path)
            {
                paths.push((path.to_owned(), *step));
            }
        }
        paths
    }

    /// Names the user's line for a failure.
    pub(crate) fn error(&self, step: StepId, failure: Failure) -> Error {
        Error::new(failure.at_step(step), self.origins.get(step as usize).cloned())
    }

    /// Takes a block of letters of a task.
    pub(crate) fn take(
        &self,
        task: &mut TaskLetters,
        letters: &[u8],
        meter: &Meter,
    ) -> Result<(), Failure> {
        let mut is_wanted = false;
        for frame in Rows::frames(letters).each() {
            let (failure, _) = read_letter(frame?).expect("a worker writes letters");
            let step = failure.step.expect("a letter names its step");
            is_wanted |= self.guards[&step].dead_letters().is_some();
            task.firsts.entry(step).or_insert(failure);
        }
        if is_wanted {
            task.pieces.push(self.append(letters, meter)?);
        }
        Ok(())
    }

    fn append(&self, letters: &[u8], meter: &Meter) -> Result<(u64, u64), Failure> {
        let mut file = self.file.lock().expect("no code panics while it holds the file");
        let (file, end) = match &mut *file {
            Some(file) => file,
            none => none.insert((Arc::new(meter.temp_file()?), 0)),
        };
        let piece = (*end, letters.len() as u64);
        file.write_all_at(letters, *end)
            .map_err(|error| Failure::temporary("cannot write to a temporary file", &error))?;
        *end += piece.1;
        Ok(piece)
    }

    /// A task's letters count, since its rows have been taken.
    pub(crate) fn keep(&self, task: TaskLetters) {
        let TaskLetters { place, pieces, firsts } = task;
        let mut kept = self.kept();
        kept.pieces.extend(pieces.into_iter().map(|piece| (place, piece)));
        for (step, failure) in firsts {
            match kept.firsts.get_mut(&step) {
                Some(first) if first.0 < place => {}
                Some(first) => *first = (place, failure),
                None => drop(kept.firsts.insert(step, (place, failure))),
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no code panics while it holds the letters")
    }

    /// Whether a step has left out more rows than it may, as far as is known before its end.
    pub(crate) fn check_rows(
        &self,
        skipped: &BTreeMap<StepId, u64>,
        firsts: &BTreeMap<StepId, Failure>,
    ) -> Result<(), Failure> {
        for (step, rows) in skipped {
            let most = self.guards.get(step).and_then(|guard| guard.most);
            if let Some(most @ Most::Rows(allowed)) = most
                && *rows > allowed
            {
                return Err(too_many(*step, most, firsts.get(step)));
            }
        }
        Ok(())
    }

    /// Whether steps have left out more rows than they may, after all rows.
    pub(crate) fn check(&self, counts: &Counts) -> Result<(), Failure> {
        for (step, rows) in &counts.skipped {
            let Some(most) = self.guards.get(step).and_then(|guard| guard.most) else { continue };
            let seen = counts.seen.get(step).copied().unwrap_or_default();
            let is_over = match most {
                Most::Rows(allowed) => *rows > allowed,
                Most::Share(share) => *rows as f64 > share * seen as f64,
            };
            if is_over {
                return Err(too_many(*step, most, self.first(*step).as_ref()));
            }
        }
        Ok(())
    }

    /// What the user is to be told of rows that were left out.
    pub(crate) fn warnings(&self, counts: &Counts) -> Vec<Warning> {
        let skipped = counts.skipped.iter().filter_map(|(step, rows)| {
            let first = self.first(*step)?;
            let seen = counts.seen.get(step)?;
            let message = format!("{rows} of {seen} rows left out, first: {}", first.message);
            let row = first.input.map(|input| input.to_string());
            Some(Warning { row, hint: first.hint, ..Warning::new(message).at_step(*step) })
        });
        skipped.collect()
    }

    /// The first failure of a step.
    fn first(&self, step: StepId) -> Option<Failure> {
        self.kept().firsts.get(&step).map(|(_, failure)| failure.clone())
    }

    /// Gives the rows of a dead letter file, as frames of its columns, in the order of the rows that
    /// failed.
    pub(crate) fn each_frame(
        &self,
        path: &Path,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some((file, _)) = self.file.lock().expect("as above").clone() else { return Ok(()) };
        let mut kept = self.kept();
        // A task's own pieces stay in their order.
        kept.pieces.sort_by_key(|(place, _)| *place);
        let (mut letters, mut frame) = (Vec::new(), Vec::new());
        for (_, (offset, length)) in &kept.pieces {
            letters.resize(usize::try_from(*length).expect("it was in memory"), 0);
            file.read_exact_at(&mut letters, *offset)
                .map_err(|error| Failure::temporary("cannot read a temporary file", &error))?;
            for letter in Rows::frames(&letters).each() {
                let (failure, columns) = read_letter(letter?).expect("a worker writes letters");
                let step = failure.step.expect("a letter names its step");
                if self.guards[&step].dead_letters() == Some(path) {
                    frame.clear();
                    self.put_frame(&mut frame, step, &failure, columns)?;
                    take(&frame)?;
                }
            }
        }
        Ok(())
    }

    fn put_frame(
        &self,
        out: &mut Vec<u8>,
        step: StepId,
        failure: &Failure,
        columns: &[u8],
    ) -> Result<(), Failure> {
        let step = self.origins[step as usize].place(failure.code_line);
        let input = failure.input.as_deref();
        let put = put_row(usize::MAX, out, |out| {
            msgpack::put_text(out, step.as_bytes());
            msgpack::put_text(out, failure.message.as_bytes());
            match input.and_then(|input| input.file.as_ref()) {
                Some(file) => msgpack::put_text(out, file.as_bytes()),
                None => msgpack::put_nil(out),
            }
            match input.and_then(|input| input.line) {
                Some(line) => msgpack::put_uint(out, line),
                None => msgpack::put_nil(out),
            }
            out.extend_from_slice(columns);
            Ok(())
        });
        put.map_err(|failed| failed.failure)
    }
}

fn too_many(step: StepId, most: Most, first: Option<&Failure>) -> Failure {
    let Some(first) = first.cloned() else { unreachable!("the first row comes with its failure") };
    let message = format!("more than {most} failed, first: {}", first.message);
    Failure { message, ..first.at_step(step) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::plan::guard::Guard;
    use crate::worker::rejected::put_letter;

    #[test]
    fn letters_come_in_the_order_of_tasks_however_those_end() {
        let path = PathBuf::from("bad");
        let plan = Plan {
            origins: vec![Origin::new("map", std::panic::Location::caller())],
            ..Plan::default()
        };
        let guards = BTreeMap::from([(0, Guard::new(None, Some(path.clone())))]);
        let letters = Letters { guards, ..Letters::new(&plan) };
        let meter = Meter::new(1 << 20, 1 << 20, std::env::temp_dir());
        for (partition, number) in [(1, 0), (0, 1), (0, 0)] {
            let mut task = TaskLetters::new(TaskPlace { stage: 0, partition, task: number });
            let failure = Failure::new(ErrorKind::Lua, format!("{partition}.{number}")).at_step(0);
            let mut bytes = Vec::new();
            put_letter(&mut bytes, &failure, &[7]);
            letters.take(&mut task, &bytes, &meter).unwrap();
            letters.keep(task);
        }
        let mut messages = Vec::new();
        letters
            .each_frame(&path, |frame| {
                messages.push(crate::row::describe::describe(&frame[4..]));
                Ok(())
            })
            .unwrap();
        let ends = ["0.0", "0.1", "1.0"];
        assert!(messages.iter().zip(ends).all(|(row, end)| row.contains(end)), "{messages:?}");
        assert_eq!(letters.first(0).unwrap().message, "0.0");
    }
}
