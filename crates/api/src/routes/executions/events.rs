//! `/executions/{execution}/events`.

use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, Invalid, OrgScope, Permission, execution::EventPlace,
};
use tenantry_services::executions::{About, Following};

use crate::{
    App,
    input::{InPath, NoQuery},
    openapi::{Describe, Operation},
    output::Moment,
    permit::{Again, ReadExecutions},
    problem::Problem,
    streams::{self, Events, Source},
};

const LAST_EVENT_ID: &str = "last-event-id";

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
pub(super) struct LastEventId(Option<EventPlace>);

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

impl Describe for LastEventId {
    fn describe(operation: &mut Operation) {
        operation.resumes();
    }
}

/// Events, one by one; or none, for whoever has heard of the end already.
pub(super) struct Stream(Response);

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Describe for Stream {
    fn describe(operation: &mut Operation) {
        let text = json!({"type": "string", "examples": [
            "id: running\nevent: execution\ndata: {\"id\":\"exe_01k9h2x7m3f0qs8v5t6w4y1z2a\",\"status\":\"running\"}\n\n",
        ]});
        let content = json!({"text/event-stream": {"schema": text}});
        operation.answers(200, "The events that there are, and then each as it happens.", &[], Some(content));
        operation.answers(
            204,
            "The end is known to whoever asks: there is nothing to come again for.",
            &[],
            None,
        );
    }
}

/// Whoever has heard of the end already is told not to come again (WHATWG HTML, section 9.2.3).
pub(super) async fn follow(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    LastEventId(told): LastEventId,
    State(app): State<App>,
    again: Again,
    _: NoQuery,
) -> Result<Stream, Problem> {
    let following = app.services.executions.follow(&scope, execution, told).await?;
    if following.is_over() {
        return Ok(Stream(StatusCode::NO_CONTENT.into_response()));
    }
    let slot = app.streams.take(scope.organization(), scope.trail().actor.api_key())?;
    Ok(Stream(streams::answer(&app, following, again, slot)))
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
