//! An organization's own namespace in Temporal: made, looked at, repaired, erased.
//!
//! | what may be wrong with it | found as | what is done |
//! |---|---|---|
//! | somebody deleted it | [`Drift::Missing`] | it is registered again, empty, once Temporal has forgotten the other |
//! | its owner's mark is gone | [`Drift::Owner`] | it is marked again |
//! | it keeps what has ended for another time | [`Drift::Retention`] | it is told |
//! | it lacks a search attribute of ours | [`Drift::SearchAttributes`] | it gets it |
//! | it has the mark of somebody else | [`Error::ForeignNamespace`] | nothing, ever |
//! | it is deprecated, or has no room for our search attributes | [`Error::UnusableNamespace`] | nothing: Temporal knows no way back |
//!
//! Each operation may be repeated at any time, after any crash: a reconciler drives Temporal to what the database says.

mod change;
mod owner;
mod pace;

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use temporalio_common::protos::temporal::api::{
    enums::v1::{NamespaceState, TaskQueueType},
    namespace::v1::NamespaceInfo,
    operatorservice::v1::{DeleteNamespaceRequest, ListSearchAttributesRequest},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, DescribeTaskQueueRequest,
        ListWorkflowExecutionsRequest,
    },
};
use tenantry_domain::{OrgScope, OrganizationId};
use tokio::time::{Instant, sleep, timeout};

use self::{change::Change, owner::Owner, pace::Pace};
use crate::{
    Error, Temporal,
    connection::{call, request},
    dispatcher::TASK_QUEUE,
    search_attributes,
};

/// A cluster's nodes learn of a namespace, and of a change to it, within two seconds or so; this is well past that.
const USABLE_WITHIN: Duration = Duration::from_secs(15);
/// For so long a namespace has to be unknown to whatever part of Temporal answers before all have forgotten it: past the two seconds.
const FORGOTTEN_FOR: Duration = Duration::from_millis(2500);
/// The pause after the first look whether a namespace is usable; it doubles with each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How often a change is tried before whoever wanted it is told that Temporal is busy.
const TRIES: usize = 10;

/// What is not as it should be in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It does not exist.
    Missing,
    /// It does not say whose it is.
    Owner,
    /// It keeps what has ended for another time than it should.
    Retention,
    /// It lacks some of our search attributes.
    SearchAttributes,
}

/// Makes, repairs and erases namespaces. Clones share one [`Pace`].
#[derive(Clone, Debug)]
pub struct Namespaces {
    temporal: Temporal,
    pace: Arc<Pace>,
}

impl Namespaces {
    /// Over this connection.
    pub fn new(temporal: Temporal) -> Self {
        Self { temporal, pace: Arc::default() }
    }

    /// Whose namespaces a call has found missing or not as they should be since this was asked last.
    pub fn suspects(&self) -> Vec<OrganizationId> {
        self.temporal.suspects().take()
    }

    /// Makes the organization's namespace, unless it exists, and returns once it is usable. Closed executions are kept
    /// there for `retention` (Temporal wants a day at least); a namespace that keeps them for another time is told so.
    ///
    /// [`Error::Busy`] asks for the same again, later; [`Error::ForeignNamespace`] says that the name is taken by somebody
    /// else, or by nobody that it names.
    pub async fn ensure(&self, scope: &OrgScope, retention: Duration) -> Result<(), Error> {
        self.change(scope, Change::register(scope, retention)?).await?;
        let drifts = self.inspect(scope, retention).await?;
        if drifts.contains(&Drift::Owner) {
            return Err(owner::foreign(scope));
        }
        self.mend(scope, retention, &drifts).await
    }

    /// Brings a namespace that this organization had back to what it should be, and answers what it was not. It is usable then.
    ///
    /// Errors as [`Namespaces::ensure`]; [`Error::UnusableNamespace`] says what cannot be brought back.
    pub async fn repair(&self, scope: &OrgScope, retention: Duration) -> Result<Vec<Drift>, Error> {
        let drifts = self.inspect(scope, retention).await?;
        self.mend(scope, retention, &drifts).await?;
        Ok(drifts)
    }

