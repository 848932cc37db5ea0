//! Organizations as files: written, read, and brought from one to another.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    answers::{AT, data, me},
    member::Member,
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::{Left, Tenantry},
};

const QUOTE: &str = "\
# People may write what they like.
document: {dsl: '1.0.3', namespace: sales, name: quote, version: '1.0.0'}
do:
  - begin: {set: {text: \"one\\n two\\n\", no: 'no'}}
";
const REPORT: &str = "\
document: {dsl: '1.0.3', namespace: sales, name: report, version: '1.0.0'}
do:
  - rest: {wait: {seconds: 1}}
";

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, text)| (format!("{name}/{below}"), text)));
        } else {
            found.insert(name, fs::read_to_string(&path).expect("a file"));
        }
    }
    found
}

/// The actions that were shown, each with what it was done to.
fn actions(rows: &Value) -> Vec<(String, String)> {
    let rows = rows.as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| (text(&row["action"]), text(&row["name"]))).collect()
}

fn check(left: &Left, status: i32, says: &[&str]) {
    assert_eq!(left.status, Some(status), "{}{}", left.stdout, left.stderr);
    for said in says {
        assert!(left.stderr.contains(said), "{said}: {}", left.stderr);
    }
}

/// An organization with something of each kind.
async fn furnish(ada: &Tenantry) {
    ada.write("quote.yaml", 0o644, QUOTE);
    ada.write("report.yaml", 0o644, REPORT);
    for line in [
        &["workflow", "apply", "quote.yaml"][..],
        &["workflow", "apply", "report.yaml"],
        &["user", "create", "--name", "Bo", "--email", "bo@acme.example", "--role", "customer"],
        &["user", "create", "--name", "robot", "--service", "--role", "worker"],
        &["schedule", "create", "quote", "--cron", "30 9 * * mon-fri", "--timezone", "Europe/Zurich"],
        &["schedule", "create", "quote", "--every", "1h", "--input", "{\"amount\": 3}", "--paused"],
        &["schedule", "create", "quote", "--every", "1h", "--input", "{\"amount\": 3}", "--paused"],
        &["schedule", "create", "report", "--calendar", "{\"hour\": \"9-17\"}", "--note", "by day"],
    ] {
        ada.answer(line).await;
    }
    let users = ada.answer(&["user", "list"]).await;
    let bo = users.as_array().expect("a list").iter().find(|user| user["name"] == "Bo").expect("Bo");
    ada.answer(&["user", "update", bo["id"].as_str().expect("an id"), "--status", "disabled"]).await;
}

#[tokio::test]
async fn should_bring_an_organization_to_another_and_find_nothing_left_to_do() {
    let user = Tenantry::developer();
    let dev = Dev::start(&user).await;
    let (admin, url) = (dev.admin(), dev.url().to_owned());
    let acme = Member::of(&admin, &url, "acme").await;
    furnish(&acme.tenantry).await;
    admin.answer(&["org", "quotas", "acme", "--set", "users=7"]).await;

    let exported = acme.tenantry.run(&["export", "a"]).await;
    check(&exported, 0, &["API keys are in no file"]);
    let folder = acme.tenantry.folder.path().join("a");
    let first = files(&folder);
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 9, "{names:?}");
    assert_eq!(first["tenantry.yaml"], "format: 1\n");
    insta::assert_snapshot!(first["users.yaml"]);
    let ours = format!("{first:?}");
    for not_there in ["_01", AT, "created_at", "tn_", "acme-"] {
        assert!(!ours.contains(not_there), "{not_there}: {ours}");
    }
    check(&acme.tenantry.run(&["export", "a"]).await, 0, &["the files were up to date"]);
    assert_eq!(files(&folder), first);

    // Into an empty organization, as its admin.
    admin.answer(&["org", "create", "beta", "--name", "Beta"]).await;
    let path = folder.to_str().expect("a path");
    let import = ["import", "--org", "beta", path];
    let dry = admin.answer(&[&import[..], &["--dry-run"]].concat()).await;
    assert!(actions(&dry).iter().all(|(action, _)| action == "create" || action == "update"), "{dry}");
    assert_eq!(admin.answer(&["workflow", "list", "--org", "beta"]).await, json!([]));
    let done = admin.answer(&import).await;
    assert!(actions(&done).iter().all(|(action, _)| action == "created" || action == "updated"), "{done}");
    for _ in 0..2 {
        let again = admin.answer(&import).await;
        assert!(actions(&again).iter().all(|(action, _)| action == "unchanged"), "{again}");
        assert_eq!(actions(&again).len(), actions(&done).len());
    }
    let copy = admin.folder.path().join("b");
    admin.answer(&["export", "--org", "beta", copy.to_str().expect("a path")]).await;
    assert_eq!(files(&copy), first);

    change_by_file(&admin, &acme, &folder).await;
    dev.stop(Signal::INT).await;
}

