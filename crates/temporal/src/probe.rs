//! Whether a Temporal server keeps namespaces apart, and lets us do what we have to.
//!
//! Each node asks at its start. The question about namespaces cannot be asked outright, so it is tried: a workflow in one probe namespace
//! answers its task with a signal to a workflow in another. A server that keeps them apart refuses the task; one that does not takes it,
//! and finds nobody to signal. Nodes that ask at the same moment may take each other's tasks, which is fine: the answer is about the
//! server. What was started is deleted, and the two namespaces are used again by whoever asks next.
//!
//! To add a question: a method that answers a [`Finding`], if there is something to say; a line in [`Probe::run`]; and one in
//! `docs/deployment/multi-tenant-setup.md`.

use std::{fmt, time::Duration};

use temporalio_client::tonic::{Code, Status};
use temporalio_common::protos::temporal::api::{
    command::v1::{Command, SignalExternalWorkflowExecutionCommandAttributes, command::Attributes},
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, GetSystemInfoRequest, PollWorkflowTaskQueueRequest,
        RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
    },
};
use tenantry_domain::{OrgScope, chain};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    Error, Namespaces, Temporal,
    connection::{CALL_LIMIT, call, request},
};

/// The oldest server that knows what happens to a start whose workflow id is taken, on which it rests that nothing starts twice.
const OLDEST: Version = Version { major: 1, minor: 24 };
/// Temporal wants namespaces to keep what has ended for a day at least.
const RETENTION: Duration = Duration::from_hours(24);
const QUEUE: &str = "tenantry-probe";
const WORKFLOW_TYPE: &str = "tenantry.probe.v1";
/// When Temporal ends a probe's workflow whose node died before it could.
const GIVEN_UP: Duration = Duration::from_secs(10);
/// How often a task is waited for: somebody else may take it, or it may be gone.
const TRIES: usize = 3;

/// Something about a Temporal server that an operator should change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// It is too old.
    Outdated {
        /// What it is.
        version: String,
    },
    /// A workflow of one organization can signal, cancel and start workflows of another.
    CrossNamespaceCommands,
    /// It does not let us do what we have to.
    NoPermission,
    /// It could not be found out, though it answers.
    Unclear {
        /// Why.
        why: String,
    },
}

impl Finding {
    /// A word for it, which stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Outdated { .. } => "outdated_temporal",
            Self::CrossNamespaceCommands => "cross_namespace_commands",
            Self::NoPermission => "no_namespace_administration",
            Self::Unclear { .. } => "unclear",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Outdated { .. } => "update the Temporal server",
            Self::CrossNamespaceCommands => {
                "set system.enableCrossNamespaceCommands to false in Temporal's dynamic configuration"
            }
            Self::NoPermission => {
                "let Temporal's authorizer allow Tenantry to register, change and delete namespaces and to add search attributes"
            }
            Self::Unclear { .. } => {
                "see docs/deployment/multi-tenant-setup.md for what Tenantry asks of Temporal, and try it by hand"
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outdated { version } => {
                write!(f, "Temporal is of version {version}; Tenantry needs {OLDEST} or a newer one")
            }
            Self::CrossNamespaceCommands => f.write_str(
                "Temporal lets a workflow of one organization reach into the namespace of another",
            ),
            Self::NoPermission => f.write_str("Temporal does not let Tenantry administer namespaces"),
            Self::Unclear { why } => {
                write!(f, "it could not be found out whether Temporal keeps namespaces apart: {why}")
            }
        }
    }
}

/// Asks a Temporal server.
#[derive(Clone, Debug)]
pub struct Probe {
    temporal: Temporal,
}

impl Probe {
    /// Over this connection.
    pub fn new(temporal: Temporal) -> Self {
        Self { temporal }
    }

    /// What an operator should change about this Temporal. It uses the namespaces of two scopes, which it makes if they are absent, and in
    /// which nothing else may be.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Busy`]: it cannot be known now, but later.
    pub async fn run(&self, one: &OrgScope, other: &OrgScope) -> Result<Vec<Finding>, Error> {
        let answers = [self.version().await, self.namespaces(one, other).await];
        let mut findings = Vec::new();
        for answer in answers {
            let finding = match answer {
                Ok(finding) => finding,
                Err(error @ (Error::Unavailable(_) | Error::Busy(_))) => return Err(error),
                Err(Error::Denied(_)) => Some(Finding::NoPermission),
                Err(error) => Some(Finding::Unclear { why: chain(&error) }),
            };
            findings.extend(finding.filter(|finding| !findings.contains(finding)));
        }
        Ok(findings)
    }

