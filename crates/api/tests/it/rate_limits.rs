//! Limits on how much anybody may ask: of a key, of an organization, and of an address whose credentials are worth nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tenantry_api::Settings;
use tenantry_domain::Secret;
use tenantry_test_support::{App, Database, Servers, eventually};
use tokio::task::JoinSet;

use crate::{
    caller::{Answer, Caller, text},
    tenant::Tenant,
};

/// From what age on a key has a reserve.
const A_MINUTE: Duration = Duration::from_mins(1);

/// A caller with a new key of this user, which may do so much in an hour.
async fn limited(admin: &Caller, user: &str, requests: u32) -> Caller {
    admin.presenting(&[&limited_key(admin, user, requests).await])
}

async fn limited_key(admin: &Caller, user: &str, requests: u32) -> String {
    let body = json!({"name": "limited", "rate_limit": {"requests": requests, "per_seconds": 3600}});
    let key = admin.post(&format!("/users/{user}/api-keys"), &body).await.data(201);
    format!("Bearer {}", text(&key["secret"]))
}

/// How many of so many requests at once are answered.
async fn let_through(caller: &Caller, requests: u32) -> usize {
    let mut asked = JoinSet::new();
    for _ in 0..requests {
        let caller = caller.clone();
        asked.spawn(async move { caller.get("/me").await.status });
    }
    asked.join_all().await.into_iter().filter(|&status| status == 200).count()
}

/// The members of one policy in a header such as `"key";q=5;w=3600, "organization";q=1000;w=1`.
fn policy<'a>(answer: &'a Answer, header: &str, name: &str) -> Option<&'a str> {
    let mut policies = answer.header(header)?.split(", ");
    policies.find_map(|policy| policy.strip_prefix(&format!("\"{name}\";")))
}

#[tokio::test]
async fn should_tell_what_is_left_and_when_there_is_more() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let caller = limited(&admin, &acme.customer.user, 3).await;
    for left in [2, 1, 0] {
        let answer = caller.get("/me").await;
        assert_eq!(answer.status, 200);
        assert_eq!(policy(&answer, "ratelimit-policy", "key"), Some("q=3;w=3600"));
        let remaining = policy(&answer, "ratelimit", "key").expect("what is left");
        assert!(remaining.starts_with(&format!("r={left};t=")), "{remaining}");
        assert_eq!(policy(&answer, "ratelimit-policy", "organization"), Some("q=1000;w=1"));
    }
    let refused = caller.get("/me").await;
    refused.problem(429, "rate_limited");
    let retry_after: u64 = refused.header("retry-after").expect("when").parse().expect("seconds");
    assert!((1..=1200).contains(&retry_after), "{retry_after}");
    assert!(policy(&refused, "ratelimit", "key").expect("what is left").starts_with("r=0;t="));
    // What is refused for another reason counts, and says so too.
    let missing = acme.customer.get("/executions/exe_01h455vb4pex5vsknk084sn02q").await;
    assert!(missing.status == 404 && policy(&missing, "ratelimit", "organization").is_some());
    assert_eq!(Caller::anonymous(&app).get("/me").await.header("ratelimit"), None);
}

#[tokio::test]
async fn should_let_through_exactly_as_many_as_the_limit_says() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let caller = limited(&admin, &acme.customer.user, 20).await;
    assert_eq!(let_through(&caller, 60).await, 20);
    // Reading the key again does not fill its bucket.
    admin.patch("/organizations/acme", &json!({"name": "Acme again"})).await.data(200);
    assert_eq!(let_through(&caller, 10).await, 0);
    assert_eq!(acme.customer.get("/me").await.status, 200, "another key of the same user has its own limit");
}

#[tokio::test]
async fn should_count_all_keys_of_an_organization_together_and_no_others() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let (acme, other) = (Tenant::new(&admin, "acme").await, Tenant::new(&admin, "other").await);
    let quota = json!({"requests_per_second": 1});
    admin.put_json("/organizations/acme/quotas", &quota).await.data(200);
    let mut asked = JoinSet::new();
    for caller in [&acme.manager, &acme.customer, &acme.worker].into_iter().cycle().take(30) {
        let caller = caller.clone();
        asked.spawn(async move { caller.get("/me").await });
    }
    let answers = asked.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() > 20, "{}", refused.len());
    refused[0].problem(429, "rate_limited");
    assert_eq!(policy(refused[0], "ratelimit-policy", "organization"), Some("q=1;w=1"));
    assert_eq!(let_through(&other.customer, 30).await, 30);
}

