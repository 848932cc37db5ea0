//! Compares what a page shows with what there was: ids, secrets and times are of the same kind, and the rest is the same.
//!
//! An id that a page shows stands for the one that was there, from then on. `…` stands for anything in a line, and for any lines if
//! it has one to itself; `key_01m84v…` for one id. JSON is compared as JSON, in any order and layout, and `…` in an object for
//! members that are not shown.

use std::{fmt::Write as _, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

/// What differs from run to run: each kind, as a page shows it and as it is.
const KINDS: [(&str, &str); 9] = [
    (r"\b(?:org|usr|key|wf|exe|sch|aud)_[0-9a-z]{26}\b", r"[a-z]{2,3}_[0-9a-z]{26}"),
    (r"\b(?:org|usr|key|wf|exe|sch|aud)_[0-9a-z]*…", r"[a-z]{2,3}_[0-9a-z]{26}"),
    (r"\btn_[0-9A-Za-z]{38}\b", r"tn_[0-9A-Za-z]{38}"),
    (r"\btn_[0-9A-Za-z]{4}\b", r"tn_[0-9A-Za-z]{4}"),
    (r"\b[0-9a-f]{64}\b", r"[0-9a-f]{64}"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", r"[0-9a-f]{8}-[0-9a-f-]{27}"),
    (r"\b[0-9a-f]{12}\b", r"[0-9a-f]{12}"),
    (TIME, TIME),
    (OTHERS, OTHERS),
];
const TIME: &str = r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z";
/// What is not shown.
const OTHERS: &str = "…";

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    let kinds: Vec<String> = KINDS.iter().map(|(shown, _)| format!("({shown})")).collect();
    Regex::new(&format!("{}|( {{2,}})", kinds.join("|"))).expect("a pattern")
});

/// What each id of a page is in this run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// The text with what its ids are in this run.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (shown, real)| text.replace(shown, real))
    }

    /// Compares what a page shows with what was said; if they agree, the ids stand for each other.
    pub(crate) fn compare(&mut self, shown: &str, said: &str) -> Result<(), String> {
        let mut names = self.clone();
        names.whole(shown.trim(), said.trim())?;
        *self = names;
        Ok(())
    }

    fn bind(&mut self, shown: &str, real: &str) -> Result<(), String> {
        match self.0.iter().find(|(known, is)| known == shown || is == real) {
            Some((known, is)) if known == shown && is == real => Ok(()),
            Some((known, is)) => Err(format!("{shown} is {real} here, and {known} was {is} before")),
            None => {
                self.0.push((shown.to_owned(), real.to_owned()));
                Ok(())
            }
        }
    }

    fn whole(&mut self, shown: &str, said: &str) -> Result<(), String> {
        if shown.starts_with("HTTP/") {
            return self.answer(shown, &said.replace("\r\n", "\n"));
        }
        match (json_with_ellipses(shown), serde_json::from_str::<Value>(said)) {
            (Some(shown), Ok(said)) => self.json("", &shown, &said),
            _ => self.text(shown, said),
        }
    }

    /// The head and the body of an answer. A page shows the lines of the head that matter.
    fn answer(&mut self, shown: &str, said: &str) -> Result<(), String> {
        let (shown_head, shown_body) = shown.split_once("\n\n").unwrap_or((shown, ""));
        let (head, body) = said.split_once("\n\n").unwrap_or((said, ""));
        let (mut shown_head, mut head) = (shown_head.lines(), head.lines());
        self.text(shown_head.next().unwrap_or_default(), head.next().unwrap_or_default().trim_end())?;
        for line in shown_head.filter(|line| *line != OTHERS) {
            let is_there = head.clone().any(|header| self.text(line, header).is_ok());
            is_there.then_some(()).ok_or_else(|| format!("there is no header {line}"))?;
        }
        self.whole(shown_body.trim_end(), body.trim_end())
    }

    fn json(&mut self, place: &str, shown: &Value, said: &Value) -> Result<(), String> {
        match (shown, said) {
            (Value::String(shown), _) if shown == OTHERS => Ok(()),
            (Value::String(shown), Value::String(said)) => {
                self.text(shown, said).map_err(|error| format!("{place}: {error}"))
            }
            (Value::Array(shown), Value::Array(said)) => self.items(place, shown, said),
            (Value::Object(shown), Value::Object(said)) => {
                for (name, value) in shown.iter().filter(|(name, _)| *name != OTHERS) {
                    let there = said.get(name).ok_or_else(|| format!("{place}/{name} is not there"))?;
                    self.json(&format!("{place}/{name}"), value, there)?;
                }
                let more = said.keys().find(|name| !shown.contains_key(*name));
                match more.filter(|_| !shown.contains_key(OTHERS)) {
                    Some(name) => Err(format!("{place}/{name} is there too: {}", said[name])),
                    None => Ok(()),
                }
            }
            _ if shown == said => Ok(()),
            _ => Err(format!("{place} is {said}, not {shown}")),
        }
    }

    fn items(&mut self, place: &str, shown: &[Value], said: &[Value]) -> Result<(), String> {
        let others = shown.iter().position(|item| item == OTHERS);
        let (first, last) = shown.split_at(others.unwrap_or(shown.len()));
        let last = last.get(1..).unwrap_or_default();
        let fewest = first.len() + last.len();
        if said.len() < fewest || (others.is_none() && said.len() > fewest) {
            return Err(format!("{place} has {} items", said.len()));
        }
        let pairs = first.iter().zip(said).chain(last.iter().zip(&said[said.len() - last.len()..]));
        let mut pairs = pairs.enumerate();
        pairs.try_for_each(|(index, (shown, said))| self.json(&format!("{place}/{index}"), shown, said))
    }

    fn text(&mut self, shown: &str, said: &str) -> Result<(), String> {
        let (pattern, names) = pattern(shown);
        let found = Regex::new(&pattern).map_err(|error| error.to_string())?;
        let found = found.captures(said).ok_or_else(|| format!("{said:?} is not {shown:?}"))?;
        let real = found.iter().skip(1).map(|name| name.map_or("", |name| name.as_str()));
        names.iter().zip(real).try_for_each(|(shown, real)| self.bind(shown, real))
    }
}

