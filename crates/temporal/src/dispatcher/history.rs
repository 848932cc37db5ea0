//! What happened in an execution, event by event, through all runs of its workflow.
//!
//! A page is found by the number of the event that it comes after. Temporal's own page tokens stay inside one call: whoever could hand
//! one in could hand in another's.

mod plain;

use temporalio_common::protos::temporal::api::{
    history::v1::{HistoryEvent as Event, history_event::Attributes},
    workflowservice::v1::GetWorkflowExecutionHistoryRequest,
};
use tenantry_domain::{
    OrgScope, Page,
    execution::{Handle, HistoryEvent, HistoryPlace},
};

use super::{Dispatcher, found, moment, namespace, run_of};
use crate::{
    Error,
    connection::{call, request},
};

/// How many events Temporal is asked for at a time.
const EVENTS_AT_ONCE: i32 = 256;

/// What was read of one run.
#[derive(Default)]
struct Chapter {
    events: Vec<Event>,
    /// The run that goes on after it, if it was read to its end.
    next: Option<String>,
}

impl Dispatcher {
    /// The `limit` events of an execution that follow a place, or the first ones that Temporal has; the oldest first. The answer is
    /// nothing if it has no such run of it.
    pub async fn history(
        &self,
        scope: &OrgScope,
        handle: &Handle,
        after: Option<HistoryPlace>,
        limit: u16,
    ) -> Result<Option<Page<HistoryEvent>>, Error> {
        let Some(mut run_id) = self.run_to_read(scope, handle, after).await? else { return Ok(None) };
        let mut seen = after.map_or(0, |place| place.event_id);
        let limit = usize::from(limit);
        let mut items = Vec::new();
        // One more than wanted: if it comes, there is a next page.
        while items.len() <= limit {
            let chapter = self.chapter(scope, handle, &run_id, seen, limit + 1 - items.len()).await?;
            for event in chapter.events {
                items.push(told(handle, &run_id, &event)?);
            }
            let Some(next) = chapter.next else { break };
            (run_id, seen) = (next, 0);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Some(Page { items, more }))
    }

    /// The run in which a page begins. The first run may be kept no longer while a later one is.
    async fn run_to_read(
        &self,
        scope: &OrgScope,
        handle: &Handle,
        after: Option<HistoryPlace>,
    ) -> Result<Option<String>, Error> {
        let named = after.map(|place| place.run_id.to_string());
        let ids = match (&named, &handle.first_run_id) {
            (Some(named), _) => vec![named.as_str()],
            (None, Some(first)) => vec![first.as_str(), ""],
            (None, None) => vec![""],
        };
        for id in ids {
            let run = self.run(scope, &handle.workflow_id, id).await?;
            if let Some(run) = run.filter(|run| run.is_of(handle)) {
                return Ok(Some(run.id));
            }
        }
        Ok(None)
    }

    /// Up to so many events of a run that come after one.
    async fn chapter(
        &self,
        scope: &OrgScope,
        handle: &Handle,
        run_id: &str,
        seen: i64,
        wanted: usize,
    ) -> Result<Chapter, Error> {
        let mut read = GetWorkflowExecutionHistoryRequest {
            namespace: namespace(scope),
            execution: Some(run_of(&handle.workflow_id, run_id)),
            maximum_page_size: EVENTS_AT_ONCE,
            skip_archival: true,
            ..Default::default()
        };
        let mut chapter = Chapter::default();
        loop {
            let mut service = self.temporal.workflow_service().await?;
            let answer = call(service.get_workflow_execution_history(request(read.clone()))).await;
            let Some(answer) = found(answer)? else { return Ok(chapter) };
            for event in answer.history.unwrap_or_default().events {
                chapter.next = event.attributes.as_ref().and_then(next_run);
                if event.event_id > seen {
                    chapter.events.push(event);
                }
                if chapter.events.len() == wanted {
                    return Ok(chapter);
                }
            }
            if answer.next_page_token.is_empty() {
                return Ok(chapter);
            }
            read.next_page_token = answer.next_page_token;
        }
    }
}

/// The run that goes on after this event.
fn next_run(attributes: &Attributes) -> Option<String> {
    use Attributes as A;
    let next = match attributes {
        A::WorkflowExecutionContinuedAsNewEventAttributes(end) => &end.new_execution_run_id,
        A::WorkflowExecutionCompletedEventAttributes(end) => &end.new_execution_run_id,
        A::WorkflowExecutionFailedEventAttributes(end) => &end.new_execution_run_id,
        A::WorkflowExecutionTimedOutEventAttributes(end) => &end.new_execution_run_id,
        _ => return None,
    };
    Some(next.clone()).filter(|next| !next.is_empty())
}

fn told(handle: &Handle, run_id: &str, event: &Event) -> Result<HistoryEvent, Error> {
    let run_id = run_id.parse().map_err(Error::internal)?;
    let place = HistoryPlace { execution: handle.id, run_id, event_id: event.event_id };
    let at = event.event_time.and_then(|at| moment(at.seconds, at.nanos));
    let (kind, attributes) = plain::attributes(event).map_err(Error::internal)?;
    Ok(HistoryEvent { place, at, kind, attributes })
}