/// What is edited in the files is changed, and nothing else; what is in no file is named.
async fn change_by_file(admin: &Tenantry, acme: &Member, folder: &Path) {
    let edit = |file: &str, from: &str, to: &str| {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{from}: {text}");
        fs::write(path, text.replace(from, to)).expect("a file");
    };
    let cron =
        files(folder).into_iter().find(|(_, text)| text.contains("30 9 * * MON-FRI")).expect("a schedule").0;
    fs::rename(folder.join(&cron), folder.join("schedules/in-the-morning.yaml")).expect("a new name");
    edit("schedules/in-the-morning.yaml", "30 9 * * MON-FRI", "45 8 * * mon-fri");
    edit("users.yaml", "name: Bo", "name: Bob");
    edit("quotas.yaml", "users: 7", "users: 9");
    fs::write(folder.join("workflows/quote.yaml"), QUOTE.replace("1.0.0", "1.0.1")).expect("a file");
    let path = folder.to_str().expect("a path");
    let done = acme.tenantry.answer(&["import", path]).await;
    let changed: Vec<_> = actions(&done).into_iter().filter(|(action, _)| action != "unchanged").collect();
    let expected = [
        ("skipped", "acme"),
        ("updated", "quote"),
        ("updated", "bo@acme.example"),
        ("updated", "quote (45 8 * * MON-FRI)"),
    ];
    let expected = expected.map(|(action, name)| (action.to_owned(), name.to_owned()));
    assert_eq!(changed, expected);
    assert_eq!(acme.tenantry.answer(&["schedule", "list"]).await.as_array().map(Vec::len), Some(4));
    assert_eq!(acme.tenantry.answer(&["workflow", "get", "quote"]).await["revision"], json!(2));
    admin.answer(&["import", "--org", "acme", path]).await;
    assert_eq!(admin.answer(&["org", "quotas", "acme"]).await["users"], json!(9));
    // The comment of the definition, and the name of the file, are people's.
    let before = files(folder);
    check(&acme.tenantry.run(&["export", path]).await, 0, &["up to date"]);
    assert_eq!(files(folder), before);
    assert!(before["workflows/quote.yaml"].starts_with("# People"));

    fs::remove_file(folder.join("schedules/in-the-morning.yaml")).expect("a file");
    let kept = acme.tenantry.run(&["import", path]).await;
    assert_eq!(kept.status, Some(0), "{}", kept.stderr);
    assert!(kept.stdout.contains("not in the files; `tenantry schedule delete sch_"), "{}", kept.stdout);
    check(&kept, 0, &["1 kept"]);
    let restored = acme.tenantry.answer(&["export", path]).await;
    let files: Vec<_> =
        restored.as_array().expect("a list").iter().filter(|row| row["action"] == "created").collect();
    assert_eq!(files.len(), 1, "{restored}");
}

/// A server whose organization has what is given.
async fn server(workflows: Value, users: Value, schedules: Value) -> StandIn {
    let list = |items: Value| Answer::new(200, json!({"data": items, "next_cursor": null}));
    StandIn::new([data(&me()), data(&json!({"users": 7})), list(users), list(workflows), list(schedules)])
        .await
}

fn write_folder(user: &Tenantry, more: &[(&str, &str)]) {
    user.write("a/tenantry.yaml", 0o644, "format: 1\n");
    for (file, text) in more {
        user.write(&format!("a/{file}"), 0o644, text);
    }
}

#[tokio::test]
async fn should_say_where_files_are_wrong_before_anything_is_asked() {
    let server = StandIn::new([]).await;
    let user = Tenantry::at(&server.url);
    write_folder(
        &user,
        &[
            ("quotas.yaml", "users: many\nthumbs: 3\nworkflows: -1\n"),
            (
                "users.yaml",
                "- {email: ada, name: Ada, role: king}\n- name: robot\n  kind: service\n  email: a@b.c\n  role: worker\n\
                 - {email: bo@x.y, name: Bo, role: manager}\n- {email: BO@x.y, name: Bo, role: worker, age: 3}\n",
            ),
            ("workflows/quote.yaml", "document:\n  name: other\n"),
            ("workflows/quote.json", "{}"),
            ("workflows/Not A Name.yaml", ""),
            ("workflows/README.md", "for people"),
            (
                "schedules/a.yaml",
                "workflow: quote\nspec:\n  cron: 61 * * * *\n  timezone: Mars\noverlap: never\njitter_seconds: -1\nid: 7\n",
            ),
            ("schedules/b.yaml", "workflow: quote\nspec: {calendar: {hour: '25'}}\npaused: perhaps\n"),
            ("schedules/c.yaml", "a: b: c\n"),
            ("schedules/d.yaml", "- 1\n"),
            ("user.yaml", "[]\n"),
        ],
    );
    let left = user.run(&["import", "a"]).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(left.stderr);
    let left = user.run(&["export", "a"]).await;
    check(&left, 2, &["hint: mend the files or remove them; nothing was written"]);
    assert_eq!(server.asked_lines(), [""; 0]);
}

