//! Secrets that an organization stores for its workflows. Their values come here sealed, and leave sealed.

use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{
    Page, PageRequest, SecretId, SecretName, Timestamp,
    secret::{SealedSecret, StoredSecret},
};

use crate::{Error, TenantTx, list, row::id};

macro_rules! columns {
    () => {
        "id, name, created_at, updated_at"
    };
}

fn from_row(row: &PgRow) -> Result<StoredSecret, sqlx::Error> {
    Ok(StoredSecret {
        id: id(row, "id", SecretId::from_uuid)?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// Stores a secret, in place of what had the name before.
pub async fn put(
    tx: &mut TenantTx,
    name: &SecretName,
    sealed: &SealedSecret,
    now: Timestamp,
) -> Result<StoredSecret, Error> {
    let query = concat!(
        "insert into secrets (id, organization_id, name, ciphertext, key_id, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)
         on conflict on constraint secrets_name_key do update
         set ciphertext = excluded.ciphertext, key_id = excluded.key_id, updated_at = excluded.updated_at
         returning ",
        columns!()
    );
    let row = sqlx::query(query)
        .bind(SecretId::generate(now).uuid())
        .bind(tx.organization().uuid())
        .bind(name.as_str())
        .bind(&sealed.ciphertext)
        .bind(&sealed.key_id)
        .bind(now)
        .fetch_one(tx.connection())
        .await?;
    Ok(from_row(&row)?)
}

/// The value of the secret with this name, still sealed.
pub async fn get_sealed(tx: &mut TenantTx, name: &SecretName) -> Result<Option<SealedSecret>, Error> {
    let query = "select ciphertext, key_id from secrets where organization_id = $1 and name = $2";
    let organization = tx.organization().uuid();
    let row =
        sqlx::query(query).bind(organization).bind(name.as_str()).fetch_optional(tx.connection()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(SealedSecret { key_id: row.try_get("key_id")?, ciphertext: row.try_get("ciphertext")? }))
}

/// The organization's secrets without their values, the newest name first.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Page<StoredSecret>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from secrets where organization_id = $1 and id < $2 order by id desc limit $3"
    );
    list::page(tx, query, page, from_row).await
}

/// Removes a secret; answers whether it was there.
pub async fn delete(tx: &mut TenantTx, name: &SecretName) -> Result<bool, Error> {
    let query = "delete from secrets where organization_id = $1 and name = $2";
    let organization = tx.organization().uuid();
    let done = sqlx::query(query).bind(organization).bind(name.as_str()).execute(tx.connection()).await?;
    Ok(done.rows_affected() == 1)
}
