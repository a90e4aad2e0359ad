//! Starting a run: edges between stages, a driver for each, and the handle the caller reads.
//!
//! A newcomer's trap: everything here is set up before the first row moves, so that a flow which
//! cannot be is refused before anything starts.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Failure, StepId};
use crate::flow::Flow;
use crate::local::edge::{Edge, Reader, Writer};
use crate::local::exchange::{Before, Sorted, run_merge, run_sorted};
use crate::local::per_row::PerRow;
use crate::local::run::{Message, Run, check_temp_dir};
use crate::local::runtime::runtime;
use crate::local::settings::Resolved;
use crate::local::shell::ShellStage;
use crate::local::steps::{Feed, run_deal, run_feed, run_slice, used_up};
use crate::local::tasks::{TaskSource, run_partitions, run_rows};
use crate::plan::compile::{SinkNode, compile};
use crate::plan::stage::{Form, Input, Output, Plan, Slice, Source, Stage, StageId, Work};
use crate::source::paths::{Found, expand};
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

#[cfg(test)]
impl Running {
    /// A run whose engine has gone without a word.
    pub(crate) fn gone() -> Running {
        let (_, messages) = mpsc::channel(1);
        let (cancel, finished) = (CancellationToken::new(), CancellationToken::new());
        Running { messages, closed: Vec::new(), cancel, finished }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Checks and compiles a flow for its sinks.
fn plan(flow: &Flow, sinks: &[SinkNode]) -> Result<Plan, Error> {
    let state = flow.state();
    let plan = compile(&state.graph, sinks, !state.settings.no_rewrites)?;
    drop(state);
    worker::check(&plan).map_err(|failure| plan.error(failure))?;
    Ok(plan)
}

/// The plan for a sink as text.
pub(crate) fn explain(flow: &Flow, sink: &SinkNode) -> Result<String, Error> {
    let plan = plan(flow, std::slice::from_ref(sink))?;
    Ok(plan.explain(&worker::kept_globals(&plan)))
}

/// Starts a run for these sinks.
pub(crate) fn start(flow: &Flow, sinks: &[SinkNode]) -> Result<Running, Error> {
    let plan = plan(flow, sinks)?;
    let settings = Resolved::new(&flow.state().settings)?;
    if plan.has_exchange() {
        check_temp_dir(&settings.temp_dir)?;
    }
    let runtime = runtime()?;
    let (sender, messages) = mpsc::channel(WAITING_MESSAGES);
    let run = Run::new(plan, settings, sender);
    let mut sources = HashMap::new();
    for (id, stage) in run.plan.stages.iter().enumerate() {
        if let Input::Source(source) = &stage.input {
            let chained = stage.work.chain().is_some();
            let opened = open_source(flow, source, &run, stage.step, chained)
                .map_err(|failure| run.error(failure.at_step(stage.step)))?;
            sources.insert(id, opened);
        }
    }
    take_readers(flow, &mut sources);
    tracing::debug!(stages = run.plan.stages.len(), workers = run.settings.workers, "start a run");
    let closed: Vec<_> = sinks.iter().map(|_| CancellationToken::new()).collect();
    let finished = CancellationToken::new();
    let running = Running {
        messages,
        closed: closed.clone(),
        cancel: run.cancel.clone(),
        finished: finished.clone(),
    };
    runtime.spawn(async move {
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
    /// A reader that is there to be taken, once all sources are known to be there.
    Reader(usize),
}

/// Takes the readers that can be read once: from here on nothing keeps the run from beginning.
fn take_readers(flow: &Flow, sources: &mut HashMap<StageId, Opened>) {
    for opened in sources.values_mut() {
        if let Opened::Reader(slot) = *opened {
            let reader = flow.state().readers[slot].take();
            *opened = Opened::Feed(reader.map_or(Feed::UsedUp, Feed::Reader));
        }
    }
}

fn open_source(
    flow: &Flow,
    source: &Source,
    run: &Run,
    step: StepId,
    chained: bool,
) -> Result<Opened, Failure> {
    let split_bytes = run.settings.split_bytes;
    Ok(match source {
        Source::Lines { text, .. } => Opened::Feed(Feed::Lines(text.clone())),
        Source::Rows { frames, .. } => Opened::Feed(Feed::Frames(frames.clone())),
        Source::Kept { slot, .. } => Opened::Feed(Feed::Kept(flow.state().kept[*slot].clone())),
        Source::Range { first, end } if chained => {
            Opened::Inputs(Box::new(range_inputs(*first, *end, split_bytes)))
        }
        Source::Range { first, end } => Opened::Feed(Feed::Range(*first, *end)),
        Source::Reader { slot } => match flow.state().readers.get(*slot) {
            Some(Some(_)) => Opened::Reader(*slot),
            _ => return Err(used_up()),
        },
        Source::TextFile { patterns } => {
            let Found { files, unmatched } = expand(patterns)?;
            for pattern in unmatched {
                let place = run.plan.origins.get(step as usize);
                let place = place.map(|origin| format!("{origin}: ")).unwrap_or_default();
                tracing::warn!("{place}no file matches {pattern}");
            }
            if needs_sequential(&files) {
                return Ok(Opened::Feed(Feed::Files(files)));
            }
            let splits = plan_splits(&files, split_bytes);
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
        .zip(run.plan.readers())
        .map(|(stage, readers)| {
            Edge::new(stage.partitions, is_apart(stage), readers, &run.meter, stage.step)
        })
        .collect();
    let mut readers_given = vec![0; stages.len()];
    let mut sorted: HashMap<StageId, oneshot::Receiver<Sorted>> = HashMap::new();
    for (id, stage) in stages.iter().enumerate() {
        // Which of its readers this stage is, for each input.
        let inputs: Vec<(StageId, u32)> = stage
            .input
            .stages()
            .iter()
            .map(|&input| {
                readers_given[input] += 1;
                (input, readers_given[input] - 1)
            })
            .collect();
        let whole_input = || {
            let readers = inputs.iter().map(|&(input, number)| edges[input].reader(number));
            Reader::one_after_another(readers)
        };
        // Stages that keep partitions apart have a driver for each.
        let partitions = || -> Vec<(u32, Reader, Writer)> {
            let out = |partition| edges[id].partition_writer(partition);
            match inputs[..] {
                [(input, number)] if is_apart(stage) => (0..stage.partitions)
                    .map(|one| (one, edges[input].partition_reader(number, one), out(one)))
                    .collect(),
                _ => vec![(0, whole_input(), out(0))],
            }
        };
        let (run, out) = (run.clone(), edges[id].writer());
        match stage.work.clone() {
            Work::Forward => match sources.remove(&id) {
                Some(Opened::Feed(feed)) => {
                    drivers.rows.spawn(async move { run_feed(&run, feed, out).await });
                }
                Some(Opened::Inputs(_) | Opened::Reader(_)) => {
                    unreachable!("a stage without steps reads its source in the engine")
                }
                None => {
                    let all = Slice { skip: 0, take: None };
                    drivers.rows.spawn(run_slice(all, whole_input(), out));
                }
            },
            Work::Chain(_) | Work::Merge { .. } if stage.output == Output::Runs => {
                let source = match stage.work {
                    Work::Merge { .. } => Before::Runs(take_sorted(&mut sorted, &inputs)),
                    _ => Before::Rows(task_source(
                        sources.remove(&id),
                        whole_input,
                        &run,
                        id,
                        drivers,
                    )),
                };
                let (sender, receiver) = oneshot::channel();
                sorted.insert(id, receiver);
                drivers.rows.spawn(async move { run_sorted(&run, id, source, sender).await });
            }
            Work::Merge { .. } => {
                let from = take_sorted(&mut sorted, &inputs);
                drivers.rows.spawn(async move { run_merge(&run, id, from, out).await });
            }
            Work::Chain(_) if is_apart(stage) => {
                let partitions = partitions();
                drivers.rows.spawn(async move { run_partitions(&run, id, partitions).await });
            }
            Work::Chain(_) => {
                let source = task_source(sources.remove(&id), whole_input, &run, id, drivers);
                drivers.rows.spawn(async move { run_rows(&run, id, source, out).await });
            }
            Work::Commands(commands) => {
                for (partition, reader, out) in partitions() {
                    let (run, mut commands) = (run.clone(), commands.clone());
                    if commands[0].form == Form::Arguments {
                        let command = commands.remove(0).text;
                        let per_row = PerRow { run, stage: id, command, partition };
                        drivers.shell.spawn(per_row.run(reader, out));
                    } else {
                        let commands =
                            commands.into_iter().map(|one| (one.step, one.text)).collect();
                        let shell = ShellStage { run, stage: id, commands, partition };
                        drivers.shell.spawn(shell.run(reader, out));
                    }
                }
            }
            Work::Slice(slice) => {
                drivers.rows.spawn(run_slice(slice, whole_input(), out));
            }
            Work::Deal { count } => {
                drivers.rows.spawn(run_deal(count, whole_input(), out));
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

/// Whether each partition has a driver of its own.
fn is_apart(stage: &Stage) -> bool {
    stage.keeps_partitions() && stage.partitions > 1
}

/// What the stages that a merge reads will have made.
fn take_sorted(
    sorted: &mut HashMap<StageId, oneshot::Receiver<Sorted>>,
    inputs: &[(StageId, u32)],
) -> Vec<oneshot::Receiver<Sorted>> {
    let one = |(input, _): &_| sorted.remove(input).expect("a merge reads sorted runs, once");
    inputs.iter().map(one).collect()
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
            let edge = Edge::new(1, false, 1, &run.meter, run.plan.stages[stage].step);
            let (run, out) = (run.clone(), edge.writer());
            drivers.rows.spawn(async move { run_feed(&run, feed, out).await });
            TaskSource::Blocks(edge.reader(0))
        }
        Some(Opened::Reader(_)) => unreachable!("readers are taken before anything reads them"),
        None => TaskSource::Blocks(input()),
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
