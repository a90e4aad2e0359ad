//! Starting a run: edges between stages, a driver for each, and the handle the caller reads.
//!
//! A newcomer's trap: everything here is set up before the first row moves, so that a flow which
//! cannot be is refused before anything starts.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Failure};
use crate::flow::Flow;
use crate::local::edge::{Edge, Reader};
use crate::local::exchange::{Sorted, run_merge, run_sorted};
use crate::local::per_row::PerRow;
use crate::local::run::{Message, Run, check_temp_dir};
use crate::local::runtime::runtime;
use crate::local::settings::Resolved;
use crate::local::shell::ShellStage;
use crate::local::steps::{Feed, run_feed, run_limit, run_round_robin};
use crate::local::tasks::{TaskSource, run_partitions, run_rows};
use crate::plan::chain::Tail;
use crate::plan::compile::{SinkNode, compile};
use crate::plan::stage::{Input, Output, Plan, Source, StageId, Work};
use crate::source::paths::expand;
use crate::source::split::{needs_sequential, plan_splits};
use crate::worker;
use crate::worker::task::TaskInput;

/// Messages that may wait for the caller.
const WAITING_MESSAGES: usize = 8;

/// A run in progress. Dropping it cancels the run.
pub(crate) struct Running {
    messages: mpsc::Receiver<Message>,
    /// One for each sink: cancelled when its rows are no longer wanted.
    closed: Vec<CancellationToken>,
    cancel: CancellationToken,
    finished: CancellationToken,
}

impl Running {
    /// The next message; `None` after all has been said.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// [`Running::next`], to be polled.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Message>> {
        self.messages.poll_recv(context)
    }

    /// A sink wants no more rows.
    pub(crate) fn close(&self, sink: usize) {
        self.closed[sink].cancel();
    }

    /// Ends the run, whatever it is doing, and waits until nothing of it is left.
    pub(crate) async fn finish(mut self) {
        self.cancel.cancel();
        self.messages.close();
        while self.messages.recv().await.is_some() {}
        self.finished.cancelled().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Checks and compiles a flow for its sinks.
pub(crate) fn plan(flow: &Flow, sinks: &[SinkNode]) -> Result<Plan, Error> {
    let state = flow.state();
    let named = |failure: Failure| {
        let origin = failure.step.and_then(|step| state.graph.origins.get(step as usize)).cloned();
        Error::new(failure, origin)
    };
    let plan = compile(&state.graph, sinks).map_err(named)?;
    worker::check(&plan).map_err(named)?;
    Ok(plan)
}

/// Starts a run for these sinks.
pub(crate) fn start(flow: &Flow, sinks: &[SinkNode]) -> Result<Running, Error> {
    let plan = plan(flow, sinks)?;
    let settings = Resolved::new(&flow.state().settings)?;
    check_temp_dir(&settings.temp_dir)?;
    let (sender, messages) = mpsc::channel(WAITING_MESSAGES);
    let run = Run::new(plan, settings, sender);
    let mut sources = HashMap::new();
    for (id, stage) in run.plan.stages.iter().enumerate() {
        if let Input::Source(source) = &stage.input {
            let chained = stage.work.chain().is_some();
            let opened = open_source(flow, source, &run.settings, chained)
                .map_err(|failure| run.error(failure.at_step(stage.step)))?;
            sources.insert(id, opened);
        }
    }
    tracing::debug!(stages = run.plan.stages.len(), workers = run.settings.workers, "start a run");
    let closed: Vec<_> = sinks.iter().map(|_| CancellationToken::new()).collect();
    let finished = CancellationToken::new();
    let running = Running {
        messages,
        closed: closed.clone(),
        cancel: run.cancel.clone(),
        finished: finished.clone(),
    };
    runtime().spawn(async move {
        let cancel = run.cancel.clone();
        let mut drivers = Drivers::default();
        start_drivers(&run, sources, closed, &mut drivers);
        let all = async {
            while let Some(ended) = drivers.rows.join_next().await {
                report_panic(&run, ended).await;
            }
            while let Some(ended) = drivers.shell.join_next().await {
                report_panic(&run, ended).await;
            }
        };
        tokio::select! {
            () = all => {}
            () = cancel.cancelled() => {}
        }
        run.cancel.cancel();
        drivers.rows.shutdown().await;
        // These kill their commands and wait for them.
        while drivers.shell.join_next().await.is_some() {}
        run.dismiss().await;
        tracing::debug!("the run has ended");
        drop(run);
        finished.cancel();
    });
    Ok(running)
}

/// A driver that panics has left its readers without an end: the run must not wait for it.
async fn report_panic(run: &Run, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        let message = format!("the engine failed, which is a bug of gleamflow: {error}");
        run.fail_at_once(Failure::new(ErrorKind::Worker, message)).await;
    }
}

