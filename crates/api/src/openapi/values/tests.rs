//! The shapes and the domain, which have to agree.

use boon::{Compiler, Draft, Schemas};
use tenantry_domain::{RateLimit, Scopes, api_key::AllowedCidrs, schedule::TimeZone};

use super::*;

/// Whether a shape allows a value.
fn allows<T: PartialSchema>(value: &Value) -> bool {
    let place = "http://tenantry.invalid/shape.json";
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.enable_format_assertions();
    compiler.add_resource(place, json!(T::schema())).expect("JSON");
    let mut schemas = Schemas::new();
    let shape = compiler.compile(place, &mut schemas).expect("a schema");
    schemas.validate(value, shape).is_ok()
}

/// Texts that are the right ones or nearly so, for one thing or the other.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "ab",
        "abc",
        "abc-",
        "-abc",
        "a-c",
        "1ab",
        "Abc",
        "a b",
        " a",
        "a ",
        "é",
        "a\nb",
        "\u{7f}a",
        "system",
        "admin",
        "tenantry",
        "tenantry.order",
        "tenantry-hosted",
        "tenantry-hosted2",
        "temporal-sys-x",
        "__temporal_x",
        "/_sys/x",
        "exe_1",
        "sch_1",
        "a@b.example",
        "a@b@c",
        "@b",
        "ada@acme.example",
        "workflow:a",
        "workflow:A",
        "task_queue:x y",
        "executions:start",
        "executions:stop",
        "workflow:",
        "Europe/Zurich",
        "UTC",
        "Zurich",
        "org_01h455vb4pex5vsknk084sn02q",
        "org_81h455vb4pex5vsknk084sn02q",
        "usr_01h455vb4pex5vsknk084sn02q",
        "org_01h455vb4pex5vsknk084sn02",
        "org_01H455VB4PEX5VSKNK084SN02Q",
    ]
    .map(str::to_owned)
    .into();
    let limits = [40, 41, 63, 64, 100, 101, 200, 201, 250, 251, 500, 501];
    texts.extend(limits.map(|length| "a".repeat(length)));
    texts
}

/// The shape and the domain agree.
fn agree<T: PartialSchema>(what: &str, domain: impl Fn(&str) -> bool) {
    let example = json!(T::schema())["examples"][0].as_str().expect("an example").to_owned();
    assert!(domain(&example), "{what}: the example, {example}");
    for text in texts().iter().chain([&example]) {
        assert_eq!(allows::<T>(&json!(text)), domain(text), "{what}: {text:?}");
    }
}

fn agree_on_numbers<T: PartialSchema>(what: &str, domain: impl Fn(i64) -> bool) {
    let shape = json!(T::schema());
    let (least, most) =
        (shape["minimum"].as_i64().expect("a least"), shape["maximum"].as_i64().expect("a most"));
    for number in [least - 1, least, most, most + 1, shape["examples"][0].as_i64().expect("an example")] {
        assert_eq!(allows::<T>(&json!(number)), domain(number), "{what}: {number}");
    }
}

#[test]
fn should_allow_the_texts_that_the_domain_allows() {
    agree::<NewSlug>("slug", |text| domain::Slug::parse(text).is_ok());
    agree::<OrganizationName>("organization", |text| domain::OrganizationName::parse(text).is_ok());
    agree::<UserName>("user", |text| domain::UserName::parse(text).is_ok());
    agree::<Email>("email", |text| domain::Email::parse(text).is_ok());
    agree::<ApiKeyName>("key", |text| domain::ApiKeyName::parse(text).is_ok());
    agree::<WorkflowName>("workflow", |text| domain::WorkflowName::parse(text).is_ok());
    agree::<WorkflowType>("type", |text| domain::WorkflowType::parse(text).is_ok());
    agree::<SignalName>("signal", |text| domain::SignalName::parse(text).is_ok());
    agree::<ChosenWorkflowId>("workflow id", |text| domain::TemporalWorkflowId::parse(text).is_ok());
    agree::<TerminationReason>("reason", |text| execution::TerminationReason::parse(text).is_ok());
    agree::<ScheduleNote>("note", |text| schedule::ScheduleNote::parse(text).is_ok());
    agree::<TaskQueueName>("queue", |text| {
        domain::TaskQueueName::parse(text).and_then(domain::TaskQueueName::of_own_workers).is_ok()
    });
    agree::<OrganizationId>("id", |text| text.parse::<domain::OrganizationId>().is_ok());
    agree::<Role>("role", |text| text.parse::<domain::Role>().is_ok());
    let scopes = |text: &str| Scopes::parse(&[text, "audit:read"]).is_ok();
    agree::<Scope>("scope", scopes);
    let example = json!(Cidr::schema())["examples"][0].clone();
    assert!(AllowedCidrs::parse(&[example.as_str().expect("a text")]).is_ok());
    assert!(TimeZone::all().all(|zone| TimeZone::parse(zone).is_ok()));
}

#[test]
fn should_allow_the_numbers_that_the_domain_allows() {
    let number = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    agree_on_numbers::<RateLimitRequests>("requests", |requests| RateLimit::new(number(requests), 1).is_ok());
    agree_on_numbers::<RateLimitSeconds>("seconds", |seconds| RateLimit::new(1, number(seconds)).is_ok());
    agree_on_numbers::<OverlapSeconds>("overlap", |seconds| Overlap::new(number(seconds)).is_ok());
    agree_on_numbers::<JitterSeconds>("jitter", |seconds| Jitter::from_seconds(seconds).is_ok());
    agree_on_numbers::<CatchupWindowSeconds>("catch-up", |seconds| {
        CatchupWindow::from_seconds(seconds).is_ok()
    });
}

#[test]
fn should_allow_the_specs_that_the_domain_reads() {
    for (spec, is_allowed) in [
        (json!({"cron": "*/15 9-17 1,15 jan,JUL mon-fri", "timezone": "Europe/Zurich"}), true),
        (json!({"cron": "* * * * *", "timezone": null, "calendar": null}), true),
        (json!({"calendar": {"hour": "9-17/2", "day_of_week": " mon-fri ", "year": null}}), true),
        (json!({"every_seconds": 60}), true),
        (json!({"every_seconds": 60, "timezone": "UTC"}), false),
        (json!({"cron": "* * * * *", "every_seconds": 60}), false),
        (json!({"cron": "* * * *"}), false),
        (json!({"cron": "@daily"}), false),
        (json!({"calendar": {"hours": "1"}}), false),
        (json!({"timezone": "UTC"}), false),
        (json!({}), false),
    ] {
        assert_eq!(allows::<ScheduleSpec>(&spec), is_allowed, "{spec}");
    }
}
