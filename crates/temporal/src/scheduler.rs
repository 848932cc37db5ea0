//! Schedules in Temporal: brought to what is stored of them, asked when they start something, told to do so now.
//!
//! Each method takes the [`OrgScope`] of an organization and reaches the schedules of that organization's namespace, which Temporal
//! knows by their [`ScheduleId`]. What one starts is an execution of a definition like any other, only that Temporal has it before it
//! is recorded: see [`crate::worker`].

use std::time::{Duration, SystemTime};

use serde_json::Value;
use temporalio_client::tonic::{Code, Status};
use temporalio_common::protos::temporal::api::{
    common::v1::{SearchAttributes, WorkflowType},
    enums::v1::ScheduleOverlapPolicy,
    schedule::v1::{
        BackfillRequest, CalendarSpec, IntervalSpec, Schedule as Wire, ScheduleAction, ScheduleActionResult,
        SchedulePatch, SchedulePolicies, ScheduleSpec as WireSpec, ScheduleState, TriggerImmediatelyRequest,
        schedule_action::Action,
    },
    taskqueue::v1::TaskQueue,
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest,
        ListScheduleMatchingTimesRequest, PatchScheduleRequest, UpdateScheduleRequest,
    },
};
use tenantry_domain::{
    OrgScope, Schedule, ScheduleId, Timestamp,
    schedule::{Calendar, Overlap, ScheduleSpec},
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    Error, Temporal,
    connection::{call, request},
    dispatcher::{IDENTITY, TASK_QUEUE, WORKFLOW_TYPE, found, moment, namespace, payloads},
    search_attributes,
    worker::workflow::HostedInput,
};

/// The most moments that Temporal tells at once.
pub const MOST_MOMENTS: usize = 1_000;
const DAY: i64 = 24 * 60 * 60;
/// The spans in which moments are looked for, one after the other until there are enough, in days: a schedule may be due each second, or
/// on each 29 February.
const SPANS: [i64; 6] = [1, 8, 64, 512, 4_096, 32_768];
/// The end of the last year that Temporal's calendars know, in seconds.
const END_OF_TIME: i64 = 4_133_980_800;
/// How long a question rests that could not be answered.
const PAUSE: Duration = Duration::from_millis(200);

/// The entrance for what is done to schedules.
#[derive(Clone, Debug)]
pub struct Scheduler {
    temporal: Temporal,
}

/// Whether a schedule starts what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Works,
    /// It lets it pass.
    Rests,
}

/// What Temporal says of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// When it starts something next, if it does. This moment may be past, if Temporal has not come to it yet.
    pub next: Option<Timestamp>,
    /// The latest that it has started.
    pub started: Vec<Start>,
}

/// Something that a schedule has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// What it is called.
    pub workflow_id: String,
    /// Its run.
    pub run_id: String,
    /// When it was started.
    pub at: Option<Timestamp>,
}

/// A span of time in which a schedule would have started something.
#[derive(Clone, Copy, Debug)]
pub struct Backfill {
    /// Its begin, which belongs to it.
    pub from: Timestamp,
    /// Its end, which belongs to it too.
    pub to: Timestamp,
    /// What happens when the execution before has not ended, if not what the schedule says.
    pub overlap: Option<Overlap>,
}

impl Scheduler {
    /// Over this connection.
    pub fn new(temporal: Temporal) -> Self {
        Self { temporal }
    }

