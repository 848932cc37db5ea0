//! What processes take of the machine, as Linux tells it.

use std::{fs, iter::Sum, path::PathBuf};

/// What a process takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Bytes of memory; what several processes share is counted in parts.
    pub memory: f64,
    /// Seconds of processor time so far.
    pub cpu: f64,
    /// Threads.
    pub threads: usize,
    /// Open files, connections among them.
    pub files: usize,
    /// Connections, and sockets that listen for them.
    pub sockets: usize,
}

impl Taken {
    /// What the process with this number takes; nothing, if it has ended.
    pub fn by(process: u32) -> Self {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let list = |name: &str| fs::read_dir(folder.join(name)).into_iter().flatten().flatten();
        let is_socket = |path: PathBuf| {
            fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
        };
        Self {
            memory: kilobytes(&read("smaps_rollup"), "Pss:") * 1024.0,
            cpu: seconds(&read("stat")),
            threads: list("task").count(),
            files: list("fd").count(),
            sockets: list("fd").filter(|file| is_socket(file.path())).count(),
        }
    }
}

impl Sum for Taken {
    fn sum<I: Iterator<Item = Self>>(taken: I) -> Self {
        taken.fold(Self::default(), |sum, one| Self {
            memory: sum.memory + one.memory,
            cpu: sum.cpu + one.cpu,
            threads: sum.threads + one.threads,
            files: sum.files + one.files,
            sockets: sum.sockets + one.sockets,
        })
    }
}

fn kilobytes(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    number.unwrap_or(0.0)
}

/// The processor time in a process's `stat`: what it has spent by itself and in the kernel, the 14th and 15th field. The second is a name in
/// parentheses, which may hold anything.
fn seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
    let each = u32::try_from(rustix::param::clock_ticks_per_second()).map_or(f64::INFINITY, f64::from);
    ticks.map(f64::from).sum::<f64>() / each
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_see_what_this_process_takes() {
        let taken = Taken::by(std::process::id());
        assert!(taken.memory > 1e6 && taken.threads >= 1 && taken.files >= 3, "{taken:?}");
    }

    #[test]
    fn should_find_the_processor_time_behind_any_name() {
        let each = f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).expect("a few"));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 90 0 0 0 120 30 0 0 20 0 1 0 5 0 0";
        assert!((seconds(stat) * each - 150.0).abs() < 1e-6);
    }
}
