//! The interpreter, driven with scripted answers: what comes out of a definition and an input.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tenantry_dsl::{
    Definition, ErrorType, HttpRequest, HttpResponse, WorkflowError,
    interpreter::{Command, CommandId, Event, Interpreter, Outcome, Pace, Pause, Progress, Start, TaskState},
    limits,
};

use super::{definition, sandbox};

/// An execution and all it asked for.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    requests: Vec<HttpRequest>,
    waits: Vec<Duration>,
    tasks: Vec<String>,
    states: Vec<TaskState>,
    end: Progress,
}

impl Run {
    fn output(self) -> Value {
        match self.end {
            Progress::Completed(output) => output,
            other => panic!("{other:?}"),
        }
    }

    fn error(self) -> WorkflowError {
        match self.end {
            Progress::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

fn began() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_123).expect("a moment")
}

fn start(input: Value) -> Start {
    Start { execution_id: "exe_1".to_owned(), input, started_at: began() }
}

fn interpreter(definition: Definition, input: Value) -> Interpreter {
    Interpreter::new(definition, sandbox(), start(input))
}

/// A response: its status, its content type, its body.
type Answer = (u16, &'static str, &'static str);

/// What becomes of an interpreter wherever it waits or pauses.
#[derive(Clone, Copy, Debug)]
enum Handover {
    /// It goes on.
    None,
    /// Another takes up what it has written down.
    Snapshot,
    /// The same, after what it has written down has travelled as JSON.
    Json,
}

impl Handover {
    fn of(self, interpreter: Interpreter, definition: &Definition, input: &Value) -> Interpreter {
        let snapshot = interpreter.snapshot().expect("it waits or pauses");
        let taken = match self {
            Self::None => return interpreter,
            Self::Snapshot => snapshot.clone(),
            Self::Json => {
                let text = serde_json::to_string(&snapshot).expect("JSON");
                serde_json::from_str(&text).expect("a snapshot")
            }
        };
        let restored = Interpreter::restore(definition.clone(), sandbox(), start(input.clone()), taken);
        let restored = restored.expect("it is of the same definition");
        assert_eq!(restored.snapshot(), Some(snapshot));
        restored
    }
}

/// Runs a definition to its end. The answers are for its requests, in order; each event comes a second after the one before.
///
/// It runs once more for each way to hand it over, before each task and wherever it waits, and comes to the same every time.
fn run(rest: &str, input: Value, answers: &[Answer]) -> Run {
    let work = (definition(rest), input);
    let run = play(&work, answers, Handover::None, Pace::default());
    for handover in [Handover::None, Handover::Snapshot, Handover::Json] {
        for pace in [Pace::Portions(1), Pace::Portions(2), Pace::Whole] {
            let again = play(&work, answers, handover, pace);
            assert_eq!(again, run, "{handover:?}, {pace:?}: {rest}");
        }
    }
    run
}

fn play(
    (definition, input): &(Definition, Value),
    answers: &[Answer],
    handover: Handover,
    pace: Pace,
) -> Run {
    let mut interpreter = interpreter(definition.clone(), input.clone());
    let mut run = Run {
        requests: Vec::new(),
        waits: Vec::new(),
        tasks: Vec::new(),
        states: Vec::new(),
        end: Progress::Completed(Value::Null),
    };
    let mut answers = answers.iter();
    let mut now = began();
    let mut event = Event::Started;
    loop {
        if event != Event::Resumed {
            now += TimeDelta::seconds(1);
        }
        interpreter.keep_to(pace);
        let mut commands = match interpreter.advance(event, now) {
            Progress::Waiting(commands) => commands,
            Progress::Paused(_) => Vec::new(),
            end => {
                assert!(answers.next().is_none(), "an answer was not asked for");
                assert_eq!(interpreter.snapshot(), None);
                (run.end, run.states) = (end, interpreter.tasks());
                return run;
            }
        };
        interpreter = handover.of(interpreter, definition, input);
        assert_eq!(interpreter.outstanding(now), commands);
        assert!(commands.len() < 2, "no two tasks run at once yet");
        event = match commands.pop() {
            None => Event::Resumed,
            Some(Command::CallHttp { id, task, request }) => {
                let (status, content_type, body) = answers.next().expect("an answer for every request");
                let headers = vec![("content-type".to_owned(), (*content_type).to_owned())];
                let response = HttpResponse::new(&request, *status, headers, body.as_bytes());
                run.requests.push(request);
                run.tasks.push(task);
                Event::Finished { id, outcome: Ok(Outcome::Http(response)) }
            }
            Some(Command::StartTimer { id, task, duration }) => {
                run.waits.push(duration);
                run.tasks.push(task);
                Event::Finished { id, outcome: Ok(Outcome::Elapsed) }
            }
        };
    }
}

const JSON: &str = "application/json";

#[test]
fn should_compute_outputs() {
    let cases = [
        ("the input goes through nothing", "do: []", json!({"a": 1}), json!({"a": 1})),
        (
            "set replaces and keeps literals",
            "do:\n  - a: {set: {shape: circle, size: '${ .n + 1 }', list: [1, '${ .n }', '.n'], deep: {x: '${.n}'}}}",
            json!({"n": 1, "gone": true}),
            json!({"shape": "circle", "size": 2, "list": [1, 1, ".n"], "deep": {"x": 1}}),
        ),
        ("set takes an expression", "do:\n  - a: {set: '${ .n }'}", json!({"n": [1]}), json!([1])),
        (
            "expressions in data are data",
            "do:\n  - a: {set: '${ . }'}\n  - b: {set: {x: '${ .text }'}}",
            json!({"text": "${ 1 + 1 }"}),
            json!({"x": "${ 1 + 1 }"}),
        ),
        (
            "a task's output is the next one's input",
            "do:\n  - a: {set: {l: '${ .l + [1] }'}}\n  - b: {set: {l: '${ .l + [2] }'}}",
            json!(null),
            json!({"l": [1, 2]}),
        ),
        (
            "if is evaluated on the raw input, before input.from; skipped means untouched",
            "do:\n  - a: {if: .n > 1, input: {from: .n}, set: {x: 1}, output: {as: .x}, export: {as: .x}, then: end}\n  - b: {set: {n: '${ .n }', c: '${ $context }'}}",
            json!({"n": 1}),
            json!({"n": 1, "c": {"n": 1}}),
        ),
        (
            "if with a true condition runs the task",
            "do:\n  - a: {if: '${ .n == 1 }', set: {x: 1}}",
            json!({"n": 1}),
            json!({"x": 1}),
        ),
        (
            "input.from, then the task, then output.as, then export.as",
            "do:\n  - a: {input: {from: .n}, set: {v: '${ . }', i: '${ $input }'}, output: {as: '{v, i, raw: $task.output, in: $input, w: $task.input}'}, export: {as: '{c: .v, o: $output.i, before: $context}'}}\n  - b: {set: {out: '${ . }', context: '${ $context }'}}",
            json!({"n": 5}),
            json!({
                "out": {"v": 5, "i": 5, "raw": {"v": 5, "i": 5}, "in": 5, "w": {"n": 5}},
                "context": {"c": 5, "o": 5, "before": {"n": 5}},
            }),
        ),
        (
            "from and as may be objects",
            "input: {from: {m: '${ .n }'}}\ndo:\n  - a: {input: {from: {k: '${ .m }'}}, set: '${ . }', output: {as: {j: '${ .k }', lit: .k}}}\noutput: {as: {end: '${ . }'}}",
            json!({"n": 3}),
            json!({"end": {"j": 3, "lit": ".k"}}),
        ),
        (
            "the workflow's input.from makes the context and the first input",
            "input: {from: .order}\ndo:\n  - a: {set: {c: '${ $context }', i: '${ . }', raw: '${ $workflow.input }'}}\noutput: {as: '. + {again: $context}'}",
            json!({"order": 1}),
            json!({"c": 1, "i": 1, "raw": {"order": 1}, "again": 1}),
        ),
        (
            "do nests, and its own output.as comes after its tasks",
            "do:\n  - outer:\n      input: {from: .n}\n      do:\n        - a: {set: {v: '${ . + 1 }'}}\n        - b: {set: {v: '${ .v + 1 }'}}\n      output: {as: '.v + $input'}\n  - after: {set: {x: '${ . }'}}",
            json!({"n": 1}),
            json!({"x": 4}),
        ),
        ("an empty do passes its input", "do:\n  - a: {do: [], output: {as: '[.]'}}", json!(1), json!([1])),
    ];
    for (what, rest, input, expected) in cases {
        assert_eq!(run(rest, input, &[]).output(), expected, "{what}");
    }
}

#[test]
fn should_follow_flow_directives() {
    let trace = |name: &str, then: &str| format!("{name}: {{set: '${{ . + [\"{name}\"] }}'{then}}}");
    let plain = |name: &str| trace(name, "");
    let then = |name: &str, target: &str| trace(name, &format!(", then: {target}"));
    let list = |indent: &str, tasks: &[String]| {
        tasks.iter().map(|task| format!("{indent}- {task}")).collect::<Vec<_>>().join("\n") + "\n"
    };
    let nested = |inner: &[String], then: &str| {
        format!("do:\n  - outer:\n      do:\n{}{then}  - {}\n", list("        ", inner), plain("after"))
    };
    let top = |tasks: &[String]| format!("do:\n{}", list("  ", tasks));
    let cases = [
        (top(&[then("a", "continue"), plain("b")]), json!(["a", "b"])),
        (top(&[then("a", "c"), then("b", "end"), then("c", "b")]), json!(["a", "c", "b"])),
        (top(&[then("a", "end"), plain("b")]), json!(["a"])),
        (top(&[then("a", "exit"), plain("b")]), json!(["a"])),
        (nested(&[then("a", "exit"), plain("b")], ""), json!(["a", "after"])),
        (nested(&[then("a", "end"), plain("b")], ""), json!(["a"])),
        (nested(&[plain("a"), plain("b")], "      then: end\n"), json!(["a", "b"])),
        (nested(&[then("a", "b"), plain("c"), plain("b")], ""), json!(["a", "b", "after"])),
    ];
    for (rest, expected) in cases {
        assert_eq!(run(&rest, json!([]), &[]).output(), expected, "{rest}");
    }
}

#[test]
fn should_go_where_the_switch_says() {
    let rest = "do:
  - choose:
      switch:
        - default: {then: setOther}
        - red: {when: '.color == \"red\"', then: setRed}
        - green: {when: '${ .color == \"green\" }', then: setGreen}
        - blue: {when: .color == \"blue\", then: continue}
        - stop: {when: .color == \"stop\", then: end}
  - setBlue: {set: {was: blue}, then: end}
  - setRed: {set: {was: red}, then: end}
  - setGreen: {set: {was: green}, then: end}
  - setOther: {set: {was: '${ .color }'}}
";
    for (color, was) in [("red", "red"), ("green", "green"), ("blue", "blue"), ("yellow", "yellow")] {
        assert_eq!(run(rest, json!({"color": color}), &[]).output(), json!({"was": was}), "{color}");
    }
    assert_eq!(run(rest, json!({"color": "stop"}), &[]).output(), json!({"color": "stop"}));
}

#[test]
fn should_follow_the_switch_itself_when_no_case_matches() {
    let rest = "do:\n  - a: {switch: [{no: {when: .x, then: b}}], then: end}\n  - b: {set: {x: 1}}\n";
    assert_eq!(run(rest, json!({"y": 1}), &[]).output(), json!({"y": 1}));
}

#[test]
fn should_wait_as_long_as_it_is_told() {
    let rest = "do:
  - object: {wait: {days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5}}
  - text: {wait: PT1.5S}
  - computed: {wait: '${ .long }'}
  - within: {do: [{inner: {wait: PT0S, output: {as: '{done: .}'}}}]}
";
    let run = run(rest, json!({"long": "P2W"}), &[]);
    let milliseconds: Vec<_> = run.waits.iter().map(Duration::as_millis).collect();
    assert_eq!(milliseconds, [93_784_005, 1_500, 1_209_600_000, 0]);
    assert_eq!(run.tasks, ["/do/0/object", "/do/1/text", "/do/2/computed", "/do/3/within/do/0/inner"]);
    assert_eq!(run.output(), json!({"done": {"long": "P2W"}}));
}

#[test]
fn should_make_requests() {
    let rest = "do:
  - fetch:
      call: http
      with:
        method: post
        endpoint: https://example.com/pets/{petId}/{missing}?a=b
        headers: {X-Id: '${ .petId }', X-None: '${ null }', X-N: 1}
        query: {q: '${ .text }', n: 2, gone: '${ .gone }'}
        body: {id: '${ .petId }', note: fixed}
        redirect: true
";
    let run = run(rest, json!({"petId": "a/b", "text": "x y&z=é"}), &[(200, JSON, "{\"id\": 1}")]);
    insta::assert_json_snapshot!(run.requests, @r#"
    [
      {
        "method": "POST",
        "url": "https://example.com/pets/a%2Fb/?a=b&q=x%20y%26z%3D%C3%A9&n=2",
        "headers": [
          [
            "X-Id",
            "a/b"
          ],
          [
            "X-N",
            "1"
          ],
          [
            "content-type",
            "application/json"
          ]
        ],
        "body": {
          "id": "a/b",
          "note": "fixed"
        },
        "redirect": true,
        "output": "content"
      }
    ]
    "#);
    assert_eq!(run.tasks, ["/do/0/fetch"]);
    assert_eq!(run.output(), json!({"id": 1}));
}

#[test]
fn should_take_a_whole_object_of_headers_and_query_from_an_expression() {
    let rest = "do:\n  - fetch:\n      call: http\n      with: {method: get, endpoint: '${ .url }', headers: '${ .headers }', query: '${ .query }'}\n";
    let input =
        json!({"url": "http://example.com", "headers": {"Accept": "text/plain"}, "query": {"a": true}});
    let run = run(rest, input, &[(200, "text/plain", "hello")]);
    assert_eq!(run.requests[0].url, "http://example.com/?a=true");
    assert_eq!(run.requests[0].headers, [("Accept".to_owned(), "text/plain".to_owned())]);
    assert_eq!(run.requests[0].body, None);
    assert_eq!(run.output(), json!("hello"));
}

fn fetch(with: &str) -> String {
    format!(
        "do:\n  - first: {{set: '${{ . }}'}}\n  - fetch:\n      call: http\n      with: {{method: get, endpoint: 'https://example.com/x?secret=1'{with}}}\n"
    )
}

#[test]
fn should_give_the_response_in_the_form_that_is_asked_for() {
    let cases = [
        ("", (200, JSON, "{\"a\": [1]}"), json!({"a": [1]})),
        ("", (200, "application/vnd.x+json; charset=utf-8", "1"), json!(1)),
        ("", (200, "text/html", "<p>"), json!("<p>")),
        ("", (204, JSON, ""), json!(null)),
        (", output: content", (201, JSON, "true"), json!(true)),
        (", output: raw", (200, JSON, "{\"a\": 1 }"), json!("eyJhIjogMSB9")),
        (
            ", output: response, headers: {accept: x}",
            (202, JSON, "{}"),
            json!({
                "request": {"method": "GET", "uri": "https://example.com/x?secret=1", "headers": {"accept": "x"}},
                "statusCode": 202,
                "headers": {"content-type": JSON},
                "content": {},
            }),
        ),
        (", redirect: true, output: response", (304, JSON, ""), json!(304)),
    ];
    for (with, answer, expected) in cases {
        let output = run(&fetch(with), json!(null), &[answer]).output();
        if let Some(status) = expected.as_u64().filter(|status| *status > 100) {
            assert_eq!(output["statusCode"], status, "{with}");
        } else {
            assert_eq!(output, expected, "{with}");
        }
    }
}

#[test]
fn should_fail_with_the_status_of_a_response_that_is_no_success() {
    for (with, status) in
        [("", 404), ("", 503), ("", 302), (", redirect: false", 301), (", redirect: true", 404), ("", 199)]
    {
        let error = run(&fetch(with), json!(null), &[(status, JSON, "{}")]).error();
        assert_eq!(error.kind, ErrorType::Communication.uri());
        assert_eq!(error.status, status);
        assert_eq!(error.instance.as_deref(), Some("/do/1/fetch"));
        let detail = error.detail.expect("a detail");
        assert!(!detail.contains("secret"), "{detail}");
    }
}

#[test]
fn should_fail_when_a_body_is_not_the_json_it_says() {
    let error = run(&fetch(""), json!(null), &[(200, JSON, "{\"a\":")]).error();
    assert_eq!((error.kind, error.status), (ErrorType::Communication.uri(), 500));
}

#[test]
fn should_say_which_task_raised_an_error() {
    let call =
        |with: &str| format!("do:\n  - fetch:\n      call: http\n      with: {{method: get, {with}}}\n");
    let expression = ErrorType::Expression;
    let cases = [
        ("input: {from: .a.b}\ndo: []".to_owned(), expression, "/input/from"),
        ("do: []\noutput: {as: .a.b}".to_owned(), expression, "/output/as"),
        ("do:\n  - x: {set: {v: '${ .a.b }'}}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {if: .a.b, set: {v: 1}}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {input: {from: .a.b}, set: {v: 1}}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {set: {v: 1}, output: {as: .v.w}}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {set: {v: 1}, export: {as: .v.w}}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x/y: {do: [{'z~': {set: '${ error }'}}]}".to_owned(), expression, "/do/0/x~1y/do/0/z~0"),
        ("do:\n  - x: {switch: [{c: {when: .a.b, then: end}}]}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {wait: '${ .a }'}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {set: '${ empty }'}".to_owned(), expression, "/do/0/x"),
        ("do:\n  - x: {set: '${ 1, 2 }'}".to_owned(), expression, "/do/0/x"),
        (call("endpoint: 'https://example.com/{o}'"), expression, "/do/0/fetch"),
        (call("endpoint: '${ .a }'"), ErrorType::Configuration, "/do/0/fetch"),
        (call("endpoint: '${ \"file:///etc/passwd\" }'"), ErrorType::Configuration, "/do/0/fetch"),
        (call("endpoint: 'https://x.org', headers: '${ .a }'"), expression, "/do/0/fetch"),
        (call("endpoint: 'https://x.org', headers: {a: '${ \"b\\r\\nc: d\" }'}"), expression, "/do/0/fetch"),
        (call("endpoint: 'https://x.org', query: {a: '${ [1] }'}"), expression, "/do/0/fetch"),
    ];
    for (rest, kind, instance) in cases {
        let error = run(&rest, json!({"a": "text", "o": {}}), &[]).error();
        assert_eq!((&error.kind, error.status), (&kind.uri(), 400), "{rest}: {error:?}");
        assert_eq!(error.instance.as_deref(), Some(instance), "{rest}");
        assert!(error.detail.is_some(), "{rest}");
    }
}

#[test]
fn should_show_the_descriptors() {
    let rest = "do:
  - outer:
      do:
        - show:
            metadata: {note: mine}
            set: '${ {task: $task, workflow: $workflow, runtime: $runtime, secrets: $secrets, authorization: $authorization} }'
";
    let mut output = run(rest, json!({"n": 1}), &[]).output();
    assert_eq!(&output["workflow"]["definition"], definition(rest).json());
    output["workflow"]["definition"] = json!("[the document]");
    output["runtime"]["version"] = json!("[version]");
    insta::assert_json_snapshot!(output, @r#"
    {
      "task": {
        "name": "show",
        "reference": "/do/0/outer/do/0/show",
        "definition": {
          "metadata": {
            "note": "mine"
          },
          "set": "${ {task: $task, workflow: $workflow, runtime: $runtime, secrets: $secrets, authorization: $authorization} }"
        },
        "input": {
          "n": 1
        },
        "output": null,
        "startedAt": {
          "iso8601": "2023-11-14T22:13:21.123Z",
          "epoch": {
            "seconds": 1700000001,
            "milliseconds": 1700000001123
          }
        }
      },
      "workflow": {
        "id": "exe_1",
        "definition": "[the document]",
        "input": {
          "n": 1
        },
        "startedAt": {
          "iso8601": "2023-11-14T22:13:20.123Z",
          "epoch": {
            "seconds": 1700000000,
            "milliseconds": 1700000000123
          }
        }
      },
      "runtime": {
        "name": "tenantry",
        "version": "[version]",
        "metadata": {}
      },
      "secrets": {},
      "authorization": null
    }
    "#);
}

#[test]
fn should_give_an_error_from_outside_the_task_as_its_instance() {
    let mut interpreter = interpreter(definition(&fetch("")), json!(null));
    interpreter.advance(Event::Started, began());
    let outcome = Err(WorkflowError::new(ErrorType::Timeout, "too slow"));
    let end = interpreter.advance(Event::Finished { id: CommandId(0), outcome }, began());
    let Progress::Failed(error) = end else { panic!("{end:?}") };
    assert_eq!((error.status, error.instance.as_deref()), (408, Some("/do/1/fetch")));
}

#[test]
fn should_ignore_events_that_nothing_waits_for() {
    let mut interpreter = interpreter(definition("do:\n  - a: {wait: PT1S}\n  - b: {wait: PT1S}"), json!(1));
    let elapsed = |id| Event::Finished { id: CommandId(id), outcome: Ok(Outcome::Elapsed) };
    let nothing = Progress::Waiting(Vec::new());
    assert_eq!(interpreter.advance(elapsed(0), began()), nothing);
    assert!(
        matches!(interpreter.advance(Event::Started, began()), Progress::Waiting(commands) if commands.len() == 1)
    );
    assert_eq!(interpreter.advance(Event::Started, began()), nothing);
    assert_eq!(interpreter.advance(elapsed(1), began()), nothing);
    assert!(
        matches!(interpreter.advance(elapsed(0), began()), Progress::Waiting(commands) if commands.len() == 1)
    );
    assert_eq!(interpreter.advance(elapsed(0), began()), nothing);
    assert_eq!(interpreter.advance(elapsed(1), began()), Progress::Completed(json!(1)));
    assert_eq!(interpreter.advance(elapsed(1), began()), Progress::Completed(json!(1)));
}

#[test]
fn should_refuse_an_outcome_of_another_kind() {
    let mut interpreter = interpreter(definition(&fetch("")), json!(null));
    interpreter.advance(Event::Started, began());
    let end =
        interpreter.advance(Event::Finished { id: CommandId(0), outcome: Ok(Outcome::Elapsed) }, began());
    assert!(matches!(end, Progress::Failed(error) if error.kind == ErrorType::Runtime.uri()));
}

#[test]
fn should_refuse_input_that_is_too_deep() {
    let deep = (0..200).fold(json!(1), |value, _| json!([value]));
    let error = run("do: []", deep, &[]).error();
    assert_eq!((error.status, error.instance.as_deref()), (400, Some("/input")));
}

#[test]
fn should_do_the_same_on_every_replay() {
    let text = format!("{}  - w: {{wait: PT1S}}\n", fetch(", output: response"));
    let once = run(&text, json!({"n": 1}), &[(200, JSON, "{}")]);
    let again = run(&text, json!({"n": 1}), &[(200, JSON, "{}")]);
    assert_eq!(
        (once.requests, once.waits, once.tasks, once.end),
        (again.requests, again.waits, again.tasks, again.end)
    );
}

#[test]
fn should_pause_after_each_portion_and_count_on_over_the_pauses() {
    let rest = "do:\n  - count: {set: {n: '${ .n + 1 }'}}\n  - again: {switch: [{more: {when: '.n < 1250', then: count}}]}\n  - w: {wait: PT1S, then: count}\n";
    let mut interpreter = interpreter(definition(rest), json!({"n": 0}));
    let mut progress = interpreter.advance(Event::Started, began());
    for tasks in [1000, 2000] {
        assert_eq!(progress, Progress::Paused(Pause::Tasks));
        assert_eq!(interpreter.tasks().len(), limits::TASK_STATES, "{tasks}");
        assert_eq!(interpreter.advance(Event::Started, began()), Progress::Waiting(Vec::new()));
        progress = interpreter.advance(Event::Resumed, began());
    }
    assert!(matches!(&progress, Progress::Waiting(commands) if commands.len() == 1), "{progress:?}");
    assert_eq!(interpreter.advance(Event::Resumed, began()), Progress::Waiting(Vec::new()));
}

#[test]
fn should_pause_when_a_portion_has_cost_enough() {
    let rest = "do:\n  - burn: {set: {n: '${ [range(10000)] | length }'}, then: burn}\n";
    let mut interpreter = interpreter(definition(rest), json!(null));
    assert_eq!(interpreter.advance(Event::Started, began()), Progress::Paused(Pause::Cost));
    let tasks = interpreter.tasks().len();
    assert!((10..1000).contains(&tasks), "{tasks}");
}

#[test]
fn should_wait_for_what_is_left_of_a_timer_that_is_taken_up() {
    let definition = definition("do:\n  - w: {wait: PT1H, output: {as: '{w: .}'}}\n");
    let mut first = interpreter(definition.clone(), json!(7));
    assert!(matches!(first.advance(Event::Started, began()), Progress::Waiting(_)));
    let snapshot = first.snapshot().expect("it waits");
    let mut second = Interpreter::restore(definition, sandbox(), start(json!(7)), snapshot)
        .expect("of the same definition");
    for (minutes, left) in [(0, 60), (20, 40), (60, 0), (90, 0)] {
        let commands = second.outstanding(began() + TimeDelta::minutes(minutes));
        let expected = Command::StartTimer {
            id: CommandId(0),
            task: "/do/0/w".to_owned(),
            duration: Duration::from_mins(left),
        };
        assert_eq!(commands, [expected]);
    }
    let elapsed = Event::Finished { id: CommandId(0), outcome: Ok(Outcome::Elapsed) };
    assert_eq!(second.advance(elapsed, began()), Progress::Completed(json!({"w": 7})));
}

#[test]
fn should_not_take_up_what_is_of_another_definition() {
    let mut interpreter = interpreter(definition("do:\n  - w: {wait: PT1H}\n"), json!(null));
    interpreter.advance(Event::Started, began());
    let snapshot = interpreter.snapshot().expect("it waits");
    let other = definition("do:\n  - v: {wait: PT1H}\n");
    let error = Interpreter::restore(other, sandbox(), start(json!(null)), snapshot).err();
    assert_eq!(error.map(|error| error.kind), Some(ErrorType::Runtime.uri()));
}

#[test]
fn should_take_up_what_earlier_versions_have_written_down() {
    let rest = "do:
  - outer:
      input: {from: .n}
      do:
        - w: {wait: PT1H}
        - x: {set: '${ [., $context, $workflow.startedAt.epoch.seconds] }'}
      output: {as: '[., $input]'}
";
    let written = include_str!("execution/snapshot_v1.json");
    let snapshot = serde_json::from_str(written).expect("a snapshot");
    let restored = Interpreter::restore(definition(rest), sandbox(), start(json!({"n": [1]})), snapshot);
    let mut interpreter = restored.expect("it is of this definition");
    assert_eq!(interpreter.tasks().len(), 2);
    let elapsed = Event::Finished { id: CommandId(0), outcome: Ok(Outcome::Elapsed) };
    let expected = json!([[[1], {"n": [1]}, 1_700_000_000], [1]]);
    assert_eq!(interpreter.advance(elapsed, began()), Progress::Completed(expected));
}
