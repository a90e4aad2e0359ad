//! The report of a run, from what its tally has when it ends.
//!
//! A newcomer's trap: a step may be in two stages, before and behind an exchange, and a stage has
//! many steps. So rows are told by step, and tasks by stage.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::StepId;
use crate::local::session::Session;
use crate::report::{Report, StageReport, StepReport};

/// What a run has done until now; whether that is all, its caller knows.
pub(crate) fn report(session: &Session) -> Report {
    let (plan, tally) = (&session.plan, &session.tally);
    let told = tally.told().clone();
    // What all tasks share is no step that rows go through.
    let is_step = |step: &StepId| plan.shared.iter().all(|code| code.step != *step);
    let steps: Vec<StepId> = (0..).take(plan.origins.len()).filter(is_step).collect();
    let mut stages = Vec::new();
    for (stage, tally) in plan.stages.iter().zip(&tally.stages) {
        let of_stage = stage.steps();
        let tasks = Duration::from_nanos(tally.cpu.load(Ordering::Relaxed));
        let commands: Duration =
            of_stage.iter().filter_map(|step| told.commands_cpu.get(step)).sum();
        let index = |step| steps.binary_search(step).expect("the plan lists its steps");
        stages.push(StageReport {
            steps: of_stage.iter().map(index).collect(),
            tasks: tally.done.load(Ordering::Relaxed),
            cpu: tasks + commands,
        });
    }
    let cpu_of = |index: usize, step: StepId| {
        let mut with_it = stages.iter().filter(|stage: &&StageReport| stage.steps.contains(&index));
        let (one, other) = (with_it.next(), with_it.next());
        match (told.commands_cpu.get(&step), told.steps_cpu.get(&step), one) {
            (Some(cpu), _, _) => Some(*cpu),
            // What a step with an exchange does before and behind it is not all seen.
            (None, cpu, Some(_)) if other.is_none() => cpu.copied(),
            _ => None,
        }
    };
    let report_of = |(index, &step): (usize, &StepId)| {
        let origin = &plan.origins[step as usize];
        let [into, out_of] = tally.of_step(step);
        let names = plan.names.iter().find(|(named, _)| *named == step);
        StepReport {
            operator: origin.operator.clone(),
            file: origin.file.clone(),
            line: origin.line,
            columns: names.map(|(_, names)| names.clone()),
            rows_in: into.map(|into| into.rows),
            rows_out: out_of.map(|out_of| out_of.rows),
            bytes_in: into.map(|into| into.bytes),
            bytes_out: out_of.map(|out_of| out_of.bytes),
            cpu: cpu_of(index, step),
            retries: told.retries.get(&step).copied().unwrap_or(0),
            skipped: told.counts.skipped.get(&step).copied().unwrap_or(0),
        }
    };
    Report {
        completed: false,
        wall: tally.started.elapsed(),
        cpu: stages.iter().map(|stage| stage.cpu).sum(),
        workers: session.settings.workers,
        peak_memory_bytes: tally.peak_memory(),
        spilled_bytes: tally.spilled() + session.meter.spilled(),
        steps: steps.iter().enumerate().map(report_of).collect(),
        stages,
        counters: told.counts.counters,
        warnings: session.warnings.said(),
    }
}
