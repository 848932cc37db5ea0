//! Servers that there is none of here: old ones, and ones that refuse.

use std::sync::Arc;

use futures::FutureExt as _;
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcSuccessResponse};
use tenantry_domain::{
    Clock as _, Namespace, Organization, OrganizationId, OrganizationStatus, Slug, SystemClock,
};

use super::*;

/// A Temporal that says it has this version, and refuses everything else like this.
async fn temporal(version: &'static str, refusal: Code) -> Temporal {
    let callback = move |asked: temporalio_client::callback_based::GrpcRequest| {
        let answer = if asked.rpc == "GetSystemInfo" {
            // Its first field is the version.
            let length = u8::try_from(version.len()).expect("a short version");
            #[expect(clippy::default_trait_access, reason = "the type is of a crate that only the SDK uses")]
            let headers = Default::default();
            let proto = [&[0x0a, length], version.as_bytes()].concat();
            Ok(GrpcSuccessResponse { headers, proto })
        } else {
            Err(Status::new(refusal, "because"))
        };
        async { answer }.boxed()
    };
    Temporal::of_service(CallbackBasedGrpcService { callback: Arc::new(callback) }).await
}

#[expect(clippy::disallowed_methods, reason = "the probe's scopes are the reconciler's")]
fn scope() -> OrgScope {
    let (now, slug) = (SystemClock.now(), Slug::from_storage("probe".to_owned()));
    let id = OrganizationId::generate(now);
    OrgScope::for_reconciler(&Organization {
        id,
        namespace: Namespace::of(&slug, id),
        slug,
        name: "Probe".to_owned(),
        status: OrganizationStatus::Active,
        status_reason: None,
        created_at: now,
        updated_at: now,
    })
}

async fn findings(version: &'static str, refusal: Code) -> Result<Vec<Finding>, Error> {
    Probe::new(temporal(version, refusal).await).run(&scope(), &scope()).await
}

#[tokio::test]
async fn should_name_an_authorizer_that_refuses_the_administration_of_namespaces() {
    for refusal in [Code::PermissionDenied, Code::Unauthenticated] {
        let found = findings("1.30.0", refusal).await.expect("an answer");
        assert_eq!(found, [Finding::NoPermission], "{refusal:?}");
    }
}

#[tokio::test]
async fn should_name_a_server_that_is_too_old() {
    let found = findings("1.23.9", Code::PermissionDenied).await.expect("an answer");
    let outdated = Finding::Outdated { version: "1.23.9".to_owned() };
    assert_eq!(found, [outdated, Finding::NoPermission]);
    assert!(found[0].to_string().contains("1.23.9") && found[0].to_string().contains("1.24"), "{}", found[0]);
}

#[tokio::test]
async fn should_ask_again_later_when_temporal_is_away() {
    let found = findings("1.30.0", Code::Unavailable).await;
    assert!(matches!(found, Err(Error::Unavailable(_))), "{found:?}");
}

#[tokio::test]
async fn should_say_that_it_could_not_be_found_out() {
    let found = findings("custom", Code::Unimplemented).await.expect("an answer");
    assert!(matches!(&found[..], [Finding::Unclear { why }] if why.contains("because")), "{found:?}");
}

#[test]
fn should_compare_versions_by_number() {
    let check =
        |text: &str, newer: bool| assert_eq!(Version::parse(text).is_some_and(|v| v >= OLDEST), newer);
    check("1.24.0", true);
    check("1.100.0-rc.1", true);
    check("v2.0.0", true);
    check("1.9.3", false);
    check("latest", false);
}
