//! What a benchmark says: plain text, which is Markdown too.

use std::{env::consts, fmt, thread::available_parallelism};

use sqlx::{PgConnection, Row as _};

/// Says what is measured, and on which machine: in words, because names and folders mean nothing to others.
pub async fn begin(benchmark: &str, connection: &mut PgConnection) {
    let row = sqlx::query(
        "select current_setting('server_version'), current_setting('shared_buffers'), current_setting('fsync'),
                current_setting('huge_pages_status', true)",
    );
    let row = row.fetch_one(connection).await.expect("PostgreSQL knows its settings");
    let cores = available_parallelism().map_or(1, usize::from);
    let [version, buffers, fsync, huge_pages] =
        [0, 1, 2, 3].map(|column| row.get::<Option<String>, _>(column).unwrap_or_else(|| "unknown".into()));
    println!("`make bench BENCH={benchmark}`");
    println!("on {cores} cores ({}, {}), with PostgreSQL {version}", consts::ARCH, consts::OS);
    println!(
        "(shared_buffers {buffers}, huge pages {huge_pages}, fsync {fsync}) and everything else on the same machine.\n"
    );
}

/// What a number is to be.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Aim {
    /// Says what the number should be, what it is, and whether that will do.
    pub fn judge(self, what: &str, is: f64) {
        println!("- {what}: {is:.2}; {}", self.verdict(is));
    }

    /// The aim, and whether this number meets it.
    pub fn verdict(self, is: f64) -> String {
        let (words, aim, is_met) = match self {
            Self::AtLeast(aim) => ("at least", aim, is >= aim),
            Self::AtMost(aim) => ("at most", aim, is <= aim),
        };
        format!("{words} {aim}: {}", if is_met { "met" } else { "**missed**" })
    }
}

/// Rows under a head, in columns.
#[derive(Clone, Debug)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with this head.
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|&cell| cell.to_owned()).collect()])
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[&dyn fmt::Display]) {
        self.0.push(cells.iter().map(ToString::to_string).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.0.iter().map(|row: &Vec<String>| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..self.0[0].len()).map(|column| width(column).unwrap_or(0)).collect();
        for (at, row) in self.0.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
            if at == 0 {
                let lines: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
                writeln!(f, "|{}|", lines.join("|"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_say_whether_an_aim_is_met() {
        assert_eq!(Aim::AtLeast(0.85).verdict(0.85), "at least 0.85: met");
        assert_eq!(Aim::AtLeast(0.85).verdict(0.84), "at least 0.85: **missed**");
        assert_eq!(Aim::AtMost(1.1).verdict(1.1), "at most 1.1: met");
        assert_eq!(Aim::AtMost(1.1).verdict(1.11), "at most 1.1: **missed**");
    }

    #[test]
    fn should_write_columns_that_markdown_reads() {
        let mut table = Table::new(&["query", "rows"]);
        table.row(&[&"list", &10_000]);
        table.row(&[&"größe", &1]);
        let expected = "| query | rows  |\n|-------|-------|\n| list  | 10000 |\n| größe | 1     |\n";
        assert_eq!(table.to_string(), expected);
    }
}
