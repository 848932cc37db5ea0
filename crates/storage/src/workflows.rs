//! Workflows of an organization, and their revisions.
//!
//! One that was deleted stays, for what ran it and for whoever uses its name again: its revisions go on. What there is for whoever
//! asks begins with its `first_revision`; without one there is nothing.

use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    OrgScope, Page, PageRequest, Revision, Timestamp, UserId, Workflow, WorkflowId, WorkflowName,
};

use crate::{
    Error, TenantTx,
    row::{id, id_if_any},
};

/// The columns of a [`Workflow`], with what is to stand for its definition.
macro_rules! columns {
    ($definition:literal) => {
        concat!(
            "workflows.id, workflows.name, revisions.revision, revisions.document_version, revisions.digest, ",
            $definition,
            " as definition, revisions.created_at, revisions.created_by"
        )
    };
    () => {
        columns!("revisions.definition")
    };
}

fn from_row(row: &PgRow) -> Result<Workflow, sqlx::Error> {
    Ok(Workflow {
        id: id(row, "id", WorkflowId::from_uuid)?,
        name: row.try_get("name")?,
        revision: row.try_get("revision")?,
        document_version: row.try_get("document_version")?,
        digest: row.try_get("digest")?,
        definition: row
            .try_get::<Option<Json<Value>>, _>("definition")?
            .map(|json| json.0)
            .unwrap_or_default(),
        created_at: row.try_get("created_at")?,
        created_by: id_if_any(row, "created_by", UserId::from_uuid)?,
    })
}

/// The names of the workflows that the scope's actor can reach, as a parameter that is null when it is all of them.
pub(crate) fn reachable(scope: &OrgScope) -> Option<Vec<String>> {
    scope.workflows().map(|names| names.iter().map(ToString::to_string).collect())
}

/// A revision that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewRevision<'a> {
    /// The definition's own version.
    pub document_version: &'a str,
    /// SHA-256 over its canonical JSON, in hexadecimal.
    pub digest: &'a str,
    /// The definition.
    pub definition: &'a Value,
}

/// The workflow's id, made if this is its first upload. Until the transaction ends, nobody else can add a revision to it.
pub async fn lock(tx: &mut TenantTx, name: &WorkflowName, now: Timestamp) -> Result<WorkflowId, Error> {
    let organization = tx.organization().uuid();
    sqlx::query(
        "insert into workflows (id, organization_id, name, created_at) values ($1, $2, $3, $4)
         on conflict on constraint workflows_name_key do nothing",
    )
    .bind(WorkflowId::generate(now).uuid())
    .bind(organization)
    .bind(name.as_str())
    .bind(now)
    .execute(tx.connection())
    .await?;
    // Whoever makes a schedule locks the row, and need not wait for uploads.
    let row = sqlx::query(
        "select id, pg_advisory_xact_lock(hashtextextended(id::text, 0)) from workflows
         where organization_id = $1 and name = $2",
    )
    .bind(organization)
    .bind(name.as_str())
    .fetch_one(tx.connection())
    .await?;
    Ok(id(&row, "id", WorkflowId::from_uuid)?)
}

/// Has a workflow that [`lock`] holds and of which there is no revision begin, or begin again after it was deleted. Answers the number of its
/// first revision, which is to be inserted.
pub async fn begin(tx: &mut TenantTx, workflow: WorkflowId) -> Result<Revision, Error> {
    let organization = tx.organization().uuid();
    let row = sqlx::query(
        "update workflows set first_revision = 1 + coalesce((
             select max(revision) from workflow_revisions where organization_id = $1 and workflow_id = $2
         ), 0)
         where organization_id = $1 and id = $2
         returning first_revision",
    )
    .bind(organization)
    .bind(workflow.uuid())
    .fetch_one(tx.connection())
    .await?;
    Ok(row.try_get("first_revision")?)
}

