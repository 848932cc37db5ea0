//! Organizations, which the platform makes and provisions, and of which a tenant reads its own.

use chrono::TimeDelta;
use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{
    Namespace, Organization, OrganizationId, OrganizationName, OrganizationStatus, Page, PageRequest, Quota,
    Slug, Timestamp, repository::OrganizationRepository,
};
use uuid::Uuid;

use crate::{
    Error, PlatformTx, Store, TenantTx,
    row::{id, word},
    schedules,
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

impl OrganizationRepository for PlatformTx {
    type Error = Error;

    async fn insert_organization(
        &mut self,
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
        .fetch_one(self.connection())
        .await?;
        Ok(from_row(&row)?)
    }

    async fn organization(&mut self, organization: OrganizationId) -> Result<Option<Organization>, Error> {
        let query =
            concat!("select ", columns!(), " from organizations where id = $1 and status <> 'deleting'");
        let row = sqlx::query(query).bind(organization.uuid()).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn organization_by_slug(&mut self, slug: &str) -> Result<Option<Organization>, Error> {
        let query =
            concat!("select ", columns!(), " from organizations where slug = $1 and status <> 'deleting'");
        let row = sqlx::query(query).bind(slug).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn organization_of_member(&mut self, user_or_api_key: Uuid) -> Result<Option<Organization>, Error> {
        let query = concat!(
            "select ",
            columns!(),
            " from organizations where status <> 'deleting' and id in (
                  select organization_id from users where id = $1 union select organization_id from api_keys where id = $1
              )"
        );
        let row = sqlx::query(query).bind(user_or_api_key).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn system_organization(&mut self) -> Result<Organization, Error> {
        let query = concat!("select ", columns!(), " from organizations where is_system");
        let row = sqlx::query(query).fetch_one(self.connection()).await?;
        Ok(from_row(&row)?)
    }

    async fn organizations(&mut self, page: PageRequest) -> Result<Page<Organization>, Error> {
        let query = concat!(
            "select ",
            columns!(),
            " from organizations where status <> 'deleting' and id < $1 order by id desc limit $2"
        );
        let rows =
            sqlx::query(query).bind(page.before()).bind(page.fetch()).fetch_all(self.connection()).await?;
        Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
    }

    async fn rename_organization(
        &mut self,
        organization: OrganizationId,
        name: &OrganizationName,
        now: Timestamp,
    ) -> Result<(), Error> {
        let query = "update organizations set name = $2, updated_at = $3 where id = $1";
        sqlx::query(query)
            .bind(organization.uuid())
            .bind(name.as_str())
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn lock_organization(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, Error> {
        self.hold(organization);
        let query = concat!("select ", columns!(), " from organizations where id = $1 for no key update");
        let row = sqlx::query(query).bind(organization.uuid()).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn set_organization_status(
        &mut self,
        organization: OrganizationId,
        status: OrganizationStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let query = "update organizations
             set status = $2, status_reason = $3, updated_at = $4, next_attempt_at = $4, attempts = 0,
                 -- While it is suspended, nobody looks at its namespace.
                 next_look_at = case status when 'suspended' then $4 else next_look_at end
             where id = $1";
        sqlx::query(query)
            .bind(organization.uuid())
            .bind(status.as_str())
            .bind(reason)
            .bind(now)
            .execute(self.connection())
            .await?;
        // Schedules rest and go on with their organization.
        schedules::touch_all(self, organization).await
    }
}

/// What the reconciler has to do something about: an organization that is being made or erased, or whose namespace is not as its
/// quotas say.
macro_rules! unsettled {
    () => {
        "(status in ('provisioning', 'deleting') or (settle_due and status in ('active', 'suspended')))"
    };
}

/// An organization that the reconciler is to attend to.
#[derive(Clone, Debug)]
pub struct Due {
    /// Which.
    pub organization: Organization,
    /// How often it was tried before.
    pub tried: u32,
    /// For how many days Temporal is to keep what has ended there.
    pub retention_days: u32,
    /// Whether somebody has changed its namespace.
    pub drifted: bool,
}

/// Takes one organization that is due, if there is one, and puts its next attempt off by `lease`, so that no other node takes
/// it meanwhile and another does if this one dies.
pub async fn take_due(tx: &mut PlatformTx, now: Timestamp, lease: TimeDelta) -> Result<Option<Due>, Error> {
    let row = sqlx::query(concat!(
        "update organizations set next_attempt_at = $2, attempts = attempts + 1
         where id = (
             select id from organizations where ",
        unsettled!(),
        " and next_attempt_at <= $1
             order by next_attempt_at limit 1 for no key update skip locked
         )
         returning attempts - 1 as tried, drifted,
             (select retention_days from quotas where organization_id = organizations.id) as retention_days, ",
        columns!()
    ))
    .bind(now)
    .bind(now + lease)
    .fetch_optional(tx.connection())
    .await?;
    row.as_ref().map(due).transpose()
}

/// The row of an organization that was taken.
pub(crate) fn due(row: &PgRow) -> Result<Due, Error> {
    let number =
        |column| row.try_get::<Option<i32>, _>(column).map(|n| n.and_then(|n| u32::try_from(n).ok()));
    Ok(Due {
        organization: from_row(row)?,
        tried: number("tried")?.unwrap_or(0),
        retention_days: number("retention_days")?.unwrap_or(Quota::RetentionDays.default_limit()),
        drifted: row.try_get("drifted")?,
    })
}

/// Says when the reconciler is to try again, and why it did not work this time.
pub async fn postpone(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    reason: &str,
    next_attempt_at: Timestamp,
) -> Result<(), Error> {
    let query = concat!(
        "update organizations set status_reason = $2, next_attempt_at = $3 where id = $1 and ",
        unsettled!()
    );
    sqlx::query(query)
        .bind(organization.uuid())
        .bind(reason)
        .bind(next_attempt_at)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Asks the reconciler to bring the organization's namespace in line with what is stored.
pub async fn unsettle(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<(), Error> {
    let query =
        "update organizations set settle_due = true, next_attempt_at = $2, attempts = 0 where id = $1";
    sqlx::query(query).bind(organization.uuid()).bind(now).execute(tx.connection()).await?;
    Ok(())
}

/// Notes that the namespace of an organization is as it was to be when it was taken, unless that has changed since.
pub async fn settled(tx: &mut PlatformTx, due: &Due) -> Result<(), Error> {
    let query = "update organizations set settle_due = false, drifted = false, status_reason = null
         where id = $1 and status in ('active', 'suspended')
           and coalesce((select retention_days from quotas where organization_id = $1), $3) = $2";
    let days = |days: u32| i32::try_from(days).unwrap_or(i32::MAX);
    sqlx::query(query)
        .bind(due.organization.id.uuid())
        .bind(days(due.retention_days))
        .bind(days(Quota::RetentionDays.default_limit()))
        .execute(tx.connection())
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
    let rows = sqlx::query(query).bind(ids).fetch_all(&mut *store.platform_connection().await?).await?;
    Ok(rows.iter().map(|row| id(row, "id", OrganizationId::from_uuid)).collect::<Result<_, _>>()?)
}
