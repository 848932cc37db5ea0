//! The documentation, held to the product: every command that a page shows is run, and does what the page says.
//!
//! A block of `console` is run in one shell for each page (see [`shell`]), and what follows a command is compared with what it
//! printed (see [`shown`]). A command must succeed, unless the page shows an error. One that only reads is repeated for a while
//! until it prints what is shown, as a reader would look again. A block of `sql` is run by a superuser of a PostgreSQL of the
//! page's own, one of `yaml` with a `document` is validated, and the commands of one of `sh` must exist.
//!
//! Whatever else is not run says why, in a comment above it: `<!-- not run: it needs a domain -->`. What a reader has done
//! before is in a comment as well: `<!-- run console`, commands, `-->`.
//!
//! To add a page, write it and name it in [`PAGES`].

mod markdown;
mod references;
mod shell;
mod shown;
mod tables;

use std::{collections::BTreeSet, net::TcpListener, time::Duration};

use regex::{NoExpand, Regex};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tenantry_test_support::{PrivatePostgres, Servers};
use tokio::time::{Instant, sleep};
use url::Url;

use self::{
    markdown::{Block, Document, Step, root},
    shell::{PROGRAM, Shell},
    shown::Names,
};

/// How long a command that only reads is repeated.
const PATIENCE: Duration = Duration::from_secs(30);
/// What pages need beside the command.
const PROGRAMS: [&str; 4] = ["bash", "curl", "jq", "python3"];

macro_rules! pages {
    ($($test:ident: $page:literal,)+) => {
        /// The pages that show commands.
        const PAGES: &[&str] = &[$($page),+];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                run($page).await;
            }
        )+
    };
}

pages! {
    should_do_what_the_readme_shows: "README.md",
    should_do_what_the_page_on_the_api_shows: "docs/api/multi-tenant.md",
    should_do_what_the_page_on_api_keys_shows: "docs/security/api-keys.md",
    should_do_what_the_page_on_deployments_shows: "docs/deployment/multi-tenant-setup.md",
    should_do_what_the_page_on_schedules_shows: "docs/schedules.md",
    should_do_what_the_tutorial_shows: "docs/tutorial.md",
}

#[test]
fn should_run_whatever_a_page_shows_or_say_why_not() {
    for page in Document::all() {
        for block in &page.blocks {
            let place = format!("{}:{}", page.path, block.line);
            let is_looked_at = block.is_text() || block.is_run() || block.language == "sh";
            assert!(is_looked_at || block.not_run.is_some(), "{place} is not run");
            let runs = block.is_run() && PAGES.contains(&page.path.as_str());
            assert!(!block.is_run() || runs, "{place}: {} is not among the pages that are run", page.path);
            assert!(block.language != "console" || !block.is_run() || !block.steps().is_empty(), "{place}");
        }
    }
}

impl Block {
    /// Whether nothing in it is for a machine to read.
    fn is_text(&self) -> bool {
        self.language == "text" && !self.lines.iter().any(|line| line.starts_with("$ "))
    }

    fn is_run(&self) -> bool {
        let is_definition = || self.lines.iter().any(|line| line.starts_with("document:"));
        self.not_run.is_none()
            && match self.language.as_str() {
                "console" | "sql" | "python" => true,
                "yaml" => is_definition(),
                _ => false,
            }
    }
}

