//! What expressions may and may not do in this process.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_dsl::expression::{Arguments, Evaluator, Expression, Native};

use super::{code, document, problems};

fn evaluate(text: &str, input: &Value) -> Result<Value, String> {
    let expression = Expression::parse(text, &["context", "input"]).map_err(|error| error.message)?;
    let arguments = Arguments::default().with("context", Arc::new(json!({"n": 7})));
    Native::new().evaluate(&expression, input, &arguments).map_err(|error| error.message)
}

#[test]
fn should_evaluate_as_jq_does() {
    let cases = [
        (".", json!({"b": 1, "a": [null, true, "é", 1.5, -3, u64::MAX]})),
        ("${ .a[1:3] }", json!([true, "é"])),
        ("  ${ .b }  ", json!(1)),
        ("4 / 2", json!(2)),
        ("1 / 3 * 3", json!(1)),
        ("$context.n", json!(7)),
        ("$input", json!(null)),
        (". as {b: $x} | $x + 1", json!(2)),
        ("[.a[] | strings] | map(ascii_upcase)", json!(["É".to_lowercase()])),
        ("to_entries | map(.key)", json!(["b", "a"])),
        ("\"\\(.b)-\\(.a | length)\"", json!("1-6")),
        ("nan", json!(null)),
        ("[limit(3; range(10))]", json!([0, 1, 2])),
        ("try error(\"x\") catch .", json!("x")),
        ("0 | todate", json!("1970-01-01T00:00:00Z")),
        ("\"a,b\" | split(\",\")", json!(["a", "b"])),
        ("[\"x1y\" | scan(\"[0-9]\")]", json!(["1"])),
        ("def f(x): x * 2; f(3)", json!(6)),
        ("@base64 \"\\(.b)\"", json!("MQ==")),
    ];
    let input = json!({"b": 1, "a": [null, true, "é", 1.5, -3, u64::MAX]});
    for (text, expected) in cases {
        assert_eq!(evaluate(text, &input), Ok(expected), "{text}");
    }
}

#[test]
fn should_want_one_value() {
    assert_eq!(evaluate("empty", &json!(null)), Err("the expression gives no value".to_owned()));
    assert!(evaluate(".[]", &json!([1, 2])).is_err_and(|message| message.contains("more than one value")));
    assert_eq!(evaluate("{(1 | tostring): 2}", &json!(null)), Ok(json!({"1": 2})));
}

#[test]
fn should_refuse_what_json_cannot_hold() {
    for text in ["\"a\" | tobytes", "[0] | tobytes"] {
        assert!(evaluate(text, &json!(null)).is_err(), "{text}");
    }
    assert!(evaluate("reduce range(200) as $i (1; [.])", &json!(null)).is_err());
    assert!(evaluate("\"x\" * 3000000", &json!(null)).is_err());
}

#[test]
fn should_not_reach_the_environment_the_clock_or_the_process() {
    let reaches = [
        "env",
        "$ENV",
        "env.PATH",
        "now",
        "now | todate",
        "localtime",
        "strflocaltime(\"%H\")",
        "input",
        "[inputs]",
        "debug",
        "debug(1)",
        "stderr",
        "halt",
        "halt(1)",
        "halt_error",
        "halt_error(1)",
        "input_filename",
        "input_line_number",
        "get_search_list",
        "debug_empty",
        "stderr_empty",
        "import \"a\" as a; .",
        "include \"a\"; .",
        "import \"a\" as $a; $a",
        "$__prog_args",
    ];
    for text in reaches {
        assert!(evaluate(text, &json!(0)).is_err(), "{text}");
        let quoted = serde_json::to_string(text).expect("a string");
        let problems = problems(&document(&format!("do:\n  - a: {{if: {quoted}, set: {{x: 1}}}}\n")));
        assert_eq!(code(&problems[0]), "expression", "{text}");
    }
}

#[test]
fn should_let_a_program_name_its_own_functions_as_it_likes() {
    assert_eq!(evaluate("def now: 1; now", &json!(0)), Ok(json!(1)));
}

#[test]
fn should_keep_programs_apart_by_their_variables() {
    let native = Native::new();
    let with = Expression::parse("$input", &["input"]).expect("an expression");
    let without = Expression::parse("$input", &[]).expect("an expression");
    assert!(native.check(&with).is_ok());
    assert_eq!(native.check(&without).map_err(|error| error.offset), Err(Some(0)));
    let arguments = Arguments::default().with("input", Arc::new(json!(1)));
    for _ in 0..2 {
        assert_eq!(native.evaluate(&with, &json!(0), &arguments), Ok(json!(1)));
        assert!(native.evaluate(&without, &json!(0), &arguments).is_err());
    }
}

#[test]
fn should_serve_many_programs_and_threads() {
    let native = Arc::new(Native::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let native = Arc::clone(&native);
            scope.spawn(move || {
                for n in 0..100 {
                    let expression =
                        Expression::parse(&format!(". + {}", thread * 100 + n), &[]).expect("an expression");
                    let value = native.evaluate(&expression, &json!(1), &Arguments::default());
                    assert_eq!(value, Ok(json!(thread * 100 + n + 1)));
                }
            });
        }
    });
}
