//! The caller's handle on a run.
//!
//! A newcomer's trap: whatever calls back into the program does so from `poll_next`, on the
//! caller's side; the engine's threads call nothing of the program's.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::flow::{Flow, OnProgress};
use crate::local::letters::Letters;
use crate::local::session::{Message, Session};
use crate::local::tally::Tally;
use crate::report::Report;

/// A run in progress. Dropping it cancels the run.
pub(crate) struct Running {
    messages: mpsc::Receiver<Message>,
    /// The run was ended from outside, whatever it still has to say.
    stopped: Option<oneshot::Receiver<Error>>,
    /// One for each sink: cancelled when its rows are no longer wanted.
    closed: Vec<CancellationToken>,
    cancel: CancellationToken,
    tally: Option<Arc<Tally>>,
    letters: Arc<Letters>,
    flow: Flow,
    completed: bool,
    /// Something comes when the caller is to be told how far the run is.
    ticks: mpsc::Receiver<()>,
    on_progress: Option<OnProgress>,
    outcome: Outcome,
}

/// What is known of a run when nothing of it is left.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    finished: CancellationToken,
    report: Arc<Mutex<Option<Report>>>,
}

impl Outcome {
    pub(super) fn finish(&self, report: Report) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        self.finished.cancel();
    }
}

impl Running {
    pub(super) fn new(
        messages: mpsc::Receiver<Message>,
        closed: Vec<CancellationToken>,
        session: &Session,
        ticks: mpsc::Receiver<()>,
        stopped: oneshot::Receiver<Error>,
        flow: Flow,
    ) -> Running {
        let stopped = Some(stopped);
        let (cancel, tally) = (session.cancel.clone(), Some(session.tally.clone()));
        let (completed, outcome) = (false, Outcome::default());
        let letters = session.letters.clone();
        let on_progress = flow.state().on_progress.clone();
        Running {
            messages,
            stopped,
            closed,
            cancel,
            tally,
            letters,
            flow,
            completed,
            ticks,
            on_progress,
            outcome,
        }
    }

    /// The rows that steps leave out, for the files that want them.
    pub(crate) fn letters(&self) -> Arc<Letters> {
        self.letters.clone()
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    /// The next message; `None` after all has been said.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Running::next`], to be polled.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        while let Poll::Ready(Some(())) = self.ticks.poll_recv(context) {
            self.tell_progress();
        }
        if let Some(stopped) = &mut self.stopped
            && let Poll::Ready(stopped) = Pin::new(stopped).poll(context)
        {
            self.stopped = None;
            // Without an error the run has ended by itself.
            if let Ok(error) = stopped {
                return Poll::Ready(Some(Message::Failed(error)));
            }
        }
        self.messages.poll_recv(context)
    }

    fn tell_progress(&self) {
        if let (Some(on_progress), Some(tally)) = (&self.on_progress, &self.tally) {
            on_progress(&tally.progress());
        }
    }

    /// A sink wants no more rows.
    pub(crate) fn close(&self, sink: usize) {
        self.closed[sink].cancel();
    }

    /// All sinks have their rows.
    pub(crate) fn complete(&mut self) {
        self.completed = true;
        self.tell_progress();
    }

    /// Ends the run, whatever it is doing, and waits until nothing of it is left. Gives its report.
    pub(crate) async fn finish(mut self) -> Report {
        self.cancel.cancel();
        self.messages.close();
        while self.messages.recv().await.is_some() {}
        self.outcome.finished.cancelled().await;
        let report = self.outcome.report.lock().unwrap_or_else(PoisonError::into_inner).take();
        let report = report.expect("the engine reports before it says that it has finished");
        // Only the caller knows what has become of the rows.
        let report = Report { completed: self.completed, ..report };
        self.flow.state().report = Some(report.clone());
        report
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[cfg(test)]
impl Running {
    /// A run whose engine has gone without a word.
    pub(crate) fn gone() -> Running {
        let (_, messages) = mpsc::channel(1);
        let (_, ticks) = mpsc::channel(1);
        let (cancel, outcome) = (CancellationToken::new(), Outcome::default());
        outcome.finish(Report::default());
        let (flow, closed) = (Flow::new(), Vec::new());
        let (tally, on_progress, completed) = (None, None, false);
        let letters = Arc::new(Letters::new(&crate::plan::stage::Plan::default()));
        Running {
            messages,
            stopped: None,
            closed,
            cancel,
            tally,
            letters,
            flow,
            completed,
            ticks,
            on_progress,
            outcome,
        }
    }
}
