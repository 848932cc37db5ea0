//! `/api-keys`, and `/users/{user}/api-keys`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    AllowedCidrs, ApiKey, ApiKeyId, ApiKeyName, Change, Invalid, RateLimit, Scopes, Secret, UserId,
    api_key::{Changes, Filter, IssuedSecret, Limits, NewApiKey, Overlap},
};
use tenantry_services::Services;

use crate::{
    App,
    if_match::IfMatch,
    input::{Body, Fields, InPath, OptionalBody, Query, timestamp},
    output::{Created, Data, List, Listed, Moment, Tagged},
    permit::{ReadUsers, UseOwnIdentity},
    problem::Problem,
};

/// The most days that a list can look back, or ahead.
const MAX_DAYS: i64 = 3650;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/users/{user}/api-keys"), get(list).post(create))
        .route(v0!("/api-keys"), get(list_all))
        .route(v0!("/api-keys/{api_key}"), get(read).patch(update).delete(revoke))
        .route(v0!("/api-keys/{api_key}/rotate"), post(rotate))
}

/// A key, with the marks of its newest secret.
#[derive(Serialize)]
pub(super) struct ApiKeyView {
    id: ApiKeyId,
    user_id: UserId,
    name: String,
    prefix: Option<String>,
    last_four: Option<String>,
    scopes: Option<Scopes>,
    allowed_cidrs: Option<AllowedCidrs>,
    rate_limit: Option<RateLimit>,
    created_at: Moment,
    expires_at: Option<Moment>,
    last_used_at: Option<Moment>,
    revoked_at: Option<Moment>,
    secrets: Vec<IssuedSecretView>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(api_key: ApiKey) -> Self {
        let (newest, last_used_at) = (api_key.secrets.first(), api_key.last_used_at());
        Self {
            id: api_key.id,
            user_id: api_key.user_id,
            name: api_key.name,
            prefix: newest.map(|secret| secret.prefix.clone()),
            last_four: newest.map(|secret| secret.last_four.clone()),
            scopes: api_key.limits.scopes,
            allowed_cidrs: api_key.limits.allowed_cidrs,
            rate_limit: api_key.limits.rate_limit,
            created_at: api_key.created_at.into(),
            expires_at: api_key.expires_at.map(Into::into),
            last_used_at: last_used_at.map(Into::into),
            revoked_at: api_key.revoked_at.map(Into::into),
            secrets: api_key.secrets.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Serialize)]
struct IssuedSecretView {
    prefix: String,
    last_four: String,
    created_at: Moment,
    ends_at: Option<Moment>,
    last_used_at: Option<Moment>,
    last_used_address: Option<String>,
}

impl From<IssuedSecret> for IssuedSecretView {
    fn from(secret: IssuedSecret) -> Self {
        let IssuedSecret { id: _, prefix, last_four, created_at, ends_at, last_used_at, last_used_address } =
            secret;
        let (ends_at, last_used_at) = (ends_at.map(Into::into), last_used_at.map(Into::into));
        Self { prefix, last_four, created_at: created_at.into(), ends_at, last_used_at, last_used_address }
    }
}

impl Listed for ApiKeyView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

/// A key with its new secret, this once.
#[derive(Serialize)]
struct WithSecret {
    #[serde(flatten)]
    api_key: ApiKeyView,
    secret: String,
}

impl From<(ApiKey, Secret)> for WithSecret {
    fn from((api_key, secret): (ApiKey, Secret)) -> Self {
        Self { api_key: api_key.into(), secret: secret.reveal().to_owned() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyBody {
    name: Option<String>,
    #[serde(default)]
    scopes: Change<Vec<String>>,
    #[serde(default)]
    allowed_cidrs: Change<Vec<String>>,
    #[serde(default)]
    rate_limit: Change<RateLimitBody>,
    #[serde(default)]
    expires_at: Change<String>,
}

impl ApiKeyBody {
    fn check(self, fields: &mut Fields) -> Changes {
        Changes {
            name: fields.optional(self.name, |name| ApiKeyName::parse(&name)),
            scopes: fields.change(self.scopes, |words| Scopes::parse(&words)),
            allowed_cidrs: fields.change(self.allowed_cidrs, |texts| AllowedCidrs::parse(&texts)),
            rate_limit: fields.change(self.rate_limit, RateLimitBody::check),
            expires_at: fields.change(self.expires_at, |at| timestamp("expires_at", &at)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimitBody {
    requests: Option<u64>,
    per_seconds: Option<u64>,
}

impl RateLimitBody {
    fn check(self) -> Result<RateLimit, Invalid> {
        let required = |field, number: Option<u64>| number.ok_or_else(|| Invalid::new(field, "is required"));
        let requests = required("rate_limit.requests", self.requests)?;
        RateLimit::new(requests, required("rate_limit.per_seconds", self.per_seconds)?)
    }
}

async fn create(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    State(services): State<Arc<Services>>,
    Body(mut body): Body<ApiKeyBody>,
) -> Result<Created<WithSecret>, Problem> {
    let mut fields = Fields::default();
    let name = fields.required("name", body.name.take(), |name| ApiKeyName::parse(&name));
    let Changes { name: _, scopes, allowed_cidrs, rate_limit, expires_at } = body.check(&mut fields);
    let limits = Limits {
        scopes: scopes.of(None),
        allowed_cidrs: allowed_cidrs.of(None),
        rate_limit: rate_limit.of(None),
    };
    let new = NewApiKey { name: fields.finish_with(name)?, limits, expires_at: expires_at.of(None) };
    let created = services.api_keys.create(&scope, user, &new).await?;
    Ok(Created { location: format!("/api/v0/api-keys/{}", created.0.id), thing: created.into() })
}

async fn list(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<ApiKeyView>, Problem> {
    let page = query.page(ApiKeyId::uuid);
    query.finish()?;
    Ok(List(services.api_keys.list(&scope, user, page).await?.map(Into::into)))
}

async fn list_all(
    ReadUsers(scope): ReadUsers,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<ApiKeyView>, Problem> {
    let filter = Filter {
        unused_for: query.take("unused_for_days", |text| days("unused_for_days", text)),
        expiring_within: query.take("expiring_within_days", |text| days("expiring_within_days", text)),
    };
    let page = query.page(ApiKeyId::uuid);
    query.finish()?;
    Ok(List(services.api_keys.list_all(&scope, &filter, page).await?.map(Into::into)))
}

fn days(field: &'static str, text: &str) -> Result<TimeDelta, Invalid> {
    let days = text.parse().ok().filter(|days| (1..=MAX_DAYS).contains(days)).map(TimeDelta::days);
    days.ok_or_else(|| Invalid::new(field, format!("must be a number from 1 to {MAX_DAYS}")))
}

async fn read(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<ApiKeyView>, Problem> {
    Ok(Tagged::of(services.api_keys.get(&scope, api_key).await?))
}

async fn update(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<ApiKeyBody>,
) -> Result<Tagged<ApiKeyView>, Problem> {
    let mut fields = Fields::default();
    let changes = body.check(&mut fields);
    fields.finish()?;
    Ok(Tagged::of(services.api_keys.update(&scope, api_key, &expected, &changes).await?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    overlap_seconds: Option<u64>,
}

async fn rotate(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<Rotation>,
) -> Result<Data<WithSecret>, Problem> {
    let mut fields = Fields::default();
    let overlap = fields.optional(body.overlap_seconds, Overlap::new);
    fields.finish()?;
    Ok(Data(services.api_keys.rotate(&scope, api_key, overlap.unwrap_or_default()).await?.into()))
}

async fn revoke(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    State(services): State<Arc<Services>>,
) -> Result<StatusCode, Problem> {
    services.api_keys.revoke(&scope, api_key).await?;
    Ok(StatusCode::NO_CONTENT)
}