/// A pattern of what a page shows, with a group for each of the ids, which it gives beside it.
fn pattern(shown: &str) -> (String, Vec<String>) {
    let (mut pattern, mut names, mut end) = ("(?s)^".to_owned(), Vec::new(), 0);
    for found in VARIABLE.captures_iter(shown) {
        let whole = found.get(0).expect("the whole");
        pattern.push_str(&regex::escape(&shown[end..whole.start()]));
        end = whole.end();
        let kind = (1..found.len()).find(|&kind| found.get(kind).is_some()).expect("a kind") - 1;
        match KINDS.get(kind) {
            // Columns are as wide as what is in them.
            None => pattern.push_str(" +"),
            Some((TIME, _)) => pattern.push_str(TIME),
            Some((OTHERS, _)) => pattern.push_str(others(&shown[..whole.start()], &shown[end..])),
            Some((_, real)) => {
                let _ = write!(pattern, "({real})");
                names.push(whole.as_str().to_owned());
            }
        }
    }
    pattern.push_str(&regex::escape(&shown[end..]));
    pattern.push('$');
    (pattern, names)
}

/// Lines, for an ellipsis that has one to itself; else a part of a line.
fn others(before: &str, after: &str) -> &'static str {
    let has_a_line =
        (before.is_empty() || before.ends_with('\n')) && (after.is_empty() || after.starts_with('\n'));
    if has_a_line { ".*?" } else { "[^\n]*?" }
}

/// JSON in which `…` may stand for a value, for more items or for more members.
fn json_with_ellipses(text: &str) -> Option<Value> {
    if !text.starts_with(['{', '[', '"']) {
        return None;
    }
    let (mut json, mut inside, mut in_string, mut is_value) = (String::new(), Vec::new(), false, false);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if in_string => json.extend([Some(c), characters.next()].into_iter().flatten()),
            '…' if !in_string => {
                let is_member = inside.last() == Some(&'{') && !is_value;
                json.push_str(if is_member { r#""…": "…""# } else { r#""…""# });
            }
            _ => json.push(c),
        }
        match c {
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' | '[' => inside.push(c),
            '}' | ']' => drop(inside.pop()),
            _ => {}
        }
        if !in_string && !c.is_whitespace() {
            is_value = c == ':';
        }
    }
    serde_json::from_str(&json).ok()
}

mod tests {
    use super::*;

    const ID: &str = "usr_01m84v960pfm79kp6g85gmxxd4";
    const OTHER: &str = "usr_01m84v960pfm79kp6g85gmxxd5";

    #[test]
    fn should_tell_what_is_shown_from_what_is_not() {
        for (shown, said, is_the_same) in [
            ("done", "done\n", true),
            ("done", "done and dusted", false),
            ("id    usr_01m84v960pfm79kp6g85gmxxd4", "id  usr_0000000000000000000000000a", true),
            ("id  usr_01m84v960pfm79kp6g85gmxxd4", "id  none", false),
            ("at 2026-11-23T18:39:20.086819Z", "at 2030-01-01T00:00:00Z", true),
            ("at 2026-11-23T18:39:20.086819Z", "at noon", false),
            ("took … s", "took 2 s", true),
            ("took … s", "took\n2 s", false),
            ("one\n…\nfour", "one\ntwo\nthree\nfour", true),
            (r#"{"a": 1, …}"#, r#"{"b":2,"a":1}"#, true),
            (r#"{"a": 1}"#, r#"{"b":2,"a":1}"#, false),
            (r#"{"a": 1, …}"#, r#"{"b":2,"a":2}"#, false),
            (r#"{"a": …, "b": [1, …]}"#, r#"{"a":{},"b":[1,2,3]}"#, true),
            (r#"{"a": …, "b": [1, …]}"#, r#"{"a":{},"b":[2,3]}"#, false),
            ("[…, 3]", "[1,2,3]", true),
            ("[1, 2]", "[1,2,3]", false),
            ("HTTP/1.1 201 Created\nX: a\n\n{…}", "HTTP/1.1 201 Created\r\nY: b\r\nX: a\r\n\r\n{}", true),
            ("HTTP/1.1 201 Created\nX: a", "HTTP/1.1 201 Created\r\nY: b\r\n\r\n", false),
            ("HTTP/1.1 200 OK", "HTTP/1.1 201 Created\r\n\r\n", false),
        ] {
            let compared = Names::default().compare(shown, said);
            assert_eq!(compared.is_ok(), is_the_same, "{shown} / {said}: {compared:?}");
        }
    }

    #[test]
    fn should_know_an_id_again() {
        let mut names = Names::default();
        names.compare(&format!("made {ID}"), &format!("made {OTHER}")).expect("one id");
        assert_eq!(names.fill(&format!("get {ID}")), format!("get {OTHER}"));
        names.compare(ID, OTHER).expect("the same again");
        names.compare(ID, ID).expect_err("another thing by the same id");
        names.compare(OTHER, OTHER).expect_err("the same thing by another id");
        names.compare("key_01m84v…", "key_01m84v960pfm79kp6g85gmxxd4").expect("an id in short");
        assert_eq!(names.fill("revoke key_01m84v…"), "revoke key_01m84v960pfm79kp6g85gmxxd4");
    }
}
