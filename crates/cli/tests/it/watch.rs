//! Watching executions: live on a terminal, in lines elsewhere.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    answers::{AT, data, execution, unavailable},
    member::Member,
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

const SIZE: (u16, u16) = (24, 80);
const WATCH: [&str; 3] = ["execution", "watch", "exe_1"];

/// Some steps, of which one waits for a second.
const TREE: &str = "\
document: {dsl: '1.0.3', namespace: shop, name: tree, version: '1.0.0'}
do:
  - begin: {set: {n: 1}}
  - never: {if: '${ .n == 2 }', set: {n: 3}}
  - outer:
      do:
        - rest: {wait: {seconds: 1}}
        - inner: {do: [{last: {set: {done: true}}}]}
";

const LONG: &str = "\
document: {dsl: '1.0.3', namespace: shop, name: long, version: '1.0.0'}
do:
  - outer: {do: [{rest: {wait: {minutes: 10}}}]}
";

const BRIEF: &str = "\
document: {dsl: '1.0.3', namespace: shop, name: brief, version: '1.0.0'}
do:
  - rest: {wait: {seconds: 8}}
  - last: {set: {done: true}}
";

fn status(id: &str, status: &str, ended_at: &Value) -> String {
    let change = json!({"id": "exe_1", "status": status, "started_at": AT, "ended_at": ended_at});
    format!("id: {id}\nevent: execution\ndata: {change}\n\n")
}

fn task(entry: u64, change: u64, reference: &str, status: &str, error: &Value) -> String {
    let ended_at = if status == "running" { json!(null) } else { json!("2026-01-31T12:00:01.5Z") };
    let task = json!({
        "entry": entry, "change": change, "reference": reference, "name": reference.rsplit('/').next(), "type": "call",
        "status": status, "started_at": AT, "ended_at": ended_at, "attempt": 1, "error": error,
    });
    format!("id: task-{change}\nevent: task\ndata: {task}\n\n")
}

fn begun() -> String {
    let running =
        [status("running", "running", &json!(null)), task(1, 1, "/do/0/outer", "running", &json!(null))];
    format!("retry: 10\n\n{}", running.concat())
}

/// What is told of an execution that fails, with an error that somebody else wrote.
fn failing() -> String {
    let error = json!({"detail": "the price list\nsaid \u{1b}[2J\u{1b}]0;pwned\u{7}no"});
    [
        begun(),
        task(2, 2, "/do/0/outer/do/0/price", "running", &json!(null)),
        task(2, 3, "/do/0/outer/do/0/price", "failed", &error),
        task(1, 4, "/do/0/outer", "failed", &json!(null)),
        status("ended", "failed", &json!("2026-01-31T12:01:02Z")),
    ]
    .concat()
}

fn failed() -> Answer {
    let mut failed = execution("failed");
    failed["error"] = json!({"detail": "no price", "instance": "/do/0/outer/do/0/price"});
    failed["ended_at"] = json!("2026-01-31T12:01:02Z");
    data(&failed)
}

fn completed() -> Answer {
    let mut completed = execution("completed");
    completed["output"] = json!({"total": 30});
    data(&completed)
}

fn all() -> [String; 3] {
    let none = &json!(null);
    [
        begun(),
        task(1, 2, "/do/0/outer", "completed", none),
        status("ended", "completed", &json!("2026-01-31T12:00:02Z")),
    ]
}

#[tokio::test]
async fn should_say_each_change_in_a_line_where_there_is_no_terminal() {
    let server = StandIn::new([data(&execution("running")), Answer::events(failing()), failed()]).await;
    let left = Tenantry::at(&server.url).run(&WATCH).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(left.stderr);
}

#[tokio::test]
async fn should_print_the_output_alone_on_stdout() {
    for format in ["table", "json"] {
        let server =
            StandIn::new([data(&execution("running")), Answer::events(all().concat()), completed()]).await;
        let left = Tenantry::at(&server.url).run(&[&WATCH[..], &["-o", format]].concat()).await;
        assert_eq!(
            (left.status, left.stdout.as_str()),
            (Some(0), "{\n  \"total\": 30\n}\n"),
            "{}",
            left.stderr
        );
        assert!(left.stderr.ends_with("exe_1: completed after 2.0 s\n"), "{}", left.stderr);
    }
}

