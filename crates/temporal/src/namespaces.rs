//! An organization's own namespace in Temporal: made, found usable, erased.
//!
//! Both operations may be repeated at any time, after any crash: a reconciler drives Temporal to what the database says.

use std::{collections::HashMap, time::Duration};

use temporalio_client::tonic::{Code, Response};
use temporalio_common::protos::temporal::api::{
    enums::v1::{NamespaceState, TaskQueueType},
    namespace::v1::NamespaceConfig,
    operatorservice::v1::DeleteNamespaceRequest,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, DescribeTaskQueueRequest,
        ListWorkflowExecutionsRequest, RegisterNamespaceRequest, UpdateNamespaceRequest,
    },
};
use tenantry_domain::OrgScope;
use tokio::time::{sleep, timeout};

use crate::{
    Error, Temporal,
    connection::{call, request},
    dispatcher::TASK_QUEUE,
};

/// The key, in a namespace's data, of the id of the organization that owns it.
const OWNER: &str = "tenantry.organization";
/// A cluster's nodes learn of a namespace within two seconds or so; this is well past that.
const USABLE_WITHIN: Duration = Duration::from_secs(15);
const PROBE_EVERY: Duration = Duration::from_millis(25);

/// Makes and erases namespaces.
#[derive(Clone, Debug)]
pub struct Namespaces {
    temporal: Temporal,
}

impl Namespaces {
    /// Over this connection.
    pub fn new(temporal: Temporal) -> Self {
        Self { temporal }
    }

    /// Makes the organization's namespace, unless it exists, and returns once it is usable. Closed executions are kept
    /// there for `retention` (Temporal wants a day at least); a namespace that keeps them for another time is told so.
    ///
    /// [`Error::Busy`] asks for the same again, later; [`Error::ForeignNamespace`] says that the name is taken by somebody
    /// else.
    pub async fn ensure(&self, scope: &OrgScope, retention: Duration) -> Result<(), Error> {
        if self.register(scope, retention).await? {
            tracing::info!(organization = %scope.organization(), namespace = scope.namespace().as_str(), "namespace registered");
        }
        let usable = async {
            while !self.is_usable(scope).await? {
                sleep(PROBE_EVERY).await;
            }
            Ok(())
        };
        timeout(USABLE_WITHIN, usable).await.unwrap_or_else(|_| Err(Error::timed_out()))?;
        self.retain_for(scope, retention).await
    }

    /// For how long Temporal keeps what has ended in the organization's namespace.
    pub async fn retention(&self, scope: &OrgScope) -> Result<Option<Duration>, Error> {
        let found = self.describe(scope).await?;
        let retention = found.config.and_then(|config| config.workflow_execution_retention_ttl);
        retention.map(|retention| retention.try_into().map_err(Error::internal)).transpose()
    }

    async fn retain_for(&self, scope: &OrgScope, retention: Duration) -> Result<(), Error> {
        if self.retention(scope).await? == Some(retention) {
            return Ok(());
        }
        let retention = retention.try_into().map_err(Error::internal)?;
        let update = UpdateNamespaceRequest {
            namespace: scope.namespace().as_str().to_owned(),
            config: Some(NamespaceConfig {
                workflow_execution_retention_ttl: Some(retention),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        call(service.update_namespace(request(update))).await?;
        Ok(())
    }

    /// Erases the organization's namespace and all that is in it. That there is none is fine.
    pub async fn delete(&self, scope: &OrgScope) -> Result<(), Error> {
        match self.describe(scope).await {
            Ok(found) => check_owner(scope, &found)?,
            Err(Error::NoNamespace(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        let delete =
            DeleteNamespaceRequest { namespace: scope.namespace().as_str().to_owned(), ..Default::default() };
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

    /// Whether the namespace was made just now; it may have been there before.
    async fn register(&self, scope: &OrgScope, retention: Duration) -> Result<bool, Error> {
        let register = RegisterNamespaceRequest {
            namespace: scope.namespace().as_str().to_owned(),
            description: format!("Tenantry organization {}", scope.organization()),
            workflow_execution_retention_period: Some(retention.try_into().map_err(Error::internal)?),
            data: HashMap::from([(OWNER.to_owned(), scope.organization().to_string())]),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let registered = async {
            match service.register_namespace(request(register)).await {
                Ok(answer) => Ok(answer.map(|_| true)),
                Err(status) if status.code() == Code::AlreadyExists => Ok(Response::new(false)),
                Err(status) => Err(status),
            }
        };
        call(registered).await
    }

    /// Whether each part of Temporal knows the namespace: its frontend, its visibility store and its task queues.
    async fn is_usable(&self, scope: &OrgScope) -> Result<bool, Error> {
        let probe = async {
            check_owner(scope, &self.describe(scope).await?)?;
            let namespace = scope.namespace().as_str().to_owned();
            let list = ListWorkflowExecutionsRequest {
                namespace: namespace.clone(),
                page_size: 1,
                ..Default::default()
            };
            let queue = DescribeTaskQueueRequest {
                namespace,
                task_queue: Some(TaskQueue { name: TASK_QUEUE.to_owned(), ..Default::default() }),
                task_queue_type: TaskQueueType::Workflow.into(),
                ..Default::default()
            };
            let mut service = self.temporal.workflow_service().await?;
            call(service.list_workflow_executions(request(list))).await?;
            call(service.describe_task_queue(request(queue))).await
        };
        match probe.await {
            Ok(_) => Ok(true),
            Err(Error::NoNamespace(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, scope: &OrgScope) -> Result<DescribeNamespaceResponse, Error> {
        let describe = DescribeNamespaceRequest {
            namespace: scope.namespace().as_str().to_owned(),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        call(service.describe_namespace(request(describe))).await
    }
}

fn check_owner(scope: &OrgScope, found: &DescribeNamespaceResponse) -> Result<(), Error> {
    let info = found.namespace_info.as_ref();
    let owner = info.and_then(|info| info.data.get(OWNER));
    let alive = info.is_some_and(|info| info.state == i32::from(NamespaceState::Registered));
    if alive && owner == Some(&scope.organization().to_string()) {
        return Ok(());
    }
    Err(Error::ForeignNamespace { namespace: scope.namespace().as_str().to_owned() })
}
