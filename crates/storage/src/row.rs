//! From a row's columns to the domain's types.

use std::{error::Error, str::FromStr};

use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::Invalid;
use uuid::Uuid;

/// A column with one word of a closed set.
pub(crate) fn word<T>(row: &PgRow, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let text: &str = row.try_get(column)?;
    text.parse()
        .map_err(|source| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(source) })
}

/// A column with an id.
pub(crate) fn id<T>(row: &PgRow, column: &str, make: fn(Uuid) -> T) -> Result<T, sqlx::Error> {
    row.try_get(column).map(make)
}

/// A column with an id, or nothing.
pub(crate) fn id_if_any<T>(row: &PgRow, column: &str, make: fn(Uuid) -> T) -> Result<Option<T>, sqlx::Error> {
    row.try_get::<Option<Uuid>, _>(column).map(|id| id.map(make))
}

/// What a column has that was checked before it was stored, if it has anything.
pub(crate) fn checked<S, T>(
    stored: Option<S>,
    check: impl FnOnce(S) -> Result<T, Invalid>,
) -> Result<Option<T>, sqlx::Error> {
    stored.map(check).transpose().map_err(|invalid| sqlx::Error::Decode(Box::new(invalid)))
}
