//! Expressions that mean harm: each ends in a clear error, soon, and hurts nobody else.

use std::thread;

use serde_json::{Value, json};
use tenantry_dsl::{expression::Evaluator, limits};

use super::{SANDBOX, arguments, check, evaluate, expression};

const STEPS: &str = "the expression took too many steps";
const MEMORY: &str = "the expression needs more than 128 MiB of memory";
const DEPTH: &str = "the expression calls itself too deeply";

/// Expressions, and how each ends: the beginning of its error, or of its value.
const HOSTILE: &[(&str, &str)] = &[
    // Time
    ("def f: f; f", STEPS),
    ("try (def f: f; f) catch 1", STEPS),
    ("path(def f: f; f)", STEPS),
    ("walk(def f: f; f)", STEPS),
    ("label $out | def f: f; f | break $out", STEPS),
    ("until(false; .)", STEPS),
    ("last(range(1; infinite))", STEPS),
    ("[range(1; infinite)]", STEPS),
    ("[repeat(1)]", STEPS),
    ("[limit(100000000; repeat(1))] | length", STEPS),
    ("[range(400000)] | map(. * 7919 % 1000003) | sort | length", STEPS),
    ("[[range(10)], [range(10)] | range(10000)] | [combinations(9)] | length", STEPS),
    ("[limit(9; repeat([range(10)]))] | [combinations] | length", STEPS),
    ("9 | reduce range(40) as $i (.; . * .)", STEPS),
    ("\"a\" * 1000000 as $x | reduce range(1000000) as $i (0; $x + \"b\" | length)", STEPS),
    ("\"a\" * 1500000 | @base64 | @base64d | @base64 | @base64 | length", STEPS),
    ("\"a\" * 100000 | [splits(\"\")] | length", STEPS),
    ("\"a\" * 100000 | test(\"(a*)*(a*)*(a*)*b\")", STEPS),
    ("\"a\" | test(\"((((a{1,100}){1,100}){1,100}){1,100})\")", STEPS),
    ("\"%\" * 1000000 | . as $f | 0 | strftime($f)", STEPS),
    // Memory
    ("\"a\" * 3000000000", MEMORY),
    ("\"a\" * 1000000000", MEMORY),
    ("(\"a\" * 3000000000)? // 1", MEMORY),
    ("(\"a\" * 80000000) + (\"b\" * 10000000)", MEMORY),
    // Stack
    ("def f: 1 + f; f", DEPTH),
    ("def f: f | f; f", DEPTH),
    ("def f: [f]; f", DEPTH),
    ("first(def f: 1 + f; f) // 1", DEPTH),
    ("\"[\" * 10000 | fromjson", DEPTH),
    ("reduce range(10000) as $i (1; [.]) | tojson | length", DEPTH),
    ("reduce range(10000) as $i (1; {a: .}) | tojson | length", DEPTH),
    ("reduce range(10000) as $i (1; [.]) | flatten", STEPS),
    ("error(reduce range(10000) as $i (1; [.]))", DEPTH),
    ("reduce range(10000) as $i (1; [.])", DEPTH),
    ("reduce range(200) as $i (1; [.])", "the value is nested deeper than 100"),
    // What they give
    ("\"a\" * 3000000", "the value has more than 2097152 bytes"),
    ("1e1000 | floor", "1.7976931348623157e+308"),
    // What they may not know or do
    ("input", "`input` cannot be used"),
    ("env", "`env` cannot be used"),
    ("$ENV", "there is no variable"),
    ("now", "`now` cannot be used"),
    ("halt", "`halt` cannot be used"),
    ("halt_error(\"x\")", "`halt_error` cannot be used"),
    ("$__loc__", "there is no variable"),
    ("break $out", "there is no label"),
    // What jq itself refuses
    ("[range(100000)] | getpath(.)", "cannot index 0 with 1"),
    ("\"!\" | @base64d", "\"Invalid symbol"),
    ("[1] | getpath([\"a\"])", "cannot index"),
    ("getpath(1)", "cannot use 1"),
    ("\"\\uD800\"", "not a jq program"),
    ("[55296] | implode", "\"cannot use 55296 as character\""),
    ("\"\\\"\\\\uD800\\\"\" | fromjson", "\"cannot parse"),
    ("\"(\" * 10000 | . as $re | test($re)", ""),
    ("0 | strftime(\"%999999999d\")", "\"strftime formatting failed"),
    ("infinite | todate", "\"parameter 'Unix timestamp microseconds'"),
    ("-1e300 | gmtime", "\"parameter 'Unix timestamp microseconds'"),
    ("[9e300, 1, 1, 1, 1, 1] | mktime", "\"cannot convert"),
    ("tojson | ltrimstr(\"a\" * 60000000)", "\"null\""),
    ("\"\" | ltrimstr(1)", "cannot use 1 as string"),
];

