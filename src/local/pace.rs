//! How a command goes on when no more rows can come because one before them has failed.
//!
//! A newcomer's trap: what the command makes of the rows before the failed one comes before that
//! failure, and it may have enough of them, as `head` has. Only a command that has read all and
//! says nothing more is ended.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How often the command is looked at, how often in a row it must be found silent, and how often
/// it is looked at in all.
const LOOK: Duration = Duration::from_millis(20);
const SILENT_LOOKS: u32 = 10;
const MOST_LOOKS: u32 = 250;

/// What has been seen of a command's output.
#[derive(Default)]
pub(crate) struct Pace {
    /// Pieces of output that were taken.
    pub pieces: AtomicUsize,
    /// A piece is being passed on.
    pub passing: AtomicBool,
}

impl Pace {
    /// Resolves when the command has read all and been silent for a while, or is in no hurry.
    pub(crate) async fn quiet(&self, stdin: impl AsFd) {
        let mut silent = 0;
        let mut last = self.pieces.load(Ordering::Relaxed);
        for _ in 0..MOST_LOOKS {
            tokio::time::sleep(LOOK).await;
            let pieces = self.pieces.load(Ordering::Relaxed);
            let unread = rustix::io::ioctl_fionread(&stdin).unwrap_or(0);
            let busy = pieces != last || self.passing.load(Ordering::Relaxed);
            last = pieces;
            silent = if busy || unread > 0 { 0 } else { silent + 1 };
            if silent == SILENT_LOOKS {
                return;
            }
        }
    }
}
