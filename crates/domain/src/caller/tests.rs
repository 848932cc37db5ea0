//! What callers and their scopes allow, by their role and their key.

use chrono::TimeDelta;

use super::*;
use crate::{
    ApiKeyId, Clock as _, OrganizationStatus, Slug, SystemClock, UserKind, UserStatus,
    api_key::{AllowedCidrs, IssuedSecret, Limits},
};

fn organization(now: Timestamp) -> Organization {
    let (id, slug) = (OrganizationId::generate(now), Slug::parse("acme").expect("a slug"));
    Organization {
        id,
        namespace: Namespace::of(&slug, id),
        slug,
        name: "Acme".to_owned(),
        status: OrganizationStatus::Active,
        status_reason: None,
        created_at: now,
        updated_at: now,
    }
}

fn user(now: Timestamp, organization: OrganizationId, role: Role) -> User {
    User {
        id: UserId::generate(now),
        organization_id: organization,
        kind: UserKind::Service,
        email: None,
        name: "Ada".to_owned(),
        role,
        status: UserStatus::Active,
        created_at: now,
    }
}

fn secret(now: Timestamp, ends_at: Option<Timestamp>) -> IssuedSecret {
    IssuedSecret {
        id: ApiKeySecretId::generate(now),
        prefix: "tn_abcd".to_owned(),
        last_four: "wxyz".to_owned(),
        created_at: now,
        ends_at,
        last_used_at: None,
        last_used_address: None,
    }
}

/// Somebody whose key has a newer secret than the one they present.
fn caller(role: Role, change: impl FnOnce(&mut ApiKey)) -> Caller {
    let now = SystemClock.now();
    let organization = organization(now);
    let user = user(now, organization.id, role);
    let mut api_key = ApiKey {
        id: ApiKeyId::generate(now),
        organization_id: organization.id,
        user_id: user.id,
        name: "laptop".to_owned(),
        limits: Limits::default(),
        revision: 0,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        secrets: vec![secret(now, None), secret(now, Some(now + TimeDelta::hours(2)))],
    };
    change(&mut api_key);
    let presented = api_key.secrets[1].id;
    #[expect(clippy::disallowed_methods, reason = "there is nothing to look up")]
    Caller::authenticated(user, organization, api_key, presented, 1)
}

fn limited(role: Role, words: &[&str]) -> Caller {
    caller(role, |key| key.limits.scopes = Some(Scopes::parse(words).expect("scopes")))
}

#[test]
fn should_allow_what_both_the_role_and_the_key_allow() {
    let scope = limited(Role::Customer, &["executions:start", "users:write", "workflow:quote"]).scope();
    let allowed = Permission::ALL.iter().filter(|&&permission| scope.allows(permission));
    assert_eq!(allowed.collect::<Vec<_>>(), [&Permission::StartExecutions]);
    let name = |name| WorkflowName::parse(name).expect("a name");
    assert!(scope.reaches_workflow(&name("quote")) && !scope.reaches_workflow(&name("other")));
    assert!(scope.reaches_task_queue(&TaskQueueName::parse("any").expect("a name")));
    let background = scope.for_background();
    assert!(background.reaches_workflow(&name("other")) && background.allows(Permission::ReadAudit));
}

#[test]
fn should_not_let_an_admin_out_of_their_organization_by_a_key_that_may_not() {
    let elsewhere = organization(SystemClock.now());
    assert!(caller(Role::Admin, |_| ()).scope_of(&elsewhere).is_some());
    assert!(limited(Role::Admin, &["workflows:read"]).scope_of(&elsewhere).is_none());
    assert!(limited(Role::Admin, &["platform:organizations"]).scope_of(&elsewhere).is_some());
}

#[test]
fn should_cover_no_role_that_could_do_more_than_the_key() {
    let covered = |caller: &Caller| {
        let scope = caller.scope();
        Role::ALL.iter().copied().filter(|&role| scope.covers(role)).collect::<Vec<_>>()
    };
    assert_eq!(covered(&caller(Role::Manager, |_| ())), [Role::Manager, Role::Customer, Role::Worker]);
    assert_eq!(covered(&limited(Role::Manager, &["users:write", "users:read"])), []);
    let customer: Vec<&str> = Role::Customer.permissions().iter().map(Permission::as_str).collect();
    assert_eq!(covered(&limited(Role::Manager, &customer)), [Role::Customer]);
    for narrow in ["workflow:quote", "task_queue:own"] {
        assert_eq!(covered(&limited(Role::Manager, &[&customer[..], &[narrow]].concat())), [], "{narrow}");
    }
}

#[test]
fn should_let_a_limited_key_lead_to_none_that_is_less_so() {
    let own = ["executions:start", "executions:read", "workflow:quote"];
    let scope = limited(Role::Customer, &own).scope();
    let covers = |words: &[&str]| scope.covers_scopes(Some(&Scopes::parse(words).expect("scopes")));
    assert!(covers(&own) && covers(&["executions:start", "workflow:quote"]));
    assert!(!covers(&["executions:start"]), "every workflow");
    assert!(!covers(&["executions:start", "workflow:quote", "workflow:other"]));
    assert!(!covers(&["workflows:read", "workflow:quote"]));
    assert!(!scope.covers_scopes(None), "all that the user may, and will be allowed later");
    let unlimited = caller(Role::Customer, |_| ()).scope();
    assert!(unlimited.covers_scopes(None) && unlimited.covers_keys_of(Role::Customer));
    assert!(!unlimited.covers_keys_of(Role::Worker) && !unlimited.covers_keys_of(Role::Manager));
    assert!(scope.covers_keys_of(Role::Customer), "the user's own keys");
}

#[test]
fn should_come_only_from_where_the_key_allows() {
    let from = |networks: Option<&[&str]>, address: Option<&str>| {
        let networks = networks.map(|networks| AllowedCidrs::parse(networks).expect("networks"));
        let source_address = address.map(|address| address.parse().expect("an address"));
        let caller = caller(Role::Customer, |key| key.limits.allowed_cidrs = networks);
        caller.from(Origin { request_id: None, source_address }).is_some()
    };
    assert!(from(None, Some("192.0.2.1")) && from(None, None));
    assert!(from(Some(&["192.0.2.0/24"]), Some("192.0.2.1")));
    assert!(!from(Some(&["192.0.2.0/24"]), Some("192.0.3.1")));
    assert!(!from(Some(&["192.0.2.0/24"]), None));
}

#[test]
fn should_end_when_the_key_or_the_secret_does() {
    let presented = caller(Role::Customer, |_| ());
    let secret_ends = presented.api_key().secrets[1].ends_at.expect("an end");
    assert_eq!(presented.ends_at(), Some(secret_ends));
    let earlier = secret_ends - TimeDelta::hours(1);
    assert_eq!(caller(Role::Customer, |key| key.expires_at = Some(earlier)).ends_at(), Some(earlier));
    let ends = |key: &mut ApiKey| (key.secrets[1].ends_at, key.expires_at) = (None, None);
    assert_eq!(caller(Role::Customer, ends).ends_at(), None);
}
