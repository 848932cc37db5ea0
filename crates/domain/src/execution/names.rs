//! What executions are called in Temporal, and what they run there.

use crate::{
    ExecutionId, Invalid, ScheduleId,
    field::{checked_string, identifier},
    scopes::TaskQueueName,
};

/// The task queue that hosted workers poll, in each organization's own namespace.
pub const HOSTED_TASK_QUEUE: &str = "tenantry-hosted";

/// What the names of Temporal's own task queues, workflow types and workflow ids begin with.
const RESERVED_BY_TEMPORAL: &[&str] = &["temporal-sys-", "__temporal", "/_sys/"];
/// How many characters a name has at most: Temporal takes 1,000 bytes, and a character has four at most (RFC 3629).
pub const MAX_CHARACTERS: usize = 250;
/// What the names of hosted workflow types begin with.
const HOSTED_TYPES: &str = "tenantry.";

checked_string!(
    /// The name of a workflow type that an organization's own workers have: 1–250 characters, and none of the deployment's own.
    WorkflowType, parse_workflow_type
);
checked_string!(
    /// The name of a signal: 1–250 characters, and none of Temporal's own.
    SignalName, parse_signal_name
);
checked_string!(
    /// What an execution is called in Temporal: the execution's own id, unless whoever started it has chosen another.
    TemporalWorkflowId, parse_chosen_workflow_id
);
checked_string!(
    /// Why somebody ended an execution: at most 500 characters, or nothing.
    TerminationReason, parse_reason
);

fn parse_workflow_type(value: &str) -> Result<String, Invalid> {
    let field = "workflow_type";
    let value = identifier(field, value, MAX_CHARACTERS)?;
    if value.starts_with(HOSTED_TYPES) || is_reserved(&value) {
        return Err(Invalid::new(field, "must not be one of the deployment's own, such as tenantry.*"));
    }
    Ok(value)
}

fn parse_signal_name(value: &str) -> Result<String, Invalid> {
    let value = identifier("name", value, MAX_CHARACTERS)?;
    if is_reserved(&value) {
        return Err(Invalid::new("name", "must not be one of Temporal's own, such as __temporal*"));
    }
    Ok(value)
}

/// One that somebody chooses. What looks like an id of the deployment's own could be the name of another execution.
fn parse_chosen_workflow_id(value: &str) -> Result<String, Invalid> {
    let field = "workflow_id";
    let value = identifier(field, value, MAX_CHARACTERS)?;
    if value.starts_with("exe_") || value.starts_with("sch_") || is_reserved(&value) {
        let rule = "must not begin as the ids that the deployment gives: exe_, sch_, temporal-sys-";
        return Err(Invalid::new(field, rule));
    }
    Ok(value)
}

impl TerminationReason {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 500;
}

fn parse_reason(value: &str) -> Result<String, Invalid> {
    let value = value.trim();
    if value.chars().count() > TerminationReason::MAX_LENGTH || value.chars().any(char::is_control) {
        let rule = "must have at most 500 characters, none of them a control character";
        return Err(Invalid::new("reason", rule));
    }
    Ok(value.to_owned())
}

fn is_reserved(name: &str) -> bool {
    RESERVED_BY_TEMPORAL.iter().any(|reserved| name.starts_with(reserved))
}

impl TemporalWorkflowId {
    /// One that was checked when it was stored.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

impl TemporalWorkflowId {
    /// The schedule that started it, if one did: Temporal names what a schedule starts by the schedule and the time.
    pub fn schedule(&self) -> Option<ScheduleId> {
        let (schedule, _time) = self.0.split_once('-')?;
        schedule.parse().ok()
    }
}

impl From<ExecutionId> for TemporalWorkflowId {
    fn from(execution: ExecutionId) -> Self {
        Self(execution.to_string())
    }
}

impl WorkflowType {
    /// One that was checked when it was stored.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

impl TaskQueueName {
    /// Checks that it is one of an organization's own workers.
    ///
    /// # Errors
    /// `task_queue`, for the hosted workers' and Temporal's own.
    pub fn of_own_workers(self) -> Result<Self, Invalid> {
        if self.as_str() == HOSTED_TASK_QUEUE || is_reserved(self.as_str()) {
            let rule = "must be one of your own workers: not tenantry-hosted, nor temporal-sys-*";
            return Err(Invalid::new("task_queue", rule));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_what_a_schedule_has_started() {
        let schedule = |id: &str| TemporalWorkflowId::from_storage(id.to_owned()).schedule();
        let started = schedule("sch_01h455vb4pex5vsknk084sn02q-2026-03-29T01:30:00Z");
        assert_eq!(started.expect("a schedule").to_string(), "sch_01h455vb4pex5vsknk084sn02q");
        for other in ["exe_01h455vb4pex5vsknk084sn02q", "sch_01h455vb4pex5vsknk084sn02q", "sch_x-2026", "a-b"]
        {
            assert_eq!(schedule(other), None, "{other}");
        }
    }

    #[test]
    fn should_leave_the_deployments_own_names_alone() {
        for own in ["tenantry.definition.v1", "temporal-sys-scheduler-workflow", "__temporal_x"] {
            assert_eq!(WorkflowType::parse(own).expect_err(own).field, "workflow_type");
        }
        for own in [HOSTED_TASK_QUEUE, "temporal-sys-per-ns-tq", "/_sys/orders/1"] {
            let queue = TaskQueueName::parse(own).expect("a name");
            assert_eq!(queue.of_own_workers().expect_err(own).field, "task_queue");
        }
        for own in ["exe_01h455vb4pex5vsknk084sn02q", "exe_", "sch_x", "temporal-sys-scheduler:a"] {
            assert_eq!(TemporalWorkflowId::parse(own).expect_err(own).field, "workflow_id");
        }
        assert!(WorkflowType::parse("Order").is_ok() && TemporalWorkflowId::parse("order-7").is_ok());
        assert!(TaskQueueName::parse("orders").expect("a name").of_own_workers().is_ok());
    }
}
