//! What a flow tells of its runs: how far they are, and what they have done.
//!
//! A newcomer's trap: callbacks are called where the terminal is waited for, never on a thread of
//! the engine's. So a writer that blocks there holds them up too.

use std::sync::Arc;

use crate::flow::Flow;
use crate::report::{Progress, Report};

impl Flow {
    /// What the last terminal of this flow has done: rows and bytes in and out of each step, tasks,
    /// time, memory, counters and warnings, as a [`Report`]. [`Flow::run`] returns it too.
    ///
    /// Also a run that failed has a report: of what was done until then, with
    /// [`completed`](Report::completed) false. There is none before the first terminal, after one
    /// that could not begin, and while one is at work. A stream's is there when it has given its
    /// end, or a moment after it was dropped.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// assert!(flow.report().is_none());
    /// assert_eq!(flow.lines(["b", "a", "b"]).distinct().count()?, 2);
    /// let report = flow.report().unwrap();
    /// let distinct = &report.steps[1];
    /// assert_eq!((distinct.operator.as_str(), distinct.file.as_str()), ("distinct", file!()));
    /// assert_eq!((distinct.rows_in, distinct.rows_out), (Some(3), Some(2)));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn report(&self) -> Option<Report> {
        self.state().report.clone()
    }

    /// Calls a function about ten times a second while a terminal of this flow is at work, and once
    /// when all is done: for progress bars. A second call replaces the first.
    ///
    /// It is called on the thread that waits: the one that has called the terminal, or that polls
    /// its future or stream. While that thread is busy, in a writer or in a callback for rows, the
    /// function waits; the run does not wait for it, unless it takes long.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use gleamflow::Flow;
    ///
    /// let done = Arc::new(AtomicU64::new(0));
    /// let shown = done.clone();
    /// let flow = Flow::new().on_progress(move |progress| {
    ///     if let Some(all) = progress.bytes_to_read {
    ///         shown.store(100 * progress.bytes_read / all.max(1), Ordering::Relaxed);
    ///     }
    /// });
    /// assert!(flow.text_file("/etc/passwd").count()? > 0);
    /// assert_eq!(done.load(Ordering::Relaxed), 100);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn on_progress(self, callback: impl Fn(&Progress) + Send + Sync + 'static) -> Flow {
        self.state().on_progress = Some(Arc::new(callback));
        self
    }
}