#[tokio::test]
async fn should_let_keys_be_ended_while_one_of_them_uses_up_all_that_the_organization_may() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    admin.put_json("/organizations/acme/quotas", &json!({"requests_per_second": 1})).await.data(200);
    app.clock.advance(A_MINUTE);
    let flood = {
        let leaked = acme.customer.clone();
        tokio::spawn(async move { while leaked.get("/me").await.status != 401 {} })
    };
    eventually("nothing is left for others", || async {
        (acme.manager.get("/workflows").await.status == 429).then_some(())
    })
    .await;
    let keys = acme.manager.get(&format!("/users/{}/api-keys", acme.customer.user)).await;
    assert_eq!(text(&keys.data(200)[0]["id"]), acme.customer.api_key);
    let revoked = acme.manager.delete(&format!("/api-keys/{}", acme.customer.api_key)).await;
    assert_eq!(revoked.status / 100, 2, "{revoked:?}");
    flood.await.expect("the leaked key is refused");
}

#[tokio::test]
async fn should_keep_a_reserve_for_each_key_and_for_keys_and_users_alone() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    admin.put_json("/organizations/acme/quotas", &json!({"requests_per_second": 1})).await.data(200);
    app.clock.advance(A_MINUTE);
    let own = |caller: &Caller| format!("/api-keys/{}", caller.api_key);
    let through = async |caller: &Caller, path: &str| {
        let mut asked = JoinSet::new();
        for _ in 0..100 {
            let (caller, path) = (caller.clone(), path.to_owned());
            asked.spawn(async move { caller.get(&path).await });
        }
        let answers = asked.join_all().await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
        refused[0].problem(429, "rate_limited");
        answers.len() - refused.len()
    };
    // The reserve, and what the organization may in the seconds that this takes.
    let fair = 20..=35;
    let of_customer = through(&acme.customer, &own(&acme.customer)).await;
    assert!(fair.contains(&of_customer), "{of_customer}");
    let other_things = through(&acme.customer, "/workflows").await;
    assert!(other_things < 15, "{other_things}");
    let of_manager = through(&acme.manager, &own(&acme.customer)).await;
    assert!(fair.contains(&of_manager), "{of_manager}");
    // A key's own limit is what it is.
    let caller = limited(&admin, &acme.customer.user, 2).await;
    let path = format!("/users/{}/api-keys", acme.customer.user);
    assert!(through(&caller, &path).await <= 2);
}

#[tokio::test]
async fn should_give_no_reserve_for_making_keys_nor_to_those_that_were_just_made() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    app.clock.advance(A_MINUTE);
    let path = format!("/users/{}/api-keys", acme.customer.user);
    let made = acme.customer.post(&path, &json!({"name": "another"})).await.data(201);
    let another = acme.customer.holding(&made);
    admin.put_json("/organizations/acme/quotas", &json!({"requests_per_second": 1})).await.data(200);
    let (mut made, mut seen) = (0, 0);
    for _ in 0..50 {
        made += usize::from(acme.customer.post(&path, &json!({"name": "more"})).await.status == 201);
        seen += usize::from(another.get(&path).await.status == 200);
    }
    // As many as the organization may in the seconds that this takes.
    assert!(made + seen < 15, "{made} made, {seen} seen");
}

#[tokio::test]
async fn should_follow_a_limit_that_is_changed_while_it_runs() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let caller = limited(&admin, &acme.customer.user, 1).await;
    assert_eq!(let_through(&caller, 5).await, 1);
    let keys = admin.walk(&format!("/users/{}/api-keys", acme.customer.user)).await;
    let key = keys.iter().find(|key| key["name"] == json!("limited")).expect("the key");
    let path = format!("/api-keys/{}", text(&key["id"]));
    let limit = json!({"rate_limit": {"requests": 7, "per_seconds": 3600}});
    admin.patch(&path, &limit).await.data(200);
    assert_eq!(let_through(&caller, 20).await, 7);
    admin.patch(&path, &json!({"rate_limit": Value::Null})).await.data(200);
    assert_eq!(let_through(&caller, 20).await, 20);
}

