//! Starting a run: edges between stages, a driver for each, and the handle the caller reads.
//!
//! A newcomer's trap: everything here is set up before the first row moves, so that a flow which
//! cannot be is refused before anything starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Failure};
use crate::flow::Flow;
use crate::local::closures::{ClosureStage, Codes};
use crate::local::command::{Site, warn_of_pipes};
use crate::local::edge::{Edge, Reader, Stop, Writer};
use crate::local::exchange::{Before, Sorted, let_go, run_merge, run_sorted};
use crate::local::open::{find_closures, open_sources};
use crate::local::per_row::PerRow;
use crate::local::replace::run_replace;
use crate::local::report::report;
use crate::local::running::Running;
use crate::local::runtime::runtime;
use crate::local::session::{Message, Session, check_temp_dir};
use crate::local::settings::Resolved;
use crate::local::shell::ShellStage;
use crate::local::side_tables::{Needs, Waiting, make_table};
use crate::local::steps::{run_deal, run_forward, run_slice, run_source};
use crate::local::stop::{cancelled_before, stop};
use crate::local::tally::first_step;
use crate::local::tasks::{TaskSource, run_partitions, run_rows};
use crate::local::zip::run_zip;
use crate::plan::command::Form;
use crate::plan::compile::{SinkNode, compile};
use crate::plan::explain::Shown;
use crate::plan::stage::{Output, Plan, Stage, StageId, Work};
use crate::plan::tables::{Table, TableId};
use crate::source::open::Opened;
use crate::worker;
use crate::worker::task::TaskInput;

/// Messages that may wait for the caller.
const WAITING_MESSAGES: usize = 8;

/// How often a run is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Checks and compiles a flow for its sinks.
fn plan(flow: &Flow, sinks: &[SinkNode]) -> Result<Plan, Error> {
    let state = flow.state();
    let plan = compile(&state.graph, sinks, !state.settings.no_rewrites)?;
    drop(state);
    worker::check(&plan).map_err(|failure| plan.error(failure))?;
    Ok(plan)
}

/// The plan for a sink, as it is to be shown.
pub(crate) fn explain(
    flow: &Flow,
    sink: &SinkNode,
    show: impl Fn(&Shown<'_>) -> String,
) -> Result<String, Error> {
    let plan = plan(flow, std::slice::from_ref(sink))?;
    Ok(show(&plan.shown(&worker::inspect(&plan))))
}

/// Starts a run for these sinks.
pub(crate) fn start(flow: &Flow, sinks: &[SinkNode]) -> Result<Running, Error> {
    let started = Instant::now();
    let plan = plan(flow, sinks)?;
    let (cancel, deadline) = {
        let mut state = flow.state();
        state.report = None;
        (state.cancel.clone(), state.settings.deadline)
    };
    if cancel.is_cancelled() {
        return Err(cancelled_before().into());
    }
    // One that nobody will live to see is none.
    let deadline = deadline.and_then(|limit| Some((started.checked_add(limit)?, limit)));
    let settings = Resolved::new(&flow.state().settings)?;
    if plan.has_exchange() || !plan.tables.is_empty() {
        check_temp_dir(&settings.temp_dir)?;
    }
    let runtime = runtime()?;
    let (sender, messages) = mpsc::channel(WAITING_MESSAGES);
    let session = Session::new(plan, settings, sender);
    let sources = open_sources(flow, &session)?;
    let closures = find_closures(flow, &session)?;
    tracing::debug!(
        stages = session.plan.stages.len(),
        workers = session.settings.workers,
        "start a run"
    );
    let closed: Vec<_> = sinks.iter().map(|_| CancellationToken::new()).collect();
    let (ticks, each_tick) = mpsc::channel(1);
    let (stop_sender, stopped) = oneshot::channel();
    let running =
        Running::new(messages, closed.clone(), &session, each_tick, stopped, flow.clone());
    let (flow, outcome) = (flow.clone(), running.outcome());
    runtime.spawn(async move {
        let mut drivers = Drivers::default();
        start_drivers(&session, sources, closures, closed, &mut drivers);
        let ticking = tokio::spawn(tick(session.clone(), ticks));
        let all = async {
            while let Some(ended) = drivers.rows.join_next().await {
                report_panic(&session, ended).await;
            }
            while let Some(ended) = drivers.shell.join_next().await {
                report_panic(&session, ended).await;
            }
        };
        tokio::select! {
            () = all => {}
            () = stop(&session, cancel, deadline, stop_sender) => {}
        }
        for warning in session.letters.warnings(&session.tally.counts()) {
            session.warnings.add(warning);
        }
        session.cancel.cancel();
        drivers.rows.shutdown().await;
        // These kill their commands and wait for them.
        while drivers.shell.join_next().await.is_some() {}
        session.dismiss().await;
        ticking.abort();
        tracing::debug!("the run has ended");
        let report = report(&session);
        drop(session);
        flow.state().report = Some(report.clone());
        outcome.finish(report);
    });
    Ok(running)
}

/// Looks at the run now and then, and has the caller told how far it is.
async fn tick(session: Arc<Session>, ticks: mpsc::Sender<()>) {
    loop {
        tokio::time::sleep(TICK).await;
        session.look_at_memory();
        // One that has not been dealt with yet is enough.
        let _ = ticks.try_send(());
    }
}

/// A driver that panics has left its readers without an end: the run must not wait for it.
async fn report_panic(session: &Session, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        let message = format!("the engine failed, which is a bug of gleamflow: {error}");
        session.fail_at_once(Failure::new(ErrorKind::Worker, message)).await;
    }
}

