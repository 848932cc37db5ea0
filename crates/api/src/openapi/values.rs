//! The shapes of what the domain checks, for fields to name: `#[schema(value_type = values::Slug)]`.
//!
//! Limits are the domain's own constants, and a test has the domain try each example. To add one: a line in [`value!`], and a case in
//! the test.

use std::borrow::Cow;

use serde_json::{Value, json};
use tenantry_domain::{
    self as domain, PageRequest, Permission, Quota,
    api_key::Overlap,
    audit,
    execution::{self, MAX_CHARACTERS},
    schedule::{self, Calendar, CatchupWindow, Cron, Interval, Jitter},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type,
        extensions::Extensions,
        schema::{AdditionalProperties, RefBuilder, SchemaType},
    },
};

/// The most days that a list can look back, or ahead.
pub(crate) const MAX_DAYS: i64 = 3650;
/// How many of a schedule's next starts are told when nothing is said, and at most.
pub(crate) const UPCOMING: usize = 10;
pub(crate) const MOST_UPCOMING: usize = 100;

/// No control characters, and something else than white space.
const DISPLAY_NAME: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// What may stand in a place of a line of cron or of a calendar.
const PLACE: &str = r"(\*|([0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?)(/[0-9]+)?(,(\*|([0-9]+|[A-Za-z]{3})(-([0-9]+|[A-Za-z]{3}))?)(/[0-9]+)?)*";
/// No control characters.
const NOTE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// An example of a definition.
const DEFINITION: &str = "\
document: {dsl: '1.0.3', namespace: acme, name: quote, version: '1.0.0'}
do:
  - price: {set: {total: '${ .amount * 2 }'}}
";

