//! What is said about documents that are wrong.

use serde_json::json;
use tenantry_dsl::{Definition, Error, ProblemCode};

use super::{code, definition, document, parse, problems};

/// Every problem of the document, as `code path`.
fn verdicts(text: &str) -> Vec<String> {
    problems(text).iter().map(|problem| format!("{} {}", code(problem), problem.path)).collect()
}

#[test]
fn should_know_name_version_and_namespace() {
    let definition = definition("do: []");
    assert_eq!((definition.namespace(), definition.name(), definition.version()), ("test", "test", "1.0.0"));
}

#[test]
fn should_find_every_problem_with_its_place() {
    let text = "\
document:
  dsl: '1.0.3'
  namespace: under_score
  version: 1.0
  colour: red
  tags: [a]
do:
  - fetch:
      call: http
      with:
        method: get
        endpoint: ftp://example.com
        headers: {\"bad name\": x, ok: [1]}
        output: everything
        redirect: 'yes'
        timeout: 5
      then: nowhere
  - fetch: {set: {}}
  - both: {set: {a: 1}, wait: PT1S}
  - neither: {if: true}
  - {one: {wait: PT1S}, two: {wait: PT1S}}
  - choose:
      switch:
        - a: {when: '${ .a +', then: end}
        - b: {then: exit}
        - c: {then: continue}
        - d: {when: $output}
  - late: {wait: {seconds: -1, weeks: 1}}
  - later: {wait: P1M}
  - never: {wait: soon, timeout: {after: PT1S}}
  - text: waits
output: {schema: {}, as: 5}
evaluate: {mode: loose}
version: 2
";
    insta::assert_json_snapshot!(problems(text));
}

#[test]
fn should_say_where_text_is_neither_yaml_nor_json() {
    for (text, line, column) in [("a: [1, 2\nb: 3\n", 2, 2), ("{\"a\": 1,\n \"b\" 2}", 2, 6), ("a: 'b", 1, 4)]
    {
        let error = parse(text).expect_err(text);
        let Error::Malformed(problem) = error else { panic!("{error:?}") };
        assert_eq!(problem.code, ProblemCode::Malformed);
        assert_eq!((problem.line, problem.column), (line, column), "{text}: {}", problem.message);
    }
    let second = parse("a: 1\n---\nb: 1\n").expect_err("two documents");
    assert!(matches!(second, Error::Malformed(_)));
}

#[test]
fn should_refuse_what_is_no_document() {
    for text in ["", "# nothing", "null", "text", "[]", "1", "\u{feff}"] {
        assert_eq!(verdicts(text), ["invalid "], "{text}");
    }
    assert_eq!(verdicts("{}"), ["missing ", "missing "]);
}

#[test]
fn should_refuse_keys_that_are_there_twice() {
    assert_eq!(verdicts(&document("do: []\ndo: []\n")), ["invalid /do"]);
    assert_eq!(verdicts(&document("do:\n  - a: {set: {x: 1, x: 2}}\n")), ["invalid /do/0/a/set/x"]);
    let json = r#"{"document": {"dsl": "1.0.3", "namespace": "a", "name": "a", "name": "b", "version": "1.0.0"}, "do": []}"#;
    assert_eq!(verdicts(json), ["invalid /document/name"]);
}

#[test]
fn should_refuse_keys_that_are_not_text() {
    for text in ["? [a]\n: b\n", "{a: {[b]: c}}"] {
        assert_eq!(code(&problems(text)[0]), "invalid", "{text}");
    }
}

#[test]
fn should_take_a_merge_key_as_any_other() {
    let text = document("do:\n  - a: &a {set: {x: 1}}\n  - b: {<<: *a, set: {y: 1}}\n");
    assert_eq!(verdicts(&text), ["unknown_property /do/1/b/<<"]);
}

#[test]
fn should_expand_aliases() {
    let definition = definition("do:\n  - a: {set: &s {x: &n 1, y: *n}}\n  - b: {set: *s}\n");
    assert_eq!(definition.json()["do"][1]["b"]["set"], json!({"x": 1, "y": 1}));
}

#[test]
fn should_refuse_unknown_tags_and_honour_text() {
    assert_eq!(verdicts(&document("do:\n  - a: {set: {x: !secret y}}\n")), ["invalid /do/0/a/set/x"]);
    let definition = definition("do:\n  - a: {set: {x: !!str 1, y: ! 2, z: !!map {a: 1}}}\n");
    assert_eq!(definition.json()["do"][0]["a"]["set"], json!({"x": "1", "y": "2", "z": {"a": 1}}));
}

#[test]
fn should_refuse_numbers_that_would_lose_digits() {
    for number in [".inf", "18446744073709551616", "1e999"] {
        assert_eq!(
            verdicts(&document(&format!("do:\n  - a: {{set: {{x: {number}}}}}\n"))),
            ["invalid /do/0/a/set/x"]
        );
    }
    let json = document_json(&json!([{"a": {"set": {"x": "NUMBER"}}}]))
        .replace("\"NUMBER\"", "18446744073709551616");
    assert_eq!(verdicts(&json), ["invalid /do/0/a/set/x"]);
}

fn document_json(tasks: &serde_json::Value) -> String {
    let header = json!({"dsl": "1.0.3", "namespace": "a", "name": "a", "version": "1.0.0"});
    json!({"document": header, "do": tasks}).to_string()
}

#[test]
fn should_read_json_as_json() {
    let text = document_json(
        &json!([{"a": {"set": {"t": "😀 \t\u{1}\"\\", "n": [1.5, -2, 1e300, u64::MAX], "b": [true, null], "/~": {}}}}]),
    );
    let escaped = text.replace('😀', "\\ud83d\\ude00").replace("1.5", " \n 1.5 ");
    let definition = parse(&escaped).expect("JSON");
    assert_eq!(definition.json(), &serde_json::from_str::<serde_json::Value>(&escaped).expect("JSON"));
}

#[test]
fn should_say_where_in_json_a_problem_is() {
    let text = "{\n  \"document\": {\"dsl\": \"1.0.3\", \"namespace\": \"a\", \"name\": 5, \"version\": \"1.0.0\"},\n  \"do\": [\n    {\"a\": {\"set\": \"${ nope }\"}}\n  ]\n}";
    let problems = problems(text);
    let places: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(2, 58), (4, 23)]);
}

