//! Processes of a test's own servers: seen, and killed.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

/// A process of this machine.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// Its command line, words and all.
    pub line: String,
}

/// The processes that work in this folder or name it.
///
/// # Panics
/// When the system does not list its processes.
pub fn processes_in(folder: &Path) -> Vec<Process> {
    let folder = folder.canonicalize().expect("a folder");
    let name = folder.to_str().expect("a path");
    let processes = fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let found = processes.filter_map(|process| {
        let id = process.file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(process.path().join("cmdline")).ok()?.replace('\0', " ");
        let works_there = fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder));
        (works_there || line.contains(name)).then_some(Process { id, line })
    });
    found.collect()
}

/// Kills all that work in this folder or name it, and waits until nothing of them is left. None can do anything about it.
pub(crate) async fn kill_all_in(folder: &Path) {
    eventually("an end of all that was killed", async || {
        let processes = processes_in(folder);
        for process in &processes {
            // It may have ended by itself, since its parent has.
            let _ = Pid::from_raw(process.id.cast_signed()).map(|id| kill_process(id, Signal::KILL));
        }
        processes.is_empty().then_some(())
    })
    .await;
}