/// What runs the stages: those with commands end by themselves, the others are aborted.
#[derive(Default)]
struct Drivers {
    rows: JoinSet<()>,
    shell: JoinSet<()>,
}

fn start_drivers(
    session: &Arc<Session>,
    mut sources: HashMap<StageId, Opened>,
    closures: HashMap<StageId, Codes>,
    closed: Vec<CancellationToken>,
    drivers: &mut Drivers,
) {
    let stages = &session.plan.stages;
    let edges: Vec<Edge> = stages
        .iter()
        .zip(session.plan.readers())
        .map(|(stage, readers)| {
            Edge::new(stage.partitions, is_apart(stage), readers, &session.meter, stage.step)
                .counted(&session.tally, session.tally.last_step(stage))
        })
        .collect();
    let mut readers_given = vec![0; stages.len()];
    let mut sorted: HashMap<StageId, oneshot::Receiver<Sorted>> = HashMap::new();
    let tables = start_tables(session, &edges, &mut readers_given, drivers);
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
            Reader::one_after_another(readers).counted(&session.tally, first_step(stage))
        };
        // Stages that keep partitions apart have a driver for each.
        let partitions = || -> Vec<(u32, Reader, Writer)> {
            let out = |partition| edges[id].partition_writer(partition);
            match inputs[..] {
                [(input, number)] if is_apart(stage) => (0..stage.partitions)
                    .map(|one| (one, edges[input].partition_reader(number, one), out(one)))
                    .map(|(one, reader, out)| {
                        (one, reader.counted(&session.tally, first_step(stage)), out)
                    })
                    .collect(),
                _ => vec![(0, whole_input(), out(0))],
            }
        };
        let held = stage.held.iter().map(|held| take_run(&mut sorted, *held)).collect();
        let of_stage = stage.tables().into_iter();
        let tables = of_stage.map(|table| tables[table as usize].clone()).collect();
        let needs = Needs { held, tables };
        let (session, out) = (session.clone(), edges[id].writer());
        match stage.work.clone() {
            Work::Forward => match sources.remove(&id) {
                Some(Opened::Stream(source)) => {
                    drivers.rows.spawn(async move { run_source(&session, source, out).await });
                }
                Some(Opened::Parts(_)) => {
                    unreachable!("a stage without steps reads its source in the engine")
                }
                None => {
                    let layout = stage.output.layout();
                    drivers.rows.spawn(run_forward(layout, whole_input(), out));
                }
            },
            Work::Chain(_) | Work::Merge { .. } if stage.output == Output::Runs => {
                let source = match stage.work {
                    Work::Merge { .. } => Before::Runs(take_sorted(&mut sorted, &inputs)),
                    _ => Before::Rows(task_source(
                        sources.remove(&id),
                        whole_input,
                        &session,
                        id,
                        drivers,
                    )),
                };
                let (sender, receiver) = oneshot::channel();
                sorted.insert(id, receiver);
                drivers.rows.spawn(async move {
                    match needs.met(&session, id).await {
                        Ok(()) => run_sorted(&session, id, source, sender).await,
                        // A merge that has been cancelled in between needs no runs.
                        Err(failure) => drop(sender.send(Err(failure))),
                    }
                    let_go(&session, id).await;
                });
            }
            Work::Merge { .. } => {
                let from = take_sorted(&mut sorted, &inputs);
                drivers.rows.spawn(async move {
                    match needs.met(&session, id).await {
                        Ok(()) => run_merge(&session, id, from, out).await,
                        Err(failure) => out.settle(Err(Stop::Failed(failure))),
                    }
                });
            }
            Work::Chain(_) if is_apart(stage) => {
                let partitions = partitions();
                drivers.rows.spawn(async move {
                    match needs.met(&session, id).await {
                        Ok(()) => run_partitions(&session, id, partitions).await,
                        Err(failure) => partitions
                            .iter()
                            .for_each(|(_, _, out)| out.settle(Err(Stop::Failed(failure.clone())))),
                    }
                    let_go(&session, id).await;
                });
            }
            Work::Chain(_) => {
                let source = task_source(sources.remove(&id), whole_input, &session, id, drivers);
                drivers.rows.spawn(async move {
                    match needs.met(&session, id).await {
                        Ok(()) => run_rows(&session, id, source, out).await,
                        Err(failure) => out.settle(Err(Stop::Failed(failure))),
                    }
                    let_go(&session, id).await;
                });
            }
            Work::Commands(commands) => {
                warn_of_pipes(&session, &commands);
                for (partition, reader, out) in partitions() {
                    let site = Site { session: session.clone(), stage: id, partition };
                    let mut commands = commands.clone();
                    if commands[0].form == Form::Arguments {
                        let per_row = PerRow { site, command: commands.remove(0) };
                        drivers.shell.spawn(per_row.run(reader, out));
                    } else {
                        drivers.shell.spawn(ShellStage { site, commands }.run(reader, out));
                    }
                }
            }
            Work::Closures(_) => {
                for (partition, reader, out) in partitions() {
                    let (session, closures) = (session.clone(), closures[&id].clone());
                    let stage = ClosureStage { session, stage: id, closures, partition };
                    drivers.rows.spawn(stage.run(reader, out));
                }
            }
            Work::Slice(slice) => {
                drivers.rows.spawn(run_slice(slice, whole_input(), out));
            }
            Work::Zip(zip) => {
                let readers = [0, 1].map(|side: usize| {
                    let (input, number) = inputs[side];
                    edges[input].reader(number).counted(&session.tally, first_step(stage))
                });
                let limits = &session.settings.limits;
                let (max_row, block_bytes) = (limits.max_row, limits.block_bytes);
                drivers.rows.spawn(run_zip(zip, readers, max_row, block_bytes, out));
            }
            Work::Replace(replace) => {
                let apart = is_apart(stage);
                for partition in 0..stage.partitions {
                    let readers = [0, 1].map(|side: usize| match inputs[side] {
                        (input, number) if apart => {
                            edges[input].partition_reader(number, partition)
                        }
                        (input, number) => edges[input].reader(number),
                    });
                    let max_row = session.settings.limits.max_row;
                    let out = edges[id].partition_writer(partition);
                    let replace = replace.clone();
                    drivers.rows.spawn(run_replace(replace, partition, readers, max_row, out));
                }
            }
            Work::Deal { count } => {
                drivers.rows.spawn(run_deal(count, whole_input(), out));
            }
        }
    }
    for (sink, (&stage, closed)) in session.plan.outputs.iter().zip(closed).enumerate() {
        let step = session.plan.sink_step(sink);
        let reader = edges[stage].reader(readers_given[stage]);
        let reader = reader.counted(&session.tally, Some(step));
        readers_given[stage] += 1;
        let session = session.clone();
        drivers.rows.spawn(async move {
            tokio::select! {
                () = forward(&session, sink, reader) => {}
                () = closed.cancelled() => {}
            }
        });
    }
}

