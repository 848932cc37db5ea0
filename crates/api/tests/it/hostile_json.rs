//! JSON that would have the server read JSON anew, in it, without end: see `dsl::json`.

use serde_json::{Value, json};
use tenantry_test_support::{Answer, App};

use crate::{
    caller::{Caller, text},
    tenant::{QUOTE, Tenant, execution_in},
};

/// What was enough to end a server.
fn folded() -> String {
    (0..9).fold("1".to_owned(), |text, _| {
        let member = json!({ "$serde_json::private::RawValue": text }).to_string();
        format!("{}{member}{}", "[".repeat(100), "]".repeat(100))
    })
}

#[tokio::test]
async fn should_refuse_it_in_a_request() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let execution = json!({"workflow_type": "Order", "task_queue": "orders", "workflow_id": "a"});
    let execution = text(&acme.customer.post("/executions", &execution).await.data(202)["id"]);
    for input in [folded(), r#"{"$serde_json::private::RawValue":"1"}"#.to_owned()] {
        let own = format!(r#"{{"workflow_type":"Order","task_queue":"orders","input":{input}}}"#);
        let signal = format!(r#"{{"name":"paid","input":{input}}}"#);
        for (path, body) in [
            ("/executions".to_owned(), own),
            ("/workflows/quote/executions".to_owned(), format!(r#"{{"input":{input}}}"#)),
            (format!("/executions/{execution}/signal"), signal),
        ] {
            let answer = acme.customer.post_text(&path, &body).await;
            let fields = answer.wrong_fields(422, "invalid");
            assert!(fields.len() == 1 && fields[0].starts_with("input"), "{path}: {fields:?}");
        }
    }
    acme.customer.get("/me").await.data(200);
}

#[tokio::test]
async fn should_refuse_it_in_a_definition_and_as_the_value_of_an_expression() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let set = |value: &str| QUOTE.replace("{total: '${ .amount * 2 }'}", value);
    let written = set(r#"{total: {"$serde_json::private::RawValue": "1"}}"#);
    acme.manager.put("/workflows/quote", &written).await.problem(422, "invalid");
    let computed = set(r#"{total: '${ {"$serde_json::private::RawValue": "1"} }'}"#);
    acme.manager.put("/workflows/quote", &computed).await.data(201);
    let started = acme.customer.post("/workflows/quote/executions", &json!({})).await.data(202);
    let failed = execution_in(&acme.customer, &text(&started["id"]), "failed").await;
    let detail = text(&failed["error"]["detail"]);
    assert!(detail.contains("no member can have a name that begins with"), "{detail}");
}

#[tokio::test]
async fn should_keep_no_output_of_an_own_worker_that_has_it() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let mut worker = acme.own_worker("orders").await;
    let order = json!({"workflow_type": "Order", "task_queue": "orders"});
    let started = acme.customer.post("/executions", &order).await.data(202);
    let task = worker.task().await;
    worker.answer(task, Answer::Complete(folded())).await;
    let completed = execution_in(&acme.customer, &text(&started["id"]), "completed").await;
    assert_eq!(completed["output"], Value::Null);
    assert_eq!(completed["status_reason"], json!("the output is not JSON"));
}
