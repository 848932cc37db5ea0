//! API keys, and the look-up that turns one into a caller.

use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{
    ApiKey, ApiKeyId, Caller, OrganizationId, Page, PageRequest, Secret, Timestamp, UserId,
    api_key::{NewApiKey, SecretHash},
    repository::ApiKeyRepository,
};

use crate::{Error, Store, TenantTx, organizations, row::id, users};

/// The columns of an [`ApiKey`], under a prefix that lets them stand beside other tables'.
macro_rules! columns {
    () => {
        "api_keys.id as api_key_id, api_keys.organization_id as api_key_organization_id,
         api_keys.user_id as api_key_user_id, api_keys.name as api_key_name, api_keys.prefix, api_keys.last_four,
         api_keys.created_at as api_key_created_at, api_keys.expires_at, api_keys.revoked_at"
    };
}

fn from_row(row: &PgRow) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: id(row, "api_key_id", ApiKeyId::from_uuid)?,
        organization_id: id(row, "api_key_organization_id", OrganizationId::from_uuid)?,
        user_id: id(row, "api_key_user_id", UserId::from_uuid)?,
        name: row.try_get("api_key_name")?,
        prefix: row.try_get("prefix")?,
        last_four: row.try_get("last_four")?,
        created_at: row.try_get("api_key_created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

/// Who presents the secret with this hash, if the key, its user and their organization allow it now: one indexed query.
pub async fn authenticate(
    store: &Store,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Option<Caller>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        ", ",
        users::columns!(),
        ", ",
        organizations::columns!(),
        " from api_keys
          join users on users.organization_id = api_keys.organization_id and users.id = api_keys.user_id
          join organizations on organizations.id = api_keys.organization_id
          where secret_hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)
            and users.status = 'active' and organizations.status <> 'deleting'"
    ))
    .bind(secret.as_bytes().as_slice())
    .bind(now)
    .fetch_optional(store.platform_pool())
    .await?;
    let Some(row) = row else { return Ok(None) };
    #[expect(clippy::disallowed_methods, reason = "this is the look-up that authenticates")]
    let caller =
        Caller::authenticated(users::from_row(&row)?, organizations::from_row(&row)?, from_row(&row)?);
    Ok(Some(caller))
}

impl ApiKeyRepository for TenantTx {
    type Error = Error;

    async fn insert_api_key(
        &mut self,
        user: UserId,
        new: &NewApiKey,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<ApiKey, Error> {
        let row = sqlx::query(concat!(
            "insert into api_keys
                 (id, organization_id, user_id, name, secret_hash, prefix, last_four, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             returning ",
            columns!()
        ))
        .bind(ApiKeyId::generate(now).uuid())
        .bind(self.organization().uuid())
        .bind(user.uuid())
        .bind(new.name.as_str())
        .bind(secret.hash().as_bytes().as_slice())
        .bind(secret.prefix())
        .bind(secret.last_four())
        .bind(now)
        .bind(new.expires_at)
        .fetch_one(self.connection())
        .await?;
        Ok(from_row(&row)?)
    }

    async fn api_key(&mut self, api_key: ApiKeyId) -> Result<Option<ApiKey>, Error> {
        let query = concat!("select ", columns!(), " from api_keys where id = $1");
        let row = sqlx::query(query).bind(api_key.uuid()).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn api_keys(&mut self, user: UserId, page: PageRequest) -> Result<Page<ApiKey>, Error> {
        let query = concat!(
            "select ",
            columns!(),
            " from api_keys where organization_id = $1 and user_id = $2 and id < $3 order by id desc limit $4"
        );
        let organization = self.organization().uuid();
        let rows = sqlx::query(query)
            .bind(organization)
            .bind(user.uuid())
            .bind(page.before())
            .bind(page.fetch())
            .fetch_all(self.connection())
            .await?;
        Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
    }

    async fn revoke_api_key(&mut self, api_key: ApiKeyId, now: Timestamp) -> Result<bool, Error> {
        let done = sqlx::query("update api_keys set revoked_at = $2 where id = $1 and revoked_at is null")
            .bind(api_key.uuid())
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
