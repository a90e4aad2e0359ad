//! The keyed exchange: sorted runs of all tasks, then a merge task for each key range.
//!
//! A newcomer's trap: cut points come from sizes and samples that depend on the rows alone, never
//! from the number of workers, because user code behind the merge can see where a task begins.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::Failure;
use crate::local::block::Block;
use crate::local::edge::{Gone, Stop, Writer};
use crate::local::session::Session;
use crate::local::tally::Counted;
use crate::local::tasks::{TakeInOrder, TaskSource, run_rows, run_tasks};
use crate::plan::chain::Head;
use crate::plan::exchange::{Cuts, Facts, Keep};
use crate::plan::stage::{StageId, Work};
use crate::worker::runs::{MAX_FAN_IN, RunInput, TaskRuns};
use crate::worker::task::{HeldRuns, TaskInput, TaskResult};

/// Samples of all tasks together, up to 10 MiB of them: 500 for each range.
const MOST_SAMPLES: usize = 32_000;

/// What the tasks before an exchange have made, in task order.
pub(crate) type Sorted = Result<Vec<TaskRuns>, Failure>;

/// What the tasks before an exchange read.
pub(crate) enum Before {
    Rows(TaskSource),
    /// The runs of an exchange before this one.
    Runs(Vec<oneshot::Receiver<Sorted>>),
}

/// Runs the tasks before an exchange.
pub(crate) async fn run_sorted(
    session: &Arc<Session>,
    stage: StageId,
    before: Before,
    mut sorted: oneshot::Sender<Sorted>,
) {
    let mut results = Results::default();
    let sort = async {
        let (source, runs) = match before {
            Before::Rows(source) => (source, None),
            Before::Runs(from) => {
                let (source, runs) = merge_source(session, stage, from).await?;
                (source, Some(runs))
            }
        };
        run_tasks(session, stage, source, &mut results).await?;
        if let Some(runs) = runs {
            session.give_back(runs).await;
        }
        Ok(())
    };
    let result = tokio::select! {
        result = sort => result,
        () = sorted.closed() => return,
    };
    let result = match result {
        Ok(()) => Ok(results.made.into_iter().map(runs_of).collect()),
        Err(Stop::Failed(failure)) => Err(failure.at_step(session.plan.stages[stage].step)),
        Err(Stop::Gone) => return,
    };
    // A merge that has been cancelled in between needs no runs.
    let _ = sorted.send(result);
}

/// Waits for the runs that each worker is to hold for a stage.
pub(crate) async fn hold_runs(
    session: &Arc<Session>,
    stage: StageId,
    sides: Vec<oneshot::Receiver<Sorted>>,
) -> Result<(), Failure> {
    let mut held = Vec::new();
    for sorted in sides {
        let Ok(sorted) = sorted.await else {
            // The sender goes without a word only when the whole run is cancelled.
            return std::future::pending().await;
        };
        let mut side = HeldRuns::default();
        for (task, made) in (0..).zip(sorted?) {
            side.facts.add(&made.facts);
            let runs = (0..).zip(made.runs);
            side.runs.extend(runs.map(|(sequence, run)| RunInput { task, sequence, run }));
        }
        held.push(side);
    }
    session.hold(stage, held);
    Ok(())
}

/// Gives back what workers have held for a stage.
pub(crate) async fn let_go(session: &Arc<Session>, stage: StageId) {
    let held = session.held(stage);
    session.give_back(held.into_iter().flat_map(|side| side.runs).collect()).await;
}

/// Runs the merge tasks behind an exchange.
pub(crate) async fn run_merge(
    session: &Arc<Session>,
    stage: StageId,
    sorted: Vec<oneshot::Receiver<Sorted>>,
    out: Writer,
) {
    let source = tokio::select! {
        source = merge_source(session, stage, sorted) => source,
        () = out.gone() => return,
    };
    match source {
        Ok((source, runs)) => {
            run_rows(session, stage, source, out).await;
            session.give_back(runs).await;
        }
        Err(stop) => out.settle(Err(stop)),
    }
}

/// The merge tasks, once all runs are there, and the runs that they read.
async fn merge_source(
    session: &Arc<Session>,
    stage: StageId,
    sides: Vec<oneshot::Receiver<Sorted>>,
) -> Result<(TaskSource, Vec<RunInput>), Stop> {
    let mut tasks = Vec::new();
    let (mut sides_from, mut facts) = (Vec::new(), Vec::new());
    for sorted in sides {
        let Ok(sorted) = sorted.await else {
            // The sender goes without a word only when the whole run is cancelled.
            return std::future::pending().await;
        };
        sides_from.push(u32::try_from(tasks.len()).expect("fewer than 2^32 tasks"));
        let sorted = sorted.map_err(Stop::Failed)?;
        let mut of_side = Facts::default();
        sorted.iter().for_each(|made| of_side.add(&made.facts));
        facts.push(of_side);
        tasks.extend(sorted);
    }
    let Work::Merge { merge, chain } = &session.plan.stages[stage].work else {
        unreachable!("only merges read runs")
    };
    let sampled: Vec<_> = (0..).zip(&tasks).map(|(task, made)| made.sampled(task)).collect();
    let cuts = merge.cuts.choose(&sampled, session.settings.split_bytes);
    let mut runs: Vec<RunInput> = Vec::new();
    for (task, made) in (0..).zip(tasks) {
        let numbered = (0..).zip(made.runs);
        runs.extend(numbered.map(|(sequence, run)| RunInput { task, sequence, run }));
    }
    // Two for each worker are open at once, each with a share of its worker's memory.
    let most_bytes = 2 * session.settings.limits.merge_bytes;
    let runs = loop {
        let mut groups = neighbours(runs, most_bytes);
        if groups.len() <= 1 {
            break groups.pop().unwrap_or_default();
        }
        runs = merge_pass(session, stage, merge.keep, groups).await?;
    };
    // A group of all rows is there without rows too.
    let is_one = merge.cuts == Cuts::One && matches!(chain.head, Head::Groups(_));
    let ranges = if runs.is_empty() && !is_one { 0 } else { cuts.len() + 1 };
    let read = runs.clone();
    let inputs = (0..ranges).map(move |range| {
        let from = range.checked_sub(1).map(|before| cuts[before].clone());
        let to = cuts.get(range).cloned();
        let (runs, sides_from, facts) = (runs.clone(), sides_from.clone(), facts.clone());
        TaskInput::Merge { runs, from, to, sides_from, facts }
    });
    Ok((TaskSource::Inputs(Box::new(inputs)), read))
}

