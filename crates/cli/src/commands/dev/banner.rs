//! What `tenantry dev` says once it serves: where, as whom, and what to do next.

use std::path::Path;

use super::Admin;
use crate::{failure::Failure, output};

/// Prints it.
pub(super) fn print(url: &str, admin: &Admin, home: &Path, profile: &Path) -> Result<(), Failure> {
    let key = if admin.is_new {
        format!("{}  (shown this once)", admin.api_key)
    } else {
        "as before; it was shown when it was made".to_owned()
    };
    let text = format!(
        "
Tenantry is ready.

  REST           {url}/api/v0
  Admin API key  {key}
  Saved to       {} (profile dev, for the tenantry command)
  Egress         definitions may call this machine's loopback addresses, and the public Internet

Next, in another terminal:

  {}{} org create acme --name \"Acme\"

Ctrl-C stops everything; the next start finds it again.

",
        profile.display(),
        environment(home, profile),
        quoted(&program()),
    );
    Ok(output::print(&text)?)
}

/// What the command needs to find the profile, if it does not look there by itself. The folder is an absolute one: the
/// other terminal may stand elsewhere.
fn environment(home: &Path, profile: &Path) -> String {
    if home == Path::new(".tenantry") {
        return String::new();
    }
    format!("TENANTRY_HOME={} ", quoted(&profile.parent().unwrap_or(home).display().to_string()))
}

/// The text as one word of a shell's.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// How this program is called from here: by its name if that finds it, else by its path.
fn program() -> String {
    let Ok(running) = std::env::current_exe() else { return "tenantry".to_owned() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&path)
        .map(|folder| folder.join("tenantry"))
        .find(|candidate| candidate.is_file())
        .and_then(|found| found.canonicalize().ok())
        .is_some_and(|found| running.canonicalize().is_ok_and(|running| running == found));
    if is_found {
        return "tenantry".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    running.strip_prefix(here).unwrap_or(&running).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_give_the_shell_one_word() {
        let check = |text, word| assert_eq!(quoted(text), word);
        check("/tmp/second", "/tmp/second");
        check("/tmp/my home", "'/tmp/my home'");
        check("it's $HOME", r"'it'\''s $HOME'");
    }
}
