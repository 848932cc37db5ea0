//! Problems in a definition, shown as a compiler shows them: where, what, and the line itself with a caret.

use tenantry_client::Defect;

use crate::output::one_line;

/// One problem as the lines to print; `name` is that of the file, `text` what is in it.
pub(crate) fn render(name: &str, text: &str, defect: &Defect) -> String {
    let Some(line) = defect.line.filter(|line| *line > 0) else {
        return one_line(&format!("{name}: {defect}"));
    };
    let column = defect.column.unwrap_or(1).max(1);
    let path = defect.path.as_deref().filter(|path| !path.is_empty());
    let at_path = path.map(|path| format!(" ({path})")).unwrap_or_default();
    at(name, text, (line, column), &format!("{}{at_path}", defect.message))
}

/// What is wrong at a line and a column of a file, both counted from 1.
pub(crate) fn at(name: &str, text: &str, (line, column): (usize, usize), message: &str) -> String {
    let head = one_line(&format!("{name}:{line}:{column}: {message}"));
    match line.checked_sub(1).and_then(|index| text.lines().nth(index)) {
        Some(source) => format!("{head}\n{}", excerpt(source, line, column)),
        None => head,
    }
}

/// How much of a line is shown, in characters.
const SHOWN: usize = 120;

/// The line, or what of a long one is around the column.
fn excerpt(source: &str, line: usize, column: usize) -> String {
    let (number, before) = (line.to_string(), column.saturating_sub(1));
    let is_long = source.chars().nth(SHOWN).is_some();
    let first = if is_long { before.saturating_sub(SHOWN / 2) } else { 0 };
    let shown: String = source.chars().skip(first).take(SHOWN).collect();
    let cut = if first > 0 { "…" } else { "" };
    // The caret stands below its column also where the line has tabs.
    let blank = |c| if c == '\t' { '\t' } else { ' ' };
    let lead: String = cut.chars().chain(shown.chars().take(before - first)).map(blank).collect();
    format!(" {number} | {cut}{shown}\n {:width$} | {lead}^", "", width = number.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_show_what_is_around_the_column_of_a_long_line() {
        let line = format!("{}here{}", "a".repeat(200), "b".repeat(200));
        let shown = format!(" 1 | …{}here{}\n   | {}^", "a".repeat(60), "b".repeat(56), " ".repeat(61));
        assert_eq!(excerpt(&line, 1, 201), shown);
        assert_eq!(excerpt("short", 12, 3), " 12 | short\n    |   ^");
        assert_eq!(excerpt(&line, 1, 1), format!(" 1 | {}\n   | ^", "a".repeat(120)));
    }
}