#[tokio::test]
async fn should_share_a_limit_among_the_nodes() {
    let (database, temporal) = (Database::migrated().await, &Servers::get().temporal_address);
    let here = App::start_with(temporal, database.clone()).await;
    let there = App::start_with(temporal, database).await;
    let admin = Caller::admin(&here).await;
    let acme = Tenant::new(&admin, "acme").await;
    let left_on = async |app: &App, key: &str| {
        let answer = Caller::anonymous(app).presenting(&[key]).get("/me").await;
        let left = policy(&answer, "ratelimit", "key").and_then(|left| left.split(';').next());
        left.map(ToOwned::to_owned)
    };
    eventually("both nodes know of each other", || async {
        let key = limited_key(&admin, &acme.customer.user, 20).await;
        let left = [left_on(&here, &key).await, left_on(&there, &key).await];
        (left == [Some("r=9".to_owned()), Some("r=9".to_owned())]).then_some(())
    })
    .await;
    let key = limited_key(&admin, &acme.customer.user, 20).await;
    let (caller, caller_there) = (admin.presenting(&[&key]), Caller::anonymous(&there).presenting(&[&key]));
    let through = tokio::join!(let_through(&caller, 40), let_through(&caller_there, 40));
    assert_eq!(through, (10, 10));
    // One that stops leaves its share to the other.
    there.stop().await;
    eventually("the whole limit is here", || async {
        let key = limited_key(&admin, &acme.customer.user, 20).await;
        (left_on(&here, &key).await.as_deref() == Some("r=19")).then_some(())
    })
    .await;
}

/// An app behind a proxy, which says where requests come from.
async fn behind_a_proxy() -> App {
    let trusted_proxies = "127.0.0.0/8".parse().expect("a network");
    App::start_as(Settings { trusted_proxies, ..Settings::default() }).await
}

#[tokio::test]
async fn should_shut_out_an_address_that_tries_many_worthless_keys() {
    let app = behind_a_proxy().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let from = |address: &str| Caller::anonymous(&app).with("x-forwarded-for", address);
    let guess = || format!("Bearer {}", Secret::generate().expect("randomness").reveal());
    let mut refused = None;
    for tried in 0..200 {
        let answer = from("192.0.2.66").presenting(&[&guess()]).get("/me").await;
        if answer.status == 429 {
            refused = Some((tried, answer));
            break;
        }
        answer.problem(401, "unauthenticated");
    }
    let (tried, refused) = refused.expect("it is shut out");
    assert!(tried >= 100, "{tried}");
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("ratelimit"), None);

    let good = format!("Bearer {}", acme.customer.secret);
    let known = from("192.0.2.66").presenting(&[&good]).get("/me").await;
    assert_eq!(known.status, 200, "a key that is known to be good is let in from there too");
    // What is known of it does not hold any more; that it was good, does.
    admin.patch("/organizations/acme", &json!({"name": "Acme again"})).await.data(200);
    assert_eq!(from("192.0.2.66").presenting(&[&good]).get("/me").await.status, 200);
    from("192.0.2.77").presenting(&[&guess()]).get("/me").await.problem(401, "unauthenticated");
    from("192.0.2.66").get("/me").await.problem(401, "unauthenticated");

    // Nor can it be told from one that never was, once it is good no more. In between the address may try one now and then.
    admin.delete(&format!("/api-keys/{}", acme.customer.api_key)).await;
    loop {
        let mut answers = Vec::new();
        for credential in [guess(), good.clone(), guess()] {
            answers.push(from("192.0.2.66").presenting(&[&credential]).get("/me").await.status);
        }
        if (answers[0], answers[2]) == (429, 429) {
            assert_eq!(answers[1], 429);
            break;
        }
    }
}

#[tokio::test]
async fn should_count_a_request_once_whatever_becomes_of_its_body() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let caller = limited(&admin, &acme.manager.user, 2).await;
    caller.put("/workflows/quote", &"x".repeat((1 << 20) + 1)).await.problem(413, "payload_too_large");
    let counted = caller.put("/workflows/quote", crate::tenant::QUOTE).await;
    assert_eq!(counted.status, 201);
    assert!(policy(&counted, "ratelimit", "key").expect("what is left").starts_with("r=0;"));
    caller.put("/workflows/quote", crate::tenant::QUOTE).await.problem(429, "rate_limited");
}
