//! Shapes that are made of others.

use utoipa::openapi::{RefOr, Schema, schema::RefBuilder};

/// Gives a type of ours the shape of another, in which these fields, of these values, must be there.
macro_rules! requiring {
    ($type:ident($of:ty) as $name:ident: $docs:literal, { $($field:ident: $value:ident = $field_docs:literal),+ $(,)? }) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let fields = [$((stringify!($field), stringify!($value), $field_docs)),+];
                $crate::openapi::derived::with_required(<$of>::schema(), $docs, &fields)
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                use $crate::openapi::values;
                <$of as utoipa::ToSchema>::schemas(schemas);
                $(schemas.push((stringify!($value).to_owned(), <values::$value as utoipa::PartialSchema>::schema()));)+
            }
        }
    };
}
pub(crate) use requiring;

pub(crate) fn with_required(
    schema: RefOr<Schema>,
    docs: &str,
    fields: &[(&str, &str, &str)],
) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = schema else { return schema };
    object.description = Some(docs.to_owned());
    for &(field, value, docs) in fields {
        let named = RefBuilder::new().ref_location_from_schema_name(value).description(Some(docs)).build();
        object.properties.insert(field.to_owned(), RefOr::Ref(named));
        object.required.push(field.to_owned());
    }
    object.into()
}

/// Gives a type of ours the shape of another.
macro_rules! shaped_as {
    ($type:ident as $other:ty) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                <$other as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                <$other as utoipa::ToSchema>::name()
            }

            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                <$other as utoipa::ToSchema>::schemas(schemas);
            }
        }
    };
}
pub(crate) use shaped_as;
