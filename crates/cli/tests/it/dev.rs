//! `tenantry dev`: how it starts beside others, stops, and is found again.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tenantry_test_support::eventually;
use tokio::{net::TcpListener, time::Instant};

use crate::{
    running::{Dev, Running, processes_in},
    tenantry::{Left, Tenantry},
};

/// How long anything may go on after its end.
const STOP: Duration = Duration::from_secs(10);

async fn organizations(user: &Tenantry) -> Vec<String> {
    let organizations = user.answer(&["org", "list", "--all"]).await;
    let slugs = organizations.as_array().expect("a list").iter().map(|one| one["slug"].to_string());
    slugs.filter(|slug| slug != "\"system\"").collect()
}

async fn nothing_runs_in(user: &Tenantry) {
    let none = async || processes_in(user.folder.path()).is_empty().then_some(());
    eventually("the end of every process", none).await;
}

fn check_refused(left: &Left, status: i32, says: &[&str]) {
    assert_eq!((left.status, left.stdout.as_str()), (Some(status), ""), "{}", left.stderr);
    let lines: Vec<&str> = left.stderr.lines().collect();
    assert!(lines.len() <= 2 && lines[0].starts_with("error["), "{}", left.stderr);
    assert!(lines[1..].iter().all(|line| line.starts_with("hint: ")), "{}", left.stderr);
    for said in says {
        assert!(left.stderr.contains(said), "{said}: {}", left.stderr);
    }
}

#[tokio::test]
async fn should_stop_everything_and_find_it_again() {
    let user = Tenantry::developer();
    let first = Dev::start(&user).await;
    let key = first.admin_key().to_owned();
    first.admin().answer(&["org", "create", "acme", "--name", "Acme"]).await;
    assert!(processes_in(user.folder.path()).len() >= 4);
    let ready_file = first.ready_file.clone();
    let began = Instant::now();
    first.stop(Signal::INT).await;
    assert!(began.elapsed() < STOP);
    assert_eq!(processes_in(user.folder.path()), [""; 0]);
    assert!(!ready_file.exists());

    let second = Dev::start(&user).await;
    assert_eq!(second.admin_key(), key);
    assert_eq!(organizations(&user).await, ["\"acme\""]);
    let (stdout, stderr) = second.stop(Signal::TERM).await;
    assert!(!stdout.contains("tn_") && stdout.contains("as before"), "{stdout}");
    assert!(!stderr.contains("tn_"), "{stderr}");
    assert_eq!(processes_in(user.folder.path()), [""; 0]);
    assert!(!ready_file.exists());
}

#[tokio::test]
async fn should_leave_no_server_behind_and_make_a_new_key_for_a_lost_profile() {
    let user = Tenantry::developer();
    let first = Dev::start(&user).await;
    let lost = first.admin_key().to_owned();
    first.kill().await;
    let began = Instant::now();
    nothing_runs_in(&user).await;
    assert!(began.elapsed() < STOP);

    fs::remove_file(user.folder.path().join(".tenantry/profiles.toml")).expect("a profile");
    let second = Dev::start(&user).await;
    let new = second.admin_key().to_owned();
    assert_ne!(new, lost);
    for admin in [&user, &second.admin(), &Tenantry::with_key(second.url(), &lost)] {
        assert_eq!(admin.answer(&["me"]).await["role"], "admin");
    }
    let (stdout, _) = second.stop(Signal::INT).await;
    assert_eq!(stdout.matches(&new).count(), 1, "{stdout}");
}

#[tokio::test]
async fn should_leave_nothing_behind_when_it_is_stopped_while_it_starts() {
    let user = Tenantry::developer();
    let mut starting = Running::start(&user, &["dev", "--http-addr", "127.0.0.1:0"]);
    starting.said("a server", |said| said.contains("starting").then_some(())).await;
    starting.signal(Signal::INT);
    let (status, stdout, stderr) = starting.ended().await;
    assert_eq!((status.code(), stdout.as_str()), (Some(0), ""), "{stderr}");
    nothing_runs_in(&user).await;
}

#[tokio::test]
async fn should_run_beside_another_of_its_kind() {
    let (closed, open) = (Tenantry::developer(), Tenantry::developer());
    fs::set_permissions(closed.folder.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
    fs::set_permissions(open.folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let home = |user: &Tenantry| user.folder.path().join("its home").display().to_string();
    let (one_home, other_home) = (home(&closed), home(&open));
    let (one_flag, other_flag) = (["--home", &*one_home], ["--home", &*other_home]);
    let (one, other) = tokio::join!(
        Dev::start_at(&closed, "127.0.0.1:0", &one_flag),
        Dev::start_at(&open, "127.0.0.1:0", &other_flag)
    );
    let closed = closed.with("TENANTRY_HOME", &one_home);
    let open = open.with("TENANTRY_HOME", &other_home);
    closed.answer(&["org", "create", "acme", "--name", "Acme"]).await;
    open.answer(&["org", "create", "beta", "--name", "Beta"]).await;

    let third = ["dev", "--http-addr", "127.0.0.1:0", "--ready-file", "ready.json", "--home", &one_home];
    check_refused(&closed.run(&third).await, 1, &["another tenantry uses ", &one_home, "--home"]);
    assert!(one.ready_file.exists());

    let (stdout, _) = other.stop(Signal::INT).await;
    let next = format!("TENANTRY_HOME='{other_home}' ");
    assert!(stdout.contains(&next), "{next}: {stdout}");
    assert_eq!(processes_in(open.folder.path()), [""; 0]);
    assert_eq!(organizations(&closed).await, ["\"acme\""]);
    one.stop(Signal::INT).await;
}

#[tokio::test]
async fn should_refuse_a_bad_address_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let user = Tenantry::developer();
    let left = user.run(&["dev", "--http-addr", &address]).await;
    check_refused(&left, 1, &[&format!("cannot listen on {address}: "), "in use", "--http-addr"]);
    let user = user.with("TENANTRY_HTTP_ADDR", "localhost:8090");
    let left = user.run(&["dev"]).await;
    assert_eq!(left.status, Some(2));
    let expected = "'localhost:8090' for '--http-addr <IP:PORT>': must be an IP address and a port, such as";
    assert!(left.stderr.contains(expected), "{}", left.stderr);
    assert_eq!(processes_in(user.folder.path()), [""; 0]);
}

#[tokio::test]
async fn should_end_as_a_whole_when_one_of_its_servers_ends() {
    let user = Tenantry::developer();
    let dev = Dev::start(&user).await;
    let group = fs::read_to_string(user.folder.path().join(".tenantry/temporal.group")).expect("a group");
    let group = group.trim().parse().ok().and_then(Pid::from_raw).expect("a number");
    kill_process_group(group, Signal::KILL).expect("a signal");
    let (status, _, stderr) = dev.running.ended().await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error[stopped]: Temporal ended by itself; its log is in "), "{stderr}");
    assert_eq!(processes_in(user.folder.path()), [""; 0]);
    assert!(!dev.ready_file.exists());
}
