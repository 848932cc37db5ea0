//! `/api-keys`, and `/users/{user}/api-keys`.

use std::sync::Arc;

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    AllowedCidrs, ApiKey, ApiKeyId, ApiKeyName, Change, Invalid, RateLimit, Scopes, Secret, UserId,
    api_key::{Changes, Filter, IssuedSecret, Limits, NewApiKey, Overlap},
};
use tenantry_services::Services;
use utoipa::ToSchema;

use crate::{
    if_match::IfMatch,
    input::{
        Body, Fields, InPath, LIMIT, NoQuery, OptionalBody, Paging, Parameters, Query, cursor, timestamp,
    },
    openapi::{
        Parameter, Routes, about, derived,
        values::{self, MAX_DAYS},
    },
    output::{Created, Data, Gone, List, Listed, Located, Moment, Shown, Tagged, Viewed},
    permit::{ReadUsers, UseOwnIdentity},
    problem::{Code, Problem},
    whole,
};

pub(super) fn routes() -> Routes {
    Routes::of("API keys", "What programs show to say who calls. A secret is shown once.")
        .get(
            v0!("/users/{user}/api-keys"),
            list,
            about("list_user_api_keys", "List a user's API keys")
                .detail("The newest first. One's own; others' with the permission `users:read`."),
        )
        .post(
            v0!("/users/{user}/api-keys"),
            create,
            about("create_api_key", "Create an API key")
                .detail("The answer shows its secret, this once. For oneself; for others with the permission `users:write`. Nobody can give scopes that are wider than their own key's.")
                .may(&[Code::QuotaExceeded]),
        )
        .get(
            v0!("/api-keys"),
            list_all,
            about("list_api_keys", "List the API keys of an organization")
                .detail("The newest first; with a filter, those that have not ended."),
        )
        .get(
            v0!("/api-keys/{api_key}"),
            read,
            about("get_api_key", "Read an API key").detail("One's own; others' with the permission `users:read`."),
        )
        .patch(
            v0!("/api-keys/{api_key}"),
            update,
            about("update_api_key", "Change an API key's name, end or limits")
                .detail("What is not named stays as it is; null takes a limit or the end away. One's own; others' with the permission `users:write`."),
        )
        .delete(
            v0!("/api-keys/{api_key}"),
            revoke,
            about("revoke_api_key", "Revoke an API key")
                .detail("From now on it is worth nothing. One's own; others' with the permission `users:write`."),
        )
        .post(
            v0!("/api-keys/{api_key}/rotate"),
            rotate,
            about("rotate_api_key", "Give an API key a new secret")
                .detail("The answer shows it, this once. One's own; others' with the permission `users:write`."),
        )
}

/// A key, with the marks of its newest secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyView<'a> {
    /// Names it for ever.
    #[schema(value_type = values::ApiKeyId)]
    id: ApiKeyId,
    /// Who acts with it.
    #[schema(value_type = values::UserId)]
    user_id: UserId,
    /// What people call it.
    #[schema(value_type = values::ApiKeyName)]
    name: &'a str,
    /// What its newest secret begins with.
    #[schema(required, value_type = Option<values::SecretPrefix>)]
    prefix: Option<&'a str>,
    /// What its newest secret ends with.
    #[schema(required, value_type = Option<values::LastFour>)]
    last_four: Option<&'a str>,
    /// What it is limited to of what its user may do; null for all of it.
    #[schema(required, value_type = Option<Vec<values::Scope>>)]
    scopes: Option<&'a Scopes>,
    /// The networks that it can be used from; null for all.
    #[schema(required, value_type = Option<Vec<values::Cidr>>)]
    allowed_cidrs: Option<&'a AllowedCidrs>,
    /// How often it can be used; null for as often as the organization's keys together.
    #[schema(required, value_type = Option<RateLimitBody>)]
    rate_limit: Option<RateLimit>,
    /// When it was made.
    created_at: Moment,
    /// From when on it is worth nothing; null for never.
    #[schema(required)]
    expires_at: Option<Moment>,
    /// When any of its secrets was last used, to a few seconds; in `/me` to a minute.
    #[schema(required)]
    last_used_at: Option<Moment>,
    /// When it was revoked.
    #[schema(required)]
    revoked_at: Option<Moment>,
    /// Its secrets, the newest first, without the secrets themselves.
    secrets: Vec<IssuedSecretView<'a>>,
}

impl Viewed for ApiKey {
    type View<'a> = ApiKeyView<'a>;

    fn view(&self) -> ApiKeyView<'_> {
        let newest = self.secrets.first();
        ApiKeyView {
            id: self.id,
            user_id: self.user_id,
            name: &self.name,
            prefix: newest.map(|secret| &*secret.prefix),
            last_four: newest.map(|secret| &*secret.last_four),
            scopes: self.limits.scopes.as_ref(),
            allowed_cidrs: self.limits.allowed_cidrs.as_ref(),
            rate_limit: self.limits.rate_limit,
            created_at: self.created_at.into(),
            expires_at: self.expires_at.map(Into::into),
            last_used_at: self.last_used_at().map(Into::into),
            revoked_at: self.revoked_at.map(Into::into),
            secrets: self.secrets.iter().map(Into::into).collect(),
        }
    }
}

impl Located for Shown<ApiKey> {
    const PARAMETER: &'static str = "api_key";

    fn location(&self) -> String {
        format!(v0!("/api-keys/{}"), self.0.id)
    }
}

