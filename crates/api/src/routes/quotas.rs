//! `/organizations/{org}/quotas` and `/organizations/{org}/usage`.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_domain::{Invalid, Quota, Quotas, Versioned as _};
use tenantry_services::Services;

use crate::{
    if_match::IfMatch,
    input::{Body, Fields, NoQuery},
    openapi::{Routes, about, derived, values},
    output::{Data, Tagged},
    permit::{ManageOrganization, WriteOrganization},
    problem::Problem,
    whole,
};

pub(super) fn routes() -> Routes {
    Routes::of("Quotas", "How much of each thing an organization may have, and has.")
        .get(v0!("/organizations/{org}/quotas"), read, about("get_quotas", "Read an organization's quotas"))
        .put(
            v0!("/organizations/{org}/quotas"),
            write,
            about("set_quotas", "Change an organization's quotas")
                .detail("Those that are not named stay as they are."),
        )
        .get(
            v0!("/organizations/{org}/usage"),
            usage,
            about("get_usage", "Tell how much of its quotas an organization uses"),
        )
}

type Numbers = BTreeMap<&'static str, u32>;

/// Each limit by its name.
#[derive(Serialize)]
#[serde(transparent)]
struct Limits(Numbers);

/// Each use by its limit's name.
#[derive(Serialize)]
#[serde(transparent)]
struct Usage(Numbers);

/// New limits by their names.
#[derive(Deserialize)]
#[serde(transparent)]
struct Wanted(BTreeMap<String, Value>);

derived::shaped_as!(Limits as values::Quotas);
derived::shaped_as!(Usage as values::Usage);
derived::shaped_as!(Wanted as values::QuotaChanges);

fn limits(quotas: &Quotas) -> Tagged<Limits> {
    let numbers = Quota::ALL.iter().map(|&quota| (quota.as_str(), quotas.limit(quota)));
    Tagged(Limits(numbers.collect()), quotas.version())
}

async fn read(
    WriteOrganization(scope): WriteOrganization,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<Limits>, Problem> {
    Ok(limits(&services.organizations.quotas(&scope).await?))
}

async fn write(
    ManageOrganization(scope): ManageOrganization,
    _: NoQuery,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(Wanted(body)): Body<Wanted>,
) -> Result<Tagged<Limits>, Problem> {
    let mut fields = Fields::default();
    let wanted: Vec<_> =
        body.into_iter().filter_map(|(name, limit)| fields.check(one(name, &limit))).collect();
    fields.finish()?;
    Ok(limits(&services.organizations.set_quotas(&scope, &expected, &wanted).await?))
}

fn one(name: String, limit: &Value) -> Result<(Quota, u32), Invalid> {
    let quota: Quota = name.parse().map_err(|_| Invalid::new(name, "is no quota"))?;
    let limit = whole::read(limit).ok().flatten().unwrap_or(u32::MAX);
    Ok((quota, quota.check(limit)?))
}

async fn usage(
    WriteOrganization(scope): WriteOrganization,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Data<Usage>, Problem> {
    let usage = services.organizations.usage(&scope).await?;
    Ok(Data(Usage(usage.into_iter().map(|(quota, used)| (quota.as_str(), used)).collect())))
}