#[tokio::test]
async fn should_read_no_folder_but_one_of_an_organization_and_nothing_outside_it() {
    let user = Tenantry::at("http://127.0.0.1:1");
    check(&user.run(&["import", "a"]).await, 2, &["a: cannot be read: "]);
    user.write("a/users.yaml", 0o644, "[]\n");
    check(&user.run(&["import", "a"]).await, 2, &["there is no tenantry.yaml"]);
    user.write("a/tenantry.yaml", 0o644, "format: 2\n");
    check(&user.run(&["import", "a"]).await, 2, &["a/tenantry.yaml:1:9: the format must be 1"]);
    user.write("a/tenantry.yaml", 0o644, "format: 1\n");
    let secret = user.write("secret", 0o600, "tn_secret: [\n");
    symlink(&secret, user.folder.path().join("a/quotas.yaml")).expect("a link");
    symlink(user.folder.path(), user.folder.path().join("a/schedules")).expect("a link");
    let left = user.run(&["import", "a"]).await;
    check(&left, 2, &["a/quotas.yaml: is no file; links are not followed", "a/schedules: cannot be read: "]);
    assert!(!left.stderr.contains("tn_secret"), "{}", left.stderr);
}

#[tokio::test]
async fn should_not_write_among_the_files_of_something_else() {
    let server = server(json!([]), json!([]), json!([])).await;
    let user = Tenantry::at(&server.url);
    user.write("a/users.yaml", 0o644, "mine\n");
    let left = user.run(&["export", "a"]).await;
    check(&left, 1, &["error[conflict]: a has users.yaml and no tenantry.yaml"]);
    assert_eq!(files(&user.folder.path().join("a")).len(), 1);
}

#[tokio::test]
async fn should_ask_which_schedule_is_meant_rather_than_make_another() {
    let schedule = |id: &str, seconds: u32| {
        json!({
            "id": id, "workflow": "quote", "spec": {"every_seconds": seconds}, "input": {}, "overlap": "skip",
            "jitter_seconds": 0, "catchup_window_seconds": 86_400, "paused": false, "note": "",
        })
    };
    let workflow = json!([{"name": "quote", "revision": 1, "definition": {"do": []}}]);
    let two = json!([schedule("sch_2", 120), schedule("sch_1", 60)]);
    let server = server(workflow, json!([]), two).await;
    let user = Tenantry::at(&server.url);
    write_folder(
        &user,
        &[
            ("schedules/new.yaml", "workflow: quote\nspec: {every_seconds: 90}\n"),
            ("schedules/lost.yaml", "workflow: absent\nspec: {every_seconds: 90}\n"),
        ],
    );
    let left = user.run(&["import", "a"]).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(left.stderr);
    assert!(server.asked_lines().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn should_refuse_a_key_that_does_not_see_all() {
    let mut narrow = me();
    narrow["api_key"]["scopes"] = json!(["workflows:read", "workflow:quote"]);
    let server = StandIn::new([data(&narrow)]).await;
    let user = Tenantry::at(&server.url);
    check(&user.run(&["export", "a"]).await, 3, &["sees only some of the organization's workflows"]);
    assert!(!user.folder.path().join("a").exists());
}

#[tokio::test]
async fn should_show_what_was_done_when_the_rest_is_refused() {
    let list = |items: Value| Answer::new(200, json!({"data": items, "next_cursor": null}));
    let refused =
        crate::answers::problem(429, "quota_exceeded", "the quota users is used up: 1 of 1", &json!([]));
    let wait = crate::answers::problem(429, "rate_limited", "wait", &json!([])).header("retry-after", "0");
    let user = json!({"id": "usr_9", "kind": "human", "email": "a@b.c", "name": "A", "role": "customer", "status": "active"});
    let server = StandIn::new([
        data(&me()),
        data(&json!({"users": 7})),
        list(json!([])),
        list(json!([])),
        list(json!([])),
        wait,
        Answer::new(201, json!({ "data": user })),
        refused,
    ])
    .await;
    let tenantry = Tenantry::at(&server.url);
    let users = "- {email: a@b.c, name: A, role: customer}\n- {email: b@b.c, name: B, role: customer}\n";
    write_folder(&tenantry, &[("users.yaml", users)]);
    let left = tenantry.run(&["import", "a"]).await;
    assert_eq!(left.status, Some(1));
    insta::assert_snapshot!(format!("{}{}", left.stdout, left.stderr));
}
