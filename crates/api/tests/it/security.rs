//! Who gets in, what each role may do there, and what never comes out.

use std::{fmt::Write as _, time::Duration};

use insta::assert_snapshot;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};
use tenantry_api::Settings;
use tenantry_domain::Secret;
use tenantry_test_support::{App, eventually};

use crate::{
    caller::{Caller, text},
    log::Log,
    operations::{Kind, Names, OPERATIONS},
    tenant::{QUOTE, Tenant, execution_in, somebody},
    wire::Wire,
};

/// Every row of every table that tenants have, but those whose names begin so, as PostgreSQL writes it. When keys were used, and when to look
/// at a namespace again, is left out: it is written when there is time.
pub(crate) async fn rows(app: &App, but: &str) -> Vec<String> {
    let mut owner = app.database.owner().await;
    // Nodes say every few seconds that they live.
    let tables = "select relname::text from pg_class
                  where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'nodes' order by 1";
    let tables = sqlx::query(tables).fetch_all(&mut owner).await.expect("the tables");
    let mut rows = Vec::new();
    let tables = tables.iter().map(|table| table.get::<String, _>(0));
    for table in tables.filter(|table| but.is_empty() || !table.starts_with(but)) {
        let query = format!(
            "select (to_jsonb(t) - array['last_used_at', 'last_used_address', 'next_look_at'])::text from {table} as t order by 1"
        );
        let found = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut owner).await.expect("the rows");
        rows.extend(found.iter().map(|row| row.get::<String, _>(0)));
    }
    rows
}

/// Does what no operation does.
async fn as_owner(app: &App, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut app.database.owner().await).await.expect(sql);
}

#[tokio::test]
async fn should_want_a_credential_for_every_operation_but_the_open_ones() {
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    for operation in OPERATIONS {
        for names in [Names::missing(), Names::malformed()] {
            for body in [None, Some("{"), Some("{}")] {
                let answer = operation.ask_with(&anonymous, &names, body).await;
                if operation.kind == Kind::Open {
                    assert_eq!(answer.status, 200, "{operation:?}");
                } else {
                    answer.problem(401, "unauthenticated");
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                }
            }
        }
    }
}

#[tokio::test]
async fn should_say_the_same_of_every_credential_that_is_no_good() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let (acme, gone) = (Tenant::new(&admin, "acme").await, Tenant::new(&admin, "gone").await);
    let keys = format!("/users/{}/api-keys", acme.manager.user);
    let expires_at = (tenantry_domain::Clock::now(&*app.clock) + Duration::from_hours(1)).to_rfc3339();
    let body = json!({"name": "short", "expires_at": expires_at});
    let expired = text(&acme.manager.post(&keys, &body).await.data(201)["secret"]);
    Caller::anonymous(&app).with_key(&expired).await;
    app.clock.advance(Duration::from_hours(1));
    admin.delete(&format!("/api-keys/{}", acme.customer.api_key)).await;
    as_owner(&app, "update users set status = 'disabled' where role = 'worker'").await;
    as_owner(&app, "update organizations set status = 'deleting' where slug = 'gone'").await;

    // What was changed last is heard of last.
    eventually("heard", || async { (gone.manager.get("/me").await.status == 401).then_some(()) }).await;

    let good = format!("Bearer {}", acme.manager.secret);
    let bearer = |secret: &str| vec![format!("Bearer {secret}")];
    let unknown = Secret::generate().expect("randomness");
    let anonymous = Caller::anonymous(&app);
    let refused = anonymous.get("/me").await;
    refused.problem(401, "unauthenticated");
    for (why, authorization) in [
        ("malformed", bearer("tn_short")),
        ("one character wrong", vec![good.replace("tn_", "tn-")]),
        ("one character more", vec![format!("{good}0")]),
        ("unknown", bearer(unknown.reveal())),
        ("expired", bearer(&expired)),
        ("revoked", bearer(&acme.customer.secret)),
        ("of a disabled user", bearer(&acme.worker.secret)),
        ("of an organization that is being deleted", bearer(&gone.manager.secret)),
        ("of another scheme", vec![good.replace("Bearer", "Basic")]),
        ("of no scheme", vec![acme.manager.secret.clone()]),
        ("without a token", vec!["Bearer ".to_owned()]),
        ("empty", vec![String::new()]),
        ("given twice", vec![good.clone(), good.clone()]),
        ("given beside another", vec![good.clone(), "Basic eDp5".to_owned()]),
        ("not text", vec![good.replace("tn_", "tn_é")]),
    ] {
        let authorization: Vec<&str> = authorization.iter().map(String::as_str).collect();
        let answer = anonymous.presenting(&authorization).get("/me").await;
        assert_eq!(answer.indistinct(), refused.indistinct(), "{why}");
    }
    assert_eq!(anonymous.presenting(&[&good.replace("Bearer", "bEARER")]).get("/me").await.status, 200);
}

