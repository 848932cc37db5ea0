//! The client and the API's document (`docs/api/openapi.json`, which a test of the server keeps current): every operation has its method here,
//! and every method its operation; what is sent is what the document allows, and what the document gives for an example can be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use boon::{Compiler, Draft, Schemas};
use serde_json::{Map, Value, json};
use tenantry_client::{
    Call, Client, Error, List, Timestamp,
    api_keys::{self, NewApiKey, RateLimit},
    audit,
    executions::{self, Signal, Start, StartOwn, Terminate},
    organizations::NewOrganization,
    schedules::{self, Backfill, NewSchedule, Note, Spec},
    users::{self, NewUser},
    workflows::Source,
};

use crate::stand_in::{Answer, StandIn};

/// Where the document is for whoever follows its references.
const PLACE: &str = "http://tenantry.invalid/openapi.json";
/// What the client has nothing for: for programs that read documents, and for those that watch. And `follow_execution`, whose answer is
/// no JSON: `events` tries it.
const NOT_HERE: &[&str] = &[
    "follow_execution",
    "get_openapi",
    "get_reference",
    "get_reference_style",
    "get_health",
    "get_readiness",
    "get_metrics",
];

struct Document(Value);

impl Document {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
        let text = fs::read_to_string(path).expect("the committed copy");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    fn resolve<'a>(&'a self, thing: &'a Value) -> &'a Value {
        let place = thing["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
        place.map_or(thing, |place| self.0.pointer(place).expect("what a reference names"))
    }

    /// Where the operation with this id is: its path and its method.
    fn operation(&self, id: &str) -> (&str, &str, &Value) {
        let paths = self.0["paths"].as_object().expect("paths").iter();
        let mut all = paths.flat_map(|(path, item)| {
            item.as_object()
                .expect("operations")
                .iter()
                .map(move |(method, operation)| (path, method, operation))
        });
        let found = all.find(|(_, _, operation)| operation["operationId"] == id);
        let (path, method, operation) = found.unwrap_or_else(|| panic!("no {id}"));
        (path, method, operation)
    }

    fn ids(&self) -> BTreeSet<&str> {
        let items = self.0["paths"].as_object().expect("paths").values();
        let operations = items.flat_map(|item| item.as_object().expect("operations").values());
        operations.map(|operation| operation["operationId"].as_str().expect("an id")).collect()
    }

    /// What the document gives for an example of a good answer.
    fn answer(&self, operation: &Value) -> Answer {
        let (status, told) = operation["responses"].as_object().expect("answers").iter().next().expect("one");
        let schema = told["content"].as_object().and_then(|content| content.values().next());
        let body = schema.map_or_else(String::new, |media| self.example(&media["schema"]).to_string());
        Answer::new(status.parse().expect("a status"), body)
    }

    fn example(&self, schema: &Value) -> Value {
        if let Some(told) = schema["examples"].get(0).or(schema.get("example")) {
            return told.clone();
        }
        if !schema["$ref"].is_null() {
            return self.example(self.resolve(schema));
        }
        let mut whole = Map::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            whole.extend(self.example(part).as_object().expect("an object").clone());
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            whole.insert(name.clone(), self.example(field));
        }
        let one = schema["oneOf"].as_array().into_iter().flatten().find(|one| one["type"] != "null");
        match one {
            Some(one) if whole.is_empty() => self.example(one),
            _ if is(schema, "array") => json!([self.example(&schema["items"])]),
            _ if is(schema, "boolean") => json!(true),
            _ => whole.into(),
        }
    }

    /// Of YAML only that it is taken; who else reads it is the server.
    fn check_body(&self, path: &str, method: &str, content_type: &str, body: &str) {
        let escaped = |part: &str| part.replace('~', "~0").replace('/', "~1");
        let place =
            format!("/paths/{}/{method}/requestBody/content/{}/schema", escaped(path), escaped(content_type));
        assert!(self.0.pointer(&place).is_some(), "{method} {path} takes no {content_type}");
        if content_type != "application/json" {
            return;
        }
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(PLACE, self.0.clone()).expect("the document is JSON");
        let mut schemas = Schemas::new();
        let index = compiler.compile(&format!("{PLACE}#{place}"), &mut schemas).expect("a schema");
        let body = serde_json::from_str(body).expect("JSON");
        schemas.validate(&body, index).unwrap_or_else(|error| panic!("{method} {path}: {body}: {error:#}"));
    }
}

/// Whether what has this shape is of that type, or null.
fn is(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"][0] == kind
}

/// What a method of the client sends, held to the operation with this id; and what it reads.
struct Contract {
    document: Document,
    tried: BTreeSet<&'static str>,
}

