use tenantry_embedded::{
    Home, Silent,
    temporal::{Options, Search, Server, Storage},
};
use tokio::process::Command;

use crate::support::{open_folder, processes_of};

async fn operator(server: &Server, arguments: &[&str]) -> String {
    let program = Search::default().find(&Silent).await.unwrap();
    let address = server.address().replace("http://", "");
    let mut command = Command::new(program);
    command.args(["operator", "namespace"]).args(arguments).args(["--address", &address]);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn should_keep_its_namespaces_over_a_restart() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let server = Server::start(&home, Options::default(), &Silent).await.unwrap();
    operator(&server, &["create", "-n", "kept"]).await;
    server.stop().await.unwrap();
    assert_eq!(processes_of(&home.path().join("temporal.db")), []);
    let server = Server::start(&home, Options::default(), &Silent).await.unwrap();
    assert!(operator(&server, &["list"]).await.contains("kept"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn should_run_side_by_side_and_forget_what_is_in_memory() {
    let folder = open_folder();
    let one = Home::open(&folder.path().join("one")).unwrap();
    let two = Home::open(&folder.path().join("two")).unwrap();
    let options = || Options { storage: Storage::Memory, ..Options::default() };
    let (first, second) =
        tokio::join!(Server::start(&one, options(), &Silent), Server::start(&two, options(), &Silent));
    let (first, second) = (first.unwrap(), second.unwrap());
    operator(&first, &["create", "-n", "forgotten"]).await;
    assert!(!operator(&second, &["list"]).await.contains("forgotten"));
    first.stop().await.unwrap();
    let again = Server::start(&one, options(), &Silent).await.unwrap();
    assert!(!operator(&again, &["list"]).await.contains("forgotten"));
    assert!(!one.path().join("temporal.db").exists());
    again.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn should_register_many_namespaces_at_once() {
    let folder = open_folder();
    let home = Home::open(folder.path()).unwrap();
    let options = Options {
        storage: Storage::Memory,
        dynamic_config: vec![("frontend.namespaceRPS".to_owned(), "5000".to_owned())],
        ..Options::default()
    };
    let server = Server::start(&home, options, &Silent).await.unwrap();
    for number in 0..5 {
        operator(&server, &["create", "-n", &format!("namespace-{number}")]).await;
    }
    server.stop().await.unwrap();
}
