//! Documents and workflows that mean harm: each is refused, quickly, and on a small stack.

use std::{sync::mpsc, thread, time::Duration};

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_dsl::{
    Definition, Error,
    interpreter::{Event, Interpreter, Progress, Start},
    limits,
};

use super::{code, definition, document, parse, problems, sandbox};

/// Runs on a thread with the stack that async runtimes give, and fails if it takes too long.
fn bounded<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || sender.send(work()));
    let result = receiver.recv_timeout(Duration::from_mins(1)).expect("it neither hangs nor panics");
    thread.expect("a thread").join().expect("no panic").expect("the receiver is here");
    result
}

/// So many lines of text.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

/// The code of the first problem of a hostile text.
fn refusal(text: String) -> String {
    bounded(move || code(&problems(&text)[0]))
}

#[test]
fn should_refuse_deep_nesting_whatever_its_form() {
    let depth = 100_000;
    let forms = [
        "[".repeat(depth),
        "{".repeat(depth),
        "{a: ".repeat(depth / 2),
        "{\"a\":".repeat(depth / 2),
        "- ".repeat(depth),
        "? ".repeat(depth),
        lines(600, |level| format!("{}a:", " ".repeat(level))),
        format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100)),
        document(&format!("do:\n  - a:\n      set:\n        a: {}{}\n", "[".repeat(100), "]".repeat(100))),
    ];
    for text in forms {
        let start: String = text.chars().take(20).collect();
        let code = refusal(text);
        assert!(["limit", "malformed", "invalid"].contains(&code.as_str()), "{start}: {code}");
    }
}

#[test]
fn should_refuse_a_document_that_is_too_large() {
    let text = document(&format!("do: []\n# {}", "a".repeat(limits::DOCUMENT_BYTES)));
    assert_eq!(refusal(text), "limit");
}

#[test]
fn should_refuse_aliases_that_multiply() {
    let text = lines(12, |level| {
        let items = if level == 0 { "x".to_owned() } else { format!("*a{}", level - 1) };
        format!("a{level}: &a{level} [{}]", vec![items; 10].join(", "))
    });
    assert_eq!(refusal(text), "limit");
}

#[test]
fn should_refuse_aliases_that_deepen() {
    let text = lines(200, |level| match level {
        0 => "a0: &a0 [x]".to_owned(),
        _ => format!("a{level}: &a{level} [*a{}]", level - 1),
    });
    assert_eq!(refusal(text), "limit");
}

#[test]
fn should_refuse_an_alias_of_what_it_stands_in() {
    assert_eq!(refusal("a: &a [*a]".to_owned()), "malformed");
}

#[test]
fn should_refuse_too_many_tasks_once() {
    let tasks = lines(limits::TASKS + 10, |n| format!("  - t{n}: {{wait: PT1S}}"));
    let problems = problems(&document(&format!("do:\n{tasks}")));
    assert_eq!(problems.iter().map(code).collect::<Vec<_>>(), ["limit"]);
    assert_eq!(problems[0].path, format!("/do/{0}/t{0}", limits::TASKS));
}

#[test]
fn should_refuse_too_many_expressions_once() {
    let list = vec!["'${.}'"; limits::EXPRESSIONS + 10].join(", ");
    let text = document(&format!("do:\n  - a: {{set: {{a: [{list}]}}}}\n"));
    let problems = bounded(move || problems(&text));
    assert_eq!(problems.iter().map(code).collect::<Vec<_>>(), ["limit"]);
}

#[test]
fn should_show_no_more_problems_than_the_limit() {
    let wrong = lines(10_000, |n| format!("x{n}: 1"));
    let problems = bounded(move || problems(&document(&wrong)));
    assert_eq!(problems.len(), limits::PROBLEMS);
}

#[test]
fn should_refuse_expressions_that_nest_too_deep() {
    let n = 5_000;
    let forms = [
        "(".repeat(n),
        "[".repeat(n) + &"]".repeat(n),
        "{a:".repeat(n) + "1" + &"}".repeat(n),
        "-".repeat(n) + "1",
        "1+".repeat(n) + "1",
        ".|".repeat(n) + ".",
        "if . then ".repeat(n),
        "def f: ".repeat(n / 2),
        "\"\\(".repeat(n),
        ". as $x | ".repeat(n / 4) + ".",
        "try ".repeat(n / 2) + ".",
        "reduce . as $x (.; ".repeat(n / 10),
        ".[".repeat(n),
    ];
    for expression in forms {
        let text = document(&format!("do:\n  - a:\n      set:\n        a: '${{ {expression} }}'\n"));
        assert_eq!(refusal(text), "expression", "{}", &expression[..20]);
    }
}