impl Contract {
    async fn call<T: serde::de::DeserializeOwned>(
        &mut self,
        id: &'static str,
        call: impl FnOnce(&Client) -> Call<T>,
    ) {
        let (server, client) = self.server(id).await;
        let read = call(&client).send().await.map(drop);
        self.check(id, &server, read);
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &mut self,
        id: &'static str,
        list: impl FnOnce(&Client) -> List<T>,
    ) {
        let (server, client) = self.server(id).await;
        let read = list(&client).page().await.map(|page| assert_eq!(page.items.len(), 1, "{id}"));
        self.check(id, &server, read);
    }

    async fn server(&self, id: &str) -> (StandIn, Client) {
        let (_, _, operation) = self.document.operation(id);
        let server = StandIn::new([self.document.answer(operation)]).await;
        let client = Client::new(&server.url, "tn_test").expect("a client");
        (server, client)
    }

    fn check(&mut self, id: &'static str, server: &StandIn, read: Result<(), Error>) {
        read.unwrap_or_else(|error| panic!("{id}: {error}"));
        let (path, method, operation) = self.document.operation(id);
        let asked = &server.asked()[0];
        let (sent_method, target) = asked.line.split_once(' ').expect("a method and a target");
        let (sent_path, query) = target.split_once('?').unwrap_or((target, ""));
        assert_eq!(sent_method.to_ascii_lowercase(), method, "{id}");
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (told, sent) = (parts(path), parts(sent_path));
        let fits = told.iter().zip(&sent).all(|(told, sent)| told == sent || told.starts_with('{'));
        assert!(fits && told.len() == sent.len(), "{id}: {sent_path} is not {path}");
        for name in query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty())
        {
            let parameters = operation["parameters"].as_array().expect("parameters");
            assert!(
                parameters.iter().any(|told| told["name"] == name && told["in"] == "query"),
                "{id}: {name}"
            );
        }
        if !asked.body.is_empty() {
            let content_type = asked.header("content-type").expect("a type");
            self.document.check_body(path, method, content_type, &asked.body);
        }
        self.tried.insert(id);
    }
}

#[tokio::test]
async fn should_fit_the_document() {
    let mut contract = Contract { document: Document::read(), tried: BTreeSet::new() };
    organizations_and_users(&mut contract).await;
    keys(&mut contract).await;
    workflows_and_executions(&mut contract).await;
    schedules(&mut contract).await;
    let mut known: BTreeSet<&str> = contract.tried.clone();
    known.extend(NOT_HERE);
    assert_eq!(known, contract.document.ids());
}

async fn organizations_and_users(contract: &mut Contract) {
    let new = NewOrganization { slug: "acme".to_owned(), name: "Acme".to_owned() };
    contract.call("create_organization", |client| client.organizations().create(&new)).await;
    contract.list("list_organizations", |client| client.organizations().list().limit(1)).await;
    contract.call("get_organization", |client| client.organizations().get("acme")).await;
    contract.call("update_organization", |client| client.organizations().rename("acme", "Acme & Sons")).await;
    contract.call("suspend_organization", |client| client.organizations().suspend("acme", true)).await;
    contract.call("resume_organization", |client| client.organizations().resume("acme")).await;
    contract.call("retry_provisioning", |client| client.organizations().retry_provisioning("acme")).await;
    contract.call("delete_organization", |client| client.organizations().delete("acme", "acme")).await;
    contract.call("get_quotas", |client| client.organizations().quotas("acme")).await;
    let limits = BTreeMap::from([("users".to_owned(), 5)]);
    contract.call("set_quotas", |client| client.organizations().set_quotas("acme", &limits)).await;
    contract.call("get_usage", |client| client.organizations().usage("acme")).await;
    let person = NewUser::person("Ada", "ada@acme.example", "manager");
    contract.call("create_user", |client| client.users().create("acme", &person)).await;
    let service = NewUser::service("builder", "worker");
    contract.call("create_user", |client| client.users().create("acme", &service)).await;
    contract
        .list("list_users", |client| client.users().list("acme").cursor("usr_01h455vb4pex5vsknk084sn02q"))
        .await;
    contract.call("get_user", |client| client.users().get("usr_1")).await;
    let changes = users::Changes { status: Some("disabled".to_owned()), ..users::Changes::default() };
    contract.call("update_user", |client| client.users().update("usr_1", &changes)).await;
    contract.call("delete_user", |client| client.users().delete("usr_1")).await;
    contract.call("get_me", Client::me).await;
    let filter = audit::Filter {
        actor: Some("usr_1".to_owned()),
        action: Some("user.create".to_owned()),
        resource: Some("usr_1".to_owned()),
        after: Some(at()),
        before: Some(at()),
    };
    contract.list("list_audit_log", |client| client.audit().list(&filter)).await;
    contract.call("verify_audit_log", |client| client.audit().verify()).await;
}

