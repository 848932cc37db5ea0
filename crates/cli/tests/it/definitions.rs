//! Definitions in numbers: folders, streams, what would change, and the pictures of them.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::{
    answers::{data, problem, workflow},
    stand_in::{Answer, StandIn},
    tenantry::{Left, Tenantry},
};

fn definition(name: &str) -> String {
    format!(
        "document: {{dsl: '1.0.3', namespace: shop, name: {name}, version: '1.0.0'}}\ndo:\n  - rest: {{wait: PT1S}}\n"
    )
}

fn valid() -> Answer {
    data(&json!([]))
}

fn defect(line: usize, column: usize, message: &str) -> Value {
    json!({"path": "/do/0", "line": line, "column": column, "code": "invalid", "message": message})
}

fn applied(revision: i32) -> Answer {
    Answer::new(201, json!({ "data": workflow(revision) }))
}

/// Somebody with these files, and a server that gives these answers.
async fn with_files(
    files: &[(&str, &str)],
    answers: impl IntoIterator<Item = Answer>,
) -> (Tenantry, StandIn) {
    let server = StandIn::new(answers).await;
    let tenantry = Tenantry::at(&server.url);
    for (path, text) in files {
        tenantry.write(path, 0o644, text);
    }
    (tenantry, server)
}

fn assert_left(left: &Left, status: i32, stdout: &str) {
    assert_eq!((left.status, left.stdout.as_str()), (Some(status), stdout), "{}", left.stderr);
}

#[tokio::test]
async fn should_apply_what_is_in_folders_files_and_streams_once_all_is_valid() {
    let stream = format!("# two\n---\n{}---\n{}", definition("c"), definition("d"));
    let files = [
        ("all/b.yml", &*definition("b")),
        ("all/a/first.yaml", &definition("a")),
        ("all/read.me", "no definition"),
        ("all/.hidden/x.yaml", "nor this"),
        ("stream.yaml", &stream),
    ];
    let answers = (0..4).map(|_| valid()).chain([
        applied(1),
        applied(2),
        applied(3),
        Answer::new(200, json!({ "data": workflow(4) })),
    ]);
    let (tenantry, server) = with_files(&files, answers).await;
    let left = tenantry.run(&["workflow", "apply", "all", "stream.yaml"]).await;
    let expected =
        "applied a revision 1\napplied b revision 2\napplied c revision 3\nunchanged d revision 4\n";
    assert_left(&left, 0, expected);
    let asked = server.asked_lines();
    assert!(asked[..4].iter().all(|line| line == "POST /api/v0/workflows/validate"), "{asked:?}");
    assert_eq!(asked[4..], ["a", "b", "c", "d"].map(|name| format!("PUT /api/v0/workflows/{name}")));
    assert_eq!(server.asked()[7].body, format!("---\n{}", definition("d")));
}

#[tokio::test]
async fn should_print_a_list_when_a_list_was_asked_for() {
    let files = [("one/a.yaml", &*definition("a"))];
    let (tenantry, _server) = with_files(&files, [valid(), applied(1), applied(2)]).await;
    assert_eq!(tenantry.answer(&["workflow", "apply", "one"]).await, json!([workflow(1)]));
    assert_eq!(tenantry.answer(&["workflow", "apply", "one/a.yaml"]).await, workflow(2));
}

#[tokio::test]
async fn should_upload_nothing_when_one_has_a_problem() {
    let stream = format!("{}---\n\n{}", definition("b"), definition("c"));
    let files = [("a.yaml", &*definition("a")), ("stream.yaml", &stream)];
    let wrong = || data(&json!([defect(5, 12, "expected a duration"), defect(2, 1, "it is late")]));
    let answers = [valid(), valid(), wrong(), data(&json!([defect(1, 3, "no")])), valid(), wrong()];
    let (tenantry, server) = with_files(&files, answers).await;
    let left = tenantry.run(&["workflow", "apply", "a.yaml", "stream.yaml"]).await;
    assert_left(&left, 2, "");
    insta::assert_snapshot!(left.stderr);
    assert!(server.asked_lines().iter().all(|line| line.starts_with("POST ")), "{:?}", server.asked_lines());

    let left = tenantry.run(&["workflow", "validate", "a.yaml", "stream.yaml", "-o", "json"]).await;
    let told: Value = serde_json::from_str(&left.stdout).expect("JSON");
    let places: Value = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| json!([one["file"], one["line"], one["message"]]))
        .collect();
    let expected = json!([
        ["a.yaml", 1, "no"],
        ["stream.yaml", 8, "expected a duration"],
        ["stream.yaml", 5, "it is late"],
    ]);
    assert_eq!((left.status, places), (Some(2), expected));
    assert!(left.stderr.ends_with("error[invalid]: 2 of 3 definitions have 3 problems\n"), "{}", left.stderr);
}

