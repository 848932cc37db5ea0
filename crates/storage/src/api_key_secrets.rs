//! The secrets of API keys: their hashes, what they are recognised by, and when each was used.

use std::net::IpAddr;

use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{ApiKeyId, ApiKeySecretId, Secret, Timestamp, api_key::IssuedSecret};
use uuid::Uuid;

use crate::{Error, Store, TenantTx};

/// Joins each key with its secrets, the newest first, an array for each of their columns.
///
/// `of_key!(presented)` is for a query that has one of them at hand under this name: a key that was never rotated has no other to look for.
macro_rules! of_key {
    () => {
        $crate::api_key_secrets::of_key!(@ "select * from api_key_secrets
                   where organization_id = api_keys.organization_id and api_key_id = api_keys.id")
    };
    (presented) => {
        $crate::api_key_secrets::of_key!(@ "select presented.* where api_keys.rotated_at is null
                   union all
                   select * from api_key_secrets
                   where api_keys.rotated_at is not null
                       and organization_id = api_keys.organization_id and api_key_id = api_keys.id")
    };
    (@ $secrets:literal) => {
        concat!(
            "cross join lateral (
                 select array_agg(id) as secret_ids, array_agg(prefix) as prefixes, array_agg(last_four) as last_fours,
                        array_agg(created_at) as secrets_created_at, array_agg(ends_at) as secrets_end_at,
                        array_agg(last_used_at) as last_used_at, array_agg(last_used_address) as last_used_addresses
                 from (select * from (",
            $secrets,
            ") as every order by ends_at desc nulls first, id desc) as each
             ) as secrets"
        )
    };
}
pub(crate) use of_key;

/// The secrets of a key, from a row that [`of_key`] has joined them to.
pub(crate) fn from_row(row: &PgRow) -> Result<Vec<IssuedSecret>, sqlx::Error> {
    let texts = |column| row.try_get::<Option<Vec<Option<String>>>, _>(column).map(Option::unwrap_or_default);
    let times =
        |column| row.try_get::<Option<Vec<Option<Timestamp>>>, _>(column).map(Option::unwrap_or_default);
    let ids: Vec<Uuid> = row.try_get::<Option<_>, _>("secret_ids")?.unwrap_or_default();
    let (prefixes, last_fours) = (texts("prefixes")?, texts("last_fours")?);
    let (created, ends) = (times("secrets_created_at")?, times("secrets_end_at")?);
    let (used, from) = (times("last_used_at")?, texts("last_used_addresses")?);
    let one = |(at, id): (usize, Uuid)| {
        Some(IssuedSecret {
            id: ApiKeySecretId::from_uuid(id),
            prefix: prefixes.get(at)?.clone()?,
            last_four: last_fours.get(at)?.clone()?,
            created_at: (*created.get(at)?)?,
            ends_at: *ends.get(at)?,
            last_used_at: *used.get(at)?,
            last_used_address: from.get(at)?.clone(),
        })
    };
    let secrets: Option<Vec<_>> = ids.into_iter().enumerate().map(one).collect();
    secrets.ok_or_else(|| sqlx::Error::Decode("the columns of a key's secrets do not fit together".into()))
}

/// Gives a key its first secret.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    api_key: ApiKeyId,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), Error> {
    let query = "insert into api_key_secrets
             (id, organization_id, api_key_id, secret_hash, prefix, last_four, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(query)
        .bind(ApiKeySecretId::generate(now).uuid())
        .bind(tx.organization().uuid())
        .bind(api_key.uuid())
        .bind(secret.hash().as_bytes().as_slice())
        .bind(secret.prefix())
        .bind(secret.last_four())
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Gives a key another secret, and ends the one before: at this moment, or at once. From now on it may have several.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    api_key: ApiKeyId,
    secret: &Secret,
    ends_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Error> {
    end(tx, api_key, ends_at, now).await?;
    insert(tx, api_key, secret, now).await?;
    sqlx::query("update api_keys set rotated_at = $2 where id = $1")
        .bind(api_key.uuid())
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// How many of the secrets before a key's newest are remembered.
const REMEMBERED: i64 = 4;

/// Ends the secrets of a key: at this moment, or at once. All but the last few are forgotten.
async fn end(
    tx: &mut TenantTx,
    api_key: ApiKeyId,
    ends_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Error> {
    let organization = tx.organization().uuid();
    let forget = "
        delete from api_key_secrets where id in (
            select id from api_key_secrets where organization_id = $1 and api_key_id = $2
            order by ends_at desc nulls first, id desc offset $3
        )";
    sqlx::query(forget)
        .bind(organization)
        .bind(api_key.uuid())
        .bind(REMEMBERED)
        .execute(tx.connection())
        .await?;
    // In the order in which [`mark_used`] locks them, so that the two never wait for each other.
    let end = "
        with locked as (
            select id from api_key_secrets where organization_id = $1 and api_key_id = $2 order by id for update
        )
        update api_key_secrets
        set ends_at = least(ends_at, coalesce($3, $4)), ended = ended or $3 is null
        from locked where api_key_secrets.id = locked.id";
    sqlx::query(end)
        .bind(organization)
        .bind(api_key.uuid())
        .bind(ends_at)
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// When a secret was used, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
}

/// Writes when secrets of any organizations were used, unless they have been used since.
pub async fn mark_used(store: &Store, uses: &[(ApiKeySecretId, Use)]) -> Result<(), Error> {
    let query = "
        with used as (
            select * from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as used (id, at, address)
        ), locked as (
            select id from api_key_secrets where id in (select id from used) order by id for update
        )
        update api_key_secrets set last_used_at = used.at, last_used_address = used.address
        from locked join used using (id)
        where api_key_secrets.id = locked.id
          and (api_key_secrets.last_used_at is null or api_key_secrets.last_used_at < used.at)";
    let ids: Vec<Uuid> = uses.iter().map(|(id, _)| id.uuid()).collect();
    let times: Vec<Timestamp> = uses.iter().map(|(_, used)| used.at).collect();
    let addresses: Vec<Option<String>> =
        uses.iter().map(|(_, used)| used.address.map(|address| address.to_string())).collect();
    sqlx::query(query)
        .bind(ids)
        .bind(times)
        .bind(addresses)
        .execute(&mut *store.platform_connection().await?)
        .await?;
    Ok(())
}
