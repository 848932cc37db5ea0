//! API keys and their secrets: found by each, limited, used, ended.

use std::net::IpAddr;

use chrono::TimeDelta;
use futures::future::join_all;
use tenantry_domain::{
    AllowedCidrs, ApiKey, ApiKeyId, ApiKeyName, Caller, Change, OrgScope, PageRequest, RateLimit, Role,
    Scopes, Secret, Timestamp, UserId, UserName,
    api_key::{Changes, Filter, Limits, NewApiKey},
    repository::{ApiKeyRepository as _, UserRepository as _},
    user::NewUser,
};
use tenantry_storage::{
    Access, Doors as _, Store, Transaction as _,
    api_key_secrets::{Use, mark_used},
    api_keys,
};
use tenantry_test_support::Database;

use crate::{now, organization, scope, store};

/// An organization with a user.
struct Acme {
    store: Store,
    scope: OrgScope,
    user: UserId,
}

async fn acme_of(store: &Store, slug: &str) -> Acme {
    let scope = scope(&organization(store, slug).await);
    let mut tx = store.tenant(&scope, Access::Write).await.expect("the door opens");
    let name = UserName::parse("Robot").expect("a name");
    let new = NewUser::new(name, None, Role::Manager).expect("a user");
    let user = tx.insert_user(&new, now()).await.expect("a user").id;
    tx.commit().await.expect("it is kept");
    Acme { store: store.clone(), scope, user }
}

async fn acme() -> Acme {
    acme_of(&store(&Database::migrated().await), "acme").await
}

fn named(name: &str) -> NewApiKey {
    NewApiKey::named(ApiKeyName::parse(name).expect("a name"))
}

impl Acme {
    async fn create(&self, new: &NewApiKey, at: Timestamp) -> (ApiKey, Secret) {
        let secret = Secret::generate().expect("a secret");
        let mut tx = self.store.tenant(&self.scope, Access::Write).await.expect("the door opens");
        let api_key = tx.insert_api_key(self.user, new, &secret, at).await.expect("a key");
        tx.commit().await.expect("it is kept");
        (api_key, secret)
    }

    async fn rotate(&self, api_key: ApiKeyId, ends_at: Option<Timestamp>) -> Secret {
        let secret = Secret::generate().expect("a secret");
        let mut tx = self.store.tenant(&self.scope, Access::Govern).await.expect("the door opens");
        tx.rotate_api_key(api_key, &secret, ends_at, now()).await.expect("a query");
        tx.commit().await.expect("it is kept");
        secret
    }

    async fn get(&self, api_key: ApiKeyId) -> ApiKey {
        let mut tx = self.store.tenant(&self.scope, Access::Read).await.expect("the door opens");
        tx.api_key(api_key).await.expect("a query").expect("the key")
    }

    async fn presents(&self, secret: &Secret, at: Timestamp) -> Option<Caller> {
        api_keys::authenticate(&self.store, &secret.hash(), at).await.expect("a query")
    }
}

#[tokio::test]
async fn should_keep_what_a_key_is_limited_to() {
    let acme = acme().await;
    let limits = Limits {
        scopes: Some(
            Scopes::parse(&["executions:start", "workflow:quote", "task_queue:own"]).expect("scopes"),
        ),
        allowed_cidrs: Some(AllowedCidrs::parse(&["10.0.0.0/8", "2001:db8::/32"]).expect("networks")),
        rate_limit: Some(RateLimit::new(1_000_000, 86_400).expect("a limit")),
    };
    let (key, secret) = acme.create(&NewApiKey { limits: limits.clone(), ..named("k") }, now()).await;
    assert_eq!((key.limits.clone(), key.revision), (limits, 0));
    assert_eq!(acme.presents(&secret, now()).await.expect("the key is good").api_key(), &key);

    let changes = Changes { scopes: Change::Clear, rate_limit: Change::Clear, ..Changes::default() };
    let after = key.changed(&changes);
    let mut tx = acme.store.tenant(&acme.scope, Access::Govern).await.expect("the door opens");
    tx.update_api_key(&after).await.expect("a query");
    tx.commit().await.expect("it is kept");
    assert_eq!(acme.get(key.id).await, after);
    assert_eq!((after.limits.scopes, after.revision), (None, 1));
}

#[tokio::test]
async fn should_find_a_key_by_both_of_its_secrets_until_the_older_one_ends() {
    let acme = acme().await;
    let (key, old) = acme.create(&named("k"), now()).await;
    let ends_at = now() + TimeDelta::hours(1);
    let new = acme.rotate(key.id, Some(ends_at)).await;
    let (by_old, by_new) = (acme.presents(&old, now()).await, acme.presents(&new, now()).await);
    let (by_old, by_new) = (by_old.expect("the older is good"), by_new.expect("the newer is good"));
    assert_eq!((by_old.api_key(), by_old.api_key().id), (by_new.api_key(), key.id));
    let ids: Vec<_> = by_old.api_key().secrets.iter().map(|secret| secret.id).collect();
    assert_eq!(ids, [by_new.secret(), by_old.secret()], "the newest first, and the caller says which");
    assert_eq!((by_old.ends_at(), by_new.ends_at()), (Some(ends_at), None));
    assert_eq!(by_old.api_key().secrets[0].prefix, new.prefix());

    assert!(acme.presents(&old, ends_at - TimeDelta::microseconds(1)).await.is_some());
    assert!(acme.presents(&old, ends_at).await.is_none(), "it ends by itself");
    assert!(acme.presents(&new, ends_at).await.is_some());
}

