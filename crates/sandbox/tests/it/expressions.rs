//! What expressions say, and what they can reach: nothing.

use serde_json::{Value, json};
use tenantry_dsl::{
    expression::{Evaluator, Expression},
    limits,
};

use super::{SANDBOX, arguments, check, evaluate, expression};

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
        assert!(check(&expression(text)).is_err(), "{text}");
        assert!(evaluate(text, &json!(0)).is_err(), "{text}");
    }
}

#[test]
fn should_say_what_is_wrong_and_where() {
    let cases = [
        ("1 +", "not a jq program: expected term, found the end", Some(3)),
        (". | foo(1)", "there is no function `foo` with 1 arguments", Some(4)),
        ("\"é\" + $x", "there is no variable `$x` here", Some(7)),
        (
            "1 | now",
            "`now` cannot be used: it would differ on each replay; use $task.startedAt or $workflow.startedAt",
            Some(4),
        ),
        ("[1", "not a jq program: expected closing bracket, found the end", Some(2)),
        ("\"abc", "not a jq program: expected", Some(4)),
    ];
    for (text, message, offset) in cases {
        let error = check(&expression(text)).expect_err(text);
        assert!(error.message.starts_with(message), "{text}: {error:?}");
        assert!(offset.is_none() || error.offset == offset, "{text}: {error:?}");
    }
    assert_eq!(check(&expression("def f: .; [f, $input] | map(. // 1)")), Ok(()));
}

#[test]
fn should_let_a_program_name_its_own_functions_as_it_likes() {
    assert_eq!(evaluate("def now: 1; now", &json!(0)), Ok(json!(1)));
}

#[test]
fn should_keep_programs_apart_by_their_variables() {
    let with = Expression::parse("$input", &["input"]).expect("an expression");
    let without = Expression::parse("$input", &[]).expect("an expression");
    assert_eq!(check(&with), Ok(()));
    assert_eq!(check(&without).map_err(|error| error.offset), Err(Some(0)));
    let arguments = arguments().with("input", json!(1).into());
    for _ in 0..2 {
        let evaluate =
            |expression| SANDBOX.evaluate(expression, &json!(0), &arguments, &mut u64::MAX.clone());
        assert_eq!(evaluate(&with), Ok(json!(1)));
        assert!(evaluate(&without).is_err());
    }
}

#[test]
fn should_keep_numbers_as_they_are() {
    let numbers = json!([
        0,
        -1,
        2_147_483_647,
        2_147_483_648_u32,
        -2_147_483_649_i64,
        1_700_000_000_123_i64,
        9_007_199_254_740_993_i64,
        i64::MAX,
        i64::MIN,
        u64::MAX,
        0.1,
        -0.5,
        1e300,
        5e-324,
        1.797_693_134_862_315_7e308,
        123_456_789.123_456_79
    ]);
    assert_eq!(evaluate(".", &numbers), Ok(numbers.clone()));
    assert_eq!(evaluate("map(. + 0)", &numbers), Ok(numbers.clone()));
    assert_eq!(evaluate("map(- -.)", &numbers), Ok(numbers));
}

#[test]
fn should_reckon_beyond_32_bits() {
    let cases = [
        ("2147483647 + 1", json!(2_147_483_648_u32)),
        ("-2147483648 - 1", json!(-2_147_483_649_i64)),
        ("1700000000123 - 1700000000000", json!(123)),
        ("[\"a\", \"b\"][5000000000 - 4999999999]", json!("b")),
        ("65536 * 65536 * 65536", json!(281_474_976_710_656_i64)),
        ("1700000000123 % 1000", json!(123)),
        ("1700000000123 / 1000 | floor", json!(1_700_000_000)),
        ("4102444800 | todate", json!("2100-01-01T00:00:00Z")),
        ("253370764800 | todate", json!("9999-01-01T00:00:00Z")),
        ("\"2100-01-01T00:00:00Z\" | fromdate", json!(4_102_444_800_i64)),
        ("4102444800 | gmtime | mktime", json!(4_102_444_800_i64)),
        (
            "3000000000.7 | [floor, round, ceil]",
            json!([3_000_000_000_i64, 3_000_000_001_i64, 3_000_000_001_i64]),
        ),
        ("5000000000 | tostring", json!("5000000000")),
        ("5000000000 == 5000000000.0", json!(true)),
        ("[5000000000, 3, 4294967296] | sort", json!([3, 4_294_967_296_i64, 5_000_000_000_i64])),
        ("{\"a\": 5000000000} | tojson | fromjson | .a", json!(5_000_000_000_i64)),
        ("9223372036854775807 + 1 | tostring", json!("9223372036854775808")),
        ("[limit(3000000000; 1, 2)]", json!([1, 2])),
        ("[range(4294967295; 4294967298)] | length", json!(3)),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text, &json!(null)), Ok(expected), "{text}");
    }
}

#[test]
fn should_keep_values_of_any_size_that_may_be() {
    let shapes =
        ["null", "[]", "{}", "\"\"", "1.5", "{\"a\":1}", "[[[]]]", "{\"a\":{\"b\":\"c\"}}", "\"some text\""];
    for shape in shapes {
        let item: Value = serde_json::from_str(shape).expect("JSON");
        let bytes = limits::check(&json!([item])).expect("it is small") - 2;
        let value = Value::from(vec![item; limits::VALUE_BYTES / bytes - 1]);
        assert_eq!(limits::check(&value).map(|_| ()), Ok(()), "{shape}");
        assert!(evaluate(".", &value) == Ok(value), "{shape}");
    }
}