#[tokio::test]
async fn should_allow_each_role_what_the_matrix_says() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let execution = acme.start().await;
    let manager_of_other = Tenant::new(&admin, "other").await.manager;
    let callers = [
        ("admin", &admin.inside("acme")),
        ("manager", &acme.manager),
        ("customer", &acme.customer),
        ("worker", &acme.worker),
        ("other_org", &manager_of_other),
    ];
    let mut matrix = format!("{:52}", "");
    for (name, _) in &callers {
        let _ = write!(matrix, "{name:>10}");
    }
    for operation in OPERATIONS.iter().filter(|operation| operation.kind != Kind::Open) {
        let _ = write!(matrix, "\n{:7}{:45}", operation.method, operation.route);
        for (_, caller) in &callers {
            // Somebody else of the organization, whose key nobody needs any more.
            let user = json!({"kind": "service", "name": "Somebody", "role": "customer"});
            let user = text(&admin.post("/organizations/acme/users", &user).await.data(201)["id"]);
            let keys = format!("/users/{user}/api-keys");
            let api_key = text(&admin.post(&keys, &json!({"name": "k"})).await.data(201)["id"]);
            let mut names = Names { user, api_key, ..acme.names(&execution) };
            if operation.route.contains("{schedule}") {
                names.schedule = acme.another_schedule().await;
            }
            if operation.deletes_a_workflow() {
                names.workflow = acme.another_workflow().await;
            }
            let _ = write!(matrix, "{:>10}", operation.ask(caller, &names).await.status);
        }
    }
    assert_snapshot!(matrix);
}

#[tokio::test]
async fn should_hide_other_users_and_their_keys_from_a_customer_and_a_worker() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    for caller in [&acme.customer, &acme.worker] {
        let (own_user, own_key) = (caller.user.clone(), caller.api_key.clone());
        let missing = Names::missing();
        let of_identities =
            OPERATIONS.iter().filter(|one| one.route.contains("{user}") || one.route.contains("{api_key}"));
        for operation in of_identities {
            let (user, api_key) = (acme.manager.user.clone(), acme.manager.api_key.clone());
            let others = Names { user, api_key, ..missing.clone() };
            let nobodys = operation.ask(caller, &missing).await;
            nobodys.problem(404, "not_found");
            assert_eq!(
                operation.ask(caller, &others).await.indistinct(),
                nobodys.indistinct(),
                "{operation:?}"
            );
            let own = Names { user: own_user.clone(), api_key: own_key.clone(), ..missing.clone() };
            match (operation.method, operation.route) {
                ("DELETE", _) => {}
                // One sees oneself, and may not change oneself.
                ("PATCH", "/api/v0/users/{user}") => {
                    drop(operation.ask(caller, &own).await.problem(403, "forbidden"));
                }
                _ => assert!(operation.ask(caller, &own).await.status < 300, "{operation:?} of one's own"),
            }
        }
    }
    assert_eq!(acme.manager.get("/me").await.status, 200, "the manager's key was not revoked");
}