/// Runs a page from its first command to its last.
async fn run(path: &str) {
    if let Some(missing) = PROGRAMS.iter().find(|program| !is_installed(program)) {
        assert!(std::env::var_os("CI").is_none(), "the pages' commands need {missing}");
        return;
    }
    let page = Document::open(path);
    let mut reader = Reader::of(&page).await;
    let mut wrong = Vec::new();
    for block in page.blocks.iter().filter(|block| block.is_run()) {
        wrong.extend(reader.follow(&page, block).await.err());
    }
    reader.leave().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Somebody who does what a page says.
struct Reader {
    shell: Shell,
    names: Names,
    /// What a page calls something, and what it is in this run.
    places: Vec<(Regex, String, String)>,
    postgres: Option<PrivatePostgres>,
    /// The Python of the page so far.
    python: String,
}

impl Reader {
    async fn of(page: &Document) -> Self {
        let (port, service, temporal) = (free_port(), free_port(), &Servers::get().temporal_address);
        let shell = Shell::open(&[("TENANTRY_HTTP_ADDR", format!("127.0.0.1:{port}"))]).await;
        let folder = shell.folder().display().to_string();
        let temporal = temporal.trim_start_matches("http://").to_owned();
        let mut places = vec![
            (r"\b8090\b", "8090", port),
            (r"\b9000\b", "9000", service),
            (r"\btemporal:7233\b", "temporal:7233", temporal),
            (r"/home/you/tenantry\b", "/home/you/tenantry", folder),
            (r"\btarget/debug/tenantry\b", "target/debug/tenantry", PROGRAM.to_owned()),
        ];
        let has_database =
            page.blocks.iter().flat_map(|block| &block.lines).any(|line| line.contains("@db/"));
        let postgres = if has_database { Some(PrivatePostgres::start().await) } else { None };
        if let Some(postgres) = &postgres {
            let url = Url::parse(postgres.url()).expect("a URL");
            let address = format!("@127.0.0.1:{}/", url.port().expect("a port"));
            places.push(("@db/", "@db/", address));
        }
        let place = |(pattern, shown, real): (&str, &str, String)| {
            (Regex::new(pattern).expect("a pattern"), shown.to_owned(), real)
        };
        let (names, places) = (Names::default(), places.into_iter().map(place).collect());
        let reader = Self { shell, names, places, postgres, python: String::new() };
        if reader.postgres.is_some() {
            // Pages make one of that name themselves.
            reader.administer("drop database tenantry").await.expect("an empty server");
        }
        reader.copy_examples();
        reader
    }

    /// The examples are in the folder that a reader has cloned.
    fn copy_examples(&self) {
        let (from, to) = (root().join("examples"), self.shell.folder().join("examples"));
        std::fs::create_dir(&to).expect("a folder");
        for example in std::fs::read_dir(from).expect("the examples") {
            let path = example.expect("an example").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            let name = path.file_name().expect("a name");
            std::fs::write(to.join(name), self.as_it_is(&text)).expect("a file");
        }
    }

    /// Does what a block says; fails with what did not come as the page says.
    async fn follow(&mut self, page: &Document, block: &Block) -> Result<(), String> {
        let text = block.lines.join("\n");
        if let Some((program, version)) = &block.run_with
            && self.version_of(program).await.is_none_or(|installed| installed < *version)
        {
            return Ok(());
        }
        let done = match block.language.as_str() {
            "console" => return self.take_all(&page.path, block).await,
            "sql" => self.administer(&text).await,
            // What a block defines, those after it know.
            "python" => {
                self.python.extend([&text, "\n"]);
                self.give("python3 -", &self.python.clone()).await
            }
            _ => self.give("tenantry workflow validate -", &self.as_it_is(&text)).await,
        };
        done.map_err(|error| format!("{}:{}: {error}", page.path, block.line))
    }

    /// Runs a command with this on its standard input.
    async fn give(&mut self, command: &str, input: &str) -> Result<(), String> {
        let said = self.shell.run(&format!("{command} <<'END'\n{input}\nEND")).await;
        if said.status == 0 { Ok(()) } else { Err(said.text) }
    }

    /// Runs the commands of a block, up to one that fails.
    async fn take_all(&mut self, path: &str, block: &Block) -> Result<(), String> {
        for step in block.steps() {
            self.take(&step).await.map_err(|error| format!("{path}:{}: {error}", step.line))?;
        }
        Ok(())
    }

    /// The first number of what a program says its version is.
    async fn version_of(&mut self, program: &str) -> Option<u32> {
        let said = self.shell.run(&format!("{program} --version")).await;
        let digits = said.text.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Runs a command, and compares.
    async fn take(&mut self, step: &Step) -> Result<(), String> {
        let since = Instant::now();
        loop {
            let said = self.shell.run(&self.as_it_is(&step.command)).await;
            let text = self.as_it_is_shown(&said.text);
            let Err(why) = self.judge(step, said.status, &text) else { return Ok(()) };
            if !step.only_reads() || since.elapsed() > PATIENCE {
                let Step { command, shown, .. } = step;
                let status = said.status;
                return Err(format!(
                    "{why}\n$ {command}\n--- shown\n{shown}--- said, status {status}\n{text}"
                ));
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn judge(&mut self, step: &Step, status: i32, said: &str) -> Result<(), String> {
        if step.fails() == (status == 0) {
            return Err(format!("it ended with status {status}"));
        }
        if step.shown.is_empty() { Ok(()) } else { self.names.compare(&step.shown, said) }
    }

    /// Runs SQL as an administrator does, one statement after the other.
    async fn administer(&self, sql: &str) -> Result<(), String> {
        let postgres = self.postgres.as_ref().ok_or("no database @db/")?;
        let mut server = Url::parse(postgres.url()).map_err(|error| error.to_string())?;
        server.set_path("postgres");
        let mut connection =
            PgConnection::connect(server.as_str()).await.map_err(|error| error.to_string())?;
        for statement in sql.split(";\n") {
            let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
            done.map_err(|error| format!("{error}: {statement}"))?;
        }
        Ok(())
    }

    /// A text of a page with what it names as it is in this run.
    fn as_it_is(&self, text: &str) -> String {
        let filled = self.names.fill(text);
        let places = self.places.iter();
        places.fold(filled, |text, (shown, _, real)| shown.replace_all(&text, NoExpand(real)).into_owned())
    }

    /// A text of this run as a page would show it.
    fn as_it_is_shown(&self, text: &str) -> String {
        self.places.iter().fold(text.to_owned(), |text, (_, shown, real)| text.replace(real, shown))
    }

    async fn leave(self) {
        self.shell.close().await;
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

impl Step {
    /// Whether the page shows an error.
    fn fails(&self) -> bool {
        self.shown.lines().any(|line| line.starts_with("error[") || line.starts_with("error: "))
    }

    /// Whether it changes nothing, so that a reader may look again.
    fn only_reads(&self) -> bool {
        let verbs: BTreeSet<&str> =
            ["get", "list", "tasks", "history", "upcoming", "usage", "verify"].into_iter().collect();
        let mut words = self.command.split_whitespace();
        match words.next() {
            Some("curl") => !words.any(|word| ["-X", "-d", "-T"].contains(&word) || word.starts_with("--")),
            Some("tenantry") => {
                words.next().is_some() && words.next().is_some_and(|verb| verbs.contains(verb))
            }
            _ => false,
        }
    }
}

/// A port that nobody listens on.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port().to_string()
}