/// Starts to make the side tables.
fn start_tables(
    session: &Arc<Session>,
    edges: &[Edge],
    readers_given: &mut [u32],
    drivers: &mut Drivers,
) -> Vec<Waiting> {
    let start = |(id, table): (TableId, &Table)| {
        let (sender, made) = watch::channel(None);
        if let Some(stage) = table.stage {
            let rows = edges[stage].reader(readers_given[stage]);
            readers_given[stage] += 1;
            let session = session.clone();
            drivers.rows.spawn(async move { make_table(&session, id, rows, sender).await });
        }
        made
    };
    (0..).zip(&session.plan.tables).map(start).collect()
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
    inputs.iter().map(|(input, _)| take_run(sorted, *input)).collect()
}

fn take_run(
    sorted: &mut HashMap<StageId, oneshot::Receiver<Sorted>>,
    stage: StageId,
) -> oneshot::Receiver<Sorted> {
    sorted.remove(&stage).expect("sorted runs are made before they are read, and read once")
}

/// The tasks of a chain: over a source's parts, or over a stream that the engine cuts.
fn task_source(
    opened: Option<Opened>,
    input: impl FnOnce() -> Reader,
    session: &Arc<Session>,
    stage: StageId,
    drivers: &mut Drivers,
) -> TaskSource {
    match opened {
        Some(Opened::Parts(parts)) => TaskSource::Inputs(Box::new(parts.map(TaskInput::Part))),
        Some(Opened::Stream(source)) => {
            let step = session.plan.stages[stage].step;
            let edge = Edge::new(1, false, 1, &session.meter, step);
            let edge = edge.counted(&session.tally, Some(step));
            let (session, out) = (session.clone(), edge.writer());
            drivers.rows.spawn(async move { run_source(&session, source, out).await });
            TaskSource::Blocks(edge.reader(0))
        }
        None => TaskSource::Blocks(input()),
    }
}

/// Hands a sink's rows to the caller.
async fn forward(session: &Session, sink: usize, mut reader: Reader) {
    loop {
        let message = match reader.next().await {
            Ok(Some(block)) => Message::Block(sink, block),
            // What has been left out by all that this sink has taken.
            Ok(None) => match session.letters.check(&session.tally.counts()) {
                Ok(()) => Message::End(sink),
                Err(failure) => Message::Failed(session.error(failure)),
            },
            Err(failure) => Message::Failed(session.error(failure)),
        };
        let last = !matches!(message, Message::Block(..));
        if session.messages.send(message).await.is_err() || last {
            return;
        }
    }
}
