//! What pages name in passing: commands and their flags, operations, other pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;
use tenantry_domain::Permission;

use super::markdown::{Document, root};
use crate::{
    rest::{Request, send_as},
    serve::{operator, serve},
    tenantry::Tenantry,
};

/// The helps of commands, as far as they were asked for, by the words of the command.
#[derive(Default)]
struct Helps(BTreeMap<String, String>);

impl Helps {
    async fn of(&mut self, words: &[&str]) -> &str {
        let key = words.join(" ");
        if !self.0.contains_key(&key) {
            let help = Tenantry::nobody().run(&[words, &["--help"]].concat()).await;
            assert_eq!(help.status, Some(0), "{key}: {}", help.stderr);
            self.0.insert(key.clone(), help.stdout);
        }
        &self.0[&key]
    }

    /// What is wrong with a command as a page names it: `tenantry audit list|verify --all`.
    async fn judge(&mut self, code: &str) -> Result<(), String> {
        let mut path: Vec<&str> = Vec::new();
        let mut words = code.split_whitespace().skip_while(|word| *word != "tenantry").peekable();
        words.next().ok_or("it is no command of tenantry's")?;
        while let Some(word) = words.peek() {
            let help = self.of(&path).await;
            if !help.contains("\nCommands:") || word.starts_with('-') {
                break;
            }
            let is_command = |name: &str| {
                help.contains(&format!("\n  {name} ")) || help.contains(&format!("\n  {name}\n"))
            };
            if let Some(unknown) = word.split('|').find(|name| !is_command(name)) {
                return Err(format!("there is no command {unknown}"));
            }
            path.push(word.split('|').next().unwrap_or(word));
            words.next();
        }
        let help = self.of(&path).await;
        let flags = words.filter(|word| word.starts_with("--"));
        let flags = flags.map(|word| word.split(['=', ',']).next().unwrap_or(word));
        match flags.map(str::to_owned).find(|flag| !help.contains(flag)) {
            Some(unknown) => Err(format!("it has no {unknown}")),
            None => Ok(()),
        }
    }
}

#[tokio::test]
async fn should_name_commands_and_flags_that_there_are() {
    let mut helps = Helps::default();
    for page in Document::all() {
        let code = page.code().filter(|(_, code)| code.starts_with("tenantry "));
        for (line, code) in code.chain(page.examples()) {
            let judged = helps.judge(code).await;
            assert_eq!(judged, Ok(()), "{}:{line}: {code}", page.path);
        }
    }
    let check = async |helps: &mut Helps, code: &str, is_there: bool| {
        assert_eq!(helps.judge(code).await.is_ok(), is_there, "{code}");
    };
    check(&mut helps, "tenantry org list|get --limit 3", true).await;
    check(&mut helps, "tenantry org list|fly", false).await;
    check(&mut helps, "tenantry fly", false).await;
    check(&mut helps, "A=b tenantry org list < c", true).await;
    check(&mut helps, "rm -r c", false).await;
    check(&mut helps, "tenantry org list --wings", false).await;
}

/// The permissions that a text names.
fn permissions(text: &str) -> BTreeSet<String> {
    let words = text.split('`').filter(|word| word.parse::<Permission>().is_ok());
    words.map(str::to_owned).collect()
}

/// Each operation under the base and the permissions that it needs, as the server tells them.
async fn operations(url: &str) -> BTreeMap<String, BTreeSet<String>> {
    let document = Request { line: "GET /api/v0/openapi.json", headers: &[], body: "" };
    let document = send_as(url, &document).await.body;
    let paths = document["paths"].as_object().expect("paths").iter();
    let paths = paths.filter_map(|(path, item)| Some((path.strip_prefix("/api/v0")?, item.as_object()?)));
    let methods =
        paths.flat_map(|(path, item)| item.iter().map(move |(method, operation)| (method, path, operation)));
    let operations = methods.filter(|(_, _, operation)| operation["responses"].is_object());
    operations
        .map(|(method, path, operation)| {
            let needs = operation["description"].as_str().map(permissions);
            (format!("{} {path}", method.to_uppercase()), needs.unwrap_or_default())
        })
        .collect()
}

#[tokio::test]
async fn should_name_the_operations_that_there_are() {
    static OPERATION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(GET|POST|PUT|PATCH|DELETE) (/[^ ?]+)").expect("a pattern"));
    const OUTSIDE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
    let database = tenantry_test_support::Database::migrated().await;
    let (running, url) = serve(&operator(&database.url), &[]).await;
    let known = operations(&url).await;
    for page in Document::all() {
        for (number, code) in page.code() {
            let found = OPERATION.captures(code).filter(|found| !OUTSIDE.contains(&&found[2]));
            let Some(found) = found else { continue };
            let base = if found[2].starts_with("/api/") { "" } else { "/api/v0" };
            let line = format!("{} {base}{}", &found[1], found[2].replace(['{', '}'], ""));
            let answer = send_as(&url, &Request { line: &line, headers: &[], body: "" }).await;
            assert!(!matches!(answer.status, 404 | 405), "{}:{number}: {line}: {}", page.path, answer.body);
        }
    }
    let rows = Document::open("docs/api/multi-tenant.md").table("method and path").into_iter();
    let told = rows.flat_map(|row| {
        let operations: Vec<String> =
            row[0].split('`').filter(|code| code.contains('/')).map(str::to_owned).collect();
        operations.into_iter().map(move |operation| (operation, permissions(&row[1])))
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), known);
    running.signal(rustix::process::Signal::TERM);
    running.ended().await;
}

#[test]
fn should_link_to_what_is_there() {
    let pages = Document::all();
    for page in &pages {
        let folder = root().join(&page.path);
        let folder = folder.parent().expect("a folder");
        for (line, link) in page.links().filter(|(_, link)| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { root().join(&page.path) } else { folder.join(file) };
            let target = target.canonicalize().unwrap_or_else(|_| panic!("{}:{line}: {link}", page.path));
            let inside = target.strip_prefix(root()).expect("a file of the repository").display().to_string();
            let anchors = pages.iter().find(|page| page.path == inside).map(Document::anchors);
            let is_there = anchor.is_empty()
                || anchors.is_some_and(|anchors| anchors.iter().any(|there| there == anchor));
            assert!(is_there, "{}:{line}: {link}", page.path);
        }
    }
}

#[test]
fn should_be_linked_by_source_code_where_it_is() {
    static PAGE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bdocs/[a-z0-9/_-]+\.md\b").expect("a pattern"));
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "sql") {
                let text = std::fs::read_to_string(&path).expect("a text");
                for page in PAGE.find_iter(&text) {
                    assert!(root().join(page.as_str()).is_file(), "{}: {}", path.display(), page.as_str());
                }
            }
        }
    }
}
