//! What shapes are made of.

use serde_json::{Value, json};
use tenantry_domain::{self as domain, Permission, execution::MAX_CHARACTERS};
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
    extensions::Extensions,
    schema::{AdditionalProperties, SchemaType},
};

/// No control characters, and something else than white space.
const DISPLAY_NAME: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// No control characters.
const NOTE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// A text of this form, such as this one.
pub(super) fn text(example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).examples([example])
}

pub(super) fn id(prefix: &str) -> ObjectBuilder {
    text(&format!("{prefix}_01h455vb4pex5vsknk084sn02q"))
        .pattern(Some(format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")))
}

/// What people call something.
pub(super) fn name(example: &str, max: usize) -> ObjectBuilder {
    text(example).min_length(Some(1)).max_length(Some(max)).pattern(Some(DISPLAY_NAME))
}

/// What people write about something.
pub(super) fn note(example: &str, max: usize) -> ObjectBuilder {
    text(example).max_length(Some(max)).pattern(Some(NOTE))
}

/// What programs compare: no control characters, no white space around it, and none of the deployment's own.
pub(super) fn identifier(example: &str, reserved: &str) -> ObjectBuilder {
    let inside = r"\u0000-\u001f\u007f-\u009f";
    let pattern = format!("^[^\\s{inside}]([^{inside}]*[^\\s{inside}])?$");
    let name = text(example).min_length(Some(1)).max_length(Some(MAX_CHARACTERS)).pattern(Some(pattern));
    name.extensions(but(json!({"pattern": reserved})))
}

/// Nothing of this other shape.
#[expect(clippy::unnecessary_wraps, reason = "what utoipa takes")]
pub(super) fn but(other: Value) -> Option<Extensions> {
    Some(Extensions::from_iter([("not", other)]))
}

pub(super) fn whole<N: Into<i64> + Into<Value> + Copy>(
    example: N,
    least: impl Into<i64>,
    most: impl Into<i64>,
) -> ObjectBuilder {
    let (least, most): (i64, i64) = (least.into(), most.into());
    let format = if i32::try_from(most).is_ok() { KnownFormat::Int32 } else { KnownFormat::Int64 };
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(known(format))
        .minimum(Some(least))
        .maximum(Some(most))
        .examples([Into::<Value>::into(example)])
}

pub(super) fn any(example: Value) -> ObjectBuilder {
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue).examples([example]);
    any.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
}

/// One of a closed set; the first is the example.
pub(super) fn words(all: impl Iterator<Item = &'static str> + Clone) -> ObjectBuilder {
    text(all.clone().next().unwrap_or_default()).enum_values(Some(all))
}

#[expect(clippy::unnecessary_wraps, reason = "what utoipa takes")]
pub(super) fn known(format: KnownFormat) -> Option<SchemaFormat> {
    Some(SchemaFormat::KnownFormat(format))
}

pub(super) fn slug() -> ObjectBuilder {
    text("acme")
        .min_length(Some(domain::Slug::MIN_LENGTH))
        .max_length(Some(domain::Slug::MAX_LENGTH))
        .pattern(Some("^[a-z][a-z0-9-]*[a-z0-9]$"))
}

pub(super) fn scope_pattern() -> String {
    let permissions: Vec<_> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    format!(
        "^({}|workflow:[a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?|task_queue:.{{1,250}})$",
        permissions.join("|")
    )
}

/// The same, or null.
pub(super) fn nullable(schema: ObjectBuilder, schema_type: Type) -> ObjectBuilder {
    schema.schema_type(SchemaType::from_iter([schema_type, Type::Null]))
}
