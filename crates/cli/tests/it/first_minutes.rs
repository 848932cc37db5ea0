//! The first five minutes, as a newcomer spends them: an empty folder, and a few commands up to an output.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow, WorkflowFetchHistoryOptions,
};
use tenantry_test_support::eventually;
use tokio::time::timeout;

use crate::{
    member::Member,
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::{Left, Tenantry},
};

/// Sets data, calls a service, branches, waits, and returns an object.
pub(crate) fn definition(service: &str) -> String {
    format!(
        "
document: {{dsl: 1.0.3, namespace: sales, name: quote, version: 1.0.0}}
do:
  - begin:
      set: {{item: '${{ .item }}', amount: '${{ .amount }}'}}
      export: {{as: .}}
  - price:
      call: http
      with: {{method: get, endpoint: '{service}/price'}}
  - choose:
      switch:
        - many: {{when: $context.amount >= 10, then: discount}}
        - few: {{then: rest}}
  - discount:
      set: {{price: '${{ .price - 1 }}'}}
  - rest:
      wait: {{seconds: 2}}
  - finish:
      set: {{item: '${{ $context.item }}', total: '${{ .price * $context.amount }}'}}
"
    )
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn should_lead_from_nothing_to_an_output_that_survives_a_crash() {
    let newcomer = Tenantry::developer();
    let dev = Dev::start(&newcomer).await;
    assert_eq!(mode(&dev.ready_file), 0o600);
    // PostgreSQL's account may have to pass through; nobody may look around.
    assert_eq!(mode(&newcomer.folder.path().join(".tenantry")) & 0o066, 0);
    let names: Vec<&String> = dev.ready.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["url", "gateway", "temporal", "database_url", "admin_api_key"]);

    // The profile, which the next command finds, makes the newcomer the admin.
    let ada = Member::of(&newcomer, dev.url(), "acme").await;
    assert_eq!(ada.organization["status"], "active");
    let service = StandIn::new([Answer::new(200, json!({"price": 4}))]).await;
    ada.tenantry.write("quote.yaml", 0o644, &definition(&service.url));
    let applied = ada.tenantry.run(&["workflow", "apply", "quote.yaml"]).await;
    assert_eq!(applied.stdout, "applied quote revision 1\n", "{}", applied.stderr);
    let run = ["run", "quote", "--input", r#"{"item": "book", "amount": 10}"#, "--wait"];
    let waiting = ada.tenantry.start(&run);

    let execution = waiting_execution(&dev, &ada).await;
    let (address, temporal, database) =
        (dev.address().to_owned(), dev.ready["temporal"].clone(), dev.ready["database_url"].clone());
    dev.kill().await;
    let dev = Dev::start_at(&newcomer, &address, &[]).await;
    assert_ne!((&dev.ready["temporal"], &dev.ready["database_url"]), (&temporal, &database));
    let ended = timeout(Duration::from_secs(40), waiting.wait_with_output()).await.expect("an end in time");
    let left = Left::from(ended.expect("an output"));
    let output: Value = serde_json::from_str(&left.stdout).expect(&left.stderr);
    assert_eq!((left.status, output), (Some(0), json!({"item": "book", "total": 30})));
    assert_eq!(service.asked_lines(), ["GET /price"]);

    let shown = ada.tenantry.answer(&["execution", "get", &execution]).await;
    assert_eq!((&shown["status"], &shown["output"]["total"]), (&json!("completed"), &json!(30)));
    // The second start has found a schema and started workers: what was chatty once.
    let (_, log) = dev.stop(Signal::INT).await;
    check_log(&log);
}

/// The one execution, once it has made its call and waits.
async fn waiting_execution(dev: &Dev, member: &Member) -> String {
    let temporal = format!("http://{}", dev.ready["temporal"].as_str().expect("an address"));
    let options = ConnectionOptions::new(temporal.parse::<url::Url>().expect("a URL")).build();
    let connection = Connection::connect(options).await.expect("a connection");
    let namespace = member.organization["namespace"].as_str().expect("a namespace");
    let client = Client::new(connection, ClientOptions::new(namespace).build()).expect("a client");
    eventually("the wait", async || {
        let executions = member.tenantry.answer(&["execution", "list"]).await;
        let id = executions[0]["id"].as_str()?;
        let handle = client.get_workflow_handle::<UntypedWorkflow>(id);
        let events = handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.ok()?;
        let waits = events.iter().any(|event| event.event_type().as_str_name() == "EVENT_TYPE_TIMER_STARTED");
        waits.then(|| id.to_owned())
    })
    .await
}

#[tokio::test]
async fn should_tell_a_newcomer_all_they_need() {
    let newcomer = Tenantry::developer();
    let dev = Dev::start(&newcomer).await;
    let (url, key) = (dev.url().to_owned(), dev.admin_key().to_owned());
    let created = Member::of(&newcomer, &url, "acme").await;
    let keys = created.tenantry.run(&["apikey", "create", "--name", "second"]).await;
    assert_eq!((keys.status, keys.stdout.matches("tn_").count()), (Some(0), 1), "{}", keys.stdout);
    let profile = newcomer.folder.path().join(".tenantry/profiles.toml").canonicalize().expect("a profile");
    assert_eq!(mode(&profile), 0o600);

    let (stdout, stderr) = dev.stop(Signal::TERM).await;
    assert_eq!(stdout.matches(&key).count(), 1, "{stdout}");
    assert!(!stderr.contains(&key) && !stderr.contains(created.secret()), "{stderr}");
    let lines = [
        format!("REST           {url}/api/v0"),
        format!("Saved to       {} (profile dev", profile.display()),
        "tenantry org create acme --name \"Acme\"\n".to_owned(),
    ];
    for line in lines {
        assert!(stdout.contains(&line), "{line}: {stdout}");
    }
    assert!(!stdout.contains("TENANTRY_HOME"), "{stdout}");
    check_log(&stderr);
}

/// Lines for people, without colours, and nothing that they need not know.
fn check_log(log: &str) {
    assert!(log.contains("outcome=\"ok\""), "{log}");
    for noise in ["\u{1b}", "Initializing worker", "already exists, skipping"] {
        assert!(!log.contains(noise), "{noise:?}: {log}");
    }
    let times = log.split("milliseconds=").skip(1).map(|rest| rest.split_whitespace().next().unwrap_or(rest));
    for time in times {
        assert!(time.split_once('.').is_some_and(|(_, decimals)| decimals.len() <= 3), "{time}: {log}");
    }
}