    /// What is not as it should be in the organization's namespace. This only looks, with two cheap calls.
    pub async fn inspect(&self, scope: &OrgScope, retention: Duration) -> Result<Vec<Drift>, Error> {
        let found = match self.describe(scope).await {
            Err(Error::NoNamespace(_)) => return Ok(vec![Drift::Missing]),
            found => found?,
        };
        let owner = owner::of(scope, &found)?;
        if state(&found) != NamespaceState::Registered {
            return Err(unusable(scope, "is deprecated, which Temporal does not take back"));
        }
        let known = self.known_search_attributes(scope).await?;
        if let Some(name) = search_attributes::mistaken(&known) {
            return Err(unusable(
                scope,
                format!("has a search attribute {name} of another type than Tenantry's"),
            ));
        }
        let checks = [
            (Drift::Owner, owner == Owner::Nobody),
            (Drift::Retention, kept_for(&found)? != Some(retention)),
            (Drift::SearchAttributes, !search_attributes::missing(&known).is_empty()),
        ];
        Ok(checks.into_iter().filter_map(|(drift, found)| found.then_some(drift)).collect())
    }

    async fn mend(&self, scope: &OrgScope, retention: Duration, drifts: &[Drift]) -> Result<(), Error> {
        for drift in drifts {
            match drift {
                Drift::Missing => {
                    self.until_forgotten(scope).await?;
                    self.change(scope, Change::register(scope, retention)?).await?;
                    self.change(scope, Change::add_search_attributes(scope)).await?;
                }
                Drift::Owner => self.change(scope, Change::mark(scope)).await?,
                Drift::Retention => self.change(scope, Change::retain_for(scope, retention)?).await?,
                Drift::SearchAttributes => self.change(scope, Change::add_search_attributes(scope)).await?,
            }
        }
        self.until_usable(scope).await?;
        if drifts.contains(&Drift::Missing) {
            // That nobody listens is fine.
            let _ = self.temporal.renewed().send(scope.organization());
        }
        Ok(())
    }

    /// For how long Temporal keeps what has ended in the organization's namespace.
    pub async fn retention(&self, scope: &OrgScope) -> Result<Option<Duration>, Error> {
        kept_for(&self.describe(scope).await?)
    }

    async fn known_search_attributes(&self, scope: &OrgScope) -> Result<HashMap<String, i32>, Error> {
        let mut service = self.temporal.connection().await?.operator_service();
        let list = ListSearchAttributesRequest { namespace: name(scope) };
        match call(service.list_search_attributes(request(list))).await {
            Ok(known) => Ok(known.custom_attributes),
            // This part of Temporal has not heard of it yet.
            Err(Error::NoNamespace(_)) => Ok(HashMap::new()),
            Err(error) => Err(error),
        }
    }

    async fn change(&self, scope: &OrgScope, change: Change) -> Result<(), Error> {
        let made = timeout(USABLE_WITHIN, self.persist(scope, &change));
        made.await.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    /// Makes a change when it is its turn; again while Temporal is busy, and until it has heard of the namespace.
    async fn persist(&self, scope: &OrgScope, change: &Change) -> Result<(), Error> {
        let (mut tries, mut pause) = (1, FIRST_PAUSE);
        loop {
            self.pace.turn(scope.organization()).await;
            match change.make(scope, &self.temporal).await {
                Err(Error::Busy(_)) if tries < TRIES => {
                    self.pace.refused();
                    tries += 1;
                }
                Err(Error::NoNamespace(_)) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    self.pace.accepted();
                    return Ok(());
                }
            }
        }
    }

