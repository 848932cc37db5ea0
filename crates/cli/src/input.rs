//! What the user hands over: files, standard input, JSON, spans of time.

use std::{
    fs,
    io::{self, Read as _},
    time::Duration,
};

use serde_json::Value;

use crate::failure::Failure;

/// Reads a file, or standard input for `-`.
pub(crate) fn read_text(path: &str) -> Result<String, Failure> {
    let text = match path {
        "-" => {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).map(|_| text)
        }
        path => fs::read_to_string(path),
    };
    text.map_err(|error| Failure::invalid(format!("cannot read {}: {error}", shown_name(path))))
}

/// The name of a file in messages.
pub(crate) fn shown_name(path: &str) -> &str {
    if path == "-" { "<stdin>" } else { path }
}

/// Reads JSON: the text itself, a file for `@path`, or standard input for `-`.
pub(crate) fn read_json(argument: &str) -> Result<Value, Failure> {
    let (name, text) = match argument.strip_prefix('@') {
        Some(path) => (shown_name(path), read_text(path)?),
        None if argument == "-" => (shown_name(argument), read_text(argument)?),
        None => ("the input", argument.to_owned()),
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::invalid(format!("{name} is not JSON: {error}"))
            .with_hint("give JSON such as '{\"amount\": 3}', @file.json, or - for standard input")
    })
}

/// Reads a span of time such as `30d`, `12h`, `90m` or `45s`.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "must be a whole number and one of s, m, h, d, w, such as 30d";
    let unit_at = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
    let seconds: u64 = match &text[unit_at..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(EXPECTED.to_owned()),
    };
    let count: u64 = text[..unit_at].parse().map_err(|_| EXPECTED)?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_spans_of_time() {
        let check = |text, seconds| assert_eq!(parse_span(text).ok(), seconds, "{text}");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        check("45s", seconds(45));
        check("90m", seconds(5400));
        check("12h", seconds(43_200));
        check("30d", seconds(2_592_000));
        check("2w", seconds(1_209_600));
        for wrong in
            ["", "d", "30", "1.5h", "-1d", "3 d", "1é", "99999999999999999999d", "999999999999999999w"]
        {
            check(wrong, None);
        }
    }
}
