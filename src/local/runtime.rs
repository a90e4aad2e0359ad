//! The engine's own runtime, on threads of its own, shared by all runs of the process.
//!
//! A newcomer's trap: it is never the caller's runtime. That is why flows can be run from inside
//! one, and from a thread that ends. A child that the program has forked gets another one, since
//! it has none of its parent's threads.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::error::Failure;
use crate::local::limits::try_limits;
use crate::process::{PerProcess, block_write_signals};

/// Threads that move blocks between pipes; user code runs elsewhere.
const THREADS: usize = 2;

static RUNTIME: PerProcess<Mutex<Option<&'static Runtime>>> = PerProcess::new();

/// The runtime; started by the first run.
pub(crate) fn runtime() -> Result<&'static Runtime, Failure> {
    let mut runtime = RUNTIME.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = *runtime {
        return Ok(runtime);
    }
    let failed = |error: std::io::Error| Failure::start("the engine", &error);
    // It panics where it cannot have its threads and descriptors.
    try_limits(THREADS).map_err(failed)?;
    let built = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("gleamflow")
        .on_thread_start(block_write_signals)
        .enable_all()
        .build()
        .map_err(failed)?;
    Ok(runtime.insert(Box::leak(Box::new(built))))
}

/// Calls a function that waits on a thread of its own.
pub(crate) fn on_a_thread<T: Send + 'static>(
    function: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, Failure> {
    let (sender, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("gleamflow-wait".into());
    let started = thread.spawn(move || {
        block_write_signals();
        // A run that has been cancelled meanwhile wants no result.
        let _ = sender.send(function());
    });
    started.map_err(|error| Failure::start("a thread", &error))?;
    Ok(result)
}
