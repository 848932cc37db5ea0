//! Bounds how deep the syntax tree of a jq program can be, before a recursive parser sees it.
//!
//! Brackets and keywords nest, and so do operators: `1 + 1 + 1` is a tree of three levels. This scan counts them all, never too few;
//! only commas in an object's braces start over, since its properties stand side by side. A bracket or a keyword counts as
//! [`BRACKET`] operators, since a parser takes about as much more stack for it.

const KEYWORDS: &[&str] = &[
    "if", "then", "elif", "else", "def", "reduce", "foreach", "try", "catch", "label", "and", "or", "as",
    "not",
];

/// How many operators a bracket or a keyword counts as.
const BRACKET: usize = 4;

/// An upper bound of the depth of the program's syntax tree.
pub(super) fn depth(program: &str) -> usize {
    let mut scan = Scan { bytes: program.as_bytes(), at: 0, open: Vec::new(), level: 0, deepest: 0 };
    while let Some(&byte) = scan.bytes.get(scan.at) {
        scan.at += 1;
        scan.token(byte);
    }
    scan.deepest
}

struct Scan<'p> {
    bytes: &'p [u8],
    at: usize,
    open: Vec<(Opened, usize)>,
    level: usize,
    deepest: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    Bracket,
    Brace,
    Interpolation,
}

impl Scan<'_> {
    fn token(&mut self, byte: u8) {
        match byte {
            b'(' | b'[' => self.open(Opened::Bracket),
            b'{' => self.open(Opened::Brace),
            b')' | b']' | b'}' => self.close(),
            b'"' => self.string(),
            b'#' => self.skip_while(|byte| byte != b'\n'),
            b',' if matches!(self.open.last(), Some((Opened::Brace, _))) => self.start_over(),
            b'|' | b',' | b'+' | b'-' | b'*' | b'/' | b'%' | b'=' | b'<' | b'>' | b'!' | b'?' => {
                self.deeper(1);
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            _ => {}
        }
    }

    fn deeper(&mut self, levels: usize) {
        self.level += levels;
        self.deepest = self.deepest.max(self.level);
    }

    fn open(&mut self, opened: Opened) {
        self.open.push((opened, self.level));
        self.deeper(BRACKET);
    }

    fn close(&mut self) {
        let Some((opened, level)) = self.open.pop() else { return };
        self.level = level;
        if opened == Opened::Interpolation {
            self.string();
        }
    }

    fn start_over(&mut self) {
        if let Some((_, level)) = self.open.last() {
            self.level = level + BRACKET;
        }
    }

    /// Goes on in a string, to its end or to the beginning of an interpolation.
    fn string(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => {
                    let escaped = self.bytes.get(self.at);
                    self.at += 1;
                    if escaped == Some(&b'(') {
                        return self.open(Opened::Interpolation);
                    }
                }
                _ => {}
            }
        }
    }

    fn word(&mut self) {
        let start = self.at - 1;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if KEYWORDS.iter().any(|keyword| keyword.as_bytes() == &self.bytes[start..self.at]) {
            self.deeper(BRACKET);
        }
    }

    fn skip_while(&mut self, rule: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|&byte| rule(byte)) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_count_brackets_and_operators() {
        let cases = [
            (".a.b.c", 0),
            ("1 + 1 + 1", 2),
            ("((1))", 8),
            ("[1, 2, 3]", 6),
            ("{a: 1, b: 2, c: 3}", 4),
            ("{a: (1 + 1), b: (2 | 3 | 4)}", 10),
            (r#""a ( b" | "c \(1 + "d \(2)") e""#, 10),
            ("# ((((\n.", 0),
            ("if . then 1 else 2 end", 12),
            (")))", 0),
        ];
        for (program, expected) in cases {
            assert_eq!(depth(program), expected, "{program}");
        }
    }
}