#[tokio::test]
async fn should_keep_watching_through_a_restart_of_the_server() {
    let [first, second, third] = all();
    let server = StandIn::new([
        data(&execution("running")),
        Answer::events(first),
        unavailable().of_events(),
        Answer::new(502, "<html>bad gateway</html>").of_events(),
        Answer::events(format!("{second}{third}")),
        completed(),
    ])
    .await;
    let left = Tenantry::at(&server.url).run(&WATCH).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    insta::assert_snapshot!(left.stderr);
    let last = server.asked()[4].header("last-event-id").map(str::to_owned);
    assert_eq!(last.as_deref(), Some("task-1"));
}

#[tokio::test]
async fn should_ask_again_and_again_where_there_is_no_stream() {
    let limited = Answer::new(429, json!({"code": "rate_limited"})).header("retry-after", "5").of_events();
    for none in [limited, Answer::events("nonsense: 1\n\nevent: task\ndata: {}\n\n")] {
        let server =
            StandIn::new([data(&execution("running")), none, data(&execution("running")), completed()]).await;
        let left = Tenantry::at(&server.url).run(&WATCH).await;
        assert_eq!((left.status, left.stderr.as_str()), (Some(0), ""));
    }
    let gone = Answer::new(404, json!({"code": "not_found", "detail": "there is no such execution"}));
    let server = StandIn::new([gone]).await;
    let left = Tenantry::at(&server.url).run(&WATCH).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(4), ""), "{}", left.stderr);
}

#[tokio::test]
async fn should_draw_what_strangers_wrote_without_obeying_it() {
    let server = StandIn::new([data(&execution("running")), Answer::events(failing()), failed()]).await;
    let seen = Tenantry::at(&server.url).start_on_terminal(&WATCH, SIZE).ended().await;
    assert_eq!(seen.status.code(), Some(1));
    insta::assert_snapshot!(seen.screen);
    assert!(seen.written.contains("\u{1b}[31m"), "colours: {:?}", seen.written);
    assert!(!seen.written.contains("\u{1b}[2J") && !seen.written.contains("\u{1b}]"), "{:?}", seen.written);
}

#[tokio::test]
async fn should_do_without_colours_and_without_drawing_where_the_terminal_wants_that() {
    let answers = || [data(&execution("running")), Answer::events(all().concat()), completed()];
    let server = StandIn::new(answers()).await;
    let plain = Tenantry::at(&server.url).with("NO_COLOR", "1").start_on_terminal(&WATCH, SIZE).ended().await;
    assert!(plain.screen.contains("✓ outer"), "{}", plain.screen);
    for code in ["[1m", "[2m", "[31m", "[32m", "[36m"] {
        assert!(!plain.written.contains(&format!("\u{1b}{code}")), "{:?}", plain.written);
    }
    let server = StandIn::new(answers()).await;
    let dumb = Tenantry::at(&server.url).with("TERM", "dumb").start_on_terminal(&WATCH, SIZE).ended().await;
    assert!(!dumb.written.contains('\u{1b}'), "{:?}", dumb.written);
    assert!(dumb.screen.contains("outer: completed after 1.5 s"), "{}", dumb.screen);
}

#[tokio::test]
async fn should_keep_to_a_small_screen() {
    let mut told = begun();
    for entry in 2..40 {
        let reference = format!("/do/0/outer/do/{entry}/a-step-with-quite-a-long-name-{entry}");
        told += &task(entry, 2 * entry, &reference, "completed", &json!(null));
    }
    told += &task(40, 99, "/do/0/outer/do/40/価格の計算をする", "running", &json!(null));
    // Then the server is away for as long as anybody looks.
    let away = std::iter::repeat_n(unavailable().of_events(), 30);
    let begun = [data(&execution("running")), Answer::events(told)];
    let server = StandIn::new(begun.into_iter().chain(away)).await;
    let mut terminal = Tenantry::at(&server.url).start_on_terminal(&WATCH, (8, 40));
    let screen = terminal.until("the last task", |screen| screen.contains("価格")).await;
    insta::assert_snapshot!(steady(&screen));
    terminal.press("\u{3}").await;
    let seen = terminal.ended().await;
    assert_eq!(seen.status.code(), Some(130), "{}", seen.screen);
}

