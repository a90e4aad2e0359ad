//! Passes over a finished plan that make it faster and change no byte of its rows.
//!
//! A newcomer's trap: a plan is right without them; tests run flows with and without. A pass that
//! makes a stage needless says whose rows its readers read instead, and the stages are numbered
//! again when the pass is done.

mod join_closures;
mod join_commands;
mod raw_lines;
mod top_of_sort;
mod unread;

use crate::plan::stage::{Input, Plan, StageId};

/// All passes, in order: what is not needed is not improved, and raw lines come before commands,
/// which are neighbours only then.
const PASSES: &[fn(&mut Plan, &mut Needless)] = &[
    unread::rewrite,
    raw_lines::rewrite,
    join_commands::rewrite,
    join_closures::rewrite,
    top_of_sort::rewrite,
];

/// Applies all passes.
pub(super) fn all(plan: &mut Plan) {
    for pass in PASSES {
        let mut needless = Needless { instead: vec![None; plan.stages.len()] };
        pass(plan, &mut needless);
        needless.remove(plan);
    }
}

/// The stages that are to go.
pub(super) struct Needless {
    /// Whose rows are read instead; an earlier stage's.
    instead: Vec<Option<StageId>>,
}

impl Needless {
    /// The rows of `stage` are those of `other`.
    fn replace(&mut self, stage: StageId, other: StageId) {
        self.instead[stage] = Some(other);
    }

    /// Whose rows are read where a plan says `stage`.
    fn resolve(&self, mut stage: StageId) -> StageId {
        while let Some(other) = self.instead[stage] {
            stage = other;
        }
        stage
    }

    fn remove(self, plan: &mut Plan) {
        if self.instead.iter().all(Option::is_none) {
            return;
        }
        let mut kept = 0;
        let numbers: Vec<StageId> = self
            .instead
            .iter()
            .map(|instead| {
                kept += usize::from(instead.is_none());
                kept.saturating_sub(1)
            })
            .collect();
        let renumber = |stage: &mut StageId| *stage = numbers[self.resolve(*stage)];
        for stage in &mut plan.stages {
            if let Input::Stages(inputs) = &mut stage.input {
                inputs.iter_mut().for_each(renumber);
            }
            stage.held.iter_mut().for_each(renumber);
        }
        plan.tables.iter_mut().filter_map(|table| table.stage.as_mut()).for_each(renumber);
        plan.outputs.iter_mut().for_each(renumber);
        let mut instead = self.instead.iter();
        plan.stages.retain(|_| instead.next().is_some_and(Option::is_none));
    }
}
