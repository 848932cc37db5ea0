use std::{os::unix::process::CommandExt, path::Path, process::Command};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tenantry_embedded::{Error, Home, Silent, postgres};

use crate::support::{Runner, eventually, execute, number, open_folder, processes_of, runner, throwaway};

#[tokio::test]
async fn should_take_the_servers_along_when_the_process_is_killed() {
    let folder = open_folder();
    let mut first = Runner::start(Command::new(runner()).arg(folder.path()));
    execute(&first.database_url, "create table memory as select 42::bigint as value").await;
    assert!(first.temporal.starts_with("http://127.0.0.1:"));
    first.process.kill().unwrap();
    first.process.wait().unwrap();
    // At once, while the servers of the first may still be stopping.
    let second = Runner::start(Command::new(runner()).arg(folder.path()));
    assert_eq!(number(&second.database_url, "select value from memory").await, 42);
    end(second, folder.path());
}

#[tokio::test]
async fn should_recover_when_everything_is_killed() {
    let folder = open_folder();
    let mut first = Runner::start(Command::new(runner()).arg(folder.path()).arg("postgres"));
    execute(&first.database_url, "create table memory as select 42::bigint as value").await;
    for (process, _) in processes_of(folder.path()) {
        let _ = kill_process(Pid::from_raw(process).unwrap(), Signal::KILL);
    }
    first.process.wait().unwrap();
    let second = Runner::start(Command::new(runner()).arg(folder.path()).arg("postgres"));
    assert_eq!(number(&second.database_url, "select value from memory").await, 42);
    end(second, folder.path());
}

#[tokio::test]
async fn should_kill_a_server_that_has_lost_its_guard() {
    let folder = open_folder();
    let mut first = Runner::start(Command::new(runner()).arg(folder.path()).arg("postgres"));
    for (process, _) in processes_of(folder.path()).into_iter().filter(|(_, name)| name != "postgres") {
        let _ = kill_process(Pid::from_raw(process).unwrap(), Signal::KILL);
    }
    first.process.wait().unwrap();
    assert!(processes_of(folder.path()).iter().any(|(_, name)| name == "postgres"));
    let second = Runner::start(Command::new(runner()).arg(folder.path()).arg("postgres"));
    assert_eq!(number(&second.database_url, "select 42::bigint").await, 42);
    end(second, folder.path());
}

#[tokio::test]
async fn should_keep_ctrl_c_from_the_servers() {
    let folder = open_folder();
    let mut process = Runner::start(Command::new(runner()).arg(folder.path()).process_group(0)).process;
    kill_process_group(Pid::from_raw(process.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(processes_of(folder.path()), []);
}

#[tokio::test]
async fn should_kill_a_server_that_does_not_stop() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let server = postgres::Server::start(&home, throwaway(), &Silent).await.unwrap();
    // Only the first of its processes: the others end when it does, unless they are halted themselves.
    let file = std::fs::read_to_string(home.path().join("postgresql/data/postmaster.pid")).unwrap();
    let first = file.lines().next().and_then(|line| line.parse().ok()).unwrap();
    kill_process(Pid::from_raw(first).unwrap(), Signal::STOP).unwrap();
    let error = server.stop().await.expect_err("it hangs");
    assert!(matches!(error, Error::Killed { .. }), "{error:?}");
    postgres::Server::start(&home, throwaway(), &Silent).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn should_stop_a_server_that_is_dropped() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    drop(postgres::Server::start(&home, throwaway(), &Silent).await.unwrap());
    eventually("PostgreSQL's end", || processes_of(home.path()).is_empty());
}

fn end(mut runner: Runner, home: &Path) {
    runner.process.kill().unwrap();
    runner.process.wait().unwrap();
    eventually("the servers' end", || processes_of(home).is_empty());
}
