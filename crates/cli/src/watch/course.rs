//! How far an execution has come, as it was told.

use std::collections::{BTreeMap, HashMap};

use tenantry_client::{
    Timestamp,
    executions::{Event, Execution, ExecutionStatus, Task},
};

/// How many tasks are remembered; as many as the server does.
const TASKS: usize = 1_000;

/// An execution and its tasks.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) id: String,
    /// What it runs.
    pub(super) work: String,
    pub(super) status: ExecutionStatus,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    /// By their places among the tasks that were entered.
    tasks: BTreeMap<u64, Task>,
}

/// A task of an execution, and where it stands among the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) task: &'a Task,
    /// How many of the tasks around it are known.
    pub(super) depth: usize,
}

impl Course {
    pub(super) fn of(execution: &Execution) -> Self {
        let work = execution.workflow.as_ref().or(execution.workflow_type.as_ref());
        Self {
            id: execution.id.clone(),
            work: work.cloned().unwrap_or_default(),
            status: execution.status,
            started_at: execution.started_at,
            ended_at: execution.ended_at,
            tasks: BTreeMap::new(),
        }
    }

    /// Takes in what was told. Answers the place of the task that it was about, if it was about one.
    pub(super) fn take(&mut self, event: Event) -> Option<u64> {
        match event {
            Event::Execution(change) => {
                (self.status, self.ended_at) = (change.status, change.ended_at);
                None
            }
            Event::Task(task) => {
                let entry = task.entry;
                self.tasks.insert(entry, *task);
                self.forget_the_oldest();
                Some(entry)
            }
            _ => None,
        }
    }

    fn forget_the_oldest(&mut self) {
        if self.tasks.len() > TASKS {
            let ended = self.tasks.iter().find(|(_, task)| !is_running(task)).map(|(entry, _)| *entry);
            let oldest = ended.or_else(|| self.tasks.keys().next().copied());
            oldest.and_then(|oldest| self.tasks.remove(&oldest));
        }
    }

    /// The tasks in the order in which they were entered.
    pub(super) fn tasks(&self) -> Vec<Placed<'_>> {
        let mut depths: HashMap<&str, usize> = HashMap::new();
        let place = |task| {
            let depth = around(task).find_map(|reference| depths.get(reference)).map_or(0, |depth| depth + 1);
            depths.insert(&task.reference, depth);
            Placed { task, depth }
        };
        self.tasks.values().map(place).collect()
    }

    /// A task, and its name after those of the tasks around it.
    pub(super) fn named(&self, entry: u64) -> Option<(String, &Task)> {
        let task = self.tasks.get(&entry)?;
        let names: HashMap<&str, &str> =
            self.tasks.values().map(|task| (task.reference.as_str(), task.name.as_str())).collect();
        let mut path: Vec<&str> =
            around(task).filter_map(|reference| names.get(reference).copied()).collect();
        path.reverse();
        path.push(&task.name);
        Some((path.join("/"), task))
    }
}

pub(super) fn is_running(task: &Task) -> bool {
    task.status == "running"
}

/// What the references of the tasks around it may be, the innermost first.
fn around(task: &Task) -> impl Iterator<Item = &str> {
    let reference = task.reference.as_str();
    reference.rmatch_indices('/').map(|(end, _)| &reference[..end])
}

/// The word for a status.
pub(crate) fn word(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Pending => "pending",
        ExecutionStatus::Running => "running",
        ExecutionStatus::Completed => "completed",
        ExecutionStatus::Failed => "failed",
        ExecutionStatus::Canceled => "canceled",
        ExecutionStatus::Terminated => "terminated",
        ExecutionStatus::TimedOut => "timed_out",
        _ => "in a status that this version of the command does not know",
    }
}
