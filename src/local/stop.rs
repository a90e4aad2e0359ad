//! What ends a run from outside: its flow is cancelled, or it has taken too long.
//!
//! A newcomer's trap: this goes past the messages that wait for the caller, who may be slow; and it
//! ends the run at once, whether the caller looks or not.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Failure};
use crate::local::session::Session;

/// Steps that a message names of a stage; it may have 64.
const MOST_NAMED: usize = 6;

/// Waits until the run is over or is to be ended, and ends it.
pub(super) async fn stop(
    session: &Session,
    flow: CancellationToken,
    deadline: Option<(Instant, Duration)>,
    stopped: oneshot::Sender<Error>,
) {
    let late = async {
        match deadline {
            Some((at, limit)) => {
                tokio::time::sleep_until(at.into()).await;
                limit
            }
            None => std::future::pending().await,
        }
    };
    let failure = tokio::select! {
        () = flow.cancelled() => cancelled(session),
        limit = late => overdue(session, limit),
        () = session.cancel.cancelled() => return,
    };
    // A caller that has gone needs no error.
    let _ = stopped.send(session.error(failure));
    session.cancel.cancel();
}

/// Why a run of a flow that was cancelled before does not begin.
pub(super) fn cancelled_before() -> Failure {
    Failure::new(ErrorKind::Cancelled, "the flow was cancelled before this began")
        .hint("`cancel_handle` gives a new handle, with which it runs again")
}

fn cancelled(session: &Session) -> Failure {
    let message = format!("the flow was cancelled{}", at_work(session));
    Failure::new(ErrorKind::Cancelled, message)
}

fn overdue(session: &Session, limit: Duration) -> Failure {
    let message = format!("not done within {limit:?}{}", at_work(session));
    Failure::new(ErrorKind::Deadline, message)
        .hint("`deadline` sets how long a run may take, `step_timeout` how long a step for one row")
}

/// The stages that have tasks, commands or closures at work, and how far they are.
fn at_work(session: &Session) -> String {
    let (plan, tally) = (&session.plan, &session.tally);
    let mut text = String::new();
    for (id, stage) in plan.stages.iter().enumerate() {
        let how_far = match (tally.at_work(id), tally.threads(id)) {
            (Some((done, known)), _) => {
                let of = if stage.work.chain().is_some() { "tasks" } else { "commands" };
                format!("{done} of {known} {of} done")
            }
            (None, 0) => continue,
            (None, 1) => "on 1 thread".to_owned(),
            (None, threads) => format!("on {threads} threads"),
        };
        let steps = stage.steps();
        let named = steps.iter().take(MOST_NAMED);
        let named: Vec<&str> =
            named.map(|step| plan.origins[*step as usize].operator.as_str()).collect();
        let more = if steps.len() > named.len() { " → …" } else { "" };
        let steps = named.join(" → ");
        text.push_str(&format!("\n  at work: {steps}{more} ({how_far})"));
    }
    if let Some(rows) = tally.rows_read() {
        text.push_str(&format!("\n  rows read so far: {rows}"));
    }
    text
}
