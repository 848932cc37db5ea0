//! Lists of an organization's rows.

use sqlx::postgres::PgRow;

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
