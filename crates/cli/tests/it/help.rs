//! The help, which is how the command is learned.

use crate::tenantry::Tenantry;

#[tokio::test]
async fn should_introduce_itself() {
    let help = Tenantry::nobody().run(&["--help"]).await;
    assert_eq!(help.status, Some(0));
    insta::assert_snapshot!(help.stdout);
}

#[tokio::test]
async fn should_name_every_setting_of_the_server_and_its_variable() {
    let help = Tenantry::nobody().run(&["serve", "--help"]).await;
    assert_eq!(help.status, Some(0));
    insta::assert_snapshot!(help.stdout);
}

#[tokio::test]
async fn should_show_the_flags_of_the_server_where_they_mean_something() {
    for (command, has_server, has_output) in [
        ("dev", false, false),
        ("serve", false, false),
        ("completions", false, false),
        ("migrate status", false, true),
        ("bootstrap", false, true),
        ("org create", true, true),
        ("me", true, true),
        ("profile add", true, true),
        ("export", true, true),
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = Tenantry::nobody().run(&words).await;
        assert_eq!(help.status, Some(0), "{command}");
        let shows = (help.stdout.contains("TENANTRY_API_KEY"), help.stdout.contains("--output"));
        assert_eq!(shows, (has_server, has_output), "{command}: {}", help.stdout);
    }
}

#[tokio::test]
async fn should_not_show_the_key_of_the_environment() {
    let help = Tenantry::at("http://localhost").run(&["me", "--help"]).await;
    assert!(help.stdout.contains("TENANTRY_API_KEY"));
    assert!(!help.stdout.contains("tn_environment"));
}

#[tokio::test]
async fn should_end_with_status_2_on_wrong_usage() {
    for wrong in [
        vec![],
        vec!["fly"],
        vec!["org", "create", "acme"],
        vec!["user", "create", "--name", "a", "--role", "manager"],
        vec!["user", "create", "--name", "a", "--role", "manager", "--service", "--email", "a@b.c"],
        vec!["user", "create", "--name", "a", "--role", "king", "--service"],
        vec!["apikey", "create", "--name", "a", "--expires-in", "soon"],
        vec!["apikey", "create", "--name", "a", "--expires-in", "1d", "--expires-at", "2026-01-01T00:00:00Z"],
        vec!["apikey", "create", "--name", "a", "--rate-limit", "fast"],
        vec!["apikey", "update", "key_1"],
        vec!["apikey", "update", "key_1", "--scope", "audit:read", "--no-scopes"],
        vec!["apikey", "update", "key_1", "--expires-in", "1d", "--no-expiry"],
        vec!["apikey", "rotate", "key_1", "--overlap", "long"],
        vec!["apikey", "list", "--user", "usr_1", "--unused-for-days", "1"],
        vec!["workflow", "apply"],
        vec!["workflow", "apply", "--dry-run"],
        vec!["workflow", "init", "Not A Name"],
        vec!["workflow", "get", "quote", "--revision", "0"],
        vec!["workflow", "delete", "quote"],
        vec!["workflow", "graph", "absent.yaml"],
        vec!["workflow", "graph", "./absent", "--revision", "1"],
        vec!["execution", "list", "--limit", "201"],
        vec!["execution", "list", "--started-after", "yesterday"],
        vec!["schedule", "create", "quote"],
        vec!["schedule", "create", "quote", "--cron", "* * * * *", "--every", "1h"],
        vec!["schedule", "create", "quote", "--every", "1h", "--timezone", "UTC"],
        vec!["schedule", "create", "quote", "--every", "often"],
        vec!["schedule", "update", "sch_1", "--overlap", "wait"],
        vec!["schedule", "backfill", "sch_1", "--from", "2026-01-01T00:00:00Z"],
        vec!["schedule", "upcoming", "sch_1", "--limit", "101"],
        vec!["me", "-o", "xml"],
        vec!["completions"],
        vec!["completions", "tcsh"],
        vec!["profile", "add"],
        vec!["profile", "add", "a name"],
        vec!["import"],
    ] {
        let left = Tenantry::nobody().run(&wrong).await;
        assert_eq!((left.status, left.stdout.as_str()), (Some(2), ""), "{wrong:?}: {}", left.stderr);
    }
}
