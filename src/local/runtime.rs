//! The engine's own runtime, on threads of its own, shared by all runs of the process.
//!
//! A newcomer's trap: it is never the caller's runtime. That is why flows can be run from inside
//! one, and from a thread that ends.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use crate::process::block_write_signals;

/// Threads that move blocks between pipes; user code runs elsewhere.
const THREADS: usize = 2;

/// The runtime; started by the first run.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("gleamflow")
            .on_thread_start(block_write_signals)
            .enable_all()
            .build()
            .expect("a process that can run a flow can start two threads")
    })
}