/// How an expression ends, and what it cost.
fn end(text: &str) -> (String, u64) {
    let mut fuel = limits::STEP_FUEL;
    let value = SANDBOX.evaluate(&expression(text), &Value::Null, &arguments(), &mut fuel);
    let end = value.map_or_else(|error| error.message, |value| value.to_string());
    (end, limits::STEP_FUEL - fuel)
}

fn good_ones_still_work() {
    assert_eq!(evaluate("map(. + $context.n) | add", &json!([1, 2])), Ok(json!(17)));
}

#[test]
fn should_end_every_hostile_expression() {
    for (text, expected) in HOSTILE {
        let (end, cost) = end(text);
        assert!(end.starts_with(expected), "{text}: {}", end.chars().take(100).collect::<String>());
        assert!(cost <= limits::EXPRESSION_FUEL + limits::FUEL_PER_BYTE * 200, "{text}: {cost}");
        good_ones_still_work();
    }
}

#[test]
fn should_end_hostile_expressions_beside_others() {
    thread::scope(|scope| {
        for thread in 0..12 {
            scope.spawn(move || {
                for (text, expected) in HOSTILE.iter().skip(thread).step_by(4) {
                    assert!(end(text).0.starts_with(expected), "{text}");
                    good_ones_still_work();
                }
            });
        }
    });
}

#[test]
fn should_give_and_cost_the_same_whatever_ran_before() {
    let first: Vec<_> = HOSTILE.iter().map(|(text, _)| end(text)).collect();
    for (position, (text, _)) in HOSTILE.iter().enumerate().rev() {
        assert_eq!(end(text), first[position], "{text}");
    }
}

#[test]
fn should_take_no_more_than_it_is_allowed() {
    let cost = end("[range(100)] | add").1;
    for allowed in [0, 1, cost / 2] {
        let mut fuel = allowed;
        let value =
            SANDBOX.evaluate(&expression("[range(100)] | add"), &Value::Null, &arguments(), &mut fuel);
        assert_eq!((value.map_err(|error| error.message), fuel), (Err(STEPS.to_owned()), 0), "{allowed}");
    }
    let mut fuel = cost;
    let value = SANDBOX.evaluate(&expression("[range(100)] | add"), &Value::Null, &arguments(), &mut fuel);
    assert_eq!((value, fuel), (Ok(json!(4950)), 0));
}

#[test]
fn should_cut_off_the_message_of_a_huge_error() {
    let (end, _) = end("\"é\" * 30000 | error");
    assert!(end.starts_with("\"éé") && end.ends_with("é…") && end.len() < 4_100, "{}", end.len());
}

#[test]
fn should_compile_hostile_expressions_within_the_bounds() {
    let many = |part: &str| part.repeat((limits::EXPRESSION_BYTES - 100) / part.len());
    let programs = [
        "def f(g): g | g; ".to_owned() + &"f(".repeat(40) + "." + &")".repeat(40),
        "def f: .; ".repeat(20) + "f",
        format!("{{{}z: 1}}", many("a: 1, ")),
        format!("[.[{}0]]", many("0,").split_at(180).0),
        format!("\"{}\"", many("\\u0061")),
        format!(". as [{}$z] | $z", many("$a, ")),
        format!(". as {{{}$z}} | $z", many("$a, ")),
        format!("f({}1)", many("1; ")),
        format!("def f({}$z): 1; 1", many("$a; ")),
        format!(".{}", many("[0]")),
        format!(".{}", many(".a")),
        many("0"),
        many("f"),
        format!("$context{}", many(".n?")).chars().take(600).collect(),
        many(" #\n") + "1",
    ];
    for program in programs {
        let Ok(expression) = tenantry_dsl::expression::Expression::parse(&program, &["context"]) else {
            continue;
        };
        // It compiles or does not: what counts is that it ends within its fuel, as its evaluation does.
        let mut fuel = limits::STEP_FUEL;
        let _ = SANDBOX.check(&expression, &mut fuel);
        let cost = limits::STEP_FUEL - fuel;
        let bytes = u64::try_from(program.len()).expect("it is short");
        assert!(
            cost <= limits::EXPRESSION_FUEL + limits::FUEL_PER_BYTE * (bytes + 200),
            "{cost} for {program}"
        );
        let _ = SANDBOX.evaluate(&expression, &json!([]), &arguments(), &mut fuel);
        good_ones_still_work();
    }
    assert_eq!(check(&expression(".")), Ok(()));
}
