//! What a key of one organization sees of another: nothing, and not even that it is there.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    member::Member,
    rest::{Request, send, send_as},
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::{Tenantry, words},
};

/// Part of an id that nobody has.
const NOBODY: &str = "01h455vb4pex5vsknk084sn02q";
const SHORT: &str = "
document: {dsl: 1.0.3, namespace: sales, name: quote, version: 1.0.0}
do:
  - fetch:
      call: http
      with: {method: get, endpoint: '{service}/'}
";

/// Two organizations. The first has one of everything.
struct Two {
    _home: Tenantry,
    dev: Dev,
    acme: Member,
    beta: Member,
    execution: String,
}

impl Two {
    async fn new() -> Self {
        let home = Tenantry::developer();
        let dev = Dev::start(&home).await;
        let admin = dev.admin();
        let (acme, beta) =
            tokio::join!(Member::of(&admin, dev.url(), "acme"), Member::of(&admin, dev.url(), "beta"));
        let service = StandIn::new([Answer::new(200, json!({"secret": "of acme"}))]).await;
        acme.tenantry.write("quote.yaml", 0o644, &SHORT.replace("{service}", &service.url));
        acme.tenantry.answer(&["workflow", "apply", "quote.yaml"]).await;
        let output = acme.tenantry.answer(&["run", "quote", "--wait"]).await;
        assert_eq!(output, json!({"secret": "of acme"}));
        let executions = acme.tenantry.answer(&["execution", "list"]).await;
        let execution = text(&executions[0]["id"]);
        Self { _home: home, dev, acme, beta, execution }
    }

    /// What each placeholder stands for: something of the first organization, and something that nobody has.
    fn names(&self) -> [(&'static str, String, String); 6] {
        let nobody = |prefix: &str| format!("{prefix}_{NOBODY}");
        [
            ("{slug}", "acme".to_owned(), "nobody".to_owned()),
            ("{org}", text(&self.acme.organization["id"]), nobody("org")),
            ("{user}", text(&self.acme.user["id"]), nobody("usr")),
            ("{key}", text(&self.acme.key["id"]), nobody("key")),
            ("{workflow}", "quote".to_owned(), "absent".to_owned()),
            ("{execution}", self.execution.clone(), nobody("exe")),
        ]
    }

    /// The line about something of the first organization, and the same about what nobody has.
    fn both(&self, line: &str) -> (String, String) {
        let both = (line.to_owned(), line.to_owned());
        self.names().into_iter().fold(both, |(theirs, missing), (name, foreign, nobody)| {
            (theirs.replace(name, &foreign), missing.replace(name, &nobody))
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn should_hide_one_organization_from_the_commands_of_another() {
    let two = Two::new().await;
    for line in [
        "org get {slug}",
        "org get {org}",
        "user get {user}",
        "user list --org {slug}",
        "user create --org {slug} --name Eve --role manager --email eve@beta.example",
        "apikey list --user {user}",
        "apikey create --user {user} --name laptop",
        "apikey get {key}",
        "apikey update {key} --name laptop",
        "apikey rotate {key}",
        "apikey revoke {key}",
        "workflow get {workflow}",
        "workflow get quote --org {slug}",
        "workflow list --org {org}",
        "run {workflow}",
        "run quote --org {slug}",
        "execution get {execution}",
        "execution list --org {slug}",
    ] {
        let (theirs, missing) = two.both(line);
        let theirs = two.beta.tenantry.run(&words(&theirs)).await;
        let missing = two.beta.tenantry.run(&words(&missing)).await;
        assert_eq!((theirs.status, theirs.stdout.as_str()), (Some(4), ""), "{line}: {}", theirs.stderr);
        assert!(theirs.stderr.starts_with("error[not_found]: "), "{line}: {}", theirs.stderr);
        assert_eq!((missing.status, missing.stderr), (Some(4), theirs.stderr), "{line}");
    }
    for noun in ["workflow", "execution"] {
        assert_eq!(two.beta.tenantry.answer(&[noun, "list", "--all"]).await, json!([]));
    }
    assert_eq!(two.beta.tenantry.answer(&["user", "list"]).await, json!([two.beta.user]));
    assert_eq!(two.beta.tenantry.run(&["org", "list"]).await.status, Some(3));
    // None of it came to anything, and to the first organization all of it means something.
    assert_eq!(two.acme.tenantry.answer(&["user", "list"]).await, json!([two.acme.user]));
    for line in ["org get {org}", "user get {user}", "apikey get {key}", "execution get {execution}"] {
        two.acme.tenantry.answer(&words(&two.both(line).0)).await;
    }
    two.dev.stop(Signal::INT).await;
}

#[tokio::test]
async fn should_hide_one_organization_from_the_requests_of_another() {
    let two = Two::new().await;
    let (url, key) = (two.dev.url(), two.beta.secret());
    let user = r#"{"name": "Eve", "email": "eve@beta.example", "role": "manager"}"#;
    for (line, body) in [
        ("GET /api/v0/organizations/{slug}", ""),
        ("GET /api/v0/organizations/{org}", ""),
        ("GET /api/v0/organizations/{slug}/users", ""),
        ("POST /api/v0/organizations/{org}/users", user),
        ("GET /api/v0/users/{user}", ""),
        ("GET /api/v0/users/{user}/api-keys", ""),
        ("POST /api/v0/users/{user}/api-keys", r#"{"name": "laptop"}"#),
        ("GET /api/v0/api-keys/{key}", ""),
        ("PATCH /api/v0/api-keys/{key}", r#"{"name": "laptop"}"#),
        ("POST /api/v0/api-keys/{key}/rotate", ""),
        ("DELETE /api/v0/api-keys/{key}", ""),
        ("GET /api/v0/workflows/{workflow}", ""),
        ("POST /api/v0/workflows/{workflow}/executions", "{}"),
        ("GET /api/v0/executions/{execution}", ""),
    ] {
        let (theirs, missing) = two.both(line);
        let theirs = send(url, key, &theirs, body).await.without_id();
        assert_eq!((theirs.0, &theirs.2["code"]), (404, &json!("not_found")), "{line}: {theirs:?}");
        assert_eq!(send(url, key, &missing, body).await.without_id(), theirs, "{line}");
    }
    let bearer = format!("Bearer {key}");
    for line in ["GET /api/v0/workflows", "GET /api/v0/executions", "GET /api/v0/workflows/quote"] {
        let naming = async |organization: &str| {
            let headers = [("authorization", bearer.as_str()), ("tenantry-organization", organization)];
            send_as(url, &Request { line, headers: &headers, body: "" }).await.without_id()
        };
        let theirs = naming("acme").await;
        assert_eq!((theirs.0, &theirs.2["code"]), (404, &json!("not_found")), "{line}: {theirs:?}");
        assert_eq!(naming("nobody").await, theirs, "{line}");
    }
    let executions = send(url, key, "GET /api/v0/executions", "").await;
    assert_eq!(executions.body, json!({"data": [], "next_cursor": null}));
    two.acme.tenantry.answer(&["me"]).await;
    two.dev.stop(Signal::INT).await;
}
