//! `/organizations/{org}/quotas` and `/organizations/{org}/usage`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::State, routing::get};
use serde_json::Value;
use tenantry_domain::{Invalid, Quota, Quotas, Versioned as _};
use tenantry_services::Services;

use crate::{
    App,
    if_match::IfMatch,
    input::{Body, Fields},
    output::{Data, Tagged},
    permit::{ManageOrganization, WriteOrganization},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/organizations/{org}/quotas"), get(read).put(write))
        .route(v0!("/organizations/{org}/usage"), get(usage))
}

type Numbers = BTreeMap<&'static str, u32>;

fn limits(quotas: &Quotas) -> Tagged<Numbers> {
    let numbers = Quota::ALL.iter().map(|&quota| (quota.as_str(), quotas.limit(quota)));
    Tagged(numbers.collect(), quotas.version())
}

async fn read(
    WriteOrganization(scope): WriteOrganization,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<Numbers>, Problem> {
    Ok(limits(&services.organizations.quotas(&scope).await?))
}

async fn write(
    ManageOrganization(scope): ManageOrganization,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<BTreeMap<String, Value>>,
) -> Result<Tagged<Numbers>, Problem> {
    let mut fields = Fields::default();
    let wanted: Vec<_> =
        body.into_iter().filter_map(|(name, limit)| fields.check(one(name, &limit))).collect();
    fields.finish()?;
    Ok(limits(&services.organizations.set_quotas(&scope, &expected, &wanted).await?))
}

fn one(name: String, limit: &Value) -> Result<(Quota, u32), Invalid> {
    let quota: Quota = name.parse().map_err(|_| Invalid::new(name, "is no quota"))?;
    let limit = limit.as_u64().and_then(|limit| u32::try_from(limit).ok()).unwrap_or(u32::MAX);
    Ok((quota, quota.check(limit)?))
}

async fn usage(
    WriteOrganization(scope): WriteOrganization,
    State(services): State<Arc<Services>>,
) -> Result<Data<Numbers>, Problem> {
    let usage = services.organizations.usage(&scope).await?;
    Ok(Data(usage.into_iter().map(|(quota, used)| (quota.as_str(), used)).collect()))
}