#[tokio::test]
async fn should_say_of_each_definition_that_it_is_valid() {
    let stream = format!("{}---\n{}", definition("a"), definition("b"));
    let (tenantry, _server) = with_files(&[("stream.yaml", &*stream)], [valid(), valid()]).await;
    let left = tenantry.run(&["workflow", "validate", "stream.yaml"]).await;
    assert_left(&left, 0, "stream.yaml:1 is valid\nstream.yaml:5 is valid\n");
}

#[tokio::test]
async fn should_refuse_two_of_the_same_name_and_name_both_places() {
    let stream = format!("{}---\n{}", definition("b"), definition("a"));
    let files = [("all/a.yaml", &*definition("a")), ("all/stream.yaml", &stream)];
    let (tenantry, server) = with_files(&files, []).await;
    let left = tenantry.run(&["workflow", "apply", "all"]).await;
    assert_left(&left, 2, "");
    let expected = "error[invalid]: a is defined twice: all/a.yaml and all/stream.yaml:5\n";
    assert_eq!(left.stderr, expected);
    assert_eq!(server.asked_lines(), Vec::<String>::new());
}

#[tokio::test]
async fn should_say_where_it_ended_when_an_upload_fails() {
    let files = [("a.yaml", &*definition("a")), ("b.yaml", &definition("b")), ("c.yaml", &definition("c"))];
    let full = problem(429, "quota_exceeded", "there may be 1 workflows", &json!([]));
    let (tenantry, server) = with_files(&files, [valid(), valid(), valid(), applied(1), full]).await;
    let left = tenantry.run(&["workflow", "apply", "a.yaml", "b.yaml", "c.yaml"]).await;
    assert_left(&left, 1, "applied a revision 1\n");
    insta::assert_snapshot!(left.stderr);
    // What is asked last is whose quota it is, for the hint.
    let asked = server.asked_lines();
    assert_eq!((asked.len(), asked[5].as_str()), (6, "GET /api/v0/me"), "nothing is tried after it");
}

