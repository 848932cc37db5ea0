//! `/executions/{execution}/events`.

use axum::{
    Router,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, Invalid, OrgScope, Permission, execution::EventPlace,
};
use tenantry_services::executions::{About, Following};

use crate::{
    App,
    input::{InPath, Query},
    output::Moment,
    permit::{Again, ReadExecutions},
    problem::Problem,
    streams::{self, Events, Source},
};

const LAST_EVENT_ID: &str = "last-event-id";

pub(super) fn routes() -> Router<App> {
    Router::new().route(v0!("/executions/{execution}/events"), get(events))
}

/// An execution that came to be in another status.
#[derive(Serialize)]
struct ExecutionChange {
    id: ExecutionId,
    status: ExecutionStatus,
    status_reason: Option<String>,
    run_id: Option<String>,
    started_at: Moment,
    ended_at: Option<Moment>,
}

impl From<Execution> for ExecutionChange {
    fn from(execution: Execution) -> Self {
        Self {
            id: execution.id,
            status: execution.status,
            status_reason: execution.status_reason,
            run_id: execution.run_id,
            started_at: execution.started_at.into(),
            ended_at: execution.ended_at.map(Into::into),
        }
    }
}

/// The last event that the client has heard of, if it has.
struct LastEventId(Option<EventPlace>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut all = parts.headers.get_all(LAST_EVENT_ID).iter();
        let wrong = || {
            Problem::invalid(&[Invalid::new("Last-Event-ID", "must be the id of an event of this stream")])
        };
        match (all.next(), all.next()) {
            (None, _) => Ok(Self(None)),
            (Some(id), None) => {
                let place = id.to_str().ok().and_then(|id| id.parse().ok());
                place.map(|place| Self(Some(place))).ok_or_else(wrong)
            }
            (Some(_), Some(_)) => Err(wrong()),
        }
    }
}

/// Whoever has heard of the end already is told not to come again (WHATWG HTML, section 9.2.3).
async fn events(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    LastEventId(told): LastEventId,
    State(app): State<App>,
    again: Again,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let following = app.services.executions.follow(&scope, execution, told).await?;
    if following.is_over() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let slot = app.streams.take(scope.organization())?;
    Ok(streams::answer(&app, following, again, slot))
}

impl Source for Following {
    async fn next(&mut self) -> Option<Events> {
        let mut events = Events::default();
        for event in Following::next(self).await? {
            match event.about {
                About::Execution(execution) => {
                    events.add(event.place, "execution", &ExecutionChange::from(*execution));
                }
                About::Task(task) => events.add(event.place, "task", &task),
            }
        }
        Some(events)
    }

    fn is_open_to(&self, scope: &OrgScope) -> bool {
        scope.allows(Permission::ReadExecutions) && scope.reaches(self.work())
    }
}