#[tokio::test]
async fn should_let_nobody_rise_above_their_own_role() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let new_admin = json!({"email": "boss@acme.example", "name": "Boss", "role": "admin"});
    acme.manager.post("/organizations/acme/users", &new_admin).await.problem(403, "forbidden");
    let elsewhere = admin.post("/organizations/acme/users", &new_admin).await;
    assert_eq!(
        elsewhere.wrong_fields(422, "invalid"),
        ["role"],
        "admins are only in the system organization"
    );

    let system = somebody(&admin, "system", "manager").await;
    system.post("/organizations/system/users", &new_admin).await.problem(403, "forbidden");
    system.get("/organizations").await.problem(403, "forbidden");
    system.post("/organizations", &json!({"slug": "mine", "name": "Mine"})).await.problem(403, "forbidden");
    system.inside("acme").get("/workflows").await.problem(404, "not_found");
    let admins_keys = format!("/users/{}/api-keys", admin.user);
    system.get(&admins_keys).await.data(200);
    system.post(&admins_keys, &json!({"name": "stolen"})).await.problem(403, "forbidden");
    system.delete(&format!("/api-keys/{}", admin.api_key)).await.problem(403, "forbidden");
    assert_eq!(admin.get("/me").await.status, 200);

    let second = admin.post("/organizations/system/users", &new_admin).await.data(201);
    let keys = format!("/users/{}/api-keys", text(&second["id"]));
    admin.post(&keys, &json!({"name": "theirs"})).await.data(201);
}

#[tokio::test]
async fn should_let_an_admin_act_inside_an_organization_by_its_header() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let inside = admin.inside(&acme.id);
    inside.put("/workflows/quote", QUOTE).await.data(201);
    let started =
        inside.post("/workflows/quote/executions", &json!({"input": {"amount": 1}})).await.data(202);
    let seen = execution_in(&acme.customer, &text(&started["id"]), "completed").await;
    assert_eq!(seen["started_by"], json!(admin.user));
    assert_eq!(admin.get("/workflows").await.data(200), json!([]), "at home, an admin has none of it");
    assert_eq!(admin.inside("acme").get("/organizations/system").await.data(200)["slug"], json!("system"));
}

#[tokio::test]
async fn should_show_a_secret_in_no_other_place_than_the_answer_that_made_it() {
    let log = Log::listen();
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let execution = acme.start().await;
    execution_in(&acme.customer, &execution, "completed").await;
    let names = acme.names(&execution);
    let mut said = String::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.method != "DELETE") {
        for caller in [&admin, &admin.inside("acme"), &acme.manager, &acme.customer, &acme.worker] {
            let answer = operation.ask(caller, &names).await;
            let _ = write!(said, "{:?}{}", answer.headers, answer.text);
        }
    }
    let half = &acme.manager.secret[..acme.manager.secret.len() / 2];
    acme.manager.presenting(&[&format!("Bearer {half}")]).get("/me").await.problem(401, "unauthenticated");

    let logged = log.text();
    assert!(logged.contains("outcome=\"ok\"") && logged.contains("/api/v0/me"), "the log is heard: {logged}");
    let stored = rows(&app, "").await.join("\n");
    assert!(stored.contains(&acme.manager.secret[..7]), "the rows are read");
    let secrets = [&admin, &acme.manager, &acme.customer, &acme.worker].map(|caller| caller.secret.clone());
    for secret in secrets.iter().map(String::as_str).chain([half]) {
        for (place, text) in [("an answer", &said), ("the log", &logged), ("the database", &stored)] {
            // Most of a secret is as bad as all of it.
            assert!(!text.contains(&secret[..secret.len().min(16)]), "a secret is in {place}");
        }
    }
}

#[tokio::test]
async fn should_keep_the_cause_of_an_internal_error_in_the_log() {
    let log = Log::listen();
    let app = App::start().await;
    let admin = Caller::admin(&app).await.with("x-request-id", "find-me");
    as_owner(&app, "alter table workflow_revisions rename column digest to digested").await;
    let answer = admin.get("/workflows").await;
    let problem = answer.problem(500, "internal");
    assert_eq!(problem["errors"], json!(null));
    for inside in ["digest", "column", "sqlx", "PostgreSQL", "select"] {
        assert!(!answer.text.contains(inside), "{}", answer.text);
    }
    let logged = log.text();
    let line = logged.lines().find(|line| line.contains("ERROR") && line.contains("find-me"));
    assert!(line.is_some_and(|line| line.contains("digest")), "the whole chain is in the log: {line:?}");
    assert_eq!(logged.lines().filter(|line| line.contains("ERROR")).count(), 1, "once");
}