#[test]
fn should_find_expressions_that_do_not_compile_where_they_stand() {
    let cases = [
        ("${ .a + }", (9, 20), "expected"),
        ("'${ .a | nope }'", (9, 21), "`nope`"),
        ("\"${ nope(1) }\"", (9, 16), "`nope` with 1"),
        ("${ $output }", (9, 15), "`$output`"),
        ("${ \"unclosed }", (9, 25), "expected"),
        ("${ .a } and ${ .b }", (9, 18), "expected"),
        ("|-\n          ${ nope }", (10, 14), "`nope`"),
    ];
    for (text, place, message) in cases {
        let problems = problems(&document(&format!("do:\n  - a:\n      set:\n        x: {text}\n")));
        assert_eq!(code(&problems[0]), "expression", "{text}");
        assert!(problems[0].message.contains(message), "{text}: {}", problems[0].message);
        assert_eq!((problems[0].line, problems[0].column), place, "{text}: {}", problems[0].message);
        assert_eq!(problems[0].path, "/do/0/a/set/x");
    }
}

#[test]
fn should_offer_the_arguments_that_a_place_has_and_no_others() {
    let places = [
        ("input: {from: X}\ndo: []", "secrets workflow runtime"),
        ("do: [{a: {if: X, set: {x: 1}}}]", "context secrets task workflow runtime"),
        ("do: [{a: {input: {from: X}, set: {x: 1}}}]", "context secrets task workflow runtime"),
        ("do: [{a: {set: X}}]", "context input secrets task workflow runtime authorization"),
        (
            "do: [{a: {switch: [{c: {when: X, then: end}}]}}]",
            "context input secrets task workflow runtime authorization",
        ),
        (
            "do: [{a: {set: {x: 1}, output: {as: X}}}]",
            "context input secrets task workflow runtime authorization",
        ),
        (
            "do: [{a: {set: {x: 1}, export: {as: X}}}]",
            "context input output secrets task workflow runtime authorization",
        ),
        ("do: []\noutput: {as: X}", "context secrets workflow runtime"),
    ];
    let all = "context input output secrets task workflow runtime authorization";
    for (place, offered) in places {
        for name in all.split(' ') {
            let text = document(&place.replace('X', &format!("${name}")));
            let is_offered = offered.split(' ').any(|offered| offered == name);
            assert_eq!(parse(&text).is_ok(), is_offered, "${name} in {place}");
        }
    }
}

#[test]
fn should_leave_strings_without_marks_alone_where_data_stands() {
    let definition = definition(
        "do:\n  - a: {set: {x: .not[an expression, y: '${', z: 'a ${ .b }'}}\n"
            .replace(".not[an", "'.not[an")
            .replace("expression,", "expression',")
            .as_str(),
    );
    assert_eq!(definition.json()["do"][0]["a"]["set"]["z"], "a ${ .b }");
}

