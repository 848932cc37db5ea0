//! `/audit-log`: who did what, to what, when and from where.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use tenantry_domain::{
    ApiKeyId, AuditEntryId, Invalid, OrganizationId, UserId,
    audit::{Action, Entry},
};
use tenantry_services::Services;
use tenantry_storage::audit::{Filter, Verification};
use utoipa::ToSchema;

use crate::{
    input::{LIMIT, NoQuery, Parameters, Query, cursor, timestamp, word},
    openapi::{Parameter, Routes, about, values},
    output::{Data, List, Listed, Moment},
    permit::{AuditLog, ReadAudit},
    problem::Problem,
};

pub(super) fn routes() -> Routes {
    Routes::of("Audit log", "Who did what, to what, when and from where.")
        .get(
            v0!("/audit-log"),
            list,
            about("list_audit_log", "List what was done, and refused")
                .detail("The newest first. An admin who names no organization gets the entries of all."),
        )
        .get(
            v0!("/audit-log/verify"),
            verify,
            about("verify_audit_log", "Check that no entry was changed or taken away"),
        )
}

/// Something that was done, or tried.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryView {
    /// Names it.
    #[schema(value_type = values::AuditEntryId)]
    id: AuditEntryId,
    /// The organization whose log it is in.
    #[schema(value_type = values::OrganizationId)]
    organization_id: OrganizationId,
    /// Its place in that log: 1, 2, …
    #[schema(minimum = 1, example = 4711)]
    sequence: i64,
    /// When.
    at: Moment,
    /// Who.
    actor: ActorView,
    /// What was done, or tried.
    #[schema(value_type = values::AuditAction)]
    action: String,
    /// To what.
    resource: ResourceView,
    /// What came of it.
    #[schema(value_type = values::AuditOutcome)]
    outcome: String,
    /// The request, if one was its cause.
    #[schema(required, example = "req-4711")]
    request_id: Option<String>,
    /// Where the request came from.
    #[schema(required, example = "192.0.2.7")]
    source_address: Option<String>,
    /// What changed, in the form that the action has.
    #[schema(required, value_type = values::Json)]
    changes: Option<Value>,
    /// SHA-256 over this entry and the hash before it.
    #[schema(value_type = values::Digest)]
    hash: String,
    /// The hash of the entry before it; empty for the first.
    #[schema(
        pattern = "^([0-9a-f]{64})?$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    previous_hash: String,
}

/// Who did it; all null for the deployment itself.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct ActorView {
    /// The user.
    #[schema(required, value_type = Option<values::UserId>)]
    user_id: Option<UserId>,
    /// Their API key.
    #[schema(required, value_type = Option<values::ApiKeyId>)]
    key_id: Option<ApiKeyId>,
    /// Their role.
    #[schema(required, value_type = Option<values::Role>)]
    role: Option<String>,
    /// Their organization.
    #[schema(required, value_type = Option<values::OrganizationId>)]
    organization_id: Option<OrganizationId>,
}

/// What it was done to.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditResource)]
struct ResourceView {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    kind: String,
    /// Which.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
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

/// Which entries are wanted.
struct Wanted;

impl Parameters for Wanted {
    const ALL: &[Parameter] = &[
        Parameter::new::<values::UserId>("actor", "Only what this user did."),
        Parameter::new::<values::AuditAction>("action", "Only what was done so."),
        Parameter::new::<values::ResourceId>("resource", "Only what was done to this thing."),
        Parameter::new::<values::Timestamp>("after", "Only what was done later."),
        Parameter::new::<values::Timestamp>("before", "Only what was done earlier."),
        LIMIT,
        cursor::<values::AuditEntryId>(),
    ];
}

async fn list(
    log: AuditLog,
    State(services): State<Arc<Services>>,
    mut query: Query<Wanted>,
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

/// What the chain of hashes says.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditVerification)]
struct VerificationView {
    /// Whether every entry is as it was written, and none is missing before the last.
    #[schema(example = true)]
    valid: bool,
    /// How many entries there are.
    #[schema(minimum = 0, example = 4711)]
    entries: i64,
    /// The first entry that is not as it was written, by its `sequence`.
    #[schema(required, minimum = 1, example = 42)]
    broken_at: Option<i64>,
}

async fn verify(
    ReadAudit(scope): ReadAudit,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Data<VerificationView>, Problem> {
    let Verification { entries, broken_at } = services.audit.verify(&scope).await?;
    Ok(Data(VerificationView { valid: broken_at.is_none(), entries, broken_at }))
}
