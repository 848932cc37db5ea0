//! What Temporal lists as closed or open: signs that executions have ended, or have not.

use std::collections::HashSet;

use temporalio_common::protos::temporal::api::{
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse,
    },
};
use tenantry_domain::{OrgScope, Timestamp};

use super::{Dispatcher, WORKFLOW_TYPE, moment, namespace};
use crate::{
    Error,
    connection::{call, request},
};

const PAGE: i32 = 1_000;
/// How many pages one look reads. The latest come first.
const MOST_PAGES: usize = 20;

/// Workflows that have closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Their ids.
    pub workflow_ids: HashSet<String>,
    /// When the last of them closed, by Temporal's clock.
    pub latest: Option<Timestamp>,
}

impl Dispatcher {
    /// The workflows of the organization's namespace that have closed at this moment or later and may not have said so
    /// themselves: those of own workers, and hosted ones that were ended without being asked. Temporal learns of a close a moment
    /// after it happened, and lists the latest 20,000.
    pub async fn closed_since(&self, scope: &OrgScope, since: Option<Timestamp>) -> Result<Closed, Error> {
        let mut list = ListWorkflowExecutionsRequest {
            namespace: namespace(scope),
            page_size: PAGE,
            query: query(since),
            ..Default::default()
        };
        let mut closed = Closed::default();
        for _ in 0..MOST_PAGES {
            let mut service = self.temporal.workflow_service().await?;
            let ListWorkflowExecutionsResponse { executions, next_page_token, .. } =
                call(service.list_workflow_executions(request(list.clone()))).await?;
            for info in executions {
                closed.add(info);
            }
            if next_page_token.is_empty() {
                break;
            }
            list.next_page_token = next_page_token;
        }
        Ok(closed)
    }

    /// Whether a definition is open in the organization's namespace, so that it needs a hosted worker.
    pub async fn has_open_definition(&self, scope: &OrgScope) -> Result<bool, Error> {
        let count = CountWorkflowExecutionsRequest {
            namespace: namespace(scope),
            query: format!("ExecutionStatus = 'Running' and WorkflowType = '{WORKFLOW_TYPE}'"),
        };
        let mut service = self.temporal.workflow_service().await?;
        Ok(call(service.count_workflow_executions(request(count))).await?.count > 0)
    }
}

impl Closed {
    fn add(&mut self, info: WorkflowExecutionInfo) {
        let at = info.close_time.and_then(|at| moment(at.seconds, at.nanos));
        self.latest = self.latest.max(at);
        self.workflow_ids.extend(info.execution.map(|execution| execution.workflow_id));
    }
}

fn query(since: Option<Timestamp>) -> String {
    let untold = format!(
        "ExecutionStatus != 'Running' and (WorkflowType != '{WORKFLOW_TYPE}' or ExecutionStatus in ('Terminated', 'TimedOut'))"
    );
    match since {
        None => untold,
        Some(since) => format!("CloseTime >= '{}' and {untold}", since.to_rfc3339()),
    }
}