    async fn version(&self) -> Result<Option<Finding>, Error> {
        let mut service = self.temporal.workflow_service().await?;
        let version =
            call(service.get_system_info(request(GetSystemInfoRequest::default()))).await?.server_version;
        // Who builds a server of their own names it as they like.
        let outdated = Version::parse(&version).is_some_and(|version| version < OLDEST);
        Ok(outdated.then_some(Finding::Outdated { version }))
    }

    async fn namespaces(&self, one: &OrgScope, other: &OrgScope) -> Result<Option<Finding>, Error> {
        let namespaces = Namespaces::new(self.temporal.clone());
        tokio::try_join!(namespaces.ensure(one, RETENTION), namespaces.ensure(other, RETENTION))?;
        let workflow = self.start(one).await?;
        let crossed = self.cross(one, other).await;
        if let Err(error) = self.delete(one, workflow).await {
            tracing::debug!(error = chain(&error), "Temporal ends the probe's workflow by itself");
        }
        Ok(crossed?.then_some(Finding::CrossNamespaceCommands))
    }

    async fn start(&self, scope: &OrgScope) -> Result<WorkflowExecution, Error> {
        let id = Uuid::new_v4().to_string();
        let start = StartWorkflowExecutionRequest {
            namespace: name(scope),
            workflow_id: id.clone(),
            request_id: id.clone(),
            workflow_type: Some(WorkflowType { name: WORKFLOW_TYPE.to_owned() }),
            task_queue: Some(queue()),
            workflow_run_timeout: Some(GIVEN_UP.try_into().map_err(Error::internal)?),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let run_id = call(service.start_workflow_execution(request(start))).await?.run_id;
        Ok(WorkflowExecution { workflow_id: id, run_id })
    }

    /// Whether a workflow of one namespace is let into the other.
    async fn cross(&self, one: &OrgScope, other: &OrgScope) -> Result<bool, Error> {
        for _ in 0..TRIES {
            let task_token = self.task(one).await?;
            if task_token.is_empty() {
                continue;
            }
            match self.signal(one, other, task_token).await? {
                Ok(()) => return Ok(true),
                Err(status) if is_kept_apart(&status) => return Ok(false),
                // The task's workflow is gone: its node has its answer.
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => return Err(status.into()),
            }
        }
        Err(Error::timed_out())
    }

    /// A task of a probe's workflow, or nothing.
    async fn task(&self, scope: &OrgScope) -> Result<Vec<u8>, Error> {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: name(scope),
            task_queue: Some(queue()),
            identity: QUEUE.to_owned(),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        Ok(call(service.poll_workflow_task_queue(request(poll))).await?.task_token)
    }

    /// Completes a task with a signal to nobody in the other namespace, and answers what Temporal says to that.
    async fn signal(
        &self,
        one: &OrgScope,
        other: &OrgScope,
        task_token: Vec<u8>,
    ) -> Result<Result<(), Status>, Error> {
        #[expect(deprecated, reason = "servers do it, unless they are told not to")]
        let signal = SignalExternalWorkflowExecutionCommandAttributes {
            namespace: name(other),
            execution: Some(WorkflowExecution { workflow_id: "nobody".to_owned(), run_id: String::new() }),
            signal_name: WORKFLOW_TYPE.to_owned(),
            ..Default::default()
        };
        let command = Command {
            command_type: CommandType::SignalExternalWorkflowExecution.into(),
            attributes: Some(Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal)),
            ..Default::default()
        };
        let complete = RespondWorkflowTaskCompletedRequest {
            namespace: name(one),
            task_token,
            identity: QUEUE.to_owned(),
            commands: vec![command],
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let answer = timeout(CALL_LIMIT, service.respond_workflow_task_completed(request(complete))).await;
        Ok(answer.map_err(|_| Error::timed_out())?.map(drop))
    }

    async fn delete(&self, scope: &OrgScope, workflow: WorkflowExecution) -> Result<(), Error> {
        let delete =
            DeleteWorkflowExecutionRequest { namespace: name(scope), workflow_execution: Some(workflow) };
        let mut service = self.temporal.workflow_service().await?;
        call(service.delete_workflow_execution(request(delete))).await.map(drop)
    }
}

/// Whether this is the refusal of a command that names another namespace. There is no code for it.
fn is_kept_apart(status: &Status) -> bool {
    status.code() == Code::InvalidArgument
        && status.message().to_ascii_lowercase().contains("cross namespace")
}

fn name(scope: &OrgScope) -> String {
    scope.namespace().as_str().to_owned()
}

fn queue() -> TaskQueue {
    TaskQueue { name: QUEUE.to_owned(), ..Default::default() }
}

/// What of a server's version counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim_start_matches('v').split('.').map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests;
