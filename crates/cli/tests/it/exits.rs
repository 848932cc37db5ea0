//! Exit statuses, and what the user is told.

use serde_json::json;

use crate::{
    answers::{data, key, me, problem, unavailable},
    stand_in::{Answer, StandIn, nobody},
    tenantry::{Left, Tenantry},
};

async fn me_after(answer: Answer) -> Left {
    let server = StandIn::new([answer]).await;
    Tenantry::at(&server.url).run(&["me"]).await
}

#[tokio::test]
async fn should_render_each_problem_with_its_code_and_a_hint() {
    let fields = json!([{"field": "slug", "message": "must begin with a letter"}, {"message": "is odd"}]);
    let none = json!([]);
    let mut rendered = Vec::new();
    for (status, code, detail, errors) in [
        (400, "malformed", "the body is not JSON", &none),
        (401, "unauthenticated", "the API key is not valid", &none),
        (403, "forbidden", "a customer may not do this", &none),
        (403, "organization_suspended", "acme is suspended", &none),
        (404, "not_found", "there is no workflow quote", &none),
        (409, "conflict", "the slug acme is taken", &none),
        (409, "organization_not_ready", "acme is provisioning", &none),
        (422, "invalid", "the organization is not valid", &fields),
        (429, "quota_exceeded", "acme has its 10 workflows", &none),
        (500, "internal", "something went wrong", &none),
        (503, "unavailable", "the database does not answer", &none),
    ] {
        let left = me_after(problem(status, code, detail, errors)).await;
        assert_eq!(left.stdout, "");
        rendered.push(format!("{} ← {status}\n{}\n", left.status.expect("a status"), left.stderr));
    }
    insta::assert_snapshot!(rendered.concat());
}

/// What is said of a refusal, after which the server has these answers for whoever gives a hint.
async fn hinted(arguments: &[&str], refused: Answer, then: Vec<Answer>) -> String {
    let server = StandIn::new(std::iter::once(refused).chain(then)).await;
    let left = Tenantry::at(&server.url).run(arguments).await;
    assert!(!left.stderr.contains("tn_"), "{}", left.stderr);
    format!("{}\n{}", arguments.join(" "), left.stderr)
}

fn not_found(what: &str) -> Answer {
    problem(404, "not_found", &format!("there is no such {what}"), &json!([]))
}

