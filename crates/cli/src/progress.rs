//! Progress: some lines on a terminal that are rewritten and leave no trace; nothing elsewhere.

use std::{
    cell::Cell,
    fmt::Write as _,
    io::{self, Write as _},
};

use crate::{
    output::note,
    terminal::{Line, Terminal},
};

/// The lines. They are wiped when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: Option<Terminal>,
    /// How many lines are shown, above the cursor.
    shown: Cell<usize>,
}

impl Progress {
    /// Lines on stderr, if that is a terminal that can rewrite them.
    pub(crate) fn new() -> Self {
        Self { terminal: Terminal::of_stderr(), shown: Cell::new(0) }
    }

    /// The terminal, if there is one.
    pub(crate) fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    /// Shows this in place of what was shown.
    pub(crate) fn show(&self, text: &str) {
        self.show_lines(&[Line::new().text(text)]);
    }

    /// Shows these in place of what was shown: as much of them as there is room for.
    pub(crate) fn show_lines(&self, lines: &[Line]) {
        let Some(terminal) = &self.terminal else { return };
        let (rows, columns) = terminal.size();
        // The cursor rests on the line below.
        let lines = &lines[..lines.len().min(rows.saturating_sub(1))];
        let mut text = self.back();
        for line in lines {
            // A line that reached the end could wrap.
            let _ = writeln!(text, "{}\x1b[K", line.cut(columns.saturating_sub(1), terminal.has_colours()));
        }
        text.push_str("\x1b[J");
        self.shown.set(lines.len());
        say(&text);
    }

    /// Lets what is shown stay for good.
    pub(crate) fn keep(&self) {
        self.shown.set(0);
    }

    /// Says something that stays, terminal or not.
    pub(crate) fn tell(&self, text: &str) {
        self.wipe();
        note(text);
    }

    fn wipe(&self) {
        if self.shown.get() > 0 {
            say(&format!("{}\x1b[J", self.back()));
            self.shown.set(0);
        }
    }

    /// Where what is shown begins.
    fn back(&self) -> String {
        match self.shown.get() {
            0 => "\r".to_owned(),
            lines => format!("\r\x1b[{lines}A"),
        }
    }
}

/// The progress is worth no failure.
fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.wipe();
    }
}
