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
        self.is_by(Signal::PIPE)
    }

    /// Whether the process was killed, by the system or by somebody, or what a shell ran last.
    pub(crate) fn by_kill(&self) -> bool {
        self.is_by(Signal::KILL)
    }

    /// Whether a signal ended the process, or what a shell ran last.
    fn is_by(&self, signal: Signal) -> bool {
        let signal = signal.as_raw();
        self.0.signal() == Some(signal) || self.0.code() == Some(128 + signal)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code @ 129..), _) if !name(code - 128).is_empty() => {
                let (signal, name) = (code - 128, name(code - 128));
                write!(f, "exited with code {code}, as a shell does on signal {signal}{name}")
            }
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => write!(f, "was killed by signal {signal}{}", name(signal)),
            (None, None) => f.write_str("ended without a status"),
        }
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU)",
        25 => " (SIGXFSZ)",
        _ => "",
    }
}
