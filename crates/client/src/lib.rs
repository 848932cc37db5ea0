//! A typed client of Tenantry's REST API, `/api/v0`.
//!
//! ```no_run
//! # async fn example() -> Result<(), tenantry_client::Error> {
//! use serde_json::json;
//! use tenantry_client::{Client, executions::Start};
//!
//! let client = Client::new("http://127.0.0.1:8090", "tn_…")?.with_organization("acme");
//! let start = Start { input: Some(json!({"amount": 3})), ..Start::default() };
//! let execution = client.executions().start("quote", &start).send().await?;
//! println!("{} is {:?}", execution.id, execution.status);
//!
//! let mut events = client.executions().events(&execution.id);
//! while let Some(event) = events.next().await? {
//!     println!("{event:?}");
//! }
//!
//! let mut pages = client.workflows().list().limit(200).into_pages();
//! while let Some(page) = pages.next().await? {
//!     page.items.iter().for_each(|workflow| println!("{}", workflow.name));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A method of a resource answers a [`Call`] or a [`List`] that has not been sent. Sent as it is, it gives the typed
//! answer; [`Call::raw`] and [`List::raw`] make the same call give the API's `data` unchanged, with the fields that this
//! version of the client does not know.
//!
//! To add a resource: a module with its types and a struct that borrows the [`Client`], one method a route, and a method of
//! `Client` that makes it. To add a route: a method that says its HTTP method, its path, and the type of its answer.

mod call;
mod client;
mod error;
mod list;
mod secret;
mod sse;

pub mod api_keys;
pub mod audit;
pub mod executions;
pub mod me;
pub mod organizations;
pub mod schedules;
pub mod users;
pub mod workflows;

pub use call::{Answer, Call};
pub use client::Client;
pub use error::{Defect, Error, Problem};
pub use list::{List, Page, Pages};
pub use reqwest::Method;
pub use secret::Secret;

/// A moment, in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
