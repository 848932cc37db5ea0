//! Text of anybody's as a label of Mermaid.

use std::fmt::Write as _;

/// How many characters of a line are shown.
const LONGEST: usize = 80;

/// Lines as one quoted label, which says just that whatever it says: what could mean something to Mermaid, its Markdown, its mathematics or a
/// browser is written as the number of its character.
pub(super) fn quoted(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

fn escaped(line: &str) -> String {
    let characters: Vec<char> = shortened(line).chars().collect();
    let is_word =
        |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(|c| c.is_alphanumeric());
    let mut text = String::new();
    for (at, &c) in characters.iter().enumerate() {
        let stands = match c {
            // At the beginning, a number could be one of a list.
            c if c.is_alphanumeric() => at > 0 || c.is_alphabetic(),
            '_' => is_word(at.checked_sub(1)) && is_word(Some(at + 1)),
            // At the beginning, these could make a list, a heading or a table.
            ' ' | ',' | '(' | ')' | '{' | '}' | '/' | '=' | '+' | '-' | '|' | '?' | '\'' => at > 0,
            // Two of them begin mathematics.
            '$' => at > 0 && characters[at - 1] != '$' && characters.get(at + 1) != Some(&'$'),
            // `www.` begins a link.
            '.' => at > 0 && characters[at - 1] != 'w',
            _ => false,
        };
        if stands {
            text.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "#{};", u32::from(c));
        }
    }
    text
}

/// The text in one line that is not too long.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    if line.chars().count() <= LONGEST {
        return line.chars().map(visible).collect();
    }
    line.chars().map(visible).take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_leave_nothing_that_means_something() {
        let check =
            |text: &str, expected: &str| assert_eq!(quoted(&[text.to_owned()]), format!("\"{expected}\""));
        check("price", "price");
        check("${ .a >= \"1\" }", "#36;{ .a #62;= #34;1#34; }");
        check("a; b # c & <b>", "a#59; b #35; c #38; #60;b#62;");
        check("`a`", "#96;a#96;");
        check("1. one", "#49;. one");
        check("- one", "#45; one");
        check("http://a.example/{b}", "http#58;//a.example/{b}");
        check("in_a _b_ c_", "in_a #95;b#95; c#95;");
        check("see www.a.example [x](y)", "see www#46;a.example #91;x#93;(y)");
        check("a $b $$x$$", "a $b #36;#36;x#36;#36;");
        check("%%{init}%%", "#37;#37;{init}#37;#37;");
        check("two\nlines\u{1b}", "two lines#65533;");
        check(&"x".repeat(100), &format!("{}#8230;", "x".repeat(79)));
        assert_eq!(quoted(&["a".to_owned(), "b".to_owned()]), "\"a<br/>b\"");
    }
}
