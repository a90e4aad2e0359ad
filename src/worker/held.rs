//! Rows that a worker holds, all of them, while tasks of a stage go through others.
//!
//! A newcomer's trap: what a step makes of them is made when its first task asks, and serves all
//! tasks of the stage that this worker gets.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::op::group::{Each, Held};
use crate::plan::exchange::Keep;
use crate::plan::stage::StageId;
use crate::row::layout::{Layout, Rows};
use crate::worker::runs::Merge;
use crate::worker::source::{RunFiles, find_file};
use crate::worker::task::{HeldRuns, Limits};

/// What a worker holds for the stages of a run.
#[derive(Default)]
pub(crate) struct HeldSides(RefCell<HashMap<StageId, Rc<[Held]>>>);

impl HeldSides {
    /// The sides that the tasks of a stage ask for.
    pub(crate) fn of(
        &self,
        stage: StageId,
        sides: &[HeldRuns],
        limits: &Limits,
        files: &RunFiles,
    ) -> Rc<[Held]> {
        let mut all = self.0.borrow_mut();
        let make = || sides.iter().map(|side| hold(side, limits, files)).collect();
        all.entry(stage).or_insert_with(make).clone()
    }
}

/// Rows that are gone through in the order of their keys, whenever a step asks for them.
fn hold(side: &HeldRuns, limits: &Limits, files: &RunFiles) -> Held {
    let (runs, files) = (side.runs.clone(), files.clone());
    let (merge_bytes, block_bytes) = (limits.merge_bytes, limits.block_bytes);
    let read = move |each: &mut Each<'_>| {
        let find = |number| find_file(&files, number);
        let mut merge = Merge::open(runs.clone(), &find, None, None, merge_bytes, Keep::All)?;
        let mut block = Vec::new();
        loop {
            block.clear();
            merge.next_rows(Layout::Frames, &mut block, block_bytes)?;
            if block.is_empty() {
                return Ok(());
            }
            Rows::frames(&block).try_each(&mut *each)?;
        }
    };
    let made = OnceCell::new();
    let (facts, most_bytes) = (side.facts.clone(), limits.held_bytes);
    Held { facts, most_bytes, made, read: Box::new(read) }
}
