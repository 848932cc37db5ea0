//! Rights that hold for as long as a transaction lasts: what was taken away before it began, and what is while it runs.

use std::time::Duration;

use chrono::TimeDelta;
use tenantry_domain::{
    ApiKeyName, Caller, Email, OrgScope, OrganizationStatus, Role, Scopes, Secret, UserName, UserStatus,
    api_key::{self, AllowedCidrs, NewApiKey},
    repository::{ApiKeyRepository as _, OrganizationRepository as _, UserRepository as _},
    user::{Changes, NewUser},
};
use tenantry_storage::{Access, Doors as _, Error, Refusal, Store, Transaction as _, api_keys};
use tenantry_test_support::Database;
use tokio::time::timeout;

use crate::{now, organization, scope, store};

/// An organization with a manager, who has a key.
struct Acme {
    store: Store,
    /// What the deployment itself may do in it.
    background: OrgScope,
    manager: Caller,
}

async fn acme() -> Acme {
    let store = store(&Database::migrated().await);
    let background = scope(&organization(&store, "acme").await);
    let mut tx = store.tenant(&background, Access::Write).await.expect("the door opens");
    let (name, email) = (UserName::parse("Ada").expect("a name"), Email::parse("a@b.c").expect("an address"));
    let new = NewUser::new(name, Some(email), Role::Manager).expect("a user");
    let user = tx.insert_user(&new, now()).await.expect("a user");
    let new = NewApiKey::named(ApiKeyName::parse("k").expect("a name"));
    let secret = Secret::generate().expect("a secret");
    tx.insert_api_key(user.id, &new, &secret, now()).await.expect("a key");
    tx.commit().await.expect("all is kept");
    let manager = api_keys::authenticate(&store, &secret.hash(), now()).await.expect("a query");
    Acme { store, background, manager: manager.expect("the key is good") }
}

impl Acme {
    /// Takes rights away, as somebody else.
    async fn change(&self, how: Change) {
        let (user, key) = (self.manager.user().id, self.manager.api_key().id);
        let mut tx = self.store.tenant(&self.background, Access::Govern).await.expect("the door opens");
        let role = Changes { role: Some(Role::Customer), ..Changes::default() };
        let status = Changes { status: Some(UserStatus::Disabled), ..Changes::default() };
        match how {
            Change::Revoked => assert!(tx.revoke_api_key(key, now()).await.expect("a query")),
            Change::Rotated(overlap) => {
                let (secret, ends_at) =
                    (Secret::generate().expect("a secret"), overlap.map(|span| now() + span));
                tx.rotate_api_key(key, &secret, ends_at, now()).await.expect("a query");
            }
            Change::Updated(changes) => {
                let api_key = self.manager.api_key().changed(&changes);
                tx.update_api_key(&api_key).await.expect("a query");
            }
            Change::Demoted => drop(tx.update_user(user, &role).await.expect("a query")),
            Change::Disabled => drop(tx.update_user(user, &status).await.expect("a query")),
            Change::Deleted => tx.delete_user(user).await.expect("a query"),
            Change::To(status) => {
                let mut tx = self.store.platform().await.expect("the door opens");
                let organization = self.background.organization();
                tx.set_organization_status(organization, status, None, now()).await.expect("a query");
                tx.commit().await.expect("it is kept");
            }
        }
        tx.commit().await.expect("it is kept");
    }
}

#[derive(Clone, Debug)]
enum Change {
    Revoked,
    Rotated(Option<TimeDelta>),
    Updated(api_key::Changes),
    Demoted,
    Disabled,
    Deleted,
    To(OrganizationStatus),
}

#[tokio::test]
async fn should_refuse_a_writer_whose_rights_have_changed_since_they_were_authenticated() {
    use OrganizationStatus as S;
    let scopes = Scopes::parse(&["users:write"]).expect("scopes");
    let networks = AllowedCidrs::parse(&["192.0.2.0/24"]).expect("networks");
    let narrowed =
        api_key::Changes { scopes: tenantry_domain::Change::Set(scopes), ..api_key::Changes::default() };
    let moved = api_key::Changes {
        allowed_cidrs: tenantry_domain::Change::Set(networks),
        ..api_key::Changes::default()
    };
    for (change, expected) in [
        (Change::Revoked, Refusal::Actor),
        (Change::Rotated(None), Refusal::Actor),
        (Change::Updated(narrowed), Refusal::Actor),
        (Change::Updated(moved), Refusal::Actor),
        (Change::Demoted, Refusal::Actor),
        (Change::Disabled, Refusal::Actor),
        (Change::Deleted, Refusal::Actor),
        (Change::To(S::Deleting), Refusal::Actor),
        (Change::To(S::Suspended), Refusal::Suspended),
    ] {
        let acme = acme().await;
        let scope = acme.manager.scope();
        for access in [Access::Write, Access::Govern] {
            assert!(acme.store.tenant(&scope, access).await.is_ok(), "{change:?}");
        }
        acme.change(change.clone()).await;
        for access in [Access::Write, Access::Govern] {
            let refused = acme.store.tenant(&scope, access).await;
            assert!(
                matches!(refused, Err(Error::Refused(why)) if why == expected),
                "{change:?}: {refused:?}"
            );
            let refused = acme.store.platform_for(&scope, access).await;
            assert!(
                matches!(refused, Err(Error::Refused(why)) if why == expected),
                "{change:?}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn should_not_mind_what_takes_no_rights_away() {
    let name = ApiKeyName::parse("another").expect("a name");
    let renamed = api_key::Changes { name: Some(name), ..api_key::Changes::default() };
    for change in [
        Change::To(OrganizationStatus::Active),
        Change::Rotated(Some(TimeDelta::minutes(1))),
        Change::Updated(renamed),
    ] {
        let acme = acme().await;
        let scope = acme.manager.scope();
        acme.change(change.clone()).await;
        assert!(acme.store.tenant(&scope, Access::Write).await.is_ok(), "{change:?}");
    }
}

#[tokio::test]
async fn should_let_what_writes_end_before_rights_change() {
    let acme = acme().await;
    let scope = acme.manager.scope();
    let mut writing = acme.store.tenant(&scope, Access::Write).await.expect("the door opens");
    let both = acme.store.tenant(&scope, Access::Write).await;
    assert!(both.is_ok(), "two may write at once");
    drop(both);
    let mut governing = Box::pin(acme.store.tenant(&scope, Access::Govern));
    assert!(timeout(Duration::from_millis(200), &mut governing).await.is_err(), "it waits");
    let name = UserName::parse("Grace").expect("a name");
    let new = NewUser::new(name, None, Role::Worker).expect("a user");
    writing.insert_user(&new, now()).await.expect("a user");
    writing.commit().await.expect("it is kept");
    let governed = timeout(Duration::from_secs(20), governing).await.expect("it waits no longer");
    let users = governed.expect("the door opens").users(tenantry_domain::PageRequest::default()).await;
    assert_eq!(users.expect("a query").items.len(), 2, "it sees what was written before it");
}

#[tokio::test]
async fn should_not_wait_for_another_organization() {
    let acme = acme().await;
    let _governing = acme.store.tenant(&acme.manager.scope(), Access::Govern).await.expect("the door opens");
    let other = scope(&organization(&acme.store, "other").await);
    let writing = acme.store.tenant(&other, Access::Write);
    assert!(timeout(Duration::from_secs(20), writing).await.expect("it does not wait").is_ok());
}
