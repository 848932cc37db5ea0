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
        environment(home),
        program(),
    );
    Ok(output::print(&text)?)
}

/// What the command needs to find the profile, if it does not look there by itself.
fn environment(home: &Path) -> String {
    if home == Path::new(".tenantry") { String::new() } else { format!("TENANTRY_HOME={} ", home.display()) }
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
