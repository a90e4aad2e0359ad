//! Ending runs from outside: a handle that cancels, a deadline.
//!
//! A newcomer's trap: a run that is ended so has failed. Its sinks are dropped like those of any
//! run that failed, and the terminal returns when nothing of it is left.

use std::fmt;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::flow::Flow;

impl Flow {
    /// A handle that ends the runs of this flow from any thread, such as a handler of Ctrl-C.
    ///
    /// When it is told to, the terminal at work returns an error of kind
    /// [`Cancelled`](crate::ErrorKind::Cancelled), and so does each later one: to cancel between
    /// two terminals counts too. Who wants to run the flow again asks for a new handle, and is not
    /// concerned by the old one. A terminal that has got all of its rows is not cancelled any more.
    ///
    /// When the terminal returns, no process, no temporary file and no half-written output is left.
    /// The same holds a moment after a future or a stream of a terminal was dropped.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let flow = Flow::new();
    /// let handle = flow.cancel_handle();
    /// std::thread::spawn(move || {
    ///     std::thread::sleep(Duration::from_millis(50));
    ///     handle.cancel();
    /// });
    /// let error = flow.lines(["x"]).pipe("sleep 100").count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Cancelled);
    /// assert_eq!(flow.range(0..3).count().unwrap_err().kind(), ErrorKind::Cancelled);
    /// let _again = flow.cancel_handle();
    /// assert_eq!(flow.range(0..3).count()?, 3);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        let mut state = self.state();
        if state.cancel.is_cancelled() {
            state.cancel = CancellationToken::new();
        }
        CancelHandle(state.cancel.clone())
    }

    /// How long each run may take, from the call of its terminal to the last row that it takes.
    /// Without it there is no limit. Of a stream, the time counts in which nobody asks it for rows.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let flow = Flow::new().deadline(Duration::from_millis(200));
    /// let error = flow.lines(["x"]).pipe("sleep 100").count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Deadline);
    /// assert!(error.to_string().contains("at work: pipe"), "{error}");
    /// ```
    ///
    /// # Errors
    /// At a terminal, of kind [`Deadline`](crate::ErrorKind::Deadline): which steps were at work,
    /// and how far. Nothing of the run is left then, as when it is
    /// [cancelled](Flow::cancel_handle): a loop without end is ended with its worker, a command
    /// with all that it has started. What runs in this program cannot be ended: a loop with
    /// [`workers_in_process`](Flow::workers_in_process), and a closure that does not return, for
    /// which the terminal waits two seconds.
    pub fn deadline(self, limit: Duration) -> Flow {
        self.state().settings.deadline = Some(limit);
        self
    }
}

/// Ends the runs of a flow from any thread: see [`Flow::cancel_handle`].
///
/// ```
/// let handle = gleamflow::Flow::new().cancel_handle();
/// handle.clone().cancel();
/// assert!(handle.is_cancelled());
/// ```
#[derive(Clone)]
pub struct CancelHandle(CancellationToken);

impl CancelHandle {
    /// Ends the terminal at work, and each later one until the flow is asked for a new handle.
    /// Returns at once; a second call does nothing.
    ///
    /// ```
    /// let flow = gleamflow::Flow::new();
    /// flow.cancel_handle().cancel();
    /// assert!(flow.range(0..3).count().is_err());
    /// ```
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether this handle, or a clone of it, was told to cancel.
    ///
    /// ```
    /// assert!(!gleamflow::Flow::new().cancel_handle().is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelHandle").field(&self.is_cancelled()).finish()
    }
}
