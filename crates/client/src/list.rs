//! Lists: one page of a resource at a time.

use std::marker::PhantomData;

use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Call, Client, Error, Timestamp};

/// A list that has not been asked for.
#[derive(Debug)]
#[must_use = "a list does nothing until a page of it is asked for"]
pub struct List<T> {
    client: Client,
    url: Url,
    items: PhantomData<fn() -> T>,
}

/// Some items of a list, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; without it, this is the last.
    pub next_cursor: Option<String>,
}

/// A walk through the pages of a list.
#[derive(Debug)]
pub struct Pages<T> {
    list: List<T>,
    next: Next,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    First,
    After(String),
    End,
}

impl<T> List<T> {
    pub(crate) fn new(client: &Client, path: &[&str]) -> Self {
        Self { client: client.clone(), url: client.url(path), items: PhantomData }
    }

    /// At most this many items a page: 1–200, 50 unless told.
    pub fn limit(self, limit: u32) -> Self {
        self.filter("limit", &limit.to_string())
    }

    /// Begins where an earlier page ended: at its [`Page::next_cursor`].
    pub fn cursor(self, cursor: &str) -> Self {
        self.filter("cursor", cursor)
    }

    /// The same list, giving its items unchanged.
    pub fn raw(self) -> List<Value> {
        List { client: self.client, url: self.url, items: PhantomData }
    }

    /// A walk through its pages, from here to the last.
    pub fn into_pages(self) -> Pages<T> {
        Pages { list: self, next: Next::First }
    }

    /// With those parameters that have a value.
    pub(crate) fn filters<const N: usize>(self, parameters: [(&str, Option<String>); N]) -> Self {
        let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.fold(self, |list, (name, value)| list.filter(name, &value))
    }

    pub(crate) fn filter(mut self, name: &str, value: &str) -> Self {
        let others: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(other, _)| other != name)
            .map(|(n, v)| (n.into(), v.into()))
            .collect();
        self.url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
        self
    }
}

/// A moment, as the API reads it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

impl<T: DeserializeOwned> List<T> {
    /// Asks for one page.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn page(self) -> Result<Page<T>, Error> {
        let mut envelope = Call::<Vec<T>>::new(self.client, Method::GET, self.url).envelope().await?;
        let next_cursor = envelope.next_cursor.take();
        Ok(Page { items: envelope.read()?, next_cursor })
    }

    /// Asks for all pages and joins them.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn all(self) -> Result<Vec<T>, Error> {
        let mut pages = self.into_pages();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await? {
            items.extend(page.items);
        }
        Ok(items)
    }
}

impl<T: DeserializeOwned> Pages<T> {
    /// Asks for the next page; `None` after the last.
    ///
    /// # Errors
    /// As [`Error`] says; also when the server answers a page's own cursor as its next one, which would have no end.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, Error> {
        let List { client, url, items } = &self.list;
        let list = List { client: client.clone(), url: url.clone(), items: *items };
        let page = match &self.next {
            Next::First => list.page().await?,
            Next::After(cursor) => list.cursor(cursor).page().await?,
            Next::End => return Ok(None),
        };
        let next = page.next_cursor.clone().map_or(Next::End, Next::After);
        if next == self.next {
            let reason = "the list goes in a circle".to_owned();
            return Err(Error::Unexpected { status: 200, reason });
        }
        self.next = next;
        Ok(Some(page))
    }
}
