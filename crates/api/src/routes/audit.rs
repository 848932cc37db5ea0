//! `/audit-log`: who did what, to what, when and from where.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use serde::Serialize;
use serde_json::{Value, json};
use tenantry_domain::{
    ApiKeyId, AuditEntryId, Invalid, OrganizationId, UserId,
    audit::{Action, Entry},
};
use tenantry_services::Services;
use tenantry_storage::audit::Filter;

use crate::{
    App,
    input::{Query, timestamp, word},
    output::{Data, List, Listed, Moment},
    permit::{AuditLog, ReadAudit},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new().route(v0!("/audit-log"), get(list)).route(v0!("/audit-log/verify"), get(verify))
}

#[derive(Serialize)]
struct EntryView {
    id: AuditEntryId,
    organization_id: OrganizationId,
    sequence: i64,
    at: Moment,
    actor: ActorView,
    action: String,
    resource: ResourceView,
    outcome: String,
    request_id: Option<String>,
    source_address: Option<String>,
    changes: Option<Value>,
    hash: String,
    previous_hash: String,
}

#[derive(Serialize)]
struct ActorView {
    user_id: Option<UserId>,
    key_id: Option<ApiKeyId>,
    role: Option<String>,
    organization_id: Option<OrganizationId>,
}

#[derive(Serialize)]
struct ResourceView {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            organization_id: entry.organization_id,
            sequence: entry.sequence,
            at: entry.at.into(),
            actor: ActorView {
                user_id: entry.user_id,
                key_id: entry.key_id,
                role: entry.role,
                organization_id: entry.actor_organization_id,
            },
            action: entry.action,
            resource: ResourceView { kind: entry.resource_type, id: entry.resource_id },
            outcome: entry.outcome,
            request_id: entry.request_id,
            source_address: entry.source_address,
            changes: entry.changes,
            hash: entry.hash,
            previous_hash: entry.previous_hash,
        }
    }
}

impl Listed for EntryView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

async fn list(
    log: AuditLog,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<EntryView>, Problem> {
    let filter = Filter {
        actor: query
            .take("actor", |id| id.parse().map_err(|_| Invalid::new("actor", "must be the id of a user"))),
        action: query.take("action", |text| word::<Action>("action", text)).map(|action| action.to_string()),
        resource: query.take("resource", |id| {
            if id.contains('\0') {
                return Err(Invalid::new("resource", "must be the id of something"));
            }
            Ok(id.to_owned())
        }),
        after: query.take("after", |at| timestamp("after", at)),
        before: query.take("before", |at| timestamp("before", at)),
    };
    let page = query.page(AuditEntryId::uuid);
    query.finish()?;
    let entries = match log {
        AuditLog::Own(scope) => services.audit.list(&scope, &filter, page).await?,
        AuditLog::All => services.audit.list_all(&filter, page).await?,
    };
    Ok(List(entries.map(Into::into)))
}

async fn verify(
    ReadAudit(scope): ReadAudit,
    State(services): State<Arc<Services>>,
) -> Result<Data<Value>, Problem> {
    let found = services.audit.verify(&scope).await?;
    let whole = found.broken_at.is_none();
    Ok(Data(json!({ "valid": whole, "entries": found.entries, "broken_at": found.broken_at })))
}
