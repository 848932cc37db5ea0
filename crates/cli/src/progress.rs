//! Progress: one line on a terminal that is rewritten and leaves no trace; nothing elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

use crate::output::{note, plain};

/// The line. It is wiped when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    on_terminal: bool,
}

impl Progress {
    /// A line on stderr, if that is a terminal.
    pub(crate) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal() }
    }

    /// Shows this in place of what was shown.
    pub(crate) fn show(&self, text: &str) {
        self.write(&plain(text));
    }

    /// Says something that stays, terminal or not.
    pub(crate) fn tell(&self, text: &str) {
        self.write("");
        note(text);
    }

    fn write(&self, text: &str) {
        if self.on_terminal {
            let mut stderr = io::stderr().lock();
            // The progress is worth no failure.
            let _ = write!(stderr, "\r\x1b[2K{text}");
            let _ = stderr.flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.write("");
    }
}