/// What runs the stages: those with commands end by themselves, the others are aborted.
#[derive(Default)]
struct Drivers {
    rows: JoinSet<()>,
    shell: JoinSet<()>,
}

/// A source, opened as far as needed to know that it can be read.
enum Opened {
    Inputs(Box<dyn Iterator<Item = TaskInput> + Send>),
    Feed(Feed),
}

fn open_source(
    flow: &Flow,
    source: &Source,
    settings: &Resolved,
    chained: bool,
) -> Result<Opened, Failure> {
    Ok(match source {
        Source::Lines { text, .. } => Opened::Feed(Feed::Lines(text.clone())),
        Source::Rows { frames, .. } => Opened::Feed(Feed::Frames(frames.clone())),
        Source::Range { first, end } if chained => {
            Opened::Inputs(Box::new(range_inputs(*first, *end, settings.split_bytes)))
        }
        Source::Range { first, end } => Opened::Feed(Feed::Range(*first, *end)),
        Source::Reader { slot } => {
            let reader = flow.state().readers.get_mut(*slot).and_then(Option::take);
            Opened::Feed(reader.map_or(Feed::UsedUp, Feed::Reader))
        }
        Source::TextFile { patterns } => {
            let files = expand(patterns)?;
            if needs_sequential(&files) {
                return Ok(Opened::Feed(Feed::Files(files)));
            }
            let splits = plan_splits(&files, settings.split_bytes);
            match chained {
                true => Opened::Inputs(Box::new(splits.into_iter().map(TaskInput::Text))),
                false => Opened::Feed(Feed::Pieces(splits)),
            }
        }
    })
}

/// Cuts a range into at most 64 tasks, or more if they would be very long.
fn range_inputs(
    first: i64,
    end: i64,
    split_bytes: Option<u64>,
) -> impl Iterator<Item = TaskInput> + Send {
    let total = i128::from(end) - i128::from(first);
    let step = match split_bytes {
        Some(bytes) => i128::from(bytes.div_ceil(8)),
        None => (total / 64).clamp(1 << 17, 1 << 22),
    };
    let mut next = i128::from(first);
    std::iter::from_fn(move || {
        let from = next;
        next = (next + step).min(i128::from(end));
        let edge = |value| i64::try_from(value).expect("it lies within the range");
        (from < next).then(|| TaskInput::Range { first: edge(from), end: edge(next) })
    })
}

