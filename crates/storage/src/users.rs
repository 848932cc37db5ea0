//! Users of an organization.

use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{
    Email, OrganizationId, Page, PageRequest, Role, Timestamp, User, UserId, UserName, UserStatus,
    repository::UserRepository,
    user::{Changes, NewUser},
};

use crate::{
    Error, PlatformTx, TenantTx, list,
    row::{id, word},
};

/// The columns of a [`User`], under a prefix that lets them stand beside other tables'.
macro_rules! columns {
    () => {
        "users.id as user_id, users.organization_id as user_organization_id, users.kind, users.email,
         users.name as user_name, users.role, users.status as user_status, users.created_at as user_created_at"
    };
}
pub(crate) use columns;

pub(crate) fn from_row(row: &PgRow) -> Result<User, sqlx::Error> {
    Ok(User {
        id: id(row, "user_id", UserId::from_uuid)?,
        organization_id: id(row, "user_organization_id", OrganizationId::from_uuid)?,
        kind: word(row, "kind")?,
        email: row.try_get("email")?,
        name: row.try_get("user_name")?,
        role: word(row, "role")?,
        status: word(row, "user_status")?,
        created_at: row.try_get("user_created_at")?,
    })
}

impl UserRepository for TenantTx {
    type Error = Error;

    async fn insert_user(&mut self, new: &NewUser, now: Timestamp) -> Result<User, Error> {
        let row = sqlx::query(concat!(
            "insert into users (id, organization_id, kind, email, name, role, status, created_at)
             values ($1, $2, $3, $4, $5, $6, 'active', $7)
             returning ",
            columns!()
        ))
        .bind(UserId::generate(now).uuid())
        .bind(self.organization().uuid())
        .bind(new.kind().as_str())
        .bind(new.email().map(Email::as_str))
        .bind(new.name().as_str())
        .bind(new.role().as_str())
        .bind(now)
        .fetch_one(self.connection())
        .await?;
        Ok(from_row(&row)?)
    }

    async fn user(&mut self, user: UserId) -> Result<Option<User>, Error> {
        let query = concat!("select ", columns!(), " from users where id = $1");
        let row = sqlx::query(query).bind(user.uuid()).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn user_by_email(&mut self, email: &Email) -> Result<Option<User>, Error> {
        let query = concat!("select ", columns!(), " from users where organization_id = $1 and email = $2");
        let organization = self.organization().uuid();
        let row = sqlx::query(query)
            .bind(organization)
            .bind(email.as_str())
            .fetch_optional(self.connection())
            .await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn users(&mut self, page: PageRequest) -> Result<Page<User>, Error> {
        let query = concat!(
            "select ",
            columns!(),
            " from users where organization_id = $1 and id < $2 order by id desc limit $3"
        );
        list::page(self, query, page, from_row).await
    }

    async fn update_user(&mut self, user: UserId, changes: &Changes) -> Result<Option<User>, Error> {
        let query = concat!(
            "update users
             set name = coalesce($2, name), role = coalesce($3, role), status = coalesce($4, status) where id = $1
             returning ",
            columns!()
        );
        let row = sqlx::query(query)
            .bind(user.uuid())
            .bind(changes.name.as_ref().map(UserName::as_str))
            .bind(changes.role.map(Role::as_str))
            .bind(changes.status.map(UserStatus::as_str))
            .fetch_optional(self.connection())
            .await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn delete_user(&mut self, user: UserId) -> Result<(), Error> {
        sqlx::query("delete from users where id = $1").bind(user.uuid()).execute(self.connection()).await?;
        Ok(())
    }

    async fn others_in_role(&mut self, role: Role, user: UserId) -> Result<i64, Error> {
        let query = "select count(*) from users
             where organization_id = $1 and role = $2 and status = 'active' and id <> $3";
        let organization = self.organization().uuid();
        let row = sqlx::query(query)
            .bind(organization)
            .bind(role.as_str())
            .bind(user.uuid())
            .fetch_one(self.connection())
            .await?;
        Ok(row.try_get(0)?)
    }
}

/// Whether anybody is an admin yet. While the answer is no and the transaction lasts, nobody else gets an answer.
pub async fn lock_and_find_admin(tx: &mut PlatformTx) -> Result<bool, Error> {
    // The number means nothing; it is the same for everybody who asks.
    sqlx::query("select pg_advisory_xact_lock(7310868)").execute(tx.connection()).await?;
    let row = sqlx::query("select exists (select from users where role = 'admin')")
        .fetch_one(tx.connection())
        .await?;
    Ok(row.try_get(0)?)
}
