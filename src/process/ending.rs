//! An exit status in words.
//!
//! A newcomer's trap: 128 + n is how a shell says that its command was killed by signal n.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// `exited with code 3`, `was killed by signal 9 (SIGKILL)`.
pub(crate) struct Ending(pub ExitStatus);

impl Ending {
    /// Whether the process ended because nobody read its output any more.
    pub(crate) fn by_closed_output(&self) -> bool {
        let pipe = Signal::PIPE.as_raw();
        self.0.signal() == Some(pipe) || self.0.code() == Some(128 + pipe)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => {
                let name = match signal {
                    6 => " (SIGABRT)",
                    9 => " (SIGKILL)",
                    11 => " (SIGSEGV)",
                    13 => " (SIGPIPE)",
                    15 => " (SIGTERM)",
                    24 => " (SIGXCPU)",
                    25 => " (SIGXFSZ)",
                    _ => "",
                };
                write!(f, "was killed by signal {signal}{name}")
            }
            (None, None) => f.write_str("ended without a status"),
        }
    }
}
