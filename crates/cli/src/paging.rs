//! The flags of lists.

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tenantry_client::{Error, List};

use crate::output::note;

/// Which part of a list to show.
#[derive(Args, Debug)]
pub(crate) struct Paging {
    /// At most this many [default: 50]
    #[arg(long, value_name = "1-200", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,
    /// Continue where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Show everything, page by page
    #[arg(long)]
    all: bool,
}

impl Paging {
    /// The part of the list, unchanged; a note on stderr says how to see the rest.
    pub(crate) async fn fetch<T: DeserializeOwned>(self, list: List<T>) -> Result<Vec<Value>, Error> {
        let list = match (self.limit, self.all) {
            (Some(limit), _) => list.limit(limit),
            (None, true) => list.limit(200),
            (None, false) => list,
        };
        let list = self.cursor.iter().fold(list.raw(), |list, cursor| list.cursor(cursor));
        if self.all {
            return list.all().await;
        }
        let page = list.page().await?;
        if let Some(cursor) = page.next_cursor {
            note(&format!("there are more: --cursor {cursor} shows the next, --all shows everything"));
        }
        Ok(page.items)
    }
}
