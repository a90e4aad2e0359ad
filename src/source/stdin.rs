//! The program's standard input, as `text_file("-")` reads it.
//!
//! A newcomer's trap: it can be read once in a process, whatever it is. A pipe would be found
//! empty the second time, which would pass for an input without rows.

use std::sync::atomic::{AtomicBool, Ordering};

use super::stream::Stream;
use crate::error::{ErrorKind, Failure};

/// What stands for it in a list of paths.
pub(crate) const DASH: &str = "-";

/// What it is called in messages.
pub(crate) const NAME: &str = "standard input";

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes standard input, which nobody can do again.
pub(crate) fn take() -> Result<Stream, Failure> {
    match TAKEN.swap(true, Ordering::Relaxed) {
        true => Err(used_up()),
        // Not another descriptor of it: the program may have read a part already, and std holds
        // what of it is still to come.
        false => Ok(Stream::text(NAME.to_owned(), Box::new(std::io::stdin()))),
    }
}

/// Refuses `text_file("-")` where nothing is left for it.
pub(crate) fn check() -> Result<(), Failure> {
    if TAKEN.load(Ordering::Relaxed) { Err(used_up()) } else { Ok(()) }
}

fn used_up() -> Failure {
    let message = "standard input has been read already";
    Failure::new(ErrorKind::Input, message)
        .hint("it can be read once: attach several sinks and `run`, or save what came to a file")
}