    /// Erases the organization's namespace and all that is in it. That there is none is fine.
    pub async fn delete(&self, scope: &OrgScope) -> Result<(), Error> {
        match self.describe(scope).await {
            Ok(found) if owner::of(scope, &found)? == Owner::Nobody => return Err(owner::foreign(scope)),
            Ok(_) => {}
            Err(Error::NoNamespace(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        let delete = DeleteNamespaceRequest { namespace: name(scope), ..Default::default() };
        let mut service = self.temporal.connection().await?.operator_service();
        match call(service.delete_namespace(request(delete))).await {
            Ok(_) => {
                tracing::info!(organization = %scope.organization(), namespace = scope.namespace().as_str(), "namespace deleted");
                Ok(())
            }
            Err(Error::NoNamespace(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until no part of Temporal takes the name for that of a namespace that was deleted. What is started in a new one of the
    /// same name would go there, and be deleted with it.
    async fn until_forgotten(&self, scope: &OrgScope) -> Result<(), Error> {
        let forgotten = async {
            let mut known = Instant::now();
            while known.elapsed() < FORGOTTEN_FOR {
                if self.is_known(scope).await? {
                    known = Instant::now();
                }
                sleep(LONGEST_PAUSE).await;
            }
            Ok(())
        };
        timeout(USABLE_WITHIN, forgotten).await.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    async fn until_usable(&self, scope: &OrgScope) -> Result<(), Error> {
        let usable = async {
            let mut pause = FIRST_PAUSE;
            while !self.is_usable(scope).await? {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Ok(())
        };
        timeout(USABLE_WITHIN, usable).await.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    /// Whether each part of Temporal knows the namespace: its frontend, its visibility store with our search attributes, and its
    /// task queues.
    async fn is_usable(&self, scope: &OrgScope) -> Result<bool, Error> {
        let list = ListWorkflowExecutionsRequest {
            namespace: name(scope),
            page_size: 1,
            query: search_attributes::PROBE.to_owned(),
            ..Default::default()
        };
        let usable = async {
            let mut service = self.temporal.workflow_service().await?;
            call(service.list_workflow_executions(request(list))).await?;
            self.is_known(scope).await
        };
        match usable.await {
            // A query is refused while a search attribute in it is not known.
            Err(Error::NoNamespace(_) | Error::Refused(_) | Error::Busy(_)) => Ok(false),
            usable => usable,
        }
    }

    /// Whether its task queues know the namespace, by way of what the frontend remembers.
    async fn is_known(&self, scope: &OrgScope) -> Result<bool, Error> {
        let queue = DescribeTaskQueueRequest {
            namespace: name(scope),
            task_queue: Some(TaskQueue { name: TASK_QUEUE.to_owned(), ..Default::default() }),
            task_queue_type: TaskQueueType::Workflow.into(),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        match call(service.describe_task_queue(request(queue))).await {
            Ok(_) => Ok(true),
            Err(Error::NoNamespace(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, scope: &OrgScope) -> Result<DescribeNamespaceResponse, Error> {
        let describe = DescribeNamespaceRequest { namespace: name(scope), ..Default::default() };
        let mut service = self.temporal.workflow_service().await?;
        call(service.describe_namespace(request(describe))).await
    }
}

fn name(scope: &OrgScope) -> String {
    scope.namespace().as_str().to_owned()
}

fn state(found: &DescribeNamespaceResponse) -> NamespaceState {
    found.namespace_info.as_ref().map_or(NamespaceState::Unspecified, NamespaceInfo::state)
}

fn kept_for(found: &DescribeNamespaceResponse) -> Result<Option<Duration>, Error> {
    let retention = found.config.as_ref().and_then(|config| config.workflow_execution_retention_ttl);
    retention.map(|retention| retention.try_into().map_err(Error::internal)).transpose()
}

fn unusable(scope: &OrgScope, why: impl Into<Cow<'static, str>>) -> Error {
    Error::UnusableNamespace { namespace: name(scope), why: why.into() }
}
