//! The shapes of what the domain checks, for fields to name: `#[schema(value_type = values::Slug)]`.
//!
//! Limits are the domain's own constants, and a test has the domain try what the shapes allow. To add one: a line in `value!`, and one in
//! the test.

mod quotas;
mod schedules;
mod shapes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Value, json};
use tenantry_domain::{
    self as domain, PageRequest, Permission,
    api_key::Overlap,
    audit,
    execution::{self, MAX_CHARACTERS},
    schedule::{self, CatchupWindow, Interval, Jitter},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, schema::AdditionalProperties},
};

use shapes::{any, but, id, identifier, known, name, note, scope_pattern, slug, text, whole, words};

/// The most days that a list can look back, or ahead.
pub(crate) const MAX_DAYS: i64 = 3650;
/// How many of a schedule's next starts are told when nothing is said, and at most.
pub(crate) const UPCOMING: u8 = 10;
pub(crate) const MOST_UPCOMING: u8 = 100;

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
    Email = text("ada@acme.example")
        .max_length(Some(domain::Email::MAX_LENGTH))
        .pattern(Some(r"^[^@\s]+@[^@\s.]([^@\s]*[^@\s.])?$"));
    /// An e-mail address as people type it; it is kept in lower case, without white space around it.
    GivenEmail = text("ada@acme.example")
        .max_length(Some(domain::Email::MAX_LENGTH))
        .pattern(Some(r"^\s*[^@\s]+@[^@\s.]([^@\s]*[^@\s.])?\s*$"));
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
    /// A definition in the Open Workflow Specification's language (DSL 1.0.3), of at most 256 KiB.
    Definition = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([definition()]);
    /// What may be a definition, or anything else.
    Draft = any(definition());
    /// Any JSON.
    Json = any(json!({"amount": 3}));
    /// The name of a workflow type that an organization's own workers have.
    WorkflowType = identifier("OrderWorkflow", "^(tenantry\\.|temporal-sys-|__temporal|/_sys/)");
    /// The name of a task queue of an organization's own workers.
    TaskQueueName = name("orders", domain::TaskQueueName::MAX_LENGTH)
        .extensions(but(json!({"pattern": "^\\s*(tenantry-hosted\\s*$|temporal-sys-|__temporal|/_sys/)"})));
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
    /// Where a task is: `running`, `completed`, `skipped` because its condition did not hold, `failed`, `canceled`; or, as its
    /// execution ended while it ran, `terminated` or `timed_out`.
    TaskStatus = words(
        ["running", "completed", "skipped", "failed", "canceled", "terminated", "timed_out"].into_iter(),
    );
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
    ScheduleSpec = schedules::schedule_spec();
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
    Upcoming = whole(UPCOMING, 1, MOST_UPCOMING).default(Some(json!(UPCOMING)));
    /// The limits of an organization.
    Quotas = quotas::quotas(true);
    /// New limits; those that are not named stay as they are.
    QuotaChanges = quotas::quotas(false);
    /// How much there is of everything that has a limit.
    Usage = quotas::usage();
}

fn definition() -> Value {
    json!({
        "document": {"dsl": "1.0.3", "namespace": "acme", "name": "quote", "version": "1.0.0"},
        "do": [{"price": {"set": {"total": "${ .amount * 2 }"}}}],
    })
}
