//! Workflows: definitions on their way to the server.

use serde_json::{Value, json};

use crate::{
    answers::{data, problem, workflow},
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

const QUOTE: &str = "\
document:
  dsl: 1.0.3
  namespace: sales
  name: quote
  version: 1.0.0
do:
\t- fetch: {}
";

fn defects() -> Value {
    json!([
        {"path": "", "line": 7, "column": 2, "code": "syntax", "message": "a tab cannot indent"},
        {"path": "/document/version", "line": 5, "column": 12, "code": "version", "message": "must be a version"},
        {"path": "/do", "line": 0, "column": 0, "message": "must have a task"},
    ])
}

async fn apply(answers: impl IntoIterator<Item = Answer>, text: &str) -> (crate::tenantry::Left, StandIn) {
    let server = StandIn::new(answers).await;
    let tenantry = Tenantry::at(&server.url);
    tenantry.write("quote.yaml", 0o644, text);
    (tenantry.run(&["workflow", "apply", "quote.yaml"]).await, server)
}

#[tokio::test]
async fn should_tell_a_new_revision_from_an_old_one() {
    let text = QUOTE.replace('\t', "  ");
    for (status, sentence) in [(201, "applied quote revision 2\n"), (200, "unchanged quote revision 2\n")] {
        let answer = Answer::new(status, json!({ "data": workflow(2) }));
        let (left, server) = apply([answer], &text).await;
        assert_eq!((left.status, left.stdout.as_str()), (Some(0), sentence), "{}", left.stderr);
        let asked = &server.asked()[0];
        assert_eq!((asked.line.as_str(), &asked.body), ("PUT /api/v0/workflows/quote", &text));
        assert_eq!(asked.header("content-type"), Some("application/yaml"));
    }
}

#[tokio::test]
async fn should_have_the_server_judge_what_it_cannot_read() {
    let (left, server) = apply([data(&defects())], QUOTE).await;
    assert_eq!(server.asked_lines(), ["POST /api/v0/workflows/validate"]);
    assert_eq!((left.status, left.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(left.stderr);
}

#[tokio::test]
async fn should_find_the_lines_of_a_refusal() {
    let text = QUOTE.replace('\t', "  ");
    let refused = |errors| problem(422, "invalid", "the definition is not valid", &errors);
    let without_lines = json!([{"field": "/do", "message": "must have a task"}]);
    for answers in [vec![refused(defects())], vec![refused(without_lines), data(&defects())]] {
        let (left, _server) = apply(answers, &text).await;
        assert_eq!(left.status, Some(2));
        assert!(
            left.stderr.contains("quote.yaml:5:12: must be a version (/document/version)\n"),
            "{}",
            left.stderr
        );
    }
}

#[tokio::test]
async fn should_say_what_is_wrong_when_no_line_is() {
    let errors = json!([{"field": "name", "message": "must be the document's"}]);
    let refused = problem(422, "invalid", "the name is another", &errors);
    let (left, _server) = apply([refused, data(&json!([]))], &QUOTE.replace('\t', "  ")).await;
    assert_eq!(left.stderr, "error[invalid]: the name is another\n  name: must be the document's\n");
}

#[tokio::test]
async fn should_validate_standard_input() {
    let server = StandIn::new([data(&json!([])), data(&defects())]).await;
    let tenantry = Tenantry::at(&server.url);
    let left = tenantry.run_with_input(&["workflow", "validate", "-"], "{\"do\": []}").await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(0), "<stdin> is valid\n"));
    assert_eq!(server.asked()[0].header("content-type"), Some("application/json"));

    let left = tenantry.run_with_input(&["workflow", "validate", "-", "-o", "json"], QUOTE).await;
    let told: Value = serde_json::from_str(&left.stdout).expect("JSON");
    let first = json!({
        "file": "<stdin>", "path": "", "line": 7, "column": 2, "code": "syntax", "message": "a tab cannot indent",
    });
    assert_eq!((left.status, &told[0], told.as_array().map(Vec::len)), (Some(2), &first, Some(3)));
    assert!(left.stderr.starts_with("<stdin>:7:2: "), "{}", left.stderr);
    assert!(left.stderr.ends_with("\nerror[invalid]: <stdin> has 3 problems\n"), "{}", left.stderr);
}

#[tokio::test]
async fn should_name_a_file_that_is_not_there() {
    let left = Tenantry::at("http://localhost").run(&["workflow", "apply", "absent.yaml"]).await;
    assert_eq!(left.status, Some(2));
    assert!(left.stderr.starts_with("error[invalid]: cannot read absent.yaml: "), "{}", left.stderr);
}