#[tokio::test]
async fn should_hint_at_what_to_do_with_what_it_knows() {
    let list = |items: serde_json::Value| Answer::new(200, json!({"data": items, "next_cursor": null}));
    let with = |status, code, member: &str, value: &str| {
        let mut body = json!({"code": code, "status": status, "title": "A problem", "detail": "no"});
        body[member] = value.into();
        Answer::new(status, body)
    };
    let workflows = || list(json!([crate::answers::workflow(1)]));
    let organizations = || list(json!([crate::answers::organization("active")]));
    let said = [
        hinted(&["workflow", "get", "qoute"], not_found("workflow"), vec![workflows()]).await,
        hinted(&["run", "quotes"], not_found("workflow"), vec![workflows()]).await,
        hinted(&["run", "refund"], not_found("workflow"), vec![workflows()]).await,
        hinted(&["org", "get", "acne"], not_found("organization"), vec![organizations()]).await,
        hinted(&["user", "list", "--org", "amce"], not_found("organization"), vec![organizations()]).await,
        hinted(&["user", "list", "--org", "amce"], not_found("organization"), vec![]).await,
        hinted(&["user", "get", "key_1"], not_found("user"), vec![]).await,
        hinted(&["execution", "get", "sch_1"], not_found("execution"), vec![]).await,
        hinted(&["apikey", "get", "key_1"], not_found("API key"), vec![]).await,
        hinted(&["me"], with(403, "organization_suspended", "organization", "acme"), vec![]).await,
        hinted(&["me", "--org", "beta"], with(403, "organization_suspended", "x", ""), vec![]).await,
        hinted(
            &["run", "quote"],
            with(429, "quota_exceeded", "quota", "running_executions"),
            vec![data(&me())],
        )
        .await,
        hinted(&["run", "quote", "--org", "beta"], with(429, "quota_exceeded", "quota", "users"), vec![])
            .await,
        hinted(&["me", "--api-key", "tn_flag"], with(401, "unauthenticated", "x", ""), vec![]).await,
        hinted(&["me"], with(401, "unauthenticated", "x", ""), vec![]).await,
        hinted(&["me"], with(412, "precondition_failed", "x", ""), vec![]).await,
    ];
    let said = said.join("\n");
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn should_name_the_profile_whose_key_is_not_valid() {
    let server = StandIn::new([problem(401, "unauthenticated", "no", &json!([]))]).await;
    let user = Tenantry::nobody();
    let profile =
        format!("current = \"dev\"\n[profiles.dev]\nurl = \"{}\"\napi_key = \"tn_profile\"\n", server.url);
    user.write(".tenantry/profiles.toml", 0o600, &profile);
    let left = user.run(&["me"]).await;
    let hint =
        "hint: the key is that of the profile dev; `tenantry profile add dev --replace` saves another\n";
    assert!(left.stderr.ends_with(hint), "{}", left.stderr);
}

#[tokio::test]
async fn should_say_how_long_to_wait() {
    let limited = problem(429, "rate_limited", "too many requests", &json!([])).header("retry-after", "7");
    let left = me_after(limited).await;
    assert_eq!(left.status, Some(1));
    assert!(left.stderr.ends_with("hint: try again in 7 s\n"), "{}", left.stderr);
}

#[tokio::test]
async fn should_end_with_status_5_where_nobody_listens() {
    let url = nobody().await;
    let left = Tenantry::at(&url).run(&["me"]).await;
    assert_eq!(left.status, Some(5));
    assert!(left.stderr.starts_with(&format!("error[unreachable]: cannot reach {url}: ")), "{}", left.stderr);
    assert!(left.stderr.contains("tenantry dev"), "{}", left.stderr);
}

#[tokio::test]
async fn should_not_believe_a_server_of_another_kind() {
    let check = async |answer, status| {
        let left = me_after(answer).await;
        assert_eq!(left.status, Some(status), "{}", left.stderr);
        assert!(left.stderr.starts_with("error[unexpected_answer]: "), "{}", left.stderr);
    };
    check(Answer::new(200, "<html>welcome</html>"), 1).await;
    check(Answer::new(502, "<html>bad gateway</html>"), 5).await;
    check(Answer::new(404, "not found"), 4).await;
}

#[tokio::test]
async fn should_not_repeat_what_commands_a_terminal() {
    let left = me_after(problem(404, "not_found", "no \u{1b}[2J such", &json!([]))).await;
    assert_eq!(left.stderr, "error[not_found]: no \\u{1b}[2J such\n");
}

#[tokio::test]
async fn should_want_a_key_before_it_calls() {
    let left = Tenantry::nobody().run(&["me"]).await;
    assert_eq!(left.status, Some(3));
    assert!(left.stderr.starts_with("error[unauthenticated]: "), "{}", left.stderr);
    let left = Tenantry::at("localhost:1").run(&["me"]).await;
    assert_eq!(left.status, Some(2), "{}", left.stderr);
}

#[tokio::test]
async fn should_not_wait_for_a_single_answer_through_an_outage() {
    assert_eq!(me_after(unavailable()).await.status, Some(5));
}

#[tokio::test]
async fn should_print_the_same_answer_in_three_ways() {
    let server = StandIn::new([data(&me()), data(&me()), data(&me())]).await;
    let tenantry = Tenantry::at(&server.url);
    insta::assert_snapshot!(tenantry.run(&["me"]).await.stdout);
    let json = tenantry.run(&["me", "-o", "json"]).await.stdout;
    assert_eq!(json, format!("{:#}\n", me()));
    let yaml = tenantry.run(&["me", "-o", "yaml"]).await.stdout;
    assert!(yaml.starts_with("user:\n  id: usr_me\n"), "{yaml}");
}

#[tokio::test]
async fn should_tell_of_the_pages_that_follow() {
    let page = Answer::new(200, json!({"data": [key()], "next_cursor": "more"}));
    let server = StandIn::new([page]).await;
    let left = Tenantry::at(&server.url).run(&["apikey", "list", "--user", "usr_1", "--limit", "1"]).await;
    insta::assert_snapshot!(left.stdout);
    assert!(left.stderr.contains("--cursor more"), "{}", left.stderr);
    assert_eq!(server.asked_lines(), ["GET /api/v0/users/usr_1/api-keys?limit=1"]);
}

#[tokio::test]
async fn should_be_quiet_when_its_reader_has_enough() {
    let server = StandIn::new([data(&me())]).await;
    let mut child = Tenantry::at(&server.url).start(&["me", "-o", "json"]);
    drop(child.stdout.take());
    let left = Left::from(child.wait_with_output().await.expect("an end"));
    assert_eq!((left.status, left.stderr.as_str()), (Some(0), ""));
}
