//! Requests that are to be answered once, by what their senders call them.

use chrono::TimeDelta;
use sqlx::Row as _;
use tenantry_domain::{ApiKeyId, ExecutionId, Timestamp};

use crate::{Error, Store, TenantTx, row::id};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Which request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Who sends it.
    pub api_key: ApiKeyId,
    /// The hash of what they call it.
    pub name: Hash,
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The request is the claimant's to do. An execution that it starts is called so, also if a second attempt starts it.
    Now(ExecutionId),
    /// It was claimed before.
    Before {
        /// The hash of that request.
        request: Hash,
        /// What was answered, sealed, if it is done.
        answer: Option<Vec<u8>>,
    },
}

/// How long a claim holds.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Once it is answered.
    pub answered: TimeDelta,
    /// While it is not: longer than any request takes. Then whoever had it in hand is gone.
    pub in_hand: TimeDelta,
}

/// Claims a request. Of two at the same moment, one has it.
pub async fn claim(
    tx: &mut TenantTx,
    key: Key,
    request: Hash,
    new: ExecutionId,
    now: Timestamp,
    terms: Terms,
) -> Result<Claimed, Error> {
    let query = "
        insert into idempotency_keys as before
            (organization_id, api_key_id, key_hash, request_hash, id, claimed_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organization_id, api_key_id, key_hash) do update
        set request_hash = excluded.request_hash, claimed_at = excluded.claimed_at, answer = null,
            id = case when before.answer is null and before.request_hash = excluded.request_hash
                      then before.id else excluded.id end
        where before.claimed_at <= case when before.answer is null then $7::timestamptz else $8 end
        returning id";
    let organization = tx.organization().uuid();
    let claimed = sqlx::query(query)
        .bind(organization)
        .bind(key.api_key.uuid())
        .bind(key.name.as_slice())
        .bind(request.as_slice())
        .bind(new.uuid())
        .bind(now)
        .bind(now - terms.in_hand)
        .bind(now - terms.answered)
        .fetch_optional(tx.connection())
        .await?;
    if let Some(row) = claimed {
        return Ok(Claimed::Now(id(&row, "id", ExecutionId::from_uuid)?));
    }
    // The row is locked by the statement before, so it is there.
    let query = "select request_hash, answer from idempotency_keys
         where organization_id = $1 and api_key_id = $2 and key_hash = $3";
    let row = sqlx::query(query)
        .bind(organization)
        .bind(key.api_key.uuid())
        .bind(key.name.as_slice())
        .fetch_one(tx.connection())
        .await?;
    let request = row.try_get::<&[u8], _>("request_hash")?.try_into();
    let request = request.map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?;
    Ok(Claimed::Before { request, answer: row.try_get("answer")? })
}

/// Keeps the sealed answer to a claimed request.
pub async fn answer(tx: &mut TenantTx, key: Key, id: ExecutionId, answer: &[u8]) -> Result<(), Error> {
    let query = "update idempotency_keys set answer = $5
         where organization_id = $1 and api_key_id = $2 and key_hash = $3 and id = $4";
    sqlx::query(query)
        .bind(tx.organization().uuid())
        .bind(key.api_key.uuid())
        .bind(key.name.as_slice())
        .bind(id.uuid())
        .bind(answer)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Gives a claim up, as if it had never been.
pub async fn release(tx: &mut TenantTx, key: Key, id: ExecutionId) -> Result<(), Error> {
    let query = "delete from idempotency_keys
         where organization_id = $1 and api_key_id = $2 and key_hash = $3 and id = $4";
    sqlx::query(query)
        .bind(tx.organization().uuid())
        .bind(key.api_key.uuid())
        .bind(key.name.as_slice())
        .bind(id.uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Forgets what was claimed before, of all organizations, up to a number. Answers how many there were.
pub async fn forget(store: &Store, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let query = "delete from idempotency_keys where ctid = any (array(
             select ctid from idempotency_keys where claimed_at < $1 limit $2
         ))";
    let forgotten =
        sqlx::query(query).bind(before).bind(limit).execute(&mut *store.platform_connection().await?).await?;
    Ok(forgotten.rows_affected())
}
