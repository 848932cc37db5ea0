//! `/executions/{execution}/history`.

use serde_json::{Value, json};
use tenantry_test_support::{Answer, App, Database, Link, Servers, eventually};

use crate::{
    caller::{Caller, text},
    tenant::{Tenant, closed, execution_in},
};

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    (app, admin, acme)
}

fn path(id: &str) -> String {
    format!("/executions/{id}/history")
}

/// All of it, so many events a page, each cursor taken as it is.
async fn all(caller: &Caller, id: &str, limit: usize) -> Vec<Value> {
    let mut events = Vec::new();
    let mut query = format!("?limit={limit}");
    loop {
        let page = caller.get(&(path(id) + &query)).await;
        let items = page.data(200).as_array().expect("a list").clone();
        assert!(items.len() <= limit);
        events.extend(items);
        let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { return events };
        query = format!("?limit={limit}&cursor={cursor}");
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn should_tell_what_happened_page_by_page() {
    let (_app, _admin, acme) = acme().await;
    let id = acme.start().await;
    execution_in(&acme.customer, &id, "completed").await;
    closed(&acme.customer, &id).await;
    let events = all(&acme.customer, &id, 200).await;
    assert_eq!(
        types(&events)[..3],
        ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    );
    let numbers: Vec<_> = events.iter().map(|event| event["event_id"].as_i64()).collect();
    assert_eq!(numbers, (1..).map(Some).take(events.len()).collect::<Vec<_>>());
    assert!(events.windows(2).all(|two| two[0]["at"].as_str() <= two[1]["at"].as_str()));
    let input = &events[0]["attributes"]["input"][0];
    assert_eq!((&input["workflow"], &input["input"]), (&json!("quote"), &json!({"amount": 3})));
    let end = events.last().expect("an event");
    assert_eq!(
        (&end["type"], &end["attributes"]["result"][0]),
        (&json!("WorkflowExecutionCompleted"), &json!({"total": 6}))
    );

    for limit in [1, 3, events.len(), events.len() + 1] {
        let again = all(&acme.customer, &id, limit).await;
        assert_eq!(again, events, "{limit}");
    }
}

#[tokio::test]
async fn should_have_the_end_that_the_execution_has_which_is_terminated_as_it_ends() {
    let (_app, _admin, acme) = acme().await;
    let warm = acme.start().await;
    closed(&acme.customer, &warm).await;
    for _ in 0..5 {
        let id = acme.start().await;
        // It may have ended already, or not have begun.
        acme.manager.post(&format!("/executions/{id}/terminate"), &json!({})).await;
        let status = eventually("it ends in Temporal", async || {
            match all(&acme.customer, &id, 200).await.last()?["type"].as_str()? {
                "WorkflowExecutionCompleted" => Some("completed"),
                "WorkflowExecutionTerminated" => Some("terminated"),
                _ => None,
            }
        })
        .await;
        let execution = acme.customer.get(&format!("/executions/{id}")).await;
        assert_eq!(execution.data(200)["status"], json!(status));
    }
}

#[tokio::test]
async fn should_go_through_all_runs_of_an_own_workflow() {
    let (_app, _admin, acme) = acme().await;
    let mut worker = acme.own_worker("orders").await;
    let order = json!({"workflow_type": "Order", "task_queue": "orders", "input": {"amount": 3}});
    let id = text(&acme.customer.post("/executions", &order).await.data(202)["id"]);
    worker.answer_next(Answer::ContinueAsNew).await;
    worker.answer_next(Answer::CompleteWith(vec![0xff])).await;
    execution_in(&acme.customer, &id, "completed").await;
    let expected = [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "WorkflowExecutionContinuedAsNew",
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "WorkflowExecutionCompleted",
    ];
    for limit in [200, 4, 5, 1] {
        let events = all(&acme.customer, &id, limit).await;
        assert_eq!(types(&events), expected, "{limit}");
        assert_eq!(events[0]["run_id"], events[4]["run_id"]);
        assert_eq!(events[4]["attributes"]["new_execution_run_id"], events[5]["run_id"]);
        assert_eq!(events[9]["attributes"]["result"], json!([{"encoding": "", "base64": "/w=="}]));
    }
}

#[tokio::test]
async fn should_take_no_cursor_but_those_of_the_execution() {
    let (app, admin, acme) = acme().await;
    let other = Tenant::active(&app, &admin, "other").await.with_quote().await;
    let (own, second, foreign) = (acme.start().await, acme.start().await, other.start().await);
    for (tenant, id) in [(&acme, &own), (&acme, &second), (&other, &foreign)] {
        execution_in(&tenant.customer, id, "completed").await;
    }
    let cursor = async |tenant: &Tenant, id: &str| {
        text(&tenant.customer.get(&format!("{}?limit=1", path(id))).await.json()["next_cursor"])
    };
    let run_of = |cursor: &str| cursor.split('~').nth(1).expect("a run").to_owned();
    let (of_own, of_second, of_foreign) =
        (cursor(&acme, &own).await, cursor(&acme, &second).await, cursor(&other, &foreign).await);
    for wrong in [
        of_second.clone(),
        of_foreign.clone(),
        // The right execution, and a run of another.
        of_own.replace(&run_of(&of_own), &run_of(&of_second)),
        of_own.replace(&run_of(&of_own), &run_of(&of_foreign)),
        of_own.replace(&run_of(&of_own), "01a20b9c-65eb-72fd-b566-f810e78092af"),
        "nothing".to_owned(),
    ] {
        let answer = acme.customer.get(&format!("{}?cursor={wrong}", path(&own))).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], json!("cursor"), "{wrong}");
    }
    other.customer.get(&format!("{}?cursor={of_own}", path(&own))).await.problem(404, "not_found");
    acme.customer.get(&format!("{}?limit=0", path(&own))).await.problem(422, "invalid");
    acme.customer.get(&format!("{}?limit=1&cursor={of_own}", path(&own))).await.data(200);
}

#[tokio::test]
async fn should_say_for_how_long_a_history_is_kept() {
    let (_app, _admin, acme) = acme().await;
    let id = acme.start().await;
    execution_in(&acme.customer, &id, "completed").await;
    acme.own_worker("none").await.delete(&id).await;
    let problem = eventually("it is deleted", || async {
        let answer = acme.customer.get(&path(&id)).await;
        (answer.status == 404).then_some(answer)
    })
    .await;
    let problem = problem.problem(404, "not_found");
    assert!(text(&problem["detail"]).contains("kept for 7 days"), "{problem}");
}

#[tokio::test]
async fn should_say_that_temporal_is_away() {
    let mut temporal = Link::to(&Servers::get().temporal_address);
    temporal.open();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let id = acme.start().await;
    execution_in(&acme.customer, &id, "completed").await;
    temporal.cut().await;
    acme.customer.get(&path(&id)).await.problem(503, "unavailable");
    let pending = acme.start().await;
    acme.customer.get(&path(&pending)).await.data(200);
}
