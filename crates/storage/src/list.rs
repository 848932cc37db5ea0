//! Lists of rows: a page at a time, newest first.

use sqlx::{PgConnection, Postgres, QueryBuilder, postgres::PgRow};

use tenantry_domain::{Page, PageRequest};

use crate::{Error, TenantTx};

/// A page of what the query finds. Its parameters are the organization, the id that all of the page come before, and how many
/// to fetch.
pub(crate) async fn page<T>(
    tx: &mut TenantTx,
    query: &'static str,
    page: PageRequest,
    from_row: fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Page<T>, Error> {
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query)
        .bind(organization)
        .bind(page.before())
        .bind(page.fetch())
        .fetch_all(tx.connection())
        .await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// A page of what a query finds that has just the conditions that are asked for, and needs nothing more than its order and its length.
/// A statement of its own for each set of conditions lets the one plan that is kept for it use the index that fits them.
pub(crate) async fn filtered<T>(
    connection: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
    page: PageRequest,
    from_row: fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Page<T>, Error> {
    query.push(" limit ").push_bind(page.fetch());
    let rows = query.build().fetch_all(connection).await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// Has the next queries of the transaction planned for their arguments: how many rows lie in a span of time decides how to find them.
pub(crate) async fn plan_for_arguments(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("set local plan_cache_mode = force_custom_plan").execute(connection).await?;
    Ok(())
}
