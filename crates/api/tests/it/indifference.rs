//! Whatever one organization does, another sees the same as before, byte for byte.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tenantry_test_support::App;
use tokio::runtime::Handle;

use crate::{
    caller::Caller,
    operations::{Kind, Names, OPERATIONS, Operation},
    tenant::{Tenant, closed, execution_in},
    text::unused,
};

/// How many operations there are in all.
const CASES: u32 = 8;
const STEPS: usize = 25;

/// One operation of the other organization.
#[derive(Clone, Debug)]
struct Step {
    operation: usize,
    caller: usize,
    names: usize,
    header: bool,
    body: Option<&'static str>,
}

fn step() -> impl Strategy<Value = Step> {
    let body = prop_oneof![3 => Just(None), 1 => Just(Some("{}")), 1 => Just(Some("{\"name\": \"x\"}")), 1 => Just(Some("{"))];
    (0..OPERATIONS.len(), 0..3_usize, 0..3_usize, any::<bool>(), body)
        .prop_map(|(operation, caller, names, header, body)| Step { operation, caller, names, header, body })
}

/// Everything that a manager can read of their organization, as the server writes it, but when they themselves were there.
async fn observed(tenant: &Tenant, names: &Names) -> Vec<(&'static str, String)> {
    let reads = |one: &&Operation| {
        one.method == "GET" && one.kind != Kind::Open && one.route != "/api/v0/organizations"
    };
    let mut seen = Vec::new();
    for operation in OPERATIONS.iter().filter(reads) {
        let answer = operation.ask(&tenant.manager, names).await;
        assert_eq!(answer.status, 200, "{operation:?}: {answer:?}");
        let is_json = answer.header("content-type") == Some("application/json");
        let text = if is_json { unused(answer.json()).to_string() } else { answer.text.clone() };
        seen.push((operation.route, text));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn should_see_the_same_whatever_another_organization_does() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await.with_schedule().await;
    let other = Tenant::active(&app, &admin, "other").await.with_quote().await.with_schedule().await;
    let (ours, theirs) = (acme.start().await, other.start().await);
    execution_in(&acme.customer, &ours, "completed").await;
    closed(&acme.customer, &ours).await;
    // What was started a moment ago counts for a second in the usage.
    app.clock.advance(Duration::from_secs(2));
    let of_acme = acme.names(&ours);
    let before = observed(&acme, &of_acme).await;

    let all_names = [of_acme.clone(), other.names(&theirs), Names::missing()];
    let take = async |step: Step| {
        let caller = [&other.manager, &other.customer, &other.worker][step.caller];
        let caller = if step.header { caller.inside("acme") } else { caller.clone() };
        let (operation, names) = (&OPERATIONS[step.operation], &all_names[step.names]);
        match step.body.filter(|_| operation.has_body()) {
            Some(body) => operation.ask_with(&caller, names, Some(body)).await,
            None => operation.ask(&caller, names).await,
        }
    };
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let runtime = Handle::current();
    let result = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&vec(step(), STEPS), |steps| {
            runtime.block_on(async {
                for step in steps {
                    take(step).await;
                }
                if observed(&acme, &of_acme).await == before {
                    Ok(())
                } else {
                    Err(TestCaseError::fail("acme sees a difference"))
                }
            })
        })
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
