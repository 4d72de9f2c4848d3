//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::supervisor::{NOT_EXECUTABLE, NOT_FOUND, SUPERVISOR_FAILED};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessExit {
    /// With this exit code. A program that itself exits with more than 128 is reported as [`ProcessExit::Signal`].
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was killed along with its supervisor, which this signal ended.
    Supervisor(i32),
}

impl ProcessExit {
    /// Whether it ended by itself and with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }

    /// What the exit of a supervisor says of its process.
    pub(super) fn of_supervisor(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code @ 129..=192), _) => Self::Signal(code - 128),
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Supervisor(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CODES: [(u8, &str); 3] = [
            (SUPERVISOR_FAILED, " (its supervisor failed)"),
            (NOT_EXECUTABLE, " (not executable)"),
            (NOT_FOUND, " (command not found)"),
        ];
        match *self {
            Self::Code(code) => {
                let meaning = CODES
                    .iter()
                    .find(|(known, _)| i32::from(*known) == code)
                    .map_or("", |(_, text)| text);
                write!(f, "it ended with status {code}{meaning}")
            }
            Self::Signal(signal) => write!(f, "it was killed by {}", SignalName(signal)),
            Self::Supervisor(signal) => {
                write!(f, "its supervisor was killed by {}", SignalName(signal))
            }
        }
    }
}

struct SignalName(i32);

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL (out of memory?)",
            11 => "SIGSEGV",
            13 => "SIGPIPE",
            15 => "SIGTERM",
            25 => "SIGXFSZ (a file reached the limit of `ulimit -f`)",
            other => return write!(f, "signal {other}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_says_what_happened() {
        let check = |exit: ProcessExit, expected: &str| assert_eq!(exit.to_string(), expected);
        check(ProcessExit::Code(3), "it ended with status 3");
        check(
            ProcessExit::Code(127),
            "it ended with status 127 (command not found)",
        );
        check(ProcessExit::Signal(11), "it was killed by SIGSEGV");
        check(
            ProcessExit::Supervisor(34),
            "its supervisor was killed by signal 34",
        );
    }
}