#[test]
fn should_only_take_version_1_0_of_the_language() {
    for (dsl, expected) in [
        ("1.0.0-alpha5", None),
        ("1.0.9", None),
        ("1.1.0", Some("unsupported")),
        ("0.8.0", Some("unsupported")),
        ("1.0", Some("invalid")),
    ] {
        let text = document("do: []").replace("1.0.3", dsl);
        assert_eq!(parse(&text).err().map(|error| code(&error.problems()[0])).as_deref(), expected, "{dsl}");
    }
}

#[test]
fn should_refuse_what_is_not_supported_by_its_path() {
    let task = |task: &str| document(&format!("do:\n  - a: {task}\n"));
    let call = |with: &str| task(&format!("{{call: http, with: {{method: get, {with}}}}}"));
    let cases = [
        (
            document("do: []\nuse: {}\ntimeout: {}\nschedule: {}\nevaluate: {}\ninput: {schema: {}}\n"),
            "/use /timeout /schedule /evaluate /input/schema",
        ),
        (task("{emit: {}}"), "/do/0/a/emit"),
        (task("{for: {}, while: x, do: []}"), "/do/0/a/for"),
        (task("{fork: {}}"), "/do/0/a/fork"),
        (task("{listen: {}, foreach: {}}"), "/do/0/a/listen"),
        (task("{raise: {}}"), "/do/0/a/raise"),
        (task("{run: {}}"), "/do/0/a/run"),
        (task("{try: [], catch: {}}"), "/do/0/a/try"),
        (task("{call: grpc, with: {}}"), "/do/0/a/call"),
        (task("{call: myFunction}"), "/do/0/a/call"),
        (
            task(
                "{set: {x: 1}, timeout: x, input: {schema: {}}, output: {schema: {}}, export: {schema: {}}}",
            ),
            "/do/0/a/timeout /do/0/a/input/schema /do/0/a/output/schema /do/0/a/export/schema",
        ),
        (
            call("endpoint: {uri: 'https://x.org', authentication: {}}"),
            "/do/0/a/with/endpoint/authentication",
        ),
        (call("endpoint: 'https://x.org/{?q}'"), "/do/0/a/with/endpoint"),
        (task("{wait: P1Y}"), "/do/0/a/wait"),
    ];
    for (text, paths) in cases {
        let expected: Vec<_> = paths.split(' ').map(|path| format!("unsupported {path}")).collect();
        assert_eq!(verdicts(&text), expected, "{text}");
    }
}

#[test]
fn should_digest_what_is_said_and_not_how() {
    let yaml = definition("do:\n  - a: {set: {x: 1, y: [é, \"q\\\"\"]}}\n");
    let json = r#"{"do": [{"a": {"set": {"y": ["\u00e9", "q\""], "x": 1}}}], "document": {"version": "1.0.0", "name": "test", "namespace": "test", "dsl": "1.0.3"}}"#;
    let json = parse(json).expect("the same in JSON");
    assert_eq!(yaml.digest(), json.digest());
    assert_eq!(yaml.digest(), "31223341e138a980c1a29a71d7becf89023face76243d5c838e5cdef3d89065f");
    let other = definition("do:\n  - a: {set: {x: 1, y: [\"q\\\"\", é]}}\n");
    assert_ne!(yaml.digest(), other.digest());
}

#[test]
fn should_read_again_what_it_gave() {
    let definition = definition("do:\n  - a: {set: {z: 1, a: '${ .x }'}, then: end}\n");
    let again = Definition::from_value(definition.json().clone()).expect("the same");
    assert_eq!((again.json(), again.digest()), (definition.json(), definition.digest()));
    let keys: Vec<_> = again.json()["do"][0]["a"]["set"].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["z", "a"]);
}

#[test]
fn should_say_what_is_wrong_with_a_value_without_positions() {
    let Err(Error::Invalid(problems)) = Definition::from_value(json!({"do": 1})) else {
        panic!("it is invalid")
    };
    let found: Vec<_> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.line, problem.column)).collect();
    assert_eq!(found, [("", 0, 0), ("/do", 0, 0)]);
    let deep = (0..100).fold(json!(1), |value, _| json!([value]));
    let Err(Error::Invalid(problems)) = Definition::from_value(deep) else { panic!("it is too deep") };
    assert_eq!(problems[0].code, ProblemCode::Limit);
}
