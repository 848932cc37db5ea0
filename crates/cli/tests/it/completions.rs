//! Scripts that let a shell complete command lines.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::tenantry::Tenantry;

async fn script(shell: &str) -> String {
    let left = Tenantry::nobody().run(&["completions", shell]).await;
    assert_eq!((left.status, left.stderr.as_str()), (Some(0), ""));
    left.stdout
}

/// Has a shell read this, if the machine has it.
async fn read(shell: &str, arguments: &[&str], text: &str) -> Option<String> {
    let spawned = Command::new(shell)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.ok()?;
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).await.expect("a reader");
    let output = child.wait_with_output().await.expect("an end");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shell}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

#[tokio::test]
async fn should_write_scripts_that_the_shells_understand() {
    for (shell, arguments) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let script = script(shell).await;
        let is_checked = read(shell, arguments, &script).await.is_some();
        assert!(is_checked || shell != "bash", "every machine has a bash");
    }
    for shell in ["elvish", "powershell"] {
        assert!(script(shell).await.contains("workflow"));
    }
}

/// What bash offers for the last of these words.
async fn offered(words: &[&str]) -> Vec<String> {
    let last = words.len() - 1;
    let ask = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={last}; _tenantry tenantry '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script("bash").await,
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words[last],
        words[last - 1],
    );
    let said = read("bash", &["--norc"], &ask).await.expect("a bash");
    said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn should_complete_nouns_verbs_flags_and_their_values() {
    assert_eq!(offered(&["tenantry", "wor"]).await, ["workflow"]);
    assert_eq!(offered(&["tenantry", "org", "su"]).await, ["suspend"]);
    assert_eq!(offered(&["tenantry", "org", "create", "--no-w"]).await, ["--no-wait"]);
    assert_eq!(offered(&["tenantry", "me", "--output", ""]).await, ["table", "json", "yaml"]);
    assert_eq!(offered(&["tenantry", "completions", "z"]).await, ["zsh"]);
}
