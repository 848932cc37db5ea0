//! Lists, a page at a time, newest first.

use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    after: Option<Uuid>,
    limit: u16,
}

impl PageRequest {
    /// The most that one page can hold.
    pub const MAX_LIMIT: u16 = 200;
    /// What a page holds when nothing is said.
    pub const DEFAULT_LIMIT: u16 = 50;

    /// The `limit` things that follow the one with the id `after`, or the first ones. The limit is kept within 1 and
    /// [`Self::MAX_LIMIT`].
    pub fn new(after: Option<Uuid>, limit: u16) -> Self {
        Self { after, limit: limit.clamp(1, Self::MAX_LIMIT) }
    }

    /// Ids sort by age, so a page is what is older than the last id of the page before it.
    pub fn before(&self) -> Uuid {
        self.after.unwrap_or(Uuid::max())
    }

    /// One more than wanted: if it comes, there is a next page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The page of what was fetched.
    pub fn page<T>(&self, mut items: Vec<T>) -> Page<T> {
        let limit = usize::from(self.limit);
        let more = items.len() > limit;
        items.truncate(limit);
        Page { items, more }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::new(None, Self::DEFAULT_LIMIT)
    }
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The things themselves, newest first.
    pub items: Vec<T>,
    /// Whether there are older ones.
    pub more: bool,
}

impl<T> Page<T> {
    /// The same page of something made from each thing.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), more: self.more }
    }
}
