//! Stored secrets, and that they stay in their organization.

use chrono::TimeDelta;
use tenantry_domain::{
    PageRequest, SecretName,
    secret::{SealedSecret, StoredSecret},
};
use tenantry_storage::{Access, Doors as _, TenantTx, Transaction as _, secrets};

use crate::{Neighbours, neighbours, now, visible};

fn name(name: &str) -> SecretName {
    SecretName::parse(name).expect("a name")
}

fn sealed(ciphertext: &[u8]) -> SealedSecret {
    SealedSecret { key_id: "first".to_owned(), ciphertext: ciphertext.to_vec() }
}

async fn names(tx: &mut TenantTx) -> Vec<String> {
    let page = secrets::list(tx, PageRequest::default()).await.expect("a page");
    page.items.into_iter().map(|secret| secret.name).collect()
}

/// Two organizations, and a secret of the first one.
async fn with_secret() -> (Neighbours, StoredSecret) {
    let two = neighbours().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let stored = secrets::put(&mut tx, &name("TOKEN"), &sealed(b"a"), now()).await.expect("a query");
    tx.commit().await.expect("it is kept");
    (two, stored)
}

#[tokio::test]
async fn should_show_an_organization_its_own_secrets() {
    let (two, stored) = with_secret().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert_eq!(names(&mut tx).await, ["TOKEN"]);
    assert_eq!(stored.created_at, stored.updated_at);
    assert_eq!(secrets::get_sealed(&mut tx, &name("TOKEN")).await.expect("a query"), Some(sealed(b"a")));
    assert_eq!(secrets::get_sealed(&mut tx, &name("token")).await.expect("a query"), None);
}

#[tokio::test]
async fn should_replace_the_value_of_a_name() {
    let (two, stored) = with_secret().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let (later, other) = (
        stored.created_at + TimeDelta::seconds(1),
        SealedSecret { key_id: "second".to_owned(), ciphertext: b"b".to_vec() },
    );
    let replaced = secrets::put(&mut tx, &name("TOKEN"), &other, later).await.expect("a query");
    assert_eq!(replaced, StoredSecret { updated_at: later, ..stored });
    assert_eq!(secrets::get_sealed(&mut tx, &name("TOKEN")).await.expect("a query"), Some(other));
    assert_eq!(names(&mut tx).await, ["TOKEN"]);
}

#[tokio::test]
async fn should_hide_secrets_even_from_a_query_that_forgets_the_organization() {
    let (two, _) = with_secret().await;
    assert_eq!(visible(&two.database, &two.a, "secrets").await, 1);
    assert_eq!(visible(&two.database, &two.b, "secrets").await, 0);
}

#[tokio::test]
async fn should_hide_secrets_from_another_organization_and_change_none() {
    let (two, _) = with_secret().await;
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    assert_eq!(names(&mut tx).await, Vec::<String>::new());
    assert_eq!(secrets::get_sealed(&mut tx, &name("TOKEN")).await.expect("a query"), None);
    assert!(!secrets::delete(&mut tx, &name("TOKEN")).await.expect("a query"));
    let own = secrets::put(&mut tx, &name("TOKEN"), &sealed(b"b"), now()).await;
    assert!(own.is_ok(), "the same name is free in another organization: {own:?}");
    tx.commit().await.expect("it is kept");
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert_eq!(secrets::get_sealed(&mut tx, &name("TOKEN")).await.expect("a query"), Some(sealed(b"a")));
}

#[tokio::test]
async fn should_remove_a_secret_once() {
    let (two, _) = with_secret().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert!(secrets::delete(&mut tx, &name("TOKEN")).await.expect("a query"));
    assert!(!secrets::delete(&mut tx, &name("TOKEN")).await.expect("a query"));
    assert_eq!(names(&mut tx).await, Vec::<String>::new());
}

#[tokio::test]
async fn should_page_through_secrets_newest_first() {
    let two = neighbours().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let mut ids = Vec::new();
    for number in ["1", "2", "3"] {
        let stored = secrets::put(&mut tx, &name(number), &sealed(b"x"), now()).await.expect("a query");
        ids.push(stored.id);
    }
    let first = secrets::list(&mut tx, PageRequest::new(None, 2)).await.expect("a page");
    let rest = secrets::list(&mut tx, PageRequest::new(Some(ids[1].uuid()), 2)).await.expect("a page");
    assert!(first.more && !rest.more);
    let listed: Vec<_> = first.items.into_iter().chain(rest.items).map(|secret| secret.name).collect();
    assert_eq!(listed, ["3", "2", "1"]);
}