#[tokio::test]
async fn should_ask_who_calls_when_the_request_is_there_and_not_when_it_begins() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let (path, body) = (format!("/users/{}/api-keys", acme.manager.user), r#"{"name": "for later"}"#);
    let mut wire = Wire::to(&app).await;
    wire.say(&wire.post(&path, &acme.manager.secret, body.len())).await;
    wire.say(&body[..9]).await;
    assert_eq!(admin.delete(&format!("/api-keys/{}", acme.manager.api_key)).await.status, 204);
    wire.say(&body[9..]).await;
    let answer = wire.answer().await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn should_find_nothing_under_a_name_that_cannot_be_read() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    for caller in [&admin, &admin.inside("acme"), &acme.manager] {
        caller.get("/organizations/%ff").await.problem(404, "not_found");
        caller.patch("/organizations/%ff", &json!({"name": "x"})).await.problem(404, "not_found");
        let user = json!({"kind": "service", "name": "x", "role": "customer"});
        caller.post("/organizations/%ff/users", &user).await.problem(404, "not_found");
        caller.get("/users/%ff").await.problem(404, "not_found");
    }
    let twice = admin.inside("acme").inside("system");
    twice.get("/workflows").await.problem(404, "not_found");
}

/// How long refusals of each credential take: the medians of many, the credentials in turn, so that what disturbs one disturbs all. One
/// is in use meanwhile, where it is good.
async fn refusals(
    app: &App,
    admin: &Caller,
    credentials: &[String],
    in_use: &Caller,
    attempt: usize,
) -> Vec<f64> {
    let mut took = vec![Vec::new(); credentials.len()];
    for round in 0..120 {
        // Then nothing that was found holds any more, and each is looked up.
        admin
            .patch("/organizations/acme", &json!({"name": format!("Acme {attempt} {round}")}))
            .await
            .data(200);
        in_use.get("/me").await.data(200);
        for (place, credential) in credentials.iter().enumerate() {
            // From another address each time, or it would be shut out.
            let address = format!("10.{attempt}.{round}.{place}");
            let caller = Caller::anonymous(app).presenting(&[credential]).with("x-forwarded-for", &address);
            caller.get("/healthz").await;
            let began = std::time::Instant::now();
            let status = caller.get("/me").await.status;
            took[place].push(began.elapsed().as_secs_f64());
            assert_eq!(status, 401);
        }
    }
    let median = |mut took: Vec<f64>| {
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    };
    took.into_iter().map(median).collect()
}

#[tokio::test]
async fn should_take_as_long_to_refuse_every_credential_that_is_no_good() {
    let trusted_proxies = "127.0.0.0/8".parse().expect("a network");
    let app = App::start_as(Settings { trusted_proxies, ..Settings::default() }).await;
    let admin = Caller::admin(&app).await;
    let (acme, gone) = (Tenant::new(&admin, "acme").await, Tenant::new(&admin, "gone").await);
    admin.delete(&format!("/api-keys/{}", acme.customer.api_key)).await;
    admin.patch(&format!("/users/{}", acme.worker.user), &json!({"status": "disabled"})).await.data(200);
    admin.delete("/organizations/gone?confirm=gone").await;
    let unknown = Secret::generate().expect("randomness").reveal().to_owned();
    let key = json!({"name": "at home", "allowed_cidrs": ["192.0.2.0/24"]});
    let path = format!("/users/{}/api-keys", acme.manager.user);
    let at_home = text(&acme.manager.post(&path, &key).await.data(201)["secret"]);
    let in_use = Caller::anonymous(&app).presenting(&[&format!("Bearer {at_home}")]);
    let in_use = in_use.with("x-forwarded-for", "192.0.2.1");
    let secrets = [&unknown, &acme.customer.secret, &acme.worker.secret, &gone.manager.secret, &at_home];
    let credentials = secrets.map(|secret| format!("Bearer {secret}"));
    let mut seen = Vec::new();
    for attempt in 0..5 {
        let medians = refusals(&app, &admin, &credentials, &in_use, attempt).await;
        let (shortest, longest) =
            medians.iter().fold((f64::MAX, 0.0_f64), |(min, max), &took| (min.min(took), max.max(took)));
        if longest < shortest * 1.2 {
            return;
        }
        seen.push(medians);
    }
    panic!("one kind of refusal takes longer than another, each time: {seen:?}");
}
