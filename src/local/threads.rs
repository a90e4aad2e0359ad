//! The threads of a run on which closures of the program are called.
//!
//! A newcomer's trap: work must never wait here for another's rows, since the others may want the same
//! threads. Work that has to wait gives its thread back and comes again.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::Failure;
use crate::process::block_write_signals;

/// How long the end of a run waits for calls that go on.
const PATIENCE: Duration = Duration::from_secs(2);

type Work = Box<dyn FnOnce() + Send>;

/// At most so many threads; they are started when there is work for them.
pub(crate) struct Threads {
    most: usize,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// There is work, or the run is over.
    work: Condvar,
    /// The last thread has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
    over: bool,
}

impl Threads {
    pub(crate) fn new(most: usize) -> Threads {
        Threads { most, inner: Arc::default() }
    }

    /// Has a thread do some work, behind what others want. A run that is over drops it.
    pub(crate) fn submit(&self, work: Work) -> Result<(), Failure> {
        let mut state = self.inner.lock();
        if state.over {
            drop(state);
            return Ok(());
        }
        state.queue.push_back(work);
        if state.idle >= state.queue.len() || state.threads >= self.most {
            drop(state);
            self.inner.work.notify_one();
            return Ok(());
        }
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new().name("gleamflow-rows".into());
        let started = thread.spawn(move || {
            block_write_signals();
            inner.work_on();
        });
        match started {
            Ok(_) => state.threads += 1,
            // The threads that there are will come to it.
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                state.queue.pop_back();
                return Err(Failure::start("a thread", &error));
            }
        }
        Ok(())
    }

    /// Drops what has not begun, and waits a while for what has. False: some goes on.
    pub(crate) async fn end(&self) -> bool {
        let waiting = {
            let mut state = self.inner.lock();
            state.over = true;
            std::mem::take(&mut state.queue)
        };
        self.inner.work.notify_all();
        // What a program's iterators do when they go must not keep the run from its end.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(waiting)));
        let all = async {
            loop {
                let ended = self.inner.ended.notified();
                if self.inner.lock().threads == 0 {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.is_ok()
    }
}

impl Inner {
    fn work_on(&self) {
        let mut state = self.lock();
        while !state.over {
            if let Some(work) = state.queue.pop_front() {
                drop(state);
                work();
                state = self.lock();
            } else {
                state.idle += 1;
                state = self.work.wait(state).expect("no code panics while it holds the queue");
                state.idle -= 1;
            }
        }
        state.threads -= 1;
        if state.threads == 0 {
            // One permit is kept for who is about to wait.
            self.ended.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the queue")
    }
}