#[test]
fn should_compile_and_run_expressions_as_deep_as_the_limit_on_a_small_stack() {
    // The deepest of each form that is let through: brackets and keywords count four times.
    let operators = limits::EXPRESSION_DEPTH;
    let brackets = operators / 4;
    let forms = [
        "(".repeat(brackets) + "1" + &")".repeat(brackets),
        "{a:".repeat(brackets) + "1" + &"}".repeat(brackets),
        "{(".repeat(brackets / 2) + "\"a\"" + &"):1}|keys[0]".repeat(brackets / 2),
        "[".repeat(brackets) + "1" + &"]".repeat(brackets),
        "-".repeat(operators) + "1",
        "1+".repeat(operators) + "1",
        ".|".repeat(operators) + ".",
        "if . then ".repeat(brackets / 3) + "1" + &" else 2 end".repeat(brackets / 3),
        "if . then 1 el".repeat(brackets / 3) + "if . then 1 else 2 end",
        "def f: ".repeat(brackets) + "." + &"; f".repeat(brackets),
        "def f: .; ".repeat(brackets) + "f",
        ". as $x | ".repeat(operators / 5) + ".",
        "try ".repeat(brackets) + ".",
        ".".to_owned() + &"?".repeat(operators),
        "reduce . as $x (.; ".repeat(brackets / 3) + "." + &")".repeat(brackets / 3),
        "label $x | ".repeat(operators / 5) + ".",
        "\"\\(".repeat(brackets) + "1" + &")\"".repeat(brackets),
        "[.[".repeat(brackets / 2) + "0" + &"]?]".repeat(brackets / 2),
        ". and ".repeat(brackets) + ".",
        ". // ".repeat(operators / 2) + ".",
        ". = ".repeat(operators) + ".",
        ". |= ".repeat(operators / 2) + ".",
        "map(".repeat(brackets) + "." + &")".repeat(brackets),
        "..|".repeat(operators / 40) + ".",
    ];
    for expression in forms {
        let text =
            document(&format!("do:\n  - a:\n      set:\n        a: |-\n          ${{ {expression} }}\n"));
        let start = expression.chars().take(20).collect::<String>();
        eprintln!("{start}");
        bounded(move || match parse(&text) {
            Ok(definition) => drop(run(definition, json!(1))),
            Err(error) => assert!(!error.to_string().contains("deeper"), "{start}: {error}"),
        });
    }
}

fn run(definition: Definition, input: Value) -> Progress {
    let start = Start { execution_id: "exe".to_owned(), input, started_at: DateTime::UNIX_EPOCH };
    let mut interpreter = Interpreter::new(definition, sandbox(), start);
    let mut progress = interpreter.advance(Event::Started, DateTime::UNIX_EPOCH);
    while matches!(progress, Progress::Paused(_)) {
        progress = interpreter.advance(Event::Resumed, DateTime::UNIX_EPOCH);
    }
    progress
}

/// The detail of the runtime error that a workflow ends with.
fn failure(rest: &str, input: Value) -> String {
    let definition = definition(rest);
    match bounded(move || run(definition, input)) {
        Progress::Failed(error) => {
            assert!(error.instance.is_some(), "{error:?}");
            error.detail.expect("a detail")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn should_stop_a_loop_that_never_waits() {
    let detail = failure("do:\n  - a: {set: {x: 1}, then: b}\n  - b: {set: {x: 2}, then: a}\n", json!(null));
    assert!(detail.contains("100000 tasks"), "{detail}");
}

#[test]
fn should_stop_a_loop_that_costs_too_much() {
    let detail = failure("do:\n  - a: {set: {x: '${ [range(10000)] | length }'}, then: a}\n", json!(null));
    assert!(detail.contains("too many steps together, without a task that waits"), "{detail}");
}

#[test]
fn should_stop_a_task_that_costs_too_much() {
    let many = vec!["'${ [range(50000)] | length }'"; 500].join(", ");
    let detail = failure(&format!("do:\n  - a: {{set: {{x: [{many}]}}}}\n"), json!(null));
    assert!(detail.contains("of one task took too many steps"), "{detail}");
}

#[test]
fn should_stop_a_loop_that_doubles_its_data() {
    let detail = failure(
        "do:\n  - a: {set: {x: \"${ . }\", y: \"${ . }\"}, output: {as: \"[.x, .y]\"}, then: a}\n",
        json!("some data to begin with"),
    );
    assert!(detail.contains("nested deeper") || detail.contains("bytes"), "{detail}");
    let detail = failure("do:\n  - a: {set: \"${ . + . }\", then: a}\n", json!("some data to begin with"));
    assert!(detail.contains("bytes"), "{detail}");
}

#[test]
fn should_stop_a_loop_that_nests_its_data() {
    let detail = failure("do:\n  - a: {set: {x: \"${ . }\"}, then: a}\n", json!(null));
    assert!(detail.contains("nested deeper"), "{detail}");
}

#[test]
fn should_stop_a_loop_over_much_data() {
    let input = json!("x".repeat(1_000_000));
    let detail = failure("do:\n  - a: {set: \"${ . }\", then: a}\n", input);
    assert!(detail.contains("computed"), "{detail}");
}

proptest! {
    #[test]
    fn should_never_panic_on_any_text(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn should_never_panic_on_text_of_yaml(text in "[-\\[\\]{}:,&*!|>'\"#%@?a0 \n\t.~<]{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn should_never_panic_on_damaged_documents(cut in 0..200_usize, insert in "[-\\[\\]{}:,&*'\"a \n$.\\\\]{0,8}") {
        let mut text = document("do:\n  - a:\n      if: .x\n      set: {b: '${ .c }'}\n  - w: {wait: PT1S, then: end}\n");
        let cut = cut.min(text.len());
        text.insert_str(cut, &insert);
        if let Err(Error::Invalid(problems)) = parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn should_never_panic_on_any_expression(expression in "[-a-f.|,()\\[\\]{}:\"\\\\$?/+*=<> 0-9]{0,40}") {
        let quoted = serde_json::to_string(&format!("${{ {expression} }}")).expect("a string");
        let _ = parse(&document(&format!("do:\n  - a: {{set: {{b: {quoted}}}}}\n")));
    }
}
