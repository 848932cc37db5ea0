//! What the client sends, and how it reads a good answer.

use serde_json::{Value, json};
use tenantry_client::{
    Client, Error, Method,
    api_keys::{Changes, NewApiKey, RateLimit},
    executions::{ExecutionStatus, Filter, Signal, Start, StartOwn, Terminate},
    organizations::{NewOrganization, OrganizationStatus},
    schedules::{Backfill, Changes as ScheduleChanges, NewSchedule, Note, Spec},
    users::{Changes as UserChanges, NewUser},
    workflows::Source,
};

use crate::stand_in::{Answer, StandIn};

const AT: &str = "2026-01-31T12:00:00Z";

fn data(value: &Value) -> Answer {
    Answer::new(200, json!({ "data": value }))
}

fn organization(status: &str) -> Value {
    json!({
        "id": "org_1", "slug": "acme", "name": "Acme", "status": status, "status_reason": null, "namespace": "acme-1",
        "created_at": AT, "updated_at": AT, "a_field_of_tomorrow": true,
    })
}

fn user() -> Value {
    json!({
        "id": "usr_1", "organization_id": "org_1", "kind": "service", "email": null, "name": "w", "role": "worker",
        "status": "active", "created_at": AT,
    })
}

fn key() -> Value {
    json!({
        "id": "key_1", "user_id": "usr_1", "name": "laptop", "prefix": "tn_abcd", "last_four": "wxyz", "scopes": null,
        "rate_limit": {"requests": 5, "per_seconds": 1}, "created_at": AT, "expires_at": null,
    })
}

fn execution(status: &str) -> Value {
    json!({
        "id": "exe_1", "workflow": "quote", "revision": 2, "workflow_id": "exe_1", "run_id": null, "status": status,
        "input": {"n": 1}, "output": null, "error": null, "started_at": AT, "ended_at": null, "started_by": "usr_1",
    })
}

async fn call(answer: Answer) -> (Client, StandIn) {
    calls([answer]).await
}

async fn calls<const N: usize>(answers: [Answer; N]) -> (Client, StandIn) {
    let server = StandIn::new(answers).await;
    let client = Client::new(&server.url, "tn_test").expect("a client").with_organization("acme");
    (client, server)
}

#[tokio::test]
async fn should_say_who_calls_and_in_which_organization() {
    let (client, server) = call(data(&organization("active"))).await;
    let organization = client.organizations().get("acme").send().await.expect("an organization");
    assert_eq!(organization.status, OrganizationStatus::Active);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "GET /api/v0/organizations/acme");
    assert_eq!(asked.header("authorization"), Some("Bearer tn_test"));
    assert_eq!(asked.header("tenantry-organization"), Some("acme"));
}

#[tokio::test]
async fn should_send_an_organization_and_its_idempotency_key() {
    let (client, server) = call(data(&organization("provisioning"))).await;
    let new = NewOrganization { slug: "acme".to_owned(), name: "Acme".to_owned() };
    client.organizations().create(&new).idempotency_key("once").send().await.expect("an organization");
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.line.as_str(), asked.header("idempotency-key")),
        ("POST /api/v0/organizations", Some("once"))
    );
    assert_eq!(asked.body, r#"{"slug":"acme","name":"Acme"}"#);
}

#[tokio::test]
async fn should_change_only_what_nobody_has_changed_since() {
    let tagged = |etag| data(&user()).header("etag", etag);
    let stale = json!({
        "type": "about:blank", "title": "A problem", "status": 412, "detail": "it has changed",
        "code": "precondition_failed", "request_id": "req-1",
    });
    let (client, server) = calls([tagged("\"1\""), tagged("\"2\""), Answer::new(412, stale)]).await;
    let read = client.users().get("usr_1").answer().await.expect("a user");
    assert_eq!((read.status, read.etag.as_deref()), (200, Some("\"1\"")));
    let changes = UserChanges { name: Some("Ada".to_owned()), ..UserChanges::default() };
    let change = |etag: &str| client.users().update("usr_1", &changes).if_match(etag);
    let answer = change("\"1\"").answer().await.expect("the user as it is now");
    assert_eq!(answer.etag.as_deref(), Some("\"2\""));
    let error = change("\"1\"").send().await.expect_err("somebody was faster");
    let Error::Api(problem) = error else { panic!("{error}") };
    assert_eq!((problem.status, problem.code.as_str()), (412, "precondition_failed"));
    assert_eq!(server.asked()[1].header("if-match"), Some("\"1\""));
}

