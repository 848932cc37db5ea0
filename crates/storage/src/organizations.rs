//! Organizations, which the platform makes and provisions, and of which a tenant reads its own.

use chrono::TimeDelta;
use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{
    Namespace, Organization, OrganizationId, OrganizationName, OrganizationStatus, Slug, Timestamp,
};
use uuid::Uuid;

use crate::{
    Error, Page, PageRequest, PlatformTx, Store, TenantTx,
    row::{id, word},
};

/// The columns of an [`Organization`], under a prefix that lets them stand beside other tables'.
macro_rules! columns {
    () => {
        "organizations.id as organization_id, organizations.slug, organizations.name as organization_name,
         organizations.status as organization_status, organizations.status_reason, organizations.namespace,
         organizations.created_at as organization_created_at, organizations.updated_at as organization_updated_at"
    };
}
pub(crate) use columns;

pub(crate) fn from_row(row: &PgRow) -> Result<Organization, sqlx::Error> {
    Ok(Organization {
        id: id(row, "organization_id", OrganizationId::from_uuid)?,
        slug: Slug::from_storage(row.try_get("slug")?),
        name: row.try_get("organization_name")?,
        status: word(row, "organization_status")?,
        status_reason: row.try_get("status_reason")?,
        namespace: Namespace::from_storage(row.try_get("namespace")?),
        created_at: row.try_get("organization_created_at")?,
        updated_at: row.try_get("organization_updated_at")?,
    })
}

/// The organization of the transaction.
pub async fn own(tx: &mut TenantTx) -> Result<Organization, Error> {
    let row =
        sqlx::query(concat!("select ", columns!(), " from organizations")).fetch_one(tx.connection()).await?;
    Ok(from_row(&row)?)
}

/// Records the intent to have an organization. Its namespace is provisioned later.
///
/// # Errors
/// [`Conflict::SlugTaken`](crate::Conflict::SlugTaken).
pub async fn insert(
    tx: &mut PlatformTx,
    slug: &Slug,
    name: &OrganizationName,
    now: Timestamp,
) -> Result<Organization, Error> {
    let organization_id = OrganizationId::generate(now);
    let row = sqlx::query(concat!(
        "insert into organizations
             (id, slug, name, status, namespace, next_attempt_at, created_at, updated_at)
         values ($1, $2, $3, 'provisioning', $4, $5, $5, $5)
         returning ",
        columns!()
    ))
    .bind(organization_id.uuid())
    .bind(slug.as_str())
    .bind(name.as_str())
    .bind(Namespace::of(slug, organization_id).as_str())
    .bind(now)
    .fetch_one(tx.connection())
    .await?;
    Ok(from_row(&row)?)
}

/// The organization with this id.
pub async fn get(tx: &mut PlatformTx, organization: OrganizationId) -> Result<Option<Organization>, Error> {
    let query = concat!("select ", columns!(), " from organizations where id = $1 and status <> 'deleting'");
    let row = sqlx::query(query).bind(organization.uuid()).fetch_optional(tx.connection()).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The organization with this slug.
pub async fn get_by_slug(tx: &mut PlatformTx, slug: &str) -> Result<Option<Organization>, Error> {
    let query =
        concat!("select ", columns!(), " from organizations where slug = $1 and status <> 'deleting'");
    let row = sqlx::query(query).bind(slug).fetch_optional(tx.connection()).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The organization that a user, or an API key, belongs to: for an admin who names only the user or the key.
pub async fn get_by_member(
    tx: &mut PlatformTx,
    user_or_api_key: Uuid,
) -> Result<Option<Organization>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from organizations where status <> 'deleting' and id in (
              select organization_id from users where id = $1 union select organization_id from api_keys where id = $1
          )"
    );
    let row = sqlx::query(query).bind(user_or_api_key).fetch_optional(tx.connection()).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The platform's own organization, which the migrations made.
pub async fn system(tx: &mut PlatformTx) -> Result<Organization, Error> {
    let query = concat!("select ", columns!(), " from organizations where is_system");
    let row = sqlx::query(query).fetch_one(tx.connection()).await?;
    Ok(from_row(&row)?)
}

/// Organizations, newest first.
pub async fn list(tx: &mut PlatformTx, page: PageRequest) -> Result<Page<Organization>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from organizations where status <> 'deleting' and id < $1 order by id desc limit $2"
    );
    let rows = sqlx::query(query).bind(page.before()).bind(page.fetch()).fetch_all(tx.connection()).await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// Takes one organization that waits for provisioning or erasure and is due, if there is one, and puts its next attempt off by `lease`, so that
/// no other node takes it meanwhile and another does if this one dies. Answers how often it was tried before.
pub async fn take_unreconciled(
    store: &Store,
    now: Timestamp,
    lease: TimeDelta,
) -> Result<Option<(Organization, u32)>, Error> {
    let row = sqlx::query(concat!(
        "update organizations set next_attempt_at = $2, attempts = attempts + 1
         where id = (
             select id from organizations where status in ('provisioning', 'deleting') and next_attempt_at <= $1
             order by next_attempt_at limit 1 for update skip locked
         )
         returning attempts - 1 as tried, ",
        columns!()
    ))
    .bind(now)
    .bind(now + lease)
    .fetch_optional(store.platform_pool())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let tried: i32 = row.try_get("tried")?;
    Ok(Some((from_row(&row)?, u32::try_from(tried).unwrap_or(0))))
}

/// Says when the reconciler is to try again, and why it did not work this time.
pub async fn postpone(
    store: &Store,
    organization: OrganizationId,
    reason: &str,
    next_attempt_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "update organizations set status_reason = $2, next_attempt_at = $3 where id = $1 and status in ('provisioning', 'deleting')",
    )
    .bind(organization.uuid())
    .bind(reason)
    .bind(next_attempt_at)
    .execute(store.platform_pool())
    .await?;
    Ok(())
}

/// Those of these organizations that are active.
pub async fn active_among(
    store: &Store,
    organizations: &[OrganizationId],
) -> Result<Vec<OrganizationId>, Error> {
    let ids: Vec<Uuid> = organizations.iter().map(|organization| organization.uuid()).collect();
    let query = "select id from organizations where id = any ($1) and status = 'active'";
    let rows = sqlx::query(query).bind(ids).fetch_all(store.platform_pool()).await?;
    Ok(rows.iter().map(|row| id(row, "id", OrganizationId::from_uuid)).collect::<Result<_, _>>()?)
}

/// Renames the organization.
pub async fn rename(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    name: &OrganizationName,
    now: Timestamp,
) -> Result<(), Error> {
    let query = "update organizations set name = $2, updated_at = $3 where id = $1";
    sqlx::query(query)
        .bind(organization.uuid())
        .bind(name.as_str())
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The organization, which nobody else can move until the transaction ends.
pub async fn lock(tx: &mut PlatformTx, organization: OrganizationId) -> Result<Option<Organization>, Error> {
    let query = concat!("select ", columns!(), " from organizations where id = $1 for update");
    let row = sqlx::query(query).bind(organization.uuid()).fetch_optional(tx.connection()).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Moves an organization that [`lock`] holds to another status. What the reconciler has to do for it is due at once.
pub async fn set_status(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    status: OrganizationStatus,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let query = "update organizations
         set status = $2, status_reason = $3, updated_at = $4, next_attempt_at = $4, attempts = 0 where id = $1";
    sqlx::query(query)
        .bind(organization.uuid())
        .bind(status.as_str())
        .bind(reason)
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}