fn start_drivers(
    run: &Arc<Run>,
    mut sources: HashMap<StageId, Opened>,
    closed: Vec<CancellationToken>,
    drivers: &mut Drivers,
) {
    let stages = &run.plan.stages;
    let edges: Vec<Edge> = stages
        .iter()
        .map(|stage| Edge::new(stage.partitions, stage.readers, &run.meter, stage.step))
        .collect();
    let mut readers_given = vec![0; stages.len()];
    let mut sorted: HashMap<StageId, oneshot::Receiver<Sorted>> = HashMap::new();
    for (id, stage) in stages.iter().enumerate() {
        let reader_number = match stage.input {
            Input::Stage(input) => {
                readers_given[input] += 1;
                Some((input, readers_given[input] - 1))
            }
            Input::Source(_) => None,
        };
        let whole_input = || {
            let (input, number) = reader_number.expect("it reads a stage");
            edges[input].reader(number)
        };
        // Stages that keep partitions apart have a driver for each.
        let kept = stage.keeps_partitions() && stage.partitions > 1;
        let inputs: Vec<(u32, Reader)> = match reader_number {
            Some((input, number)) if kept => (0..stage.partitions)
                .map(|partition| (partition, edges[input].partition_reader(number, partition)))
                .collect(),
            _ => Vec::new(),
        };
        let routed = match &stage.work {
            Work::Chain(chain) | Work::Merge { chain, .. } => {
                matches!(chain.tail, Tail::Partition { .. })
            }
            _ => false,
        };
        let run = run.clone();
        let out = edges[id].writer();
        match stage.work.clone() {
            Work::Forward => {
                let Some(Opened::Feed(feed)) = sources.remove(&id) else {
                    unreachable!("a stage without steps reads its source in the engine")
                };
                drivers.rows.spawn(async move { run_feed(&run, feed, out).await });
            }
            Work::Chain(_) if stage.output == Output::Runs => {
                let (sender, receiver) = oneshot::channel();
                sorted.insert(id, receiver);
                let source = task_source(sources.remove(&id), whole_input, &run, id, drivers);
                drivers.rows.spawn(async move { run_sorted(&run, id, source, sender).await });
            }
            Work::Chain(_) if kept => {
                let partitions = inputs
                    .into_iter()
                    .map(|(partition, reader)| (reader, edges[id].partition_writer(partition)))
                    .collect();
                drivers.rows.spawn(async move { run_partitions(&run, id, partitions).await });
            }
            Work::Chain(_) => {
                let source = task_source(sources.remove(&id), whole_input, &run, id, drivers);
                drivers.rows.spawn(async move { run_rows(&run, id, source, out, routed).await });
            }
            Work::Merge { order, chain } => {
                let (input, _) = reader_number.expect("a merge reads a stage");
                let from = sorted.remove(&input).expect("a merge reads sorted runs, once");
                if stage.output == Output::Runs {
                    let (sender, receiver) = oneshot::channel();
                    sorted.insert(id, receiver);
                    drivers.rows.spawn(async move {
                        run_merge_sorted(&run, id, &order, from, sender).await;
                    });
                } else {
                    let routed = matches!(chain.tail, Tail::Partition { .. });
                    drivers.rows.spawn(async move {
                        run_merge(&run, id, &order, from, out, routed).await;
                    });
                }
            }
            Work::Shell { commands } => {
                let inputs = if kept { inputs } else { vec![(0, whole_input())] };
                for (partition, reader) in inputs {
                    let (run, commands) = (run.clone(), commands.clone());
                    let shell = ShellStage { run, stage: id, commands, partition };
                    drivers.shell.spawn(shell.run(reader, edges[id].partition_writer(partition)));
                }
            }
            Work::FrameCommand { command } => {
                let inputs = if kept { inputs } else { vec![(0, whole_input())] };
                for (partition, reader) in inputs {
                    let (run, commands) = (run.clone(), vec![(stage.step, command.clone())]);
                    let shell = ShellStage { run, stage: id, commands, partition };
                    drivers.shell.spawn(shell.run(reader, edges[id].partition_writer(partition)));
                }
            }
            Work::ShellPerRow { command } => {
                let inputs = if kept { inputs } else { vec![(0, whole_input())] };
                for (partition, reader) in inputs {
                    let (run, command) = (run.clone(), command.clone());
                    let per_row = PerRow { run, stage: id, command, partition };
                    drivers.shell.spawn(per_row.run(reader, edges[id].partition_writer(partition)));
                }
            }
            Work::Limit { rows } => {
                let reader = whole_input();
                drivers.rows.spawn(run_limit(rows, reader, out));
            }
            Work::RoundRobin { count } => {
                let reader = whole_input();
                drivers.rows.spawn(run_round_robin(count, reader, out));
            }
        }
    }
    for (sink, (&stage, closed)) in run.plan.outputs.iter().zip(closed).enumerate() {
        let reader = edges[stage].reader(readers_given[stage]);
        readers_given[stage] += 1;
        let run = run.clone();
        drivers.rows.spawn(async move {
            tokio::select! {
                () = forward(&run, sink, reader) => {}
                () = closed.cancelled() => {}
            }
        });
    }
}

/// The tasks of a chain: over a source's parts, or over a stream that the engine cuts.
fn task_source(
    opened: Option<Opened>,
    input: impl FnOnce() -> Reader,
    run: &Arc<Run>,
    stage: StageId,
    drivers: &mut Drivers,
) -> TaskSource {
    match opened {
        Some(Opened::Inputs(inputs)) => TaskSource::Inputs(inputs),
        Some(Opened::Feed(feed)) => {
            let edge = Edge::new(1, 1, &run.meter, run.plan.stages[stage].step);
            let (run, out) = (run.clone(), edge.writer());
            drivers.rows.spawn(async move { run_feed(&run, feed, out).await });
            TaskSource::Blocks(edge.reader(0))
        }
        None => TaskSource::Blocks(input()),
    }
}

/// A merge whose rows go into another exchange.
async fn run_merge_sorted(
    run: &Arc<Run>,
    stage: StageId,
    order: &crate::plan::stage::MergeOrder,
    from: oneshot::Receiver<Sorted>,
    sender: oneshot::Sender<Sorted>,
) {
    match crate::local::exchange::merge_source(run, stage, order, from).await {
        Ok(source) => run_sorted(run, stage, source, sender).await,
        Err(failure) => {
            // A merge that has been cancelled in between needs no runs.
            let _ = sender.send(Err(failure));
        }
    }
}

/// Hands a sink's rows to the caller.
async fn forward(run: &Run, sink: usize, mut reader: Reader) {
    loop {
        let message = match reader.next().await {
            Ok(Some(block)) => Message::Block(sink, block),
            Ok(None) => Message::End(sink),
            Err(failure) => Message::Failed(run.error(failure)),
        };
        let last = !matches!(message, Message::Block(..));
        if run.messages.send(message).await.is_err() || last {
            return;
        }
    }
}