impl Listed for Shown<ApiKey> {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

/// A secret that a key has or had, by what it is recognised by.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedSecret)]
pub(crate) struct IssuedSecretView<'a> {
    /// What it begins with.
    #[schema(value_type = values::SecretPrefix)]
    prefix: &'a str,
    /// What it ends with.
    #[schema(value_type = values::LastFour)]
    last_four: &'a str,
    /// When it was made.
    created_at: Moment,
    /// From when on it is worth nothing; null for never by itself.
    #[schema(required)]
    ends_at: Option<Moment>,
    /// When it was last used, to a few seconds; in `/me` to a minute.
    #[schema(required)]
    last_used_at: Option<Moment>,
    /// From where it was last used.
    #[schema(required, example = "192.0.2.7")]
    last_used_address: Option<&'a str>,
}

impl<'a> From<&'a IssuedSecret> for IssuedSecretView<'a> {
    fn from(secret: &'a IssuedSecret) -> Self {
        let IssuedSecret { id: _, prefix, last_four, created_at, ends_at, last_used_at, last_used_address } =
            secret;
        Self {
            prefix,
            last_four,
            created_at: (*created_at).into(),
            ends_at: ends_at.map(Into::into),
            last_used_at: last_used_at.map(Into::into),
            last_used_address: last_used_address.as_deref(),
        }
    }
}

/// A key with its new secret, this once.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyWithSecret)]
struct WithSecret {
    #[serde(flatten)]
    #[schema(value_type = ApiKeyView)]
    api_key: Shown<ApiKey>,
    /// The secret, which nobody can read again.
    #[schema(value_type = values::Secret)]
    secret: String,
}

impl Located for WithSecret {
    const PARAMETER: &'static str = Shown::<ApiKey>::PARAMETER;

    fn location(&self) -> String {
        self.api_key.location()
    }
}

impl From<(ApiKey, Secret)> for WithSecret {
    fn from((api_key, secret): (ApiKey, Secret)) -> Self {
        Self { api_key: api_key.into(), secret: secret.reveal().to_owned() }
    }
}

/// What is to change of a key; null takes a limit or the end away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyChanges)]
struct ApiKeyBody {
    /// What people will call it.
    #[schema(value_type = Option<values::ApiKeyName>)]
    name: Option<String>,
    /// What it is limited to of what its user may do: at least one permission, and names of workflows and task queues.
    #[serde(default)]
    #[schema(value_type = Option<Vec<values::Scope>>, min_items = 1, max_items = 100)]
    scopes: Change<Vec<String>>,
    /// The networks that it can be used from.
    #[serde(default)]
    #[schema(value_type = Option<Vec<values::Cidr>>, min_items = 1, max_items = 64)]
    allowed_cidrs: Change<Vec<String>>,
    /// How often it can be used.
    #[serde(default)]
    #[schema(value_type = Option<RateLimitBody>)]
    rate_limit: Change<RateLimitBody>,
    /// From when on it is worth nothing.
    #[serde(default)]
    #[schema(value_type = Option<values::Timestamp>)]
    expires_at: Change<String>,
}

/// The same of a key that does not exist yet, which has to have a name.
#[derive(Deserialize)]
#[serde(transparent)]
struct NewApiKeyBody(ApiKeyBody);

derived::requiring!(NewApiKeyBody(ApiKeyBody) as NewApiKey: "A new key.", { name: ApiKeyName = "What people will call it." });

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

/// So many requests in so many seconds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RateLimit)]
struct RateLimitBody {
    /// So many requests …
    #[serde(default, deserialize_with = "whole::read")]
    #[schema(value_type = values::RateLimitRequests, required)]
    requests: Option<u64>,
    /// … in so many seconds.
    #[serde(default, deserialize_with = "whole::read")]
    #[schema(value_type = values::RateLimitSeconds, required)]
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(NewApiKeyBody(mut body)): Body<NewApiKeyBody>,
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
    Ok(Created(created.into()))
}

async fn list(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::ApiKeyId>>,
) -> Result<List<Shown<ApiKey>>, Problem> {
    let page = query.page(ApiKeyId::uuid);
    query.finish()?;
    Ok(List(services.api_keys.list(&scope, user, page).await?.map(Into::into)))
}

/// Which keys are wanted.
struct Ending;

impl Parameters for Ending {
    const ALL: &[Parameter] = &[
        Parameter::new::<values::Days>("unused_for_days", "Only those that were not used for so many days."),
        Parameter::new::<values::Days>("expiring_within_days", "Only those that end within so many days."),
        LIMIT,
        cursor::<values::ApiKeyId>(),
    ];
}

async fn list_all(
    ReadUsers(scope): ReadUsers,
    State(services): State<Arc<Services>>,
    mut query: Query<Ending>,
) -> Result<List<Shown<ApiKey>>, Problem> {
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<Shown<ApiKey>>, Problem> {
    Ok(Tagged::of(services.api_keys.get(&scope, api_key).await?))
}

async fn update(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    _: NoQuery,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<ApiKeyBody>,
) -> Result<Tagged<Shown<ApiKey>>, Problem> {
    let mut fields = Fields::default();
    let changes = body.check(&mut fields);
    fields.finish()?;
    Ok(Tagged::of(services.api_keys.update(&scope, api_key, &expected, &changes).await?))
}

/// How one secret follows the other.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// For how long the older one holds beside the new one; not at all, if nothing is said.
    #[serde(default, deserialize_with = "whole::read")]
    #[schema(value_type = Option<values::OverlapSeconds>)]
    overlap_seconds: Option<u64>,
}

async fn rotate(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    _: NoQuery,
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Gone, Problem> {
    services.api_keys.revoke(&scope, api_key).await?;
    Ok(Gone)
}