/// The screen without what differs from run to run: ids, times, and which frame of the spinner it is.
fn steady(screen: &str) -> String {
    let mut steady = String::new();
    for line in screen.lines() {
        let next = line.split(' ').skip(1).chain([""]);
        let words = line.split(' ').zip(next).map(|(word, next)| {
            let unit = next.trim_end_matches('…');
            let is_time = ["s", "min", "h"].contains(&unit) && word.parse::<f64>().is_ok();
            let is_frame =
                word.chars().count() == 1 && word.chars().all(|c| ('\u{2800}'..='\u{28ff}').contains(&c));
            match word {
                _ if is_time => "N".to_owned(),
                _ if is_frame => "*".to_owned(),
                id if id.starts_with("exe_") && id.len() > 10 => "exe_…".to_owned(),
                word => word.to_owned(),
            }
        });
        let line = words.collect::<Vec<_>>().join(" ");
        // How much of a long time has room depends on how long it is.
        let is_cut = line.ends_with('…');
        let cut = line.split_once(" N h").filter(|_| is_cut).map(|(before, _)| format!("{before} N…"));
        steady += cut.as_deref().unwrap_or(line.trim_end());
        steady.push('\n');
    }
    steady
}

/// A running server, and somebody in an organization with these workflows.
async fn somebody(user: &Tenantry) -> (Dev, Member) {
    let dev = Dev::start(user).await;
    let ada = Member::of(&dev.admin(), dev.url(), "acme").await;
    for (name, definition) in [("tree.yaml", TREE), ("long.yaml", LONG), ("brief.yaml", BRIEF)] {
        ada.tenantry.write(name, 0o644, definition);
        ada.tenantry.answer(&["workflow", "apply", name]).await;
    }
    (dev, ada)
}

#[tokio::test]
async fn should_show_the_tasks_of_an_execution_as_they_go() {
    let user = Tenantry::developer();
    let (dev, ada) = somebody(&user).await;
    let mut terminal = ada.tenantry.start_on_terminal(&["run", "tree", "--wait"], SIZE);
    let running = terminal.until("a task that runs", |screen| screen.contains(" rest ")).await;
    assert!(running.contains("tree exe_") && running.contains(" running "), "{running}");
    let seen = terminal.ended().await;
    assert_eq!(seen.status.code(), Some(0), "{}", seen.screen);
    insta::assert_snapshot!(steady(&seen.screen));

    // Who has seen enough leaves, and comes back.
    let mut terminal = ada.tenantry.start_on_terminal(&["run", "long", "--wait"], SIZE);
    terminal.until("a task that runs", |screen| screen.contains(" rest ")).await;
    terminal.press("\u{3}").await;
    let left = terminal.ended().await;
    assert_eq!(left.status.code(), Some(130), "{}", left.screen);
    insta::assert_snapshot!("left", steady(&left.screen));
    let (_, line) = left.screen.split_once("`tenantry execution watch ").expect("how to come back");
    let (id, _) = line.split_once('`').expect("an id");
    let id = id.replace('\n', "");
    assert_eq!(ada.tenantry.answer(&["execution", "get", &id]).await["status"], json!("running"));

    let mut terminal = ada.tenantry.start_on_terminal(&["execution", "watch", &id], SIZE);
    terminal.until("the same task", |screen| screen.contains(" rest ")).await;
    ada.tenantry.answer(&["execution", "terminate", &id, "--reason", "it is late"]).await;
    let seen = terminal.ended().await;
    assert_eq!(seen.status.code(), Some(1), "{}", seen.screen);
    insta::assert_snapshot!("terminated", steady(&seen.screen));
    dev.stop(Signal::INT).await;
}

#[tokio::test]
async fn should_go_on_showing_when_a_server_that_was_killed_is_back() {
    let user = Tenantry::developer();
    let (dev, ada) = somebody(&user).await;
    let address = dev.address().to_owned();
    let mut terminal = ada.tenantry.start_on_terminal(&["run", "brief", "--wait"], SIZE);
    terminal.until("a task that runs", |screen| screen.contains(" rest ")).await;
    dev.kill().await;
    terminal.until("the outage", |screen| screen.contains("the server is away")).await;
    let dev = Dev::start_at(&user, &address, &[]).await;
    let seen = terminal.ended().await;
    assert_eq!(seen.status.code(), Some(0), "{}", seen.screen);
    for expected in ["the server is back", "✓ rest", "✓ last", "\"done\": true"] {
        assert!(seen.screen.contains(expected), "{expected}:\n{}", seen.screen);
    }
    dev.stop(Signal::INT).await;
}
