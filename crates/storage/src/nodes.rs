//! The nodes of the deployment: each says now and then that it lives, and hears how many do.

use sqlx::Row as _;
use uuid::Uuid;

use crate::{Error, Store};

/// Says that this node lives. Answers how many do: those that said so in the last ten seconds, and this one.
pub async fn beat(store: &Store, node: Uuid) -> Result<u32, Error> {
    let query = "
        with beat as (
            insert into nodes (id, seen_at) values ($1, now()) on conflict (id) do update set seen_at = now()
        ), dead as (
            delete from nodes where seen_at < now() - interval '1 hour' and id <> $1
        )
        select 1 + count(*) from nodes where id <> $1 and seen_at > now() - interval '10 seconds'";
    let row = sqlx::query(query).bind(node).fetch_one(&mut *store.platform_connection().await?).await?;
    Ok(u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX))
}

/// Says that this node stops.
pub async fn leave(store: &Store, node: Uuid) -> Result<(), Error> {
    sqlx::query("delete from nodes where id = $1")
        .bind(node)
        .execute(&mut *store.platform_connection().await?)
        .await?;
    Ok(())
}
