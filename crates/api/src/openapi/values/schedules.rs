//! When schedules start.

use serde_json::{Value, json};
use tenantry_domain::schedule::{self, Calendar, Cron, Interval};
use utoipa::openapi::{ObjectBuilder, Schema, Type, extensions::Extensions, schema::AdditionalProperties};

use super::shapes::{nullable, text, whole};

/// What may stand in a place of a line of cron or of a calendar.
const PLACE: &str = r"(\*|([0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?)(/[0-9]+)?(,(\*|([0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?)(/[0-9]+)?)*";

/// One of three; a field that is null is as good as missing.
pub(super) fn schedule_spec() -> ObjectBuilder {
    let nothing = json!({"type": "null"});
    let only = |field: &str, kind: &str| {
        let mut fields = json!({"cron": nothing, "calendar": nothing, "every_seconds": nothing});
        fields[field] = json!({"type": kind});
        if field == "every_seconds" {
            fields["timezone"] = nothing.clone();
        }
        json!({"required": [field], "properties": fields})
    };
    let one = [only("cron", "string"), only("calendar", "object"), only("every_seconds", "integer")];
    let cron = text("30 9 * * MON-FRI")
        .max_length(Some(Cron::MAX_LENGTH))
        .pattern(Some(format!(r"^\s*{PLACE}(\s+{PLACE}){{4}}\s*$")))
        .description(Some("Minute, hour, day of month, month and day of week, each a list of `*`, values and ranges, with steps."));
    let seconds =
        whole(3600, 1, Interval::MAX_SECONDS).description(Some("The seconds from one start to the next."));
    let timezone = text("Europe/Zurich")
        .enum_values(Some(schedule::TimeZone::all().map(Value::from).chain([Value::Null])))
        .description(Some("A time zone of the IANA database; UTC, if nothing is said."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("cron", nullable(cron, Type::String))
        .property("calendar", nullable(calendar(), Type::Object))
        .property("every_seconds", nullable(seconds, Type::Integer))
        .property("timezone", nullable(timezone, Type::String))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .extensions(Some(Extensions::from_iter([("oneOf", json!(one))])))
}

pub(super) fn calendar() -> ObjectBuilder {
    let places = [
        ("second", "0 to 59; 0, if nothing is said.", "0"),
        ("minute", "0 to 59; 0, if nothing is said.", "*/15"),
        ("hour", "0 to 23; 0, if nothing is said.", "9-17"),
        ("day_of_month", "1 to 31; all, if nothing is said.", "1"),
        ("month", "1 to 12, or JAN to DEC; all, if nothing is said.", "JAN,JUL"),
        ("year", "2000 to 2100; all, if nothing is said.", "2030"),
        ("day_of_week", "0 to 7, or SUN to SAT, Sunday being 0 and 7; all, if nothing is said.", "MON-FRI"),
    ];
    let calendar = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .examples([json!({"hour": "9-17", "day_of_week": "MON-FRI"})])
        .description(Some(
            "The moments that fit every field, each a list of `*`, values and ranges, with steps.",
        ));
    places.into_iter().fold(calendar, |calendar, (place, docs, example)| {
        let field =
            text(example).max_length(Some(Calendar::MAX_LENGTH)).pattern(Some(format!(r"^\s*{PLACE}\s*$")));
        calendar.property(place, nullable(field.description(Some(docs)), Type::String))
    })
}
