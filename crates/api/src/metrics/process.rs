//! What the process uses, under the names that every Prometheus client gives to it. Linux says it in `/proc`; where there is none,
//! these metrics are missing.

use std::fs;

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

use super::Sample;

/// Which word of `/proc/self/stat` is what, counted from the state, which follows the name in parentheses (`proc_pid_stat(5)`).
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const THREADS: usize = 17;
const STARTED_TICKS: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

pub(super) fn sample(now: &Sample) {
    if let Some(stat) = Stat::read() {
        stat.sample(now);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        now.gauge("process_open_fds", "Open file descriptors.", open.count());
    }
    if let Some(most) = getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most).ok()) {
        now.gauge("process_max_fds", "How many file descriptors may be open.", most);
    }
}

/// The words of `/proc/self/stat` that follow the name.
struct Stat(Vec<u64>);

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let (_, words) = text.rsplit_once(')')?;
        Some(Self(words.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect()))
    }

    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    fn word(&self, place: usize) -> f64 {
        self.0.get(place).copied().unwrap_or_default() as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    fn sample(&self, now: &Sample) {
        let second = clock_ticks_per_second() as f64;
        let cpu = (self.word(USER_TICKS) + self.word(SYSTEM_TICKS)) / second;
        now.counter("process_cpu_seconds_total", "Time of processors that was used, in seconds.", cpu);
        let resident = self.word(RESIDENT_PAGES) * page_size() as f64;
        now.float_gauge("process_resident_memory_bytes", "Memory in use, in bytes.", resident);
        now.float_gauge(
            "process_virtual_memory_bytes",
            "Memory reserved, in bytes.",
            self.word(VIRTUAL_BYTES),
        );
        now.float_gauge("process_threads", "Threads.", self.word(THREADS));
        if let Some(boot) = boot_time() {
            let started = boot + self.word(STARTED_TICKS) / second;
            now.float_gauge("process_start_time_seconds", "When the process started, in Unix time.", started);
        }
    }
}

/// When the machine started, in Unix time.
fn boot_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok())
}