#[tokio::test]
async fn should_end_every_older_secret_at_once_if_nothing_is_to_overlap() {
    let acme = acme().await;
    let (key, first) = acme.create(&named("k"), now()).await;
    let second = acme.rotate(key.id, Some(now() + TimeDelta::hours(1))).await;
    let third = acme.rotate(key.id, None).await;
    // Even for a node whose clock is behind.
    let before = now() - TimeDelta::hours(1);
    for ended in [&first, &second] {
        assert!(acme.presents(ended, before).await.is_none());
    }
    assert!(acme.presents(&third, now()).await.is_some());
}

#[tokio::test]
async fn should_remember_the_last_few_secrets_of_a_key() {
    let acme = acme().await;
    let (key, _) = acme.create(&named("k"), now()).await;
    let mut newest_first = Vec::new();
    for _ in 0..7 {
        newest_first.insert(0, acme.rotate(key.id, None).await.last_four().to_owned());
    }
    let secrets = acme.get(key.id).await.secrets;
    let remembered: Vec<_> = secrets.into_iter().map(|secret| secret.last_four).collect();
    assert_eq!(remembered, newest_first[..5]);
}

#[tokio::test]
async fn should_write_the_latest_use_of_each_secret_whoevers_it_is() {
    let acme = acme().await;
    let other = acme_of(&acme.store, "other").await;
    let (ours, _) = acme.create(&named("k"), now()).await;
    let (theirs, _) = other.create(&named("k"), now()).await;
    let (early, late) = (now() + TimeDelta::hours(1), now() + TimeDelta::hours(2));
    let address = "2001:db8::1".parse::<IpAddr>().ok();
    let (ours_id, theirs_id) = (ours.secrets[0].id, theirs.secrets[0].id);
    let both = [(ours_id, Use { at: late, address }), (theirs_id, Use { at: early, address: None })];
    mark_used(&acme.store, &both).await.expect("a query");
    mark_used(&acme.store, &[(ours_id, Use { at: early, address: None })]).await.expect("a query");
    let used = &acme.get(ours.id).await.secrets[0];
    assert_eq!((used.last_used_at, used.last_used_address.as_deref()), (Some(late), Some("2001:db8::1")));
    let used = &other.get(theirs.id).await.secrets[0];
    assert_eq!((used.last_used_at, used.last_used_address.as_deref()), (Some(early), None));
}

#[tokio::test]
async fn should_write_uses_from_many_nodes_while_keys_are_rotated() {
    let acme = acme().await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(acme.create(&named("k"), now()).await.0);
    }
    let uses = |reversed: bool| {
        let mut uses: Vec<_> =
            keys.iter().map(|key| (key.secrets[0].id, Use { at: now(), address: None })).collect();
        if reversed {
            uses.reverse();
        }
        uses
    };
    let writing = (0..40).map(|round| {
        let (store, uses) = (acme.store.clone(), uses(round % 2 == 0));
        async move { mark_used(&store, &uses).await }
    });
    let rotating = keys.iter().map(|key| acme.rotate(key.id, Some(now() + TimeDelta::hours(1))));
    let (written, _) = tokio::join!(join_all(writing), join_all(rotating));
    for written in written {
        written.expect("nobody waits for each other");
    }
}

#[tokio::test]
async fn should_list_the_keys_of_an_organization_that_nobody_uses_or_that_end_soon() {
    let acme = acme().await;
    let (start, day) = (now(), TimeDelta::days(1));
    // Lists are in the order of time, to the microsecond.
    let moment = |number: i64| start + TimeDelta::microseconds(number);
    let soon = NewApiKey { expires_at: Some(start + day * 40), ..named("ends soon") };
    let gone = NewApiKey { expires_at: Some(start + day), ..named("gone") };
    let (soon, _) = acme.create(&soon, moment(1)).await;
    acme.create(&gone, moment(2)).await;
    acme.create(&named("never used"), moment(3)).await;
    let (used, _) = acme.create(&named("used"), moment(4)).await;
    let (revoked, _) = acme.create(&named("revoked"), moment(5)).await;
    let (rotated, _) = acme.create(&named("rotated"), moment(6)).await;
    let at = start + day * 35;
    mark_used(&acme.store, &[(used.secrets[0].id, Use { at: start + day * 20, address: None })])
        .await
        .expect("a query");
    let mut tx = acme.store.tenant(&acme.scope, Access::Govern).await.expect("the door opens");
    tx.revoke_api_key(revoked.id, start + day).await.expect("a query");
    let secret = Secret::generate().expect("a secret");
    tx.rotate_api_key(rotated.id, &secret, None, start + day * 20).await.expect("a query");
    tx.commit().await.expect("it is kept");

    let names = async |filter: Filter| {
        let mut tx = acme.store.tenant(&acme.scope, Access::Read).await.expect("the door opens");
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = tx.api_keys_of_all(&filter, at, PageRequest::new(after, 2)).await.expect("a page");
            after = page.items.last().map(|key| key.id.uuid());
            names.extend(page.items.into_iter().map(|key| key.name));
            if !page.more {
                return names;
            }
        }
    };
    let unused = |days| Filter { unused_for: Some(day * days), ..Filter::default() };
    let all = ["rotated", "revoked", "used", "never used", "gone", "ends soon"];
    assert_eq!(names(Filter::default()).await, all);
    assert_eq!(names(unused(30)).await, ["never used", "ends soon"]);
    assert_eq!(names(unused(14)).await, ["rotated", "used", "never used", "ends soon"]);
    assert_eq!(names(unused(36)).await, [""; 0]);
    let expiring = |days| Filter { expiring_within: Some(day * days), ..Filter::default() };
    assert_eq!(names(expiring(5)).await, ["ends soon"]);
    assert_eq!(names(expiring(4)).await, [""; 0]);
    let both = Filter { unused_for: Some(day * 30), ..expiring(5) };
    assert_eq!(names(both).await, [soon.name]);
}
