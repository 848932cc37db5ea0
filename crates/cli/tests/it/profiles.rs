//! Profiles: where the server and the key come from.

use std::fs;

use crate::{
    answers::{data, me},
    stand_in::{Asked, StandIn},
    tenantry::{Left, Tenantry},
};

const FILE: &str = ".tenantry/profiles.toml";

fn profiles(url: &str) -> String {
    format!(
        "current = \"dev\"\n\n[profiles.dev]\nurl = \"{url}\"\napi_key = \"tn_profile\"\norganization = \"acme\"\n\n\
         [profiles.other]\nurl = \"{url}/\"\napi_key = \"tn_other\"\n"
    )
}

/// Runs `tenantry me` with the profiles of this mode, and gives what the server was asked.
async fn me_with(mode: u32, tenantry: Tenantry, arguments: &[&str]) -> (Left, Vec<Asked>, StandIn) {
    let server = StandIn::new([data(&me())]).await;
    tenantry.write(FILE, mode, &profiles(&server.url));
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.replace("{url}", &server.url)).collect();
    let words: Vec<&str> = ["me"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let left = tenantry.run(&words).await;
    let asked = server.asked();
    (left, asked, server)
}

#[tokio::test]
async fn should_use_the_current_profile_as_a_whole() {
    let (left, asked, _server) = me_with(0o600, Tenantry::nobody(), &[]).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    assert_eq!(asked[0].header("authorization"), Some("Bearer tn_profile"));
    assert_eq!(asked[0].header("tenantry-organization"), Some("acme"));
}

#[tokio::test]
async fn should_use_a_named_profile() {
    let (_, asked, _server) = me_with(0o600, Tenantry::nobody(), &["--profile", "other"]).await;
    assert_eq!(asked[0].header("authorization"), Some("Bearer tn_other"));
    let (left, asked, _server) = me_with(0o600, Tenantry::nobody(), &["--profile", "third"]).await;
    assert_eq!((left.status, asked.len()), (Some(2), 0));
    assert!(left.stderr.starts_with("error[no_profile]: there is no profile third\n"), "{}", left.stderr);
}

#[tokio::test]
async fn should_prefer_flags_to_variables_to_profiles() {
    let environment = || Tenantry::nobody().with("TENANTRY_API_KEY", "tn_environment");
    let (_, asked, _server) = me_with(0o600, environment(), &[]).await;
    assert_eq!(asked[0].header("authorization"), Some("Bearer tn_environment"));
    // The profile's organization belongs to the profile's key.
    assert_eq!(asked[0].header("tenantry-organization"), None);
    let (_, asked, _server) = me_with(0o600, environment(), &["--api-key", "tn_flag", "--org", "beta"]).await;
    assert_eq!(asked[0].header("authorization"), Some("Bearer tn_flag"));
    assert_eq!(asked[0].header("tenantry-organization"), Some("beta"));
}

#[tokio::test]
async fn should_not_send_the_key_of_a_profile_to_another_server() {
    let elsewhere = StandIn::new([data(&me())]).await;
    let (left, _, _server) = me_with(0o600, Tenantry::nobody(), &["--url", &elsewhere.url]).await;
    assert_eq!((left.status, elsewhere.asked().len()), (Some(3), 0));
    let (left, asked, _server) = me_with(0o600, Tenantry::nobody(), &["--url", "{url}/"]).await;
    assert_eq!((left.status, asked.len()), (Some(0), 1), "{}", left.stderr);
}

#[tokio::test]
async fn should_ignore_profiles_that_others_may_read() {
    let (left, asked, _server) = me_with(0o644, Tenantry::nobody(), &[]).await;
    assert_eq!((left.status, asked.len()), (Some(3), 0));
    assert!(left.stderr.starts_with("warning: "), "{}", left.stderr);
    assert!(left.stderr.contains("chmod 600"), "{}", left.stderr);
}

#[tokio::test]
async fn should_count_an_empty_variable_as_none() {
    let tenantry =
        Tenantry::nobody().with("TENANTRY_API_KEY", "").with("TENANTRY_URL", "").with("TENANTRY_ORG", "");
    let (_, asked, _server) = me_with(0o600, tenantry, &[]).await;
    assert_eq!(asked[0].header("authorization"), Some("Bearer tn_profile"));
}

#[tokio::test]
async fn should_list_profiles_without_their_keys() {
    let tenantry = Tenantry::nobody();
    tenantry.write(FILE, 0o600, &profiles("http://localhost:1"));
    for format in ["table", "json", "yaml"] {
        let left = tenantry.run(&["profile", "list", "-o", format]).await;
        assert_eq!(left.status, Some(0), "{}", left.stderr);
        assert!(
            left.stdout.contains("http://localhost:1") && left.stdout.contains("other"),
            "{}",
            left.stdout
        );
        assert!(!left.stdout.contains("tn_"), "{}", left.stdout);
    }
}

#[tokio::test]
async fn should_choose_another_profile_for_good() {
    let tenantry = Tenantry::nobody();
    let path = tenantry.write(FILE, 0o600, &profiles("http://localhost:1"));
    let left = tenantry.run(&["profile", "use", "other"]).await;
    assert_eq!(
        (left.status, left.stdout.as_str()),
        (Some(0), "other is the current profile\n"),
        "{}",
        left.stderr
    );
    assert!(fs::read_to_string(&path).expect("profiles").starts_with("current = \"other\"\n"));
    assert_eq!(tenantry.run(&["profile", "use", "third"]).await.status, Some(2));
}

#[tokio::test]
async fn should_not_repeat_a_malformed_file() {
    let tenantry = Tenantry::nobody();
    tenantry.write(FILE, 0o600, "[profiles.dev]\napi_key = tn_secret\n");
    let left = tenantry.run(&["me"]).await;
    assert_eq!(left.status, Some(2));
    assert!(left.stderr.contains("profiles.toml, line 2: "), "{}", left.stderr);
    assert!(!left.stderr.contains("tn_secret"), "{}", left.stderr);
}
