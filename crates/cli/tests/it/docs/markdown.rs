//! Reads documents as far as it takes to run what they show: blocks of code, what is said of each, code inside sentences, links.

use std::{fs, path::Path, sync::LazyLock};

use regex::Regex;

/// A page of the documentation.
#[derive(Debug)]
pub(crate) struct Document {
    /// Where it is, from the root of the repository.
    pub(crate) path: String,
    pub(crate) blocks: Vec<Block>,
    /// Its lines outside of blocks, each with its number.
    pub(crate) prose: Vec<(usize, String)>,
}

/// What is between two fences, or a comment `<!-- run console` … `-->`: what a reader has done before, and a page need not say.
#[derive(Debug)]
pub(crate) struct Block {
    /// What comes after the opening fence.
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
    /// The number of its first line.
    pub(crate) line: usize,
    /// Why it is not run, from the comment above it: `<!-- not run: it needs a domain -->`.
    pub(crate) not_run: Option<String>,
    /// What must be installed for it, and how new, from the comment above it: `<!-- run with pg_dump 18: as the server -->`.
    pub(crate) run_with: Option<(String, u32)>,
}

/// A command of a block, and what the page says that it prints.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    /// Nothing if the page does not say.
    pub(crate) shown: String,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
    });
    &ROOT
}

impl Document {
    /// The page at this path.
    pub(crate) fn open(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self::read(path, &text)
    }

    /// README.md, and all that is in `docs`.
    pub(crate) fn all() -> Vec<Self> {
        let mut paths = vec!["README.md".to_owned()];
        collect(&root().join("docs"), &mut paths);
        paths.sort();
        paths.iter().map(|path| Self::open(path)).collect()
    }

    fn read(path: &str, text: &str) -> Self {
        let mut document = Self { path: path.to_owned(), blocks: Vec::new(), prose: Vec::new() };
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let (mut not_run, mut run_with) = (None, None);
        while let Some((number, line)) = lines.next() {
            if let Some(comment) = line.strip_prefix("<!-- run with ") {
                let (program, version) =
                    comment.split_once(':').and_then(|(of, _)| of.split_once(' ')).expect("a version");
                run_with = Some((program.to_owned(), version.parse().expect("a number")));
                continue;
            }
            let end = if line.starts_with("```") { "```" } else { "-->" };
            let language = line.strip_prefix("```").or_else(|| line.strip_prefix("<!-- run "));
            if let Some(language) = language {
                let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with(end));
                let lines = inside.map(str::to_owned).collect();
                let language = language.trim().to_owned();
                let (not_run, run_with) = (not_run.take(), run_with.take());
                document.blocks.push(Block { language, lines, line: number + 1, not_run, run_with });
            } else if let Some(comment) = line.strip_prefix("<!-- not run: ") {
                not_run = comment.strip_suffix(" -->").map(str::to_owned);
            } else {
                not_run = not_run.filter(|_| line.trim().is_empty());
                document.prose.push((number, line.to_owned()));
            }
        }
        document
    }

    /// The commands of the examples that only show how a command is written: every line of a block of `sh`, with its number.
    pub(crate) fn examples(&self) -> impl Iterator<Item = (usize, &str)> {
        let blocks = self.blocks.iter().filter(|block| block.language == "sh" && block.not_run.is_none());
        blocks.flat_map(|block| {
            block.lines.iter().zip(block.line..).map(|(line, number)| (number, line.as_str()))
        })
    }

    /// Every `code` inside a sentence, with the number of its line.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`([^`]+)`").expect("a pattern"));
        self.found(&CODE)
    }

    /// The target of every link, with the number of its line.
    pub(crate) fn links(&self) -> impl Iterator<Item = (usize, &str)> {
        static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern"));
        self.found(&LINK)
    }

    fn found<'a>(&'a self, pattern: &'static Regex) -> impl Iterator<Item = (usize, &'a str)> {
        let lines = self.prose.iter();
        lines.flat_map(move |(number, line)| {
            pattern.captures_iter(line).filter_map(|found| Some((*number, found.get(1)?.as_str())))
        })
    }

    /// The names by which links reach its headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose.iter().filter(|(_, line)| line.starts_with('#'));
        let anchor = |heading: &str| {
            let kept = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(|(_, heading)| anchor(heading)).collect()
    }

    /// The cells of the rows of every table whose heading row begins with this cell.
    pub(crate) fn table(&self, first: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Vec<String> {
            let row = line.trim().trim_start_matches('|').trim_end_matches('|');
            row.replace("\\|", "\u{1}").split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
        };
        let mut rows = Vec::new();
        let mut inside = false;
        for (_, line) in &self.prose {
            let row = line.starts_with('|').then(|| cells(line));
            match row {
                None => inside = false,
                Some(row) if row[0] == first => inside = true,
                Some(row) if inside && !row[0].starts_with("--") => rows.push(row),
                Some(_) => {}
            }
        }
        assert!(!rows.is_empty(), "{} has no table that begins with {first:?}", self.path);
        rows
    }
}

impl Block {
    /// Its commands, of a block of language `console`: lines that begin with `$ `, and those that go on with one.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut lines = self.lines.iter().enumerate();
        while let Some((index, line)) = lines.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                let step = steps.last_mut().unwrap_or_else(|| panic!("line {}: no command", self.line));
                step.shown.extend([line, "\n"]);
                continue;
            };
            let mut command = command.to_owned();
            while goes_on(&command) {
                let (_, line) = lines.next().unwrap_or_else(|| panic!("no end of: {command}"));
                command.extend(["\n", line]);
            }
            steps.push(Step { line: self.line + index, command, shown: String::new() });
        }
        steps
    }
}

/// Whether a shell would wait for more lines of this command.
fn goes_on(command: &str) -> bool {
    static HERE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<<-?\s*'?(\w+)'?").expect("a pattern"));
    let last = command.lines().last().unwrap_or_default();
    if let Some(found) = HERE.captures(command) {
        return last != &found[1];
    }
    last.ends_with('\\') || command.matches('\'').count() % 2 == 1
}

fn collect(folder: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let inside = path.strip_prefix(root()).expect("a file of the repository");
            paths.push(inside.display().to_string());
        }
    }
}

mod tests {
    use super::*;

    const PAGE: &str = "\
# The page: one

Say `tenantry me` to [somebody](other.md#here).

<!-- run console
$ cd /tmp
-->
<!-- not run: it would never end -->

```console
$ yes
```

```console
$ cat > a <<'EOF'
$ not a command
EOF
$ echo 'a
b' \\
  c
a
…
```
";

    #[test]
    fn should_find_what_a_page_shows() {
        let page = Document::read("page.md", PAGE);
        assert_eq!(page.anchors(), ["the-page-one"]);
        assert_eq!(page.code().collect::<Vec<_>>(), [(3, "tenantry me")]);
        assert_eq!(page.links().collect::<Vec<_>>(), [(3, "other.md#here")]);
        let reasons: Vec<_> = page.blocks.iter().map(|block| block.not_run.as_deref()).collect();
        assert_eq!(reasons, [None, Some("it would never end"), None]);
        let step = |line, command: &str, shown: &str| Step {
            line,
            command: command.to_owned(),
            shown: shown.to_owned(),
        };
        assert_eq!(page.blocks[0].steps(), [step(6, "cd /tmp", "")]);
        let file = step(15, "cat > a <<'EOF'\n$ not a command\nEOF", "");
        assert_eq!(page.blocks[2].steps(), [file, step(18, "echo 'a\nb' \\\n  c", "a\n…\n")]);
    }
}