/// Groups of neighbours that can be merged at once: not too many, and of large rows, of which
/// each run has one in memory, only as many as there is room for.
fn neighbours(runs: Vec<RunInput>, most_bytes: usize) -> Vec<Vec<RunInput>> {
    let mut groups: Vec<Vec<RunInput>> = Vec::new();
    let mut bytes = 0;
    for run in runs {
        let least = run.run.least_buffer();
        bytes += least;
        match groups.last_mut() {
            Some(group) if group.len() < 2 || (group.len() < MAX_FAN_IN && bytes <= most_bytes) => {
                group.push(run);
            }
            _ => {
                groups.push(vec![run]);
                bytes = least;
            }
        }
    }
    groups
}

/// Makes fewer and longer runs of neighbouring ones. It only merges: to combine here would make
/// the result depend on how many runs there are.
async fn merge_pass(
    session: &Arc<Session>,
    stage: StageId,
    keep: Keep,
    groups: Vec<Vec<RunInput>>,
) -> Result<Vec<RunInput>, Stop> {
    let read: Vec<RunInput> = groups.iter().flatten().cloned().collect();
    let firsts: Vec<(u32, u32)> =
        groups.iter().map(|runs| (runs[0].task, runs[0].sequence)).collect();
    let inputs = groups.into_iter().map(move |runs| TaskInput::MergeRuns { runs, keep });
    let mut results = Results::default();
    run_tasks(session, stage, TaskSource::Inputs(Box::new(inputs)), &mut results).await?;
    session.give_back(read).await;
    let merged = firsts.into_iter().zip(results.made).map(|((task, sequence), result)| {
        let run = result.merged.expect("a merge of runs makes a run");
        // The rows know their tasks; a merged run goes by the first of those it was made of.
        RunInput { task, sequence, run }
    });
    Ok(merged.collect())
}

/// The results of tasks that have no rows for anybody yet.
struct Results {
    made: Vec<TaskResult>,
    /// Samples in all of them, and how many there may be before they are thinned.
    samples: usize,
    most_samples: usize,
}

impl Default for Results {
    fn default() -> Results {
        Results { made: Vec::new(), samples: 0, most_samples: MOST_SAMPLES }
    }
}

impl TakeInOrder for Results {
    async fn block(&mut self, _block: Block) -> Result<(), Gone> {
        unreachable!("a task that makes runs sends no rows")
    }

    fn counted(&mut self, counted: Arc<Counted>) {
        // An exchange takes all rows.
        counted.add();
    }

    async fn done(&mut self, result: TaskResult) -> Result<(), Gone> {
        self.samples += result.runs.as_ref().map_or(0, |runs| runs.samples.len());
        self.made.push(result);
        // Results come in the order of tasks, so that what is kept depends on the rows alone.
        if self.samples > self.most_samples {
            let made = self.made.iter_mut().filter_map(|result| result.runs.as_mut());
            self.samples = made.map(TaskRuns::thin_samples).sum();
            self.most_samples = self.most_samples.max(2 * self.samples);
        }
        Ok(())
    }
}

fn runs_of(result: TaskResult) -> TaskRuns {
    result.runs.expect("a task before an exchange makes runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::runs;

    #[test]
    fn groups_are_of_neighbours_for_which_there_is_room() {
        let sizes = |largest: &[u32], most_bytes| {
            let file = |&largest| runs::FileRun {
                file: 0,
                offset: 0,
                len: 1 << 30,
                index_records: 0,
                largest,
                merged: false,
            };
            let runs = (0..).zip(largest).map(|(sequence, largest)| {
                let run = runs::Run::File(file(largest));
                RunInput { task: 0, sequence, run }
            });
            let groups = neighbours(runs.collect(), most_bytes);
            let order: Vec<u32> = groups.iter().flatten().map(|run| run.sequence).collect();
            assert!(order.is_sorted());
            groups.iter().map(Vec::len).collect::<Vec<_>>()
        };
        let mib = 1 << 20;
        assert!(sizes(&[], 0).is_empty());
        assert_eq!(sizes(&[0; 1200], 4 << 20), [512, 512, 176]);
        assert_eq!(sizes(&[mib; 10], 4 << 20), [4, 4, 2]);
        assert_eq!(sizes(&[0, mib, 0, 3 * mib, 0, 0], 4 << 20), [3, 3]);
        // Two at least, or there would be no end.
        assert_eq!(sizes(&[9 * mib; 5], 4 << 20), [2, 2, 1]);
    }
}
