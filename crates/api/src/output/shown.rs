//! Things of the domain in answers, written without a copy of what is in them.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// A thing that answers show a view of.
pub(crate) trait Viewed {
    /// What of it is shown, which borrows from it.
    type View<'a>: Serialize + ToSchema
    where
        Self: 'a;

    fn view(&self) -> Self::View<'_>;
}

/// A thing that is written, and described, as its view.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T> From<T> for Shown<T> {
    fn from(thing: T) -> Self {
        Self(thing)
    }
}

impl<T: Viewed> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.view().serialize(serializer)
    }
}

impl<T: Viewed + 'static> PartialSchema for Shown<T> {
    fn schema() -> RefOr<Schema> {
        T::View::<'static>::schema()
    }
}

impl<T: Viewed + 'static> ToSchema for Shown<T> {
    fn name() -> Cow<'static, str> {
        T::View::<'static>::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::View::<'static>::schemas(schemas);
    }
}
