use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

use sqlx::{Connection, PgConnection};
use tenantry_embedded::{Error, Home, Silent, cache_folder, postgres::Server};

use crate::support::{
    Runner, closed_folder, eventually, execute, is_root, mode, number, open_folder, processes_of, runner,
    set_mode, throwaway,
};

const REMEMBER: &str = "create table memory (value bigint); insert into memory values (42)";
const RECALL: &str = "select value from memory";
/// A system account that every Unix has, as user and as group.
const ORDINARY: u32 = 1;

#[tokio::test]
async fn should_keep_its_data_over_a_restart() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    for round in 0..2 {
        let server = Server::start(&home, throwaway(), &Silent).await.unwrap();
        if round == 0 {
            execute(server.url(), REMEMBER).await;
        }
        assert_eq!(number(server.url(), RECALL).await, 42);
        server.stop().await.unwrap();
        assert_eq!(processes_of(home.path()), []);
    }
}

#[tokio::test]
async fn should_run_two_homes_side_by_side() {
    let folder = open_folder();
    let one = Home::open(&folder.path().join("one")).unwrap();
    let two = Home::open(&folder.path().join("two")).unwrap();
    let (one, two) =
        tokio::join!(Server::start(&one, throwaway(), &Silent), Server::start(&two, throwaway(), &Silent));
    let (one, two) = (one.unwrap(), two.unwrap());
    execute(one.url(), REMEMBER).await;
    assert_eq!(number(two.url(), "select count(*) from pg_tables where tablename = 'memory'").await, 0);
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test]
async fn should_ask_for_the_password_and_keep_it_secret() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let server = Server::start(&home, throwaway(), &Silent).await.unwrap();
    assert_eq!(mode(&home.path().join("postgresql.password")), 0o600);
    let wrong = format!("postgres://postgres:wrong@127.0.0.1:{}/tenantry", server.port());
    assert!(PgConnection::connect(&wrong).await.is_err());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn should_sort_and_fold_unicode() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let server = Server::start(&home, throwaway(), &Silent).await.unwrap();
    assert_eq!(number(server.url(), "select (lower('ÄÖ') = 'äö')::int::bigint").await, 1);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn should_refuse_a_port_that_is_taken() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = throwaway();
    options.port = Some(taken.local_addr().unwrap().port());
    let error = Server::start(&home, options, &Silent).await.expect_err("the port is taken");
    assert!(matches!(error, Error::PortInUse { .. }), "{error:?}");
}

#[tokio::test]
async fn should_begin_again_after_an_interrupted_start() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    for half_done in ["unpacking/programs/bin", "making/data/base"] {
        let half_done = home.path().join("postgresql").join(half_done);
        fs::create_dir_all(&half_done).unwrap();
        fs::write(half_done.join("postgres"), "half of it").unwrap();
    }
    let server = Server::start(&home, throwaway(), &Silent).await.unwrap();
    server.stop().await.unwrap();
    assert!(!home.path().join("postgresql/unpacking").exists());
    assert!(!home.path().join("postgresql/making").exists());
}

#[tokio::test]
async fn should_start_although_another_process_has_the_number_of_an_earlier_one() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    Server::start(&home, throwaway(), &Silent).await.unwrap().stop().await.unwrap();
    let file = home.path().join("postgresql/data/postmaster.pid");
    fs::write(file, format!("{}\n", std::process::id())).unwrap();
    Server::start(&home, throwaway(), &Silent).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn should_refuse_a_spoiled_archive_and_download_it_again_next_time() {
    let folder = open_folder();
    let home = Home::open(&folder.path().join("home")).unwrap();
    let cache = folder.path().join("cache");
    let archive = borrow_archive(&cache).await;
    let whole = fs::read(&archive).unwrap();
    fs::remove_file(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    let options = || tenantry_embedded::postgres::Options { cache: Some(cache.clone()), ..throwaway() };
    let error = Server::start(&home, options(), &Silent).await.expect_err("the archive is cut");
    assert!(matches!(error, Error::PostgresArchive { .. }), "{error:?}");
    assert!(!archive.exists());
    fs::write(&archive, whole).unwrap();
    Server::start(&home, options(), &Silent).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn should_notice_that_the_server_has_ended() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let mut server = Server::start(&home, throwaway(), &Silent).await.unwrap();
    let process = fs::read_to_string(home.path().join("postgresql/data/postmaster.pid")).unwrap();
    let process = process.lines().next().unwrap().parse().unwrap();
    let process = rustix::process::Pid::from_raw(process).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::QUIT).unwrap();
    server.exited().await;
    server.exited().await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn should_serve_root_whether_or_not_others_can_enter_the_folder() {
    if !is_root() {
        return;
    }
    let folder = closed_folder();
    for (round, others) in [0o700, 0o755, 0o700].into_iter().enumerate() {
        set_mode(folder.path(), others);
        let home = Home::open(&folder.path().join("home")).unwrap();
        let server = Server::start(&home, throwaway(), &Silent).await.unwrap();
        if round == 0 {
            assert_eq!(mode(home.path()), 0o700);
            execute(server.url(), REMEMBER).await;
        }
        assert_eq!(number(server.url(), RECALL).await, 42);
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn should_serve_an_ordinary_user_and_leave_them_their_home_when_root_starts_it() {
    if !is_root() {
        // Then every other test is about one.
        return;
    }
    let folder = open_folder();
    let (home, cache) = (folder.path().join("home"), folder.path().join("cache"));
    borrow_archive(&cache.join("tenantry")).await;
    let program = folder.path().join("run");
    fs::copy(runner(), &program).unwrap();
    set_mode(folder.path(), 0o777);
    hand_to_everybody(&cache);
    let mut command = Command::new(program);
    command.arg(&home).arg("postgres").env("XDG_CACHE_HOME", &cache).uid(ORDINARY).gid(ORDINARY);
    let mut runner = Runner::start(&mut command);
    assert_eq!(number(&runner.database_url, "select 42::bigint").await, 42);
    runner.process.kill().unwrap();
    runner.process.wait().unwrap();
    eventually("PostgreSQL's end", || processes_of(&home).is_empty());
    let home = Home::open(&home).unwrap();
    Server::start(&home, throwaway(), &Silent).await.unwrap().stop().await.unwrap();
    assert_eq!(fs::metadata(home.path().join("postgresql/data")).unwrap().uid(), ORDINARY);
}

/// Puts the archive of PostgreSQL, which is fetched if need be, into a cache of the test's own.
async fn borrow_archive(cache: &Path) -> std::path::PathBuf {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    Server::start(&home, throwaway(), &Silent).await.unwrap().stop().await.unwrap();
    let shared = fs::read_dir(cache_folder().unwrap().join("postgresql")).unwrap();
    let mut archives = shared.map(|entry| entry.unwrap().path());
    let archive = archives.find(|path| path.extension().is_some_and(|kind| kind == "jar")).unwrap();
    let place = cache.join("postgresql").join(archive.file_name().unwrap());
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(archive, &place).unwrap();
    place
}

fn hand_to_everybody(folder: &Path) {
    set_mode(folder, 0o777);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            hand_to_everybody(&path);
        } else {
            set_mode(&path, 0o666);
        }
    }
}
