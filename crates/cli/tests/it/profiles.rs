//! Profiles: where the server and the key come from.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use crate::{
    answers::{data, me, problem},
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

/// Somebody without a profile, and a server that knows them.
async fn newcomer() -> (Tenantry, StandIn) {
    (Tenantry::nobody(), StandIn::new([data(&me()), data(&me())]).await)
}

#[tokio::test]
async fn should_save_a_key_from_standard_input_that_the_server_knows() {
    let (tenantry, server) = newcomer().await;
    let add = ["profile", "add", "live", "--url", &server.url, "--organization", "acme"];
    let left = tenantry.run_with_input(&add, "tn_piped\n").await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    assert!(
        left.stdout.starts_with("saved the profile live in ") && left.stdout.ends_with(": manager of acme\n"),
        "{}",
        left.stdout
    );
    assert!(!format!("{}{}", left.stdout, left.stderr).contains("tn_piped"));
    let path = tenantry.folder.path().join(".config/tenantry/profiles.toml");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let expected = format!(
        "current = \"live\"\n\n[profiles.live]\nurl = \"{}\"\napi_key = \"tn_piped\"\norganization = \"acme\"\n",
        server.url
    );
    assert_eq!(fs::read_to_string(&path).expect("a file"), expected);
    // And it is used.
    assert_eq!(tenantry.run(&["me"]).await.status, Some(0));
    for asked in server.asked() {
        assert_eq!(asked.header("authorization"), Some("Bearer tn_piped"));
        assert_eq!(asked.header("tenantry-organization"), Some("acme"));
    }
}

#[tokio::test]
async fn should_save_the_key_of_the_environment_where_the_home_is() {
    let (tenantry, server) = newcomer().await;
    let tenantry = tenantry.with("TENANTRY_API_KEY", "tn_environment").with("TENANTRY_HOME", "its-home");
    let left = tenantry.run(&["profile", "add", "live", "--url", &server.url, "-o", "json"]).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    let said: serde_json::Value = serde_json::from_str(&left.stdout).expect("JSON");
    assert_eq!((&said["name"], &said["url"]), (&"live".into(), &server.url.as_str().into()));
    let text = fs::read_to_string(tenantry.folder.path().join("its-home/profiles.toml")).expect("a file");
    assert!(text.contains("tn_environment"));
}

#[tokio::test]
async fn should_save_nothing_that_does_not_work() {
    let server =
        StandIn::new([problem(401, "unauthenticated", "send a key that is valid now", &json!([]))]).await;
    let tenantry = Tenantry::nobody();
    let add = ["profile", "add", "live", "--url", &server.url];
    let left = tenantry.run_with_input(&add, "tn_wrong").await;
    assert_eq!(left.status, Some(3));
    assert!(left.stderr.contains("hint: nothing was saved; the key is what was entered"), "{}", left.stderr);
    let left = tenantry.run_with_input(&add, " \n").await;
    assert_eq!(left.status, Some(2));
    assert!(left.stderr.starts_with("error[invalid]: there is no key"), "{}", left.stderr);
    let left =
        tenantry.run_with_input(&["profile", "add", "live", "--url", "nowhere", "--no-verify"], "tn_1").await;
    assert_eq!(left.status, Some(2), "{}", left.stderr);
    let left = tenantry.run(&["profile", "add", "live", "--api-key", "tn_seen", "--no-verify"]).await;
    assert_eq!(left.status, Some(2));
    assert!(
        left.stderr.contains("must not be an argument") && !left.stderr.contains("tn_seen"),
        "{}",
        left.stderr
    );
    assert!(!tenantry.folder.path().join(".config").exists());
}

#[tokio::test]
async fn should_replace_a_profile_only_when_told_and_forget_it() {
    let tenantry = Tenantry::nobody();
    let path = tenantry.write(FILE, 0o600, &profiles("http://localhost:1"));
    let add = ["profile", "add", "dev", "--url", "http://localhost:2", "--no-verify"];
    let left = tenantry.run_with_input(&add, "tn_new").await;
    assert_eq!(left.status, Some(1));
    assert!(left.stderr.starts_with("error[conflict]: there is a profile dev in "), "{}", left.stderr);
    let left = tenantry.run_with_input(&[&add[..], &["--replace"]].concat(), "tn_new").await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    let text = fs::read_to_string(&path).expect("profiles");
    assert!(text.contains("tn_new") && !text.contains("tn_profile") && text.contains("tn_other"), "{text}");

    let left = tenantry.run(&["profile", "remove", "dev"]).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    let text = fs::read_to_string(&path).expect("profiles");
    assert!(!text.contains("current") && !text.contains("tn_new") && text.contains("tn_other"), "{text}");
    assert_eq!(tenantry.run(&["profile", "remove", "dev"]).await.status, Some(2));
}

#[tokio::test]
async fn should_not_save_into_a_file_that_others_may_write() {
    let tenantry = Tenantry::nobody();
    let path = tenantry.write(".config/tenantry/profiles.toml", 0o666, "");
    let left = tenantry.run_with_input(&["profile", "add", "live", "--no-verify"], "tn_new").await;
    assert_eq!(left.status, Some(2));
    assert!(left.stderr.contains("is ignored, so nothing is saved there"), "{}", left.stderr);
    assert_eq!(fs::read_to_string(&path).expect("a file"), "");
}