    /// Brings Temporal to the schedule as it is stored, whatever it has of it now. It may be done again at any time.
    pub async fn apply(&self, scope: &OrgScope, schedule: &Schedule, state: State) -> Result<(), Error> {
        let wire = wire(schedule, state)?;
        let update = UpdateScheduleRequest {
            namespace: namespace(scope),
            schedule_id: schedule.id.to_string(),
            schedule: Some(wire.clone()),
            identity: IDENTITY.to_owned(),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let updated = found(call(service.update_schedule(request(update.clone()))).await);
        if updated.map_err(|error| self.temporal.suspecting(scope, error))?.is_some() {
            return Ok(());
        }
        let create = CreateScheduleRequest {
            namespace: namespace(scope),
            schedule_id: schedule.id.to_string(),
            schedule: Some(wire),
            identity: IDENTITY.to_owned(),
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        };
        match call(service.create_schedule(request(create))).await {
            Ok(_) => Ok(()),
            // Somebody else was faster, with what may be older.
            Err(error) if is_there(&error) => call(service.update_schedule(request(update))).await.map(drop),
            Err(error) => Err(self.temporal.suspecting(scope, error)),
        }
    }

    /// Deletes a schedule. What it has started goes on. That there is none is fine.
    pub async fn delete(&self, scope: &OrgScope, schedule: ScheduleId) -> Result<(), Error> {
        let delete = DeleteScheduleRequest {
            namespace: namespace(scope),
            schedule_id: schedule.to_string(),
            identity: IDENTITY.to_owned(),
        };
        let mut service = self.temporal.workflow_service().await?;
        let deleted = found(call(service.delete_schedule(request(delete))).await);
        deleted.map(drop).map_err(|error| self.temporal.suspecting(scope, error))
    }

    /// What a schedule is about to do and has begun; nothing, if there is none.
    pub async fn look(&self, scope: &OrgScope, schedule: ScheduleId) -> Result<Outlook, Error> {
        let describe =
            DescribeScheduleRequest { namespace: namespace(scope), schedule_id: schedule.to_string() };
        let mut service = self.temporal.workflow_service().await?;
        let described = found(call(service.describe_schedule(request(describe))).await)?;
        let rests = described.as_ref().and_then(|described| described.schedule.as_ref()?.state.as_ref());
        let rests = rests.is_some_and(|state| state.paused);
        let info = described.and_then(|described| described.info).unwrap_or_default();
        let next = info.future_action_times.first().filter(|_| !rests);
        let next = next.and_then(|at| moment(at.seconds, at.nanos));
        Ok(Outlook { next, started: info.recent_actions.into_iter().filter_map(start).collect() })
    }

    /// The next moments after this one at which the schedule's spec is due, as many as asked for if there are, and whether or not it rests;
    /// nothing, if there is no such schedule.
    /// Temporal tells them, so they are those that will be: also where clocks are put forward or back.
    pub async fn upcoming(
        &self,
        scope: &OrgScope,
        schedule: ScheduleId,
        after: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<Timestamp>>, Error> {
        let mut moments = Vec::new();
        for days in SPANS {
            let end = (after.timestamp() + days * DAY).min(END_OF_TIME);
            let to = Timestamp::from_timestamp(end, 0).unwrap_or(after);
            let Some(found) = self.moments(scope, schedule, after, to).await? else { return Ok(None) };
            moments = found;
            if moments.len() >= limit {
                break;
            }
        }
        moments.truncate(limit);
        Ok(Some(moments))
    }

    /// The moments at which the schedule's spec is due in this span, at most [`MOST_MOMENTS`]; nothing, if there is no such schedule.
    /// The span's begin and its end belong to it.
    pub async fn moments(
        &self,
        scope: &OrgScope,
        schedule: ScheduleId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<Vec<Timestamp>>, Error> {
        let list = ListScheduleMatchingTimesRequest {
            namespace: namespace(scope),
            schedule_id: schedule.to_string(),
            start_time: Some(before(from).into()),
            end_time: Some(SystemTime::from(to).into()),
        };
        let mut service = self.temporal.workflow_service().await?;
        let mut listed = found(call(service.list_schedule_matching_times(request(list.clone()))).await);
        // Temporal asks the schedule's own workflow, which now and then cannot answer while it is at work.
        if let Err(Error::Unavailable(_)) = listed {
            sleep(PAUSE).await;
            listed = found(call(service.list_schedule_matching_times(request(list))).await);
        }
        Ok(listed?.map(|listed| {
            listed.start_time.into_iter().filter_map(|at| moment(at.seconds, at.nanos)).collect()
        }))
    }

    /// Has the schedule start something now, also while it rests. Answers whether there was one.
    pub async fn trigger(&self, scope: &OrgScope, schedule: ScheduleId) -> Result<bool, Error> {
        let trigger = TriggerImmediatelyRequest::default();
        let patch = SchedulePatch { trigger_immediately: Some(trigger), ..Default::default() };
        self.patch(scope, schedule, patch).await
    }

    /// Has the schedule start what it would have started in this span. Answers whether there was one.
    pub async fn backfill(
        &self,
        scope: &OrgScope,
        schedule: ScheduleId,
        backfill: Backfill,
    ) -> Result<bool, Error> {
        let span = BackfillRequest {
            start_time: Some(before(backfill.from).into()),
            end_time: Some(SystemTime::from(backfill.to).into()),
            overlap_policy: backfill.overlap.map(policy).unwrap_or_default().into(),
        };
        let patch = SchedulePatch { backfill_request: vec![span], ..Default::default() };
        self.patch(scope, schedule, patch).await
    }

    async fn patch(
        &self,
        scope: &OrgScope,
        schedule: ScheduleId,
        patch: SchedulePatch,
    ) -> Result<bool, Error> {
        let patch = PatchScheduleRequest {
            namespace: namespace(scope),
            schedule_id: schedule.to_string(),
            patch: Some(patch),
            identity: IDENTITY.to_owned(),
            request_id: Uuid::new_v4().to_string(),
        };
        let mut service = self.temporal.workflow_service().await?;
        found(call(service.patch_schedule(request(patch))).await).map(|done| done.is_some())
    }
}

fn start(action: ScheduleActionResult) -> Option<Start> {
    let run = action.start_workflow_result?;
    let at = action.actual_time.and_then(|at| moment(at.seconds, at.nanos));
    Some(Start { workflow_id: run.workflow_id, run_id: run.run_id, at })
}

/// Temporal leaves the begin of a span out.
fn before(moment: Timestamp) -> SystemTime {
    SystemTime::from(moment) - Duration::from_millis(1)
}

fn is_there(error: &Error) -> bool {
    let Error::Internal(cause) = error else { return false };
    cause.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::AlreadyExists)
}

/// The schedule in Temporal's words.
fn wire(schedule: &Schedule, state: State) -> Result<Wire, Error> {
    let policies = SchedulePolicies {
        overlap_policy: policy(schedule.overlap).into(),
        catchup_window: Some(seconds(schedule.catchup_window.seconds()).try_into().map_err(Error::internal)?),
        ..Default::default()
    };
    let state =
        ScheduleState { notes: schedule.note.clone(), paused: state == State::Rests, ..Default::default() };
    Ok(Wire {
        spec: Some(spec(schedule)?),
        action: Some(ScheduleAction { action: Some(Action::StartWorkflow(workflow(schedule)?)) }),
        policies: Some(policies),
        state: Some(state),
    })
}

fn spec(schedule: &Schedule) -> Result<WireSpec, Error> {
    let jitter = Some(seconds(schedule.jitter.seconds()).try_into().map_err(Error::internal)?);
    let of = WireSpec { jitter, ..Default::default() };
    Ok(match &schedule.spec {
        ScheduleSpec::Cron { cron, timezone } => WireSpec {
            cron_string: vec![cron.as_str().to_owned()],
            timezone_name: timezone.as_str().to_owned(),
            ..of
        },
        ScheduleSpec::Calendar { calendar, timezone } => WireSpec {
            calendar: vec![wire_calendar(calendar.clone())],
            timezone_name: timezone.as_str().to_owned(),
            ..of
        },
        ScheduleSpec::Every(interval) => {
            let interval = Some(seconds(interval.seconds()).try_into().map_err(Error::internal)?);
            WireSpec { interval: vec![IntervalSpec { interval, phase: None }], ..of }
        }
    })
}

fn wire_calendar(calendar: Calendar) -> CalendarSpec {
    CalendarSpec {
        second: calendar.second.unwrap_or_default(),
        minute: calendar.minute.unwrap_or_default(),
        hour: calendar.hour.unwrap_or_default(),
        day_of_month: calendar.day_of_month.unwrap_or_default(),
        month: calendar.month.unwrap_or_default(),
        year: calendar.year.unwrap_or_default(),
        day_of_week: calendar.day_of_week.unwrap_or_default(),
        comment: String::new(),
    }
}

/// What it starts. The definition and the input are read when it begins: those are the latest then.
fn workflow(schedule: &Schedule) -> Result<NewWorkflowExecutionInfo, Error> {
    let input = HostedInput { workflow: schedule.workflow.clone(), definition: None, input: Value::Null };
    let input = serde_json::to_value(input).map_err(Error::internal)?;
    let found_by: SearchAttributes = search_attributes::of_workflow(&schedule.workflow)?.into_proto();
    Ok(NewWorkflowExecutionInfo {
        workflow_id: schedule.id.to_string(),
        workflow_type: Some(WorkflowType { name: WORKFLOW_TYPE.to_owned() }),
        task_queue: Some(TaskQueue { name: TASK_QUEUE.to_owned(), ..Default::default() }),
        input: Some(payloads(&input)?),
        search_attributes: Some(found_by),
        ..Default::default()
    })
}

fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

const fn policy(overlap: Overlap) -> ScheduleOverlapPolicy {
    match overlap {
        Overlap::Skip => ScheduleOverlapPolicy::Skip,
        Overlap::BufferOne => ScheduleOverlapPolicy::BufferOne,
        Overlap::BufferAll => ScheduleOverlapPolicy::BufferAll,
        Overlap::CancelOther => ScheduleOverlapPolicy::CancelOther,
        Overlap::TerminateOther => ScheduleOverlapPolicy::TerminateOther,
        Overlap::AllowAll => ScheduleOverlapPolicy::AllowAll,
    }
}