macro_rules! value {
    ($($(#[doc = $docs:literal])+ $name:ident = $schema:expr;)+) => {
        $(
            $(#[doc = $docs])+
            pub(crate) enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let docs = concat!($($docs),+).trim();
                    let schema: ObjectBuilder = $schema;
                    schema.description(Some(docs)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )+
    };
}

value! {
    /// The id of an organization.
    OrganizationId = id(domain::OrganizationId::PREFIX);
    /// The id of a user.
    UserId = id(domain::UserId::PREFIX);
    /// The id of an API key.
    ApiKeyId = id(domain::ApiKeyId::PREFIX);
    /// The id of a workflow, over all its revisions.
    WorkflowId = id(domain::WorkflowId::PREFIX);
    /// The id of an execution.
    ExecutionId = id(domain::ExecutionId::PREFIX);
    /// The id of a schedule.
    ScheduleId = id(domain::ScheduleId::PREFIX);
    /// The id of an entry of the audit log.
    AuditEntryId = id(domain::AuditEntryId::PREFIX);
    /// The id of an execution that its sender has made: `exe_` and a UUID version 7 in 26 characters (TypeID 0.3), by which a second
    /// attempt is known to be the same.
    ChosenExecutionId = text("exe_01h455vb4pex5vsknk084sn02q")
        .pattern(Some("^exe_[0-7][0-9a-hjkmnp-tv-z]{9}[ef][0-9a-hjkmnp-tv-z]{15}$"));
    /// A date and time of RFC 3339, section 5.6, in UTC.
    Timestamp = text("2026-01-31T12:00:00Z").format(known(KnownFormat::DateTime));
    /// An organization's name in paths and commands. It never changes.
    Slug = slug();
    /// The same of a new organization, which can have none of the words that the platform keeps for itself.
    NewSlug = slug().extensions(but(json!({"enum": domain::Slug::RESERVED})));
    /// An organization's name as people read it.
    OrganizationName = name("The Acme company", domain::OrganizationName::MAX_LENGTH);
    /// Where an organization is in its life: `provisioning` while its Temporal namespace is being made, `active` when everything works,
    /// `suspended` by an admin, `provisioning_failed` when its namespace could not be made or became unusable, `deleting` while it is
    /// erased.
    OrganizationStatus = words(domain::OrganizationStatus::ALL.iter().map(|word| word.as_str()));
    /// What becomes of executions while their organization is suspended.
    Running = words(["pause", "cancel"].into_iter());
    /// The name of an organization's own Temporal namespace, which no other ever gets.
    Namespace = text("acme-5f1c0de4a2b7").min_length(Some(1)).max_length(Some(64));
    /// A user's name as people read it.
    UserName = name("Ada Lovelace", domain::UserName::MAX_LENGTH);
    /// An e-mail address; it is kept in lower case.
    Email = text("ada@acme.example").format(known(KnownFormat::Email)).max_length(Some(domain::Email::MAX_LENGTH));
    /// What stands behind a user: `human`, a person with an e-mail address, or `service`, a program.
    UserKind = words(domain::UserKind::ALL.iter().map(|word| word.as_str()));
    /// Whether a user's API keys are worth anything: `active`, or `disabled` until the user is active again.
    UserStatus = words(domain::UserStatus::ALL.iter().map(|word| word.as_str()));
    /// A set of permissions: `admin`, the platform's own people; `manager`, everything in their organization; `customer`, who reads and
    /// starts executions; `worker`, a program that completes tasks.
    Role = words(domain::Role::ALL.iter().map(|word| word.as_str()));
    /// One thing that a caller may be allowed to do.
    PermissionName = words(Permission::ALL.iter().map(|word| word.as_str()));
    /// What people call an API key.
    ApiKeyName = name("laptop", domain::ApiKeyName::MAX_LENGTH);
    /// A secret: `tn_`, 32 random characters and a checksum of six. It is shown this once.
    Secret = text("tn_0000000000000000000000000000000000000000").pattern(Some(domain::Secret::PATTERN));
    /// The first characters of a secret, to recognise it by.
    SecretPrefix = text("tn_3xAm").min_length(Some(7)).max_length(Some(7));
    /// The last four characters of a secret, to recognise it by.
    LastFour = text("9fQz").min_length(Some(4)).max_length(Some(4));
    /// A permission, `workflow:<name>`, or `task_queue:<name>`.
    Scope = text("executions:start").min_length(Some(1)).pattern(Some(scope_pattern()));
    /// A network in CIDR notation (RFC 4632, RFC 4291), or an address alone.
    Cidr = text("192.0.2.0/24").min_length(Some(2)).max_length(Some(43));
    /// How many requests there may be.
    RateLimitRequests = whole(600, *domain::RateLimit::REQUESTS.start(), *domain::RateLimit::REQUESTS.end());
    /// In how many seconds.
    RateLimitSeconds = whole(60, *domain::RateLimit::PER_SECONDS.start(), *domain::RateLimit::PER_SECONDS.end());
    /// For how many seconds the older secret holds beside the new one.
    OverlapSeconds = whole(3600, 0, Overlap::MAX).default(Some(json!(0)));
    /// A workflow's name: the `document.name` of its definition, a DNS label (RFC 1123).
    WorkflowName = text("quote")
        .min_length(Some(1))
        .max_length(Some(domain::WorkflowName::MAX_LENGTH))
        .pattern(Some("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"));
    /// Which upload of a workflow: 1, 2, …
    Revision = whole(1, 1, i32::MAX);
    /// SHA-256 in hexadecimal.
    Digest = text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").pattern(Some("^[0-9a-f]{64}$"));
    /// A definition's own `document.version` (Semantic Versioning 2.0.0).
    DocumentVersion = text("1.0.0").min_length(Some(5)).max_length(Some(256));
    /// A definition as JSON.
    Definition = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([definition()]);
    /// A definition as YAML (or as JSON, which is YAML).
    DefinitionText = text(DEFINITION).max_length(Some(tenantry_dsl::limits::DOCUMENT_BYTES));
    /// Any JSON.
    Json = any(json!({"amount": 3}));
    /// The name of a workflow type that an organization's own workers have.
    WorkflowType = identifier("OrderWorkflow", "^(tenantry\\.|temporal-sys-|__temporal|/_sys/)");
    /// The name of a task queue of an organization's own workers.
    TaskQueueName = identifier("orders", "^(tenantry-hosted$|temporal-sys-|__temporal|/_sys/)");
    /// The name of a signal.
    SignalName = identifier("approve", "^(temporal-sys-|__temporal|/_sys/)");
    /// What an execution is called in Temporal: its own id, unless whoever started it has chosen another.
    TemporalWorkflowId = text("order-4711").min_length(Some(1)).max_length(Some(MAX_CHARACTERS));
    /// What an execution is to be called in Temporal; nothing like the ids that the deployment gives.
    ChosenWorkflowId = identifier("order-4711", "^(exe_|sch_|temporal-sys-|__temporal|/_sys/)");
    /// The id of a run in Temporal.
    RunId = text("01a20b9c-65eb-72fd-b566-f810e78092af").min_length(Some(1)).max_length(Some(64));
    /// Where an execution is in its life: `pending` until Temporal has it, `running`, and then one of the ends.
    ExecutionStatus = words(domain::ExecutionStatus::ALL.iter().map(|word| word.as_str()));
    /// Why somebody ended an execution.
    TerminationReason = note("it went wrong", execution::TerminationReason::MAX_LENGTH);
    /// Where a task is: `running`, `completed`, `skipped` because its condition did not hold, `failed`, or `canceled`.
    TaskStatus = words(["running", "completed", "skipped", "failed", "canceled"].into_iter());
    /// The place of an event in a history.
    HistoryCursor = text("exe_01h455vb4pex5vsknk084sn02q~01a20b9c-65eb-72fd-b566-f810e78092af~12")
        .pattern(Some("^exe_[0-7][0-9a-hjkmnp-tv-z]{25}~[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}~[1-9][0-9]{0,17}$"));
    /// The kinds of mistakes in definitions.
    DefinitionProblemCode = words(
        ["malformed", "missing", "invalid", "unknown_property", "unsupported", "expression", "limit"].into_iter(),
    );
    /// A JSON Pointer (RFC 6901) into a definition.
    JsonPointer = text("/do/0/price").max_length(Some(4096));
    /// What people want to remember of a schedule.
    ScheduleNote = note("the morning's prices", schedule::ScheduleNote::MAX_LENGTH);
    /// When a schedule starts: `cron`, `calendar` or `every_seconds`; the first two with a `timezone`, which is UTC if nothing is said.
    ScheduleSpec = schedule_spec();
    /// What happens to a start while the execution before it has not ended: `skip` leaves it out, `buffer_one` lets one of them wait,
    /// `buffer_all` all of them, `cancel_other` asks the one before to stop, `terminate_other` stops it, `allow_all` runs beside it.
    ScheduleOverlap = words(schedule::Overlap::ALL.iter().map(|word| word.as_str()));
    /// By how many seconds each start may be late, at random.
    JitterSeconds = whole(30, 0, Jitter::MAX_SECONDS);
    /// How many seconds late a start may be made up for that was missed.
    CatchupWindowSeconds = whole(86_400, CatchupWindow::MIN_SECONDS, Interval::MAX_SECONDS);
    /// What was done, or tried.
    AuditAction = words(audit::Action::ALL.iter().map(|word| word.as_str()));
    /// What came of it: `ok`, `denied` because the caller may not, or `failed`.
    AuditOutcome = words(audit::Outcome::ALL.iter().map(|word| word.as_str()));
    /// How many things a page has at most.
    Limit = whole(PageRequest::DEFAULT_LIMIT, 1, PageRequest::MAX_LIMIT).default(Some(json!(PageRequest::DEFAULT_LIMIT)));
    /// A number of days.
    Days = whole(30, 1, MAX_DAYS);
    /// The id of something.
    ResourceId = text("usr_01h455vb4pex5vsknk084sn02q").pattern(Some(r"^[^\u0000]*$"));
    /// How many of the next starts are wanted.
    Upcoming = whole(UPCOMING as i64, 1, MOST_UPCOMING as i64).default(Some(json!(UPCOMING)));
    /// The limits of an organization.
    Quotas = quotas(true);
    /// New limits; those that are not named stay as they are.
    QuotaChanges = quotas(false);
    /// How much there is of everything that has a limit.
    Usage = usage();
}

/// Gives a type of ours the shape of another, in which these fields, of these values, must be there.
macro_rules! requiring {
    ($type:ident($of:ty) as $name:ident: $docs:literal, { $($field:ident: $value:ident = $field_docs:literal),+ $(,)? }) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let fields = [$((stringify!($field), stringify!($value), $field_docs)),+];
                $crate::openapi::values::with_required(<$of>::schema(), $docs, &fields)
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

/// A text of this form, such as this one.
fn text(example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).examples([example])
}

fn id(prefix: &str) -> ObjectBuilder {
    text(&format!("{prefix}_01h455vb4pex5vsknk084sn02q"))
        .pattern(Some(format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")))
}

/// What people call something.
fn name(example: &str, max: usize) -> ObjectBuilder {
    text(example).min_length(Some(1)).max_length(Some(max)).pattern(Some(DISPLAY_NAME))
}

/// What people write about something.
fn note(example: &str, max: usize) -> ObjectBuilder {
    text(example).max_length(Some(max)).pattern(Some(NOTE))
}

/// What programs compare: no control characters, no white space around it, and none of the deployment's own.
fn identifier(example: &str, reserved: &str) -> ObjectBuilder {
    let inside = r"\u0000-\u001f\u007f-\u009f";
    let pattern = format!("^[^\\s{inside}]([^{inside}]*[^\\s{inside}])?$");
    let name = text(example).min_length(Some(1)).max_length(Some(MAX_CHARACTERS)).pattern(Some(pattern));
    name.extensions(but(json!({"pattern": reserved})))
}

/// Nothing of this other shape.
fn but(other: Value) -> Option<Extensions> {
    Some(Extensions::from_iter([("not", other)]))
}

fn whole<N: Into<i64> + Into<Value> + Copy>(
    example: N,
    least: impl Into<i64>,
    most: impl Into<i64>,
) -> ObjectBuilder {
    let (least, most): (i64, i64) = (least.into(), most.into());
    let format = if i32::try_from(most).is_ok() { KnownFormat::Int32 } else { KnownFormat::Int64 };
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(known(format))
        .minimum(Some(least as isize))
        .maximum(Some(most as isize))
        .examples([Into::<Value>::into(example)])
}

fn any(example: Value) -> ObjectBuilder {
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue).examples([example]);
    any.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
}

/// One of a closed set; the first is the example.
fn words(all: impl Iterator<Item = &'static str> + Clone) -> ObjectBuilder {
    text(all.clone().next().unwrap_or_default()).enum_values(Some(all))
}

#[expect(clippy::unnecessary_wraps, reason = "what utoipa takes")]
fn known(format: KnownFormat) -> Option<SchemaFormat> {
    Some(SchemaFormat::KnownFormat(format))
}

fn slug() -> ObjectBuilder {
    text("acme")
        .min_length(Some(domain::Slug::MIN_LENGTH))
        .max_length(Some(domain::Slug::MAX_LENGTH))
        .pattern(Some("^[a-z][a-z0-9-]*[a-z0-9]$"))
}

fn scope_pattern() -> String {
    let permissions: Vec<_> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    format!(
        "^({}|workflow:[a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?|task_queue:.{{1,250}})$",
        permissions.join("|")
    )
}

/// One of three; a field that is null is as good as missing.
fn schedule_spec() -> ObjectBuilder {
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

fn calendar() -> ObjectBuilder {
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

/// The same, or null.
fn nullable(schema: ObjectBuilder, schema_type: Type) -> ObjectBuilder {
    schema.schema_type(SchemaType::from_iter([schema_type, Type::Null]))
}

fn definition() -> Value {
    json!({
        "document": {"dsl": "1.0.3", "namespace": "acme", "name": "quote", "version": "1.0.0"},
        "do": [{"price": {"set": {"total": "${ .amount * 2 }"}}}],
    })
}

fn quotas(all: bool) -> ObjectBuilder {
    let limits = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    Quota::ALL.iter().fold(limits, |limits, quota| {
        let limit = whole(quota.default_limit(), quota.min_limit(), quota.max_limit());
        let limits = limits.property(quota.as_str(), limit.description(Some(meaning(*quota))));
        if all { limits.required(quota.as_str()) } else { limits }
    })
}

fn usage() -> ObjectBuilder {
    Quota::ALL.iter().fold(ObjectBuilder::new(), |usage, quota| {
        let used = whole(0, 0, u32::MAX).description(Some(meaning(*quota)));
        usage.property(quota.as_str(), used).required(quota.as_str())
    })
}

const fn meaning(quota: Quota) -> &'static str {
    match quota {
        Quota::RequestsPerSecond => {
            "Requests to the API each second, of all the organization's keys together."
        }
        Quota::Users => "Users, service accounts included.",
        Quota::ApiKeys => "API keys that are neither revoked nor expired.",
        Quota::Workflows => "Workflows, whatever the number of their revisions.",
        Quota::Schedules => "Schedules.",
        Quota::RunningExecutions => "Executions that have not ended.",
        Quota::StartsPerSecond => "Executions started each second.",
        Quota::RetentionDays => "Days for which the history of what has ended is kept.",
        Quota::ConcurrentActivities => {
            "Activities of hosted definitions that are under way at the same time."
        }
    }
}
