//! `/api-keys`, and `/users/{user}/api-keys`.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde::{Deserialize, Serialize};
use tenantry_domain::{ApiKey, ApiKeyId, ApiKeyName, Timestamp, UserId, api_key::NewApiKey};
use tenantry_services::Services;

use crate::{
    App,
    input::{Body, Fields, InPath, Query, timestamp},
    output::{Created, Data, List, Listed},
    permit::UseOwnIdentity,
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/users/{user}/api-keys", get(list).post(create))
        .route("/api-keys/{api_key}", get(read).delete(revoke))
}

#[derive(Serialize)]
pub(super) struct ApiKeyView {
    id: ApiKeyId,
    user_id: UserId,
    name: String,
    prefix: String,
    last_four: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(api_key: ApiKey) -> Self {
        let ApiKey {
            id,
            user_id,
            name,
            prefix,
            last_four,
            created_at,
            expires_at,
            revoked_at,
            organization_id: _,
        } = api_key;
        Self { id, user_id, name, prefix, last_four, created_at, expires_at, revoked_at }
    }
}

impl Listed for ApiKeyView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

/// A key with its secret, this once.
#[derive(Serialize)]
struct CreatedApiKey {
    #[serde(flatten)]
    api_key: ApiKeyView,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApiKeyBody {
    name: Option<String>,
    expires_at: Option<String>,
}

async fn create(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    State(services): State<Arc<Services>>,
    Body(body): Body<NewApiKeyBody>,
) -> Result<Created<CreatedApiKey>, Problem> {
    let mut fields = Fields::default();
    let name = fields.required("name", body.name, |name| ApiKeyName::parse(&name));
    let expires_at = fields.optional(body.expires_at, |at| timestamp("expires_at", &at));
    let name = fields.finish_with(name)?;
    let (api_key, secret) = services.api_keys.create(&scope, user, &NewApiKey { name, expires_at }).await?;
    let location = format!("/api/v0/api-keys/{}", api_key.id);
    Ok(Created {
        location,
        thing: CreatedApiKey { api_key: api_key.into(), secret: secret.reveal().to_owned() },
    })
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

async fn read(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    State(services): State<Arc<Services>>,
) -> Result<Data<ApiKeyView>, Problem> {
    Ok(Data(services.api_keys.get(&scope, api_key).await?.into()))
}

async fn revoke(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(api_key): InPath<ApiKeyId>,
    State(services): State<Arc<Services>>,
) -> Result<StatusCode, Problem> {
    services.api_keys.revoke(&scope, api_key).await?;
    Ok(StatusCode::NO_CONTENT)
}
