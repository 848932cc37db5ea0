//! An organization's life, killed at each of its steps and taken up again.

use std::time::Duration;

use sqlx::Row as _;
use tenantry_domain::{OrgScope, OrganizationId, OrganizationStatus as Status, Precondition, Quota};
use tenantry_services::organizations::Running;

use crate::{Deployment, deployment, failing::Failing, key, manager};

/// Past the time for which one node keeps an organization to itself.
const LEASE: Duration = Duration::from_secs(16);

/// Brings an organization to the point where the reconciler has to do something, lets the reconciler die after none, one, two… steps,
/// and another one finish; each time with another organization, until one has lived long enough. Answers how often one died.
async fn die_at_each_step(
    deployment: &Deployment,
    prepare: impl AsyncFn(&str) -> OrgScope,
    check: impl AsyncFn(&OrgScope),
) -> u32 {
    for deaths in 0.. {
        let scope = prepare(&format!("acme-{deaths}")).await;
        let store = deployment.new_store();
        let failing = Failing::after(i64::from(deaths), store.clone());
        let worked = deployment.provisioner(failing.clone()).work().await;
        // What it had begun ends with its connections.
        store.close().await;
        deployment.at_rest().await;
        assert_eq!(worked.is_err(), failing.is_dead());
        deployment.clock.advance(LEASE);
        deployment.work().await;
        check(&scope).await;
        if !failing.is_dead() {
            return deaths;
        }
    }
    unreachable!("numbers do not end")
}

/// How many entries of this action the log of this organization has.
async fn entries_of(deployment: &Deployment, organization: OrganizationId, action: &str) -> i64 {
    let query = "select count(*) from audit_entries where action = $1 and organization_id = $2";
    let query = sqlx::query(query).bind(action).bind(organization.uuid());
    query.fetch_one(&mut deployment.database.owner().await).await.expect("a query").get(0)
}

#[tokio::test]
async fn should_provision_an_organization_though_the_reconciler_dies_at_any_step() {
    let deployment = deployment().await;
    deployment.work().await;
    let check = async |scope: &OrgScope| {
        let acme = deployment.organizations(deployment.store.clone()).get(scope).await.expect("it is there");
        assert_eq!((acme.status, acme.status_reason), (Status::Active, None));
        assert_eq!(entries_of(&deployment, acme.id, "organization.provision").await, 1);
    };
    let deaths = die_at_each_step(&deployment, async |slug| deployment.organization(slug).await, check).await;
    // Taken: open, commit. Concluded: open, lock, write, commit. Nothing more to take, meanwhile and afterwards: open, commit.
    assert_eq!(deaths, 10);
}

#[tokio::test]
async fn should_erase_an_organization_though_the_reconciler_dies_at_any_step() {
    let deployment = deployment().await;
    deployment.work().await;
    let prepare = async |slug: &str| {
        let scope = deployment.organization(slug).await;
        deployment.work().await;
        let user = deployment.users(deployment.store.clone()).create(&scope, &manager("a@b.example")).await;
        let user = user.expect("a user").id;
        let created = deployment.api_keys(deployment.store.clone()).create(&scope, user, &key()).await;
        created.expect("a key");
        let organizations = deployment.organizations(deployment.store.clone());
        organizations.delete(&scope, slug).await.expect("it is to be erased");
        scope
    };
    let check = async |scope: &OrgScope| {
        for table in ["users", "api_keys", "audit_entries", "audit_heads"] {
            assert_eq!(deployment.rows(table, scope).await, 0, "{table}");
        }
        // Made, provisioned, a user, a key, deleted: five entries.
        let erased = erased(&deployment, scope).await;
        let counted = [&erased["users"], &erased["api_keys"], &erased["audit_entries"]];
        assert_eq!(counted, [1, 1, 5], "{erased}");
    };
    let deaths = die_at_each_step(&deployment, prepare, check).await;
    assert!(deaths > 12, "{deaths}");
}

/// What the one record of an organization's erasure says there was.
async fn erased(deployment: &Deployment, scope: &OrgScope) -> serde_json::Value {
    let query = "select changes -> 'rows' from audit_entries where action = 'organization.erase' and resource_id = $1";
    let query = sqlx::query(query).bind(scope.organization().to_string());
    let rows = query.fetch_all(&mut deployment.database.owner().await).await.expect("a query");
    let [row] = rows.as_slice() else { panic!("one record: {}", rows.len()) };
    row.get(0)
}

#[tokio::test]
async fn should_bring_a_namespace_in_line_though_the_reconciler_dies_at_any_step() {
    let deployment = deployment().await;
    deployment.work().await;
    let prepare = async |slug: &str| {
        let scope = deployment.organization(slug).await;
        deployment.work().await;
        let organizations = deployment.organizations(deployment.store.clone());
        organizations
            .set_quotas(&scope, &Precondition::None, &[(Quota::RetentionDays, 21)])
            .await
            .expect("a quota");
        scope
    };
    let check = async |scope: &OrgScope| {
        let kept = deployment.namespaces().retention(scope).await.expect("a namespace");
        assert_eq!(kept, Some(Duration::from_hours(21 * 24)));
    };
    assert!(die_at_each_step(&deployment, prepare, check).await > 4);
}

#[tokio::test]
async fn should_change_nothing_when_a_suspension_dies_at_any_step() {
    let deployment = deployment().await;
    let scope = deployment.organization("acme").await;
    deployment.work().await;
    let get = async || {
        let organizations = deployment.organizations(deployment.store.clone());
        organizations.get(&scope).await.expect("it is there")
    };
    let before = (get().await, entries(&deployment, &scope).await);
    for steps in 0.. {
        let failing = Failing::after(steps, deployment.store.clone());
        let done = deployment.organizations(failing.clone()).suspend(&scope, Running::Cancel).await;
        if !failing.is_dead() {
            assert_eq!(done.expect("nothing is in its way").status, Status::Suspended);
            break;
        }
        assert!(done.is_err());
        assert_eq!((get().await, entries(&deployment, &scope).await), before, "after {steps} steps");
    }
    assert_eq!(get().await.status, Status::Suspended);
    assert_eq!(entries(&deployment, &scope).await, before.1 + 1);
}

async fn entries(deployment: &Deployment, scope: &OrgScope) -> i64 {
    deployment.rows("audit_entries", scope).await
}
