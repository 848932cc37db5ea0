//! The terminal: how large it is, whether it wants colours, and lines that fit on it.

use std::io::{self, IsTerminal as _};

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthChar as _;

use crate::output::plain;

/// What a terminal that does not say how large it is has: 24 rows of 80 columns.
const SIZE: (usize, usize) = (24, 80);

/// A terminal on which lines can be rewritten.
#[derive(Debug)]
pub(crate) struct Terminal {
    has_colours: bool,
}

impl Terminal {
    /// The one that stderr goes to.
    pub(crate) fn of_stderr() -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_none_or(|term| term == "dumb");
        (io::stderr().is_terminal() && !is_dumb).then(|| Self { has_colours: set("NO_COLOR").is_none() })
    }

    /// Its rows and columns.
    #[expect(clippy::unused_self, reason = "only who has a terminal asks")]
    pub(crate) fn size(&self) -> (usize, usize) {
        let known = tcgetwinsize(io::stderr()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
        known.map_or(SIZE, |size| (size.ws_row.into(), size.ws_col.into()))
    }

    /// Whether it wants colours (no-color.org).
    pub(crate) fn has_colours(&self) -> bool {
        self.has_colours
    }
}

/// How something is to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Busy,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Busy => "\x1b[36m",
        }
    }
}

/// One line. It holds nothing that could command a terminal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With this at its end.
    pub(crate) fn text(self, text: &str) -> Self {
        self.styled(Style::Plain, text)
    }

    /// With this at its end, which stands out.
    pub(crate) fn styled(mut self, style: Style, text: &str) -> Self {
        self.0.push((style, one_line(text)));
        self
    }

    /// With room at its end, so that what follows begins in this column.
    pub(crate) fn fill(self, column: usize) -> Self {
        let room = column.saturating_sub(self.width());
        self.text(&" ".repeat(room))
    }

    /// How many columns it takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().flat_map(|(_, text)| text.chars()).map(width).sum()
    }

    /// As much of it as fits into so many columns.
    pub(crate) fn cut(&self, columns: usize, with_colours: bool) -> String {
        let mut room = if self.width() > columns { columns.saturating_sub(1) } else { columns };
        let mut cut = String::new();
        for (style, text) in &self.0 {
            let fitting = text.chars().take_while(|character| {
                let fits = width(*character) <= room;
                room = if fits { room - width(*character) } else { 0 };
                fits
            });
            let fitting: String = fitting.collect();
            if with_colours && !fitting.is_empty() && !style.code().is_empty() {
                cut.extend([style.code(), &fitting, "\x1b[0m"]);
            } else {
                cut.push_str(&fitting);
            }
        }
        if self.width() > columns && columns > 0 {
            cut.push('…');
        }
        cut
    }
}

fn width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// The text in one line, with nothing that could command a terminal.
pub(crate) fn one_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_fit_into_its_columns_whatever_it_holds() {
        let line = Line::new().text("näme ").styled(Style::Good, "価格\n\x1b[2J");
        assert_eq!(line.width(), 5 + 4 + 1 + 9);
        assert_eq!(line.cut(80, false), "näme 価格 \\u{1b}[2J");
        assert_eq!(line.cut(8, false), "näme 価…");
        assert_eq!(line.cut(9, true), "näme \x1b[32m価\x1b[0m…");
        assert_eq!((line.cut(1, true).as_str(), line.cut(0, true).as_str()), ("…", ""));
    }
}