#[tokio::test]
async fn should_tell_a_service_account_from_a_person() {
    let (client, server) = call(data(&user())).await;
    client.users().create("acme", &NewUser::service("w", "worker")).send().await.expect("a user");
    assert_eq!(server.asked_lines(), ["POST /api/v0/organizations/acme/users"]);
    assert_eq!(server.asked()[0].body, r#"{"name":"w","role":"worker","kind":"service"}"#);
}

#[tokio::test]
async fn should_read_a_new_key_without_ever_showing_its_secret() {
    let mut created = key();
    created["secret"] = json!("tn_the_secret");
    let (client, server) = call(data(&created)).await;
    let new = NewApiKey {
        name: "laptop".to_owned(),
        expires_at: Some(AT.parse().expect("a time")),
        ..NewApiKey::default()
    };
    let created = client.api_keys().create("usr_1", &new).send().await.expect("a key");
    assert_eq!(created.secret.reveal(), "tn_the_secret");
    assert!(!format!("{created:?}").contains("tn_the_secret"));
    assert_eq!(server.asked_lines(), ["POST /api/v0/users/usr_1/api-keys"]);
    assert_eq!(server.asked()[0].body, r#"{"name":"laptop","expires_at":"2026-01-31T12:00:00Z"}"#);
}

#[tokio::test]
async fn should_say_nothing_of_what_stays_and_null_of_what_is_lifted() {
    let (client, server) = call(data(&key())).await;
    let limit = RateLimit { requests: 100, per_seconds: 60 };
    let changes = Changes {
        scopes: Some(None),
        rate_limit: Some(Some(limit)),
        expires_at: Some(None),
        ..Changes::default()
    };
    client.api_keys().update("key_1", &changes).send().await.expect("a key");
    assert_eq!(server.asked_lines(), ["PATCH /api/v0/api-keys/key_1"]);
    let body = r#"{"scopes":null,"rate_limit":{"requests":100,"per_seconds":60},"expires_at":null}"#;
    assert_eq!(server.asked()[0].body, body);
}

#[tokio::test]
async fn should_read_the_marks_of_both_secrets_of_a_rotated_key() {
    let mut rotated = key();
    let issued =
        |ends_at| json!({"prefix": "tn_abcd", "last_four": "wxyz", "created_at": AT, "ends_at": ends_at});
    rotated["secret"] = json!("tn_the_secret");
    rotated["secrets"] = json!([issued(None), issued(Some(AT))]);
    let (client, server) = call(data(&rotated)).await;
    let rotated = client.api_keys().rotate("key_1", 60).send().await.expect("a key");
    let ends: Vec<bool> = rotated.key.secrets.iter().map(|secret| secret.ends_at.is_some()).collect();
    assert_eq!((ends, rotated.secret.reveal()), (vec![false, true], "tn_the_secret"));
    assert_eq!(server.asked()[0].body, r#"{"overlap_seconds":60}"#);
}

#[tokio::test]
async fn should_revoke_with_and_without_an_answer() {
    for (answer, revoked) in [(Answer::new(204, ""), None), (data(&key()), Some("key_1"))] {
        let (client, server) = call(answer).await;
        let key = client.api_keys().revoke("key_1").send().await.expect("revoked");
        assert_eq!(key.as_ref().map(|key| key.id.as_str()), revoked);
        assert_eq!(server.asked_lines(), ["DELETE /api/v0/api-keys/key_1"]);
    }
}

#[tokio::test]
async fn should_send_a_definition_as_what_it_is() {
    let defect = json!([{"path": "/do", "line": 3, "column": 1, "code": "missing", "message": "is missing"}]);
    for (source, media_type) in
        [(Source::Yaml("a: b"), "application/yaml"), (Source::Json("{}"), "application/json")]
    {
        let (client, server) = call(data(&defect)).await;
        let defects = client.workflows().validate(source).send().await.expect("defects");
        assert_eq!((defects[0].line, defects[0].message.as_str()), (Some(3), "is missing"));
        let asked = &server.asked()[0];
        assert_eq!(asked.line, "POST /api/v0/workflows/validate");
        assert_eq!((asked.header("content-type"), asked.body.as_str()), (Some(media_type), source.text()));
    }
}

#[tokio::test]
async fn should_ask_for_revisions_and_delete_a_workflow() {
    let revision = json!({
        "name": "quote", "revision": 2, "document_version": "1.0.0", "digest": "d", "definition": null, "created_at": AT,
    });
    let page = Answer::new(200, json!({ "data": [revision], "next_cursor": "2" }));
    let server = StandIn::new([page, data(&revision), Answer::new(204, "")]).await;
    let client = Client::new(&server.url, "tn_test").expect("a client");
    let page = client.workflows().revisions("quote").limit(1).cursor("3").page().await.expect("a page");
    assert_eq!((page.items[0].revision, page.next_cursor.as_deref()), (2, Some("2")));
    let one = client.workflows().revision("quote", 2).send().await.expect("a revision");
    assert_eq!(one, page.items[0]);
    assert_eq!(client.workflows().delete("quote").send().await.expect("it is deleted"), None);
    let asked = [
        "GET /api/v0/workflows/quote/revisions?limit=1&cursor=3",
        "GET /api/v0/workflows/quote/revisions/2",
        "DELETE /api/v0/workflows/quote",
    ];
    assert_eq!(server.asked_lines(), asked);
}

#[tokio::test]
async fn should_start_with_what_was_given_only() {
    let (client, server) = call(Answer::new(202, json!({ "data": execution("pending") }))).await;
    let start = Start { input: Some(json!({"n": 1})), ..Start::default() };
    let execution = client.executions().start("quote", &start).send().await.expect("an execution");
    assert_eq!(execution.status, ExecutionStatus::Pending);
    assert_eq!(server.asked_lines(), ["POST /api/v0/workflows/quote/executions"]);
    assert_eq!(server.asked()[0].body, r#"{"input":{"n":1}}"#);
}

#[tokio::test]
async fn should_name_what_is_to_be_done_to_an_execution() {
    let one = || data(&execution("running"));
    let server = StandIn::new([one(), one(), one(), data(&json!([])), data(&json!([]))]).await;
    let client = Client::new(&server.url, "tn_test").expect("a client");
    let executions = client.executions();
    let start = StartOwn {
        workflow_type: "Order".to_owned(),
        task_queue: "orders".to_owned(),
        workflow_id: Some("order-7".to_owned()),
        input: None,
    };
    executions.start_own(&start).send().await.expect("an execution");
    let signal = Signal { name: "approve".to_owned(), input: Some(json!(1)) };
    executions.signal("exe_1", &signal).send().await.expect("an execution");
    executions.terminate("exe_1", &Terminate::default()).send().await.expect("an execution");
    executions.tasks("exe_1").page().await.expect("a page");
    executions.history("exe_1").limit(2).page().await.expect("a page");
    let asked: Vec<_> = server.asked().iter().map(|asked| asked.body.clone()).collect();
    let own = r#"{"workflow_type":"Order","task_queue":"orders","workflow_id":"order-7"}"#;
    assert_eq!(asked, [own, r#"{"name":"approve","input":1}"#, "{}", "", ""]);
    let lines = [
        "POST /api/v0/executions",
        "POST /api/v0/executions/exe_1/signal",
        "POST /api/v0/executions/exe_1/terminate",
        "GET /api/v0/executions/exe_1/tasks",
        "GET /api/v0/executions/exe_1/history?limit=2",
    ];
    assert_eq!(server.asked_lines(), lines);
}

#[tokio::test]
async fn should_bear_a_status_of_tomorrow() {
    let (client, _server) = call(data(&execution("paused"))).await;
    let execution = client.executions().get("exe_1").send().await.expect("an execution");
    assert_eq!(execution.status, ExecutionStatus::Unknown);
    assert!(!execution.status.is_final());
}

#[tokio::test]
async fn should_filter_a_list_and_give_a_page() {
    let page = json!({"data": [execution("failed")], "next_cursor": "b c"});
    let (client, server) = call(Answer::new(200, page)).await;
    let filter = Filter {
        status: Some("failed".to_owned()),
        started_after: Some(AT.parse().expect("a time")),
        ..Filter::default()
    };
    let page = client.executions().list(&filter).limit(5).limit(1).page().await.expect("a page");
    assert_eq!((page.items.len(), page.next_cursor.as_deref()), (1, Some("b c")));
    let query = "status=failed&started_after=2026-01-31T12%3A00%3A00Z&limit=1";
    assert_eq!(server.asked_lines(), [format!("GET /api/v0/executions?{query}")]);
}

#[tokio::test]
async fn should_walk_all_pages() {
    let server = StandIn::new([
        Answer::new(200, json!({"data": [1, 2], "next_cursor": "two"})),
        Answer::new(200, json!({"data": [], "next_cursor": "three"})),
        Answer::new(200, json!({"data": [3], "next_cursor": null})),
    ])
    .await;
    let client = Client::new(&server.url, "tn_test").expect("a client");
    let all = client.workflows().list().raw().limit(2).all().await.expect("all");
    assert_eq!(all, [1, 2, 3]);
    let first = "GET /api/v0/workflows?limit=2".to_owned();
    assert_eq!(
        server.asked_lines(),
        [first.clone(), format!("{first}&cursor=two"), format!("{first}&cursor=three")]
    );
}

#[tokio::test]
async fn should_call_any_route_and_give_its_data_unchanged() {
    let thing = json!({"z": 1, "a": {"unknown": [1.5, null]}});
    let (client, server) = call(data(&thing)).await;
    let call = client.request(Method::PATCH, &["users", "usr_1"]).json(&json!({"role": "customer"}));
    assert_eq!(call.send().await.expect("an answer").to_string(), thing.to_string());
    assert_eq!(server.asked_lines(), ["PATCH /api/v0/users/usr_1"]);
}

fn schedule() -> Value {
    json!({
        "id": "sch_1", "workflow": "quote", "input": {}, "spec": {"every_seconds": 60}, "overlap": "skip",
        "jitter_seconds": 0, "catchup_window_seconds": 86_400, "paused": false, "note": "", "next_runs": [AT],
        "applied": true, "created_at": AT, "updated_at": AT, "created_by": null, "a_field_of_tomorrow": 1,
    })
}

#[tokio::test]
async fn should_make_a_schedule_with_what_is_told_and_nothing_else() {
    let (client, server) = call(data(&schedule())).await;
    let spec = Spec { every_seconds: Some(60), ..Spec::default() };
    let settings = ScheduleChanges { spec: Some(spec.clone()), ..ScheduleChanges::default() };
    let new = NewSchedule { workflow: "quote".to_owned(), settings };
    let made = client.schedules().create(&new).send().await.expect("a schedule");
    assert_eq!((made.spec, made.next_runs.map(|runs| runs.len())), (spec, Some(1)));
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /api/v0/schedules");
    assert_eq!(asked.body, r#"{"workflow":"quote","spec":{"every_seconds":60}}"#);
}

#[tokio::test]
async fn should_reach_each_route_of_a_schedule() {
    for (verb, line, body) in [
        ("get", "GET /api/v0/schedules/sch_1", ""),
        ("update", "PATCH /api/v0/schedules/sch_1", "{}"),
        ("pause", "POST /api/v0/schedules/sch_1/pause", r#"{"note":"why"}"#),
        ("resume", "POST /api/v0/schedules/sch_1/resume", "{}"),
        ("trigger", "POST /api/v0/schedules/sch_1/trigger", ""),
    ] {
        let (client, server) = call(data(&schedule())).await;
        let schedules = client.schedules();
        let asked = match verb {
            "get" => schedules.get("sch_1"),
            "update" => schedules.update("sch_1", &ScheduleChanges::default()),
            "pause" => schedules.pause("sch_1", &Note { note: Some("why".to_owned()) }),
            "resume" => schedules.resume("sch_1", &Note::default()),
            _ => schedules.trigger("sch_1"),
        };
        asked.send().await.expect("a schedule");
        assert_eq!((server.asked()[0].line.as_str(), server.asked()[0].body.as_str()), (line, body));
    }
    let at = AT.parse().expect("a moment");
    let backfill = Backfill { start_time: at, end_time: at, overlap: None };
    let mut answer = schedule();
    answer["starts"] = json!(1);
    let (client, server) = call(data(&answer)).await;
    let backfilled = client.schedules().backfill("sch_1", &backfill).send().await.expect("a schedule");
    assert_eq!((backfilled.schedule.id.as_str(), backfilled.starts), ("sch_1", 1));
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /api/v0/schedules/sch_1/backfill");
    assert_eq!(asked.body, r#"{"start_time":"2026-01-31T12:00:00Z","end_time":"2026-01-31T12:00:00Z"}"#);

    let (client, server) = call(data(&json!([AT, AT]))).await;
    let upcoming = client.schedules().upcoming("sch_1").limit(2).page().await.expect("moments");
    assert_eq!(upcoming.items.len(), 2);
    assert_eq!(server.asked()[0].line, "GET /api/v0/schedules/sch_1/upcoming?limit=2");
}