async fn keys(contract: &mut Contract) {
    let limit = RateLimit { requests: 5, per_seconds: 1 };
    let new = NewApiKey {
        name: "laptop".to_owned(),
        scopes: Some(vec!["executions:start".to_owned(), "workflow:quote".to_owned()]),
        allowed_cidrs: Some(vec!["192.0.2.0/24".to_owned()]),
        rate_limit: Some(limit),
        expires_at: Some(at()),
    };
    contract.call("create_api_key", |client| client.api_keys().create("usr_1", &new)).await;
    contract.list("list_user_api_keys", |client| client.api_keys().list("usr_1")).await;
    let filter = api_keys::Filter { unused_for_days: Some(30), expiring_within_days: Some(7) };
    contract.list("list_api_keys", |client| client.api_keys().list_all(&filter)).await;
    contract.call("get_api_key", |client| client.api_keys().get("key_1")).await;
    let lifted = api_keys::Changes {
        name: Some("server".to_owned()),
        scopes: Some(None),
        allowed_cidrs: Some(None),
        rate_limit: Some(Some(limit)),
        expires_at: Some(None),
    };
    contract.call("update_api_key", |client| client.api_keys().update("key_1", &lifted)).await;
    contract.call("rotate_api_key", |client| client.api_keys().rotate("key_1", 60)).await;
    contract.call("revoke_api_key", |client| client.api_keys().revoke("key_1")).await;
}

async fn workflows_and_executions(contract: &mut Contract) {
    let yaml = Source::Yaml("document: {}");
    contract.call("apply_workflow", |client| client.workflows().put("quote", yaml)).await;
    contract.call("apply_workflow", |client| client.workflows().put("quote", Source::Json("{}"))).await;
    contract.call("get_workflow", |client| client.workflows().get("quote")).await;
    contract.list("list_workflows", |client| client.workflows().list()).await;
    contract.call("delete_workflow", |client| client.workflows().delete("quote")).await;
    contract.list("list_revisions", |client| client.workflows().revisions("quote")).await;
    contract.call("get_revision", |client| client.workflows().revision("quote", 2)).await;
    contract.call("validate_workflow", |client| client.workflows().validate(yaml)).await;
    let start = Start {
        input: Some(json!({"n": 1})),
        revision: Some(2),
        execution_id: Some("exe_01h455vb4pex5vsknk084sn02q".to_owned()),
    };
    contract.call("start_execution", |client| client.executions().start("quote", &start)).await;
    let own = StartOwn {
        workflow_type: "Order".to_owned(),
        task_queue: "orders".to_owned(),
        workflow_id: Some("order-1".to_owned()),
        input: Some(json!([1])),
    };
    contract.call("start_own_execution", |client| client.executions().start_own(&own)).await;
    contract.call("get_execution", |client| client.executions().get("exe_1")).await;
    contract.list("list_tasks", |client| client.executions().tasks("exe_1")).await;
    contract.list("list_history", |client| client.executions().history("exe_1")).await;
    contract.call("cancel_execution", |client| client.executions().cancel("exe_1")).await;
    let signal = Signal { name: "approve".to_owned(), input: Some(json!(true)) };
    contract.call("signal_execution", |client| client.executions().signal("exe_1", &signal)).await;
    let terminate = Terminate { reason: Some("it went wrong".to_owned()) };
    contract.call("terminate_execution", |client| client.executions().terminate("exe_1", &terminate)).await;
    let filter = executions::Filter {
        workflow: Some("quote".to_owned()),
        schedule: Some("sch_1".to_owned()),
        status: Some("running".to_owned()),
        started_after: Some(at()),
        started_before: Some(at()),
    };
    contract.list("list_executions", |client| client.executions().list(&filter)).await;
}

async fn schedules(contract: &mut Contract) {
    let spec = Spec { every_seconds: Some(60), ..Spec::default() };
    let settings = schedules::Changes {
        input: Some(json!(null)),
        spec: Some(spec),
        overlap: Some("skip".to_owned()),
        jitter_seconds: Some(1),
        catchup_window_seconds: Some(60),
        paused: Some(true),
        note: Some("a holiday".to_owned()),
    };
    let new = NewSchedule { workflow: "quote".to_owned(), settings: settings.clone() };
    contract.call("create_schedule", |client| client.schedules().create(&new)).await;
    contract.list("list_schedules", |client| client.schedules().list()).await;
    contract.call("get_schedule", |client| client.schedules().get("sch_1")).await;
    contract.call("update_schedule", |client| client.schedules().update("sch_1", &settings)).await;
    contract.call("delete_schedule", |client| client.schedules().delete("sch_1")).await;
    let note = Note { note: Some("a holiday".to_owned()) };
    contract.call("pause_schedule", |client| client.schedules().pause("sch_1", &note)).await;
    contract.call("resume_schedule", |client| client.schedules().resume("sch_1", &note)).await;
    contract.call("trigger_schedule", |client| client.schedules().trigger("sch_1")).await;
    let backfill = Backfill { start_time: at(), end_time: at(), overlap: Some("allow_all".to_owned()) };
    contract.call("backfill_schedule", |client| client.schedules().backfill("sch_1", &backfill)).await;
    contract.list("list_upcoming", |client| client.schedules().upcoming("sch_1")).await;
}

fn at() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().expect("a moment")
}