#[tokio::test]
async fn should_send_nothing_of_a_folder_that_is_no_definition_or_elsewhere() {
    let files = [
        ("outside.yaml", &*definition("outside")),
        ("all/.data/a.yaml", &definition("a")),
        ("all/ready.json", r#"{"admin_api_key": "tn_secret"}"#),
    ];
    let (tenantry, server) = with_files(&files, [valid(), applied(1)]).await;
    let folder = tenantry.folder.path().join("all");
    symlink("../outside.yaml", folder.join("outside.yaml")).expect("a link");
    symlink("..", folder.join("up")).expect("a link");
    symlink(".data/a.yaml", folder.join("a.yaml")).expect("a link");
    let left = tenantry.run(&["workflow", "apply", "all"]).await;
    assert_left(&left, 0, "applied a revision 1\n");
    let left_out = "left out all/outside.yaml: it does not lead to a file in the folder\n\
                    left out all/ready.json: it is no definition\n";
    assert_eq!(left.stderr, left_out);
    assert_eq!(server.asked_lines().len(), 2);
}

#[tokio::test]
async fn should_name_what_has_no_definition_in_it() {
    let files = [("empty.yaml", "# nothing\n"), ("folder/read.me", "hello")];
    let (tenantry, _server) = with_files(&files, []).await;
    for (path, hint) in [
        ("empty.yaml", "`tenantry workflow init` writes one to begin with"),
        ("folder", "in a folder, definitions are files named *.yaml, *.yml, *.json"),
    ] {
        let left = tenantry.run(&["workflow", "apply", path]).await;
        let expected = format!("error[invalid]: there is no definition in {path}\nhint: {hint}\n");
        assert_eq!((left.status, left.stderr), (Some(2), expected));
    }
}

/// What the server has of a definition.
fn latest(definition: &Value) -> Answer {
    let mut latest = workflow(3);
    latest["definition"] = definition.clone();
    data(&latest)
}

#[tokio::test]
async fn should_show_what_would_change_and_upload_nothing() {
    let files = [
        ("a.yaml", &*definition("a")),
        ("b.yaml", &definition("b")),
        ("c.json", r#"{"document": {"name": "c"}, "do": []}"#),
    ];
    let missing = || problem(404, "not_found", "there is no such workflow", &json!([]));
    let before = json!({
        "do": [{"rest": {"wait": "PT2S"}}],
        "document": {"version": "1.0.0", "dsl": "1.0.3", "name": "b\u{1b}[2J", "namespace": "shop"},
    });
    let same = json!({"do": [], "document": {"name": "c"}});
    let answers = || [valid(), valid(), valid(), missing(), latest(&before), latest(&same)];
    let (tenantry, server) = with_files(&files, answers().into_iter().chain(answers())).await;
    let dry_run = ["workflow", "apply", "a.yaml", "b.yaml", "c.json", "--dry-run"];
    let left = tenantry.run(&dry_run).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    insta::assert_snapshot!(left.stdout);
    let changes = tenantry.answer(&dry_run).await;
    let changes: Vec<_> = changes
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| json!([one["name"], one["change"], one["revision"]]))
        .collect();
    assert_eq!(
        changes,
        [json!(["a", "new", null]), json!(["b", "changed", 3]), json!(["c", "unchanged", 3])]
    );
    assert!(!server.asked_lines().iter().any(|line| line.starts_with("PUT")), "{:?}", server.asked_lines());
}

#[tokio::test]
async fn should_show_revisions_and_one_of_them() {
    let page = Answer::new(200, json!({ "data": [workflow(2), workflow(1)], "next_cursor": null }));
    let (tenantry, server) = with_files(&[], [page, data(&workflow(1))]).await;
    let left = tenantry.run(&["workflow", "revisions", "quote", "--limit", "2"]).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    insta::assert_snapshot!(left.stdout);
    assert_eq!(tenantry.answer(&["workflow", "get", "quote", "--revision", "1"]).await, workflow(1));
    assert_eq!(
        server.asked_lines(),
        ["GET /api/v0/workflows/quote/revisions?limit=2", "GET /api/v0/workflows/quote/revisions/1"]
    );
}

#[tokio::test]
async fn should_delete_only_what_somebody_means_to() {
    let (tenantry, server) = with_files(&[], [Answer::new(204, "")]).await;
    let left = tenantry.run_with_input(&["workflow", "delete", "quote"], "y\n").await;
    assert_left(&left, 2, "");
    let expected = "error[unconfirmed]: delete the workflow quote? nobody is here to say yes\nhint: add --yes if you mean it\n";
    assert_eq!(left.stderr, expected);
    assert_left(&tenantry.run(&["workflow", "delete", "quote", "--yes"]).await, 0, "deleted quote\n");
    assert_eq!(server.asked_lines(), ["DELETE /api/v0/workflows/quote"]);
}

#[tokio::test]
async fn should_write_a_definition_to_begin_with_and_overwrite_none() {
    let nobody = Tenantry::nobody();
    let left = nobody.run(&["workflow", "init"]).await;
    let expected = "wrote hello.yaml; try it with\n\n  tenantry workflow apply hello.yaml\n  \
                    tenantry run hello --input '{\"name\": \"Ada\"}' --wait\n";
    assert_left(&left, 0, expected);
    let left = nobody.run(&["workflow", "graph", "hello.yaml"]).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    insta::assert_snapshot!(left.stdout);

    nobody.write("mine.yaml", 0o644, "mine");
    let left = nobody.run(&["workflow", "init", "mine"]).await;
    assert_eq!(left.status, Some(2));
    assert!(
        left.stderr.starts_with("error[invalid]: mine.yaml is there already, and stays as it is\n"),
        "{}",
        left.stderr
    );
    let kept = std::fs::read_to_string(nobody.folder.path().join("mine.yaml")).expect("the file");
    assert_eq!(kept, "mine");
}

#[tokio::test]
async fn should_draw_a_file_without_a_server_and_a_workflow_of_one() {
    let mut of_server = workflow(2);
    of_server["definition"] = json!({"document": {"name": "quote", "version": "2.0.0"}, "do": []});
    let (tenantry, server) = with_files(&[], [data(&of_server), data(&of_server)]).await;
    let left = tenantry.run(&["workflow", "graph", "quote"]).await;
    let expected = "flowchart TD\n    start([\"quote 2.0.0\"])\n    stop([\"end\"])\n    start --> stop\n";
    assert_left(&left, 0, expected);
    let told = tenantry.answer(&["workflow", "graph", "quote", "--revision", "2"]).await;
    assert_eq!(told, json!({ "mermaid": expected }));
    let asked = ["GET /api/v0/workflows/quote", "GET /api/v0/workflows/quote/revisions/2"];
    assert_eq!(server.asked_lines(), asked);

    let nobody = Tenantry::nobody();
    let left = nobody.run_with_input(&["workflow", "graph", "-"], "a: b\nc: [").await;
    assert_eq!(left.status, Some(2));
    assert!(left.stderr.starts_with("error[invalid]: cannot read <stdin>\n<stdin>:"), "{}", left.stderr);
    let left = nobody.run_with_input(&["workflow", "graph", "-"], "a: b").await;
    assert_eq!(left.stderr, "error[invalid]: cannot draw it: /do is no list of tasks\n");
}

#[tokio::test]
async fn should_wait_when_the_server_asks_for_a_moment_and_no_longer() {
    let busy = |seconds| {
        problem(429, "rate_limited", "too many requests", &json!([])).header("retry-after", seconds)
    };
    let answers = [busy("0"), valid(), busy("0"), applied(1), busy("3600")];
    let (tenantry, server) = with_files(&[("all/a.yaml", &definition("a"))], answers).await;
    assert_left(&tenantry.run(&["workflow", "apply", "all"]).await, 0, "applied a revision 1\n");
    let left = tenantry.run(&["workflow", "apply", "all"]).await;
    assert_left(&left, 1, "");
    assert!(left.stderr.contains("hint: try again in 3600 s"), "{}", left.stderr);
    assert_eq!(server.asked_lines().len(), 5);
}
