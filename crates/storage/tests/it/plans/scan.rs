//! How a plan reads its tables.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _, types::Json};

/// One reading of one table.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) table: String,
    /// What of it the index finds; empty when the table is read from end to end.
    pub(super) condition: String,
    /// By which index; none for one that takes a bitmap of several.
    pub(super) index: Option<String>,
}

/// How PostgreSQL would read for this statement, whatever its arguments are: with the plan that it keeps for a statement that comes
/// again and again.
pub(super) async fn of_any_arguments(connection: &mut PgConnection, statement: &str) -> Vec<Scan> {
    explain(connection, "generic_plan, format json", statement).await
}

/// How PostgreSQL reads for this statement with these arguments, each a literal of SQL.
pub(super) async fn of_arguments(
    connection: &mut PgConnection,
    statement: &str,
    arguments: &[&str],
) -> Vec<Scan> {
    let mut statement = statement.to_owned();
    // From the last on, so that $1 is not found in $10.
    for (place, argument) in arguments.iter().enumerate().rev() {
        statement = statement.replace(&format!("${}", place + 1), argument);
    }
    explain(connection, "format json", &statement).await
}

async fn explain(connection: &mut PgConnection, options: &str, statement: &str) -> Vec<Scan> {
    let sql = AssertSqlSafe(format!("explain ({options}) {statement}"));
    let row = connection.fetch_one(sqlx::raw_sql(sql)).await.expect(statement);
    let Json(plans) = row.get::<Json<Value>, _>(0);
    let mut scans = Vec::new();
    collect(&plans[0]["Plan"], &mut scans);
    scans
}

fn collect(node: &Value, scans: &mut Vec<Scan>) {
    if let Some(table) = node["Relation Name"].as_str() {
        let index = node["Index Name"].as_str().map(str::to_owned);
        scans.push(Scan { table: table.to_owned(), condition: condition(node), index });
        return;
    }
    children(node).for_each(|child| collect(child, scans));
}

/// The index conditions of a scan. Those of a bitmap stand below it.
fn condition(node: &Value) -> String {
    let own = node["Index Cond"].as_str().unwrap_or_default().to_owned();
    children(node).fold(own, |all, child| all + &condition(child))
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}