/// The next revision of a workflow that [`lock`] holds.
pub async fn insert_revision(
    tx: &mut TenantTx,
    workflow: WorkflowId,
    revision: Revision,
    new: NewRevision<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let (organization, created_by) =
        (tx.organization().uuid(), tx.scope().trail().actor.user().map(UserId::uuid));
    sqlx::query(
        "insert into workflow_revisions
             (organization_id, workflow_id, revision, document_version, digest, definition, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6::json, $7, $8)",
    )
    .bind(organization)
    .bind(workflow.uuid())
    .bind(revision)
    .bind(new.document_version)
    .bind(new.digest)
    .bind(new.definition.to_string())
    .bind(now)
    .bind(created_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// One revision of the workflow with this name, if the scope's actor can reach it: the one asked for, or the latest.
pub async fn get(
    tx: &mut TenantTx,
    name: &WorkflowName,
    revision: Option<Revision>,
) -> Result<Option<Workflow>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from workflows join workflow_revisions as revisions
              on revisions.organization_id = workflows.organization_id and revisions.workflow_id = workflows.id
          where workflows.organization_id = $1 and workflows.name = $2 and ($3::integer is null or revision = $3)
            and revision >= workflows.first_revision and ($4::text[] is null or workflows.name = any ($4))
          order by revision desc limit 1"
    );
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(name.as_str())
        .bind(revision)
        .bind(reachable(tx.scope()))
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The revision that something runs, though the workflow may have been deleted since.
pub async fn get_recorded(
    tx: &mut TenantTx,
    name: &WorkflowName,
    revision: Revision,
) -> Result<Option<Workflow>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from workflows join workflow_revisions as revisions
              on revisions.organization_id = workflows.organization_id and revisions.workflow_id = workflows.id
          where workflows.organization_id = $1 and workflows.name = $2 and revision = $3"
    );
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(name.as_str())
        .bind(revision)
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The id of the workflow with this name, if there is one and the scope's actor can reach it.
pub async fn find(tx: &mut TenantTx, name: &WorkflowName) -> Result<Option<WorkflowId>, Error> {
    let query = "select id from workflows
         where organization_id = $1 and name = $2 and first_revision is not null and ($3::text[] is null or name = any ($3))";
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(name.as_str())
        .bind(reachable(tx.scope()))
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(|row| id(&row, "id", WorkflowId::from_uuid)).transpose()?)
}

/// The workflows that the scope's actor can reach, each in its latest revision, the newest first. A definition that
/// is larger than 16 KiB is left out, so that a page has a bound.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Page<Workflow>, Error> {
    let query = concat!(
        "select ",
        columns!("case when length(revisions.definition::text) <= 16384 then revisions.definition end"),
        " from workflows cross join lateral (
              select * from workflow_revisions
              where organization_id = workflows.organization_id and workflow_id = workflows.id
              order by revision desc limit 1
          ) as revisions
          where workflows.organization_id = $1 and workflows.id < $2 and workflows.first_revision is not null
            and ($4::text[] is null or workflows.name = any ($4))
          order by workflows.id desc limit $3"
    );
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query)
        .bind(organization)
        .bind(page.before())
        .bind(page.fetch())
        .bind(reachable(tx.scope()))
        .fetch_all(tx.connection())
        .await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// The revisions of a workflow that come before this one, the newest first. A definition that is larger than 16 KiB is left out, so that a page
/// has a bound.
pub async fn revisions(
    tx: &mut TenantTx,
    workflow: WorkflowId,
    before: Option<Revision>,
    page: PageRequest,
) -> Result<Page<Workflow>, Error> {
    let query = concat!(
        "select ",
        columns!("case when length(revisions.definition::text) <= 16384 then revisions.definition end"),
        " from workflows join workflow_revisions as revisions
              on revisions.organization_id = workflows.organization_id and revisions.workflow_id = workflows.id
          where workflows.organization_id = $1 and workflows.id = $2 and revision >= workflows.first_revision
            and ($3::integer is null or revision < $3)
          order by revision desc limit $4"
    );
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query)
        .bind(organization)
        .bind(workflow.uuid())
        .bind(before)
        .bind(page.fetch())
        .fetch_all(tx.connection())
        .await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// Deletes a workflow that [`lock`] holds: from now on there is no revision of it, and a schedule of it can only have been made before.
pub async fn delete(tx: &mut TenantTx, workflow: WorkflowId) -> Result<(), Error> {
    let query = "update workflows set first_revision = null where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    sqlx::query(query).bind(organization).bind(workflow.uuid()).execute(tx.connection()).await?;
    Ok(())
}
