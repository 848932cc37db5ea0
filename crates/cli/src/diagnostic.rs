//! Problems in a definition, shown as a compiler shows them: where, what, and the line itself with a caret.

use tenantry_client::Defect;

/// One problem as the lines to print; `name` is that of the file, `text` what is in it.
pub(crate) fn render(name: &str, text: &str, defect: &Defect) -> String {
    let Some(line) = defect.line.filter(|line| *line > 0) else {
        return format!("{name}: {defect}");
    };
    let column = defect.column.unwrap_or(1).max(1);
    let path = defect.path.as_deref().filter(|path| !path.is_empty());
    let at_path = path.map(|path| format!(" ({path})")).unwrap_or_default();
    at(name, text, (line, column), &format!("{}{at_path}", defect.message))
}

/// What is wrong at a line and a column of a file, both counted from 1.
pub(crate) fn at(name: &str, text: &str, (line, column): (usize, usize), message: &str) -> String {
    let head = format!("{name}:{line}:{column}: {message}");
    match line.checked_sub(1).and_then(|index| text.lines().nth(index)) {
        Some(source) => format!("{head}\n{}", excerpt(source, line, column)),
        None => head,
    }
}

fn excerpt(source: &str, line: usize, column: usize) -> String {
    let number = line.to_string();
    // The caret stands below its column also where the line has tabs.
    let lead: String =
        source.chars().take(column.saturating_sub(1)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    format!(" {number} | {source}\n {:width$} | {lead}^", "", width = number.len())
}
