//! Users and API keys: a change is there with its audit entry, or neither is.

use tenantry_domain::{OrgScope, Precondition, Role, user::Changes};
use tenantry_services::Error;
use tenantry_storage::Store;

use crate::{Deployment, deployment, failing::Failing, key, manager};

/// Does it on stores that die after none, one, two… steps, until one lives long enough, and compares what is there before and
/// after each.
async fn all_or_nothing<T>(
    deployment: &Deployment,
    scope: &OrgScope,
    act: impl AsyncFn(Failing) -> Result<T, Error>,
) -> T {
    let before = rows(deployment, scope).await;
    for steps in 0.. {
        let failing = Failing::after(steps, deployment.store.clone());
        let done = act(failing.clone()).await;
        if !failing.is_dead() {
            let [users, keys, entries] = before;
            assert_ne!(rows(deployment, scope).await, [users, keys, entries]);
            assert_eq!(deployment.rows("audit_entries", scope).await, entries + 1);
            return done.expect("nothing is in its way");
        }
        assert!(matches!(done, Err(Error::Unavailable(_))));
        assert_eq!(rows(deployment, scope).await, before, "after {steps} steps");
    }
    unreachable!("numbers do not end")
}

async fn rows(deployment: &Deployment, scope: &OrgScope) -> [i64; 3] {
    let mut rows = [0; 3];
    for (rows, table) in rows.iter_mut().zip(["users", "api_keys", "audit_entries"]) {
        *rows = deployment.rows(table, scope).await;
    }
    rows
}

#[tokio::test]
async fn should_do_all_or_nothing_whenever_the_store_dies() {
    let deployment = deployment().await;
    let scope = deployment.organization("acme").await;
    let new = manager("ada@acme.example");
    let user =
        all_or_nothing(&deployment, &scope, async |doors| deployment.users(doors).create(&scope, &new).await)
            .await;
    let (api_key, _) = all_or_nothing(&deployment, &scope, async |doors| {
        deployment.api_keys(doors).create(&scope, user.id, &key()).await
    })
    .await;
    all_or_nothing(&deployment, &scope, async |doors| {
        deployment.api_keys(doors).revoke(&scope, api_key.id).await
    })
    .await;
    let other = deployment.users(deployment.store.clone()).create(&scope, &manager("b@acme.example")).await;
    other.expect("another manager");
    let demoted = Changes { role: Some(Role::Customer), ..Changes::default() };
    let changed = all_or_nothing(&deployment, &scope, async |doors| {
        deployment.users(doors).update(&scope, user.id, &Precondition::None, &demoted).await
    })
    .await;
    assert_eq!(changed.role, Role::Customer);
    all_or_nothing(&deployment, &scope, async |doors| deployment.users(doors).delete(&scope, user.id).await)
        .await;
}

#[tokio::test]
async fn should_record_a_refusal_and_nothing_that_was_refused() {
    let deployment = deployment().await;
    let scope = deployment.organization("acme").await;
    let users = deployment.users::<Store>(deployment.store.clone());
    let user = users.create(&scope, &manager("ada@acme.example")).await.expect("a user");
    let before = deployment.rows("audit_entries", &scope).await;
    // Nothing is different: nothing is recorded.
    let same = Changes { role: Some(Role::Manager), ..Changes::default() };
    users.update(&scope, user.id, &Precondition::None, &same).await.expect("no change");
    assert_eq!(deployment.rows("audit_entries", &scope).await, before);
}
