//! Executions of an organization's workflows, as recorded.

mod course;
mod scheduled;
mod unfinished;

use serde_json::Value;
use sqlx::{QueryBuilder, Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, OrgScope, Page, PageRequest, Revision, ScheduleId,
    TaskQueueName, TemporalWorkflowId, Timestamp, UserId, Work, Workflow, WorkflowName, WorkflowType,
};

pub use self::{
    course::{
        End, Wish, finish, mark_cancel_sent, mark_checked, mark_running, request_cancel,
        request_cancel_of_all,
    },
    scheduled::{NewScheduled, by_scheduled_run, insert_scheduled, is_scheduled_as},
    unfinished::{
        Busy, Look, Pending, looked, organizations_with_work, pending, running_among, take_looks, to_cancel,
        to_check,
    },
};
use crate::{
    Error, TenantTx, list,
    row::{id, id_if_any, word},
    workflows::reachable,
};

macro_rules! columns {
    () => {
        concat!(columns!(facts), ", executions.input, executions.output, executions.error")
    };
    (facts) => {
        "executions.id, workflows.name as workflow, executions.revision, executions.workflow_type,
         executions.task_queue, executions.temporal_workflow_id, executions.first_run_id, executions.run_id, executions.status,
         executions.status_reason, executions.started_at, executions.ended_at, executions.checked_at, executions.started_by,
         executions.schedule_id"
    };
}
use columns;

/// Executions with the names of their workflows, if it is definitions that they run.
macro_rules! tables {
    () => {
        "executions left join workflows
             on workflows.organization_id = executions.organization_id and workflows.id = executions.workflow_id"
    };
}
use tables;

/// One execution, if the actor can reach it.
macro_rules! reached {
    () => {
        " where executions.organization_id = $1 and executions.id = $2
            and ($3::text[] is null or workflows.name = any ($3))
            and ($4::text[] is null or executions.task_queue is null or executions.task_queue = any ($4))"
    };
}

/// The task queues whose executions the scope's actor can reach, as a parameter that is null when it is all of them. Names of
/// workflows leave all of these out: none of them has one.
fn reachable_queues(scope: &OrgScope) -> Option<Vec<String>> {
    scope.task_queues().map(|names| names.iter().map(ToString::to_string).collect())
}

/// What the execution is called in Temporal.
fn workflow_id(row: &PgRow) -> Result<TemporalWorkflowId, sqlx::Error> {
    let chosen: Option<String> = row.try_get("temporal_workflow_id")?;
    let own = || id(row, "id", ExecutionId::from_uuid).map(TemporalWorkflowId::from);
    chosen.map_or_else(own, |chosen| Ok(TemporalWorkflowId::from_storage(chosen)))
}

fn work(row: &PgRow) -> Result<Work, sqlx::Error> {
    Ok(match row.try_get("workflow_type")? {
        None => Work::Definition { workflow: row.try_get("workflow")?, revision: row.try_get("revision")? },
        Some(workflow_type) => Work::Own {
            workflow_type: WorkflowType::from_storage(workflow_type),
            task_queue: TaskQueueName::from_storage(row.try_get("task_queue")?),
        },
    })
}

fn from_row(row: &PgRow) -> Result<Execution, sqlx::Error> {
    let json = |column| row.try_get::<Option<Json<Value>>, _>(column).map(|value| value.map(|json| json.0));
    Ok(Execution {
        id: id(row, "id", ExecutionId::from_uuid)?,
        work: work(row)?,
        workflow_id: workflow_id(row)?,
        first_run_id: row.try_get("first_run_id")?,
        run_id: row.try_get("run_id")?,
        status: word(row, "status")?,
        status_reason: row.try_get("status_reason")?,
        input: json("input")?,
        output: json("output")?,
        error: json("error")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        checked_at: row.try_get("checked_at")?,
        started_by: id_if_any(row, "started_by", UserId::from_uuid)?,
        schedule: id_if_any(row, "schedule_id", ScheduleId::from_uuid)?,
    })
}

/// An execution that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewExecution<'a> {
    /// Its id.
    pub id: ExecutionId,
    /// What it runs.
    pub work: NewWork<'a>,
    /// What it is started with.
    pub input: &'a Value,
}

/// What an execution is to run.
#[derive(Clone, Copy, Debug)]
pub enum NewWork<'a> {
    /// A definition.
    Definition(&'a Workflow),
    /// A workflow type of own workers.
    Own {
        /// Which.
        workflow_type: &'a WorkflowType,
        /// Where those workers look for work.
        task_queue: &'a TaskQueueName,
        /// What it is to be called in Temporal, if not as the execution.
        workflow_id: Option<&'a TemporalWorkflowId>,
    },
}

/// The columns that set the two kinds of work apart, in the order of the insert.
type WorkColumns<'a> = (Option<uuid::Uuid>, Option<Revision>, [Option<&'a str>; 3]);

impl<'a> NewWork<'a> {
    fn columns(self) -> WorkColumns<'a> {
        match self {
            Self::Definition(workflow) => (Some(workflow.id.uuid()), Some(workflow.revision), [None; 3]),
            Self::Own { workflow_type, task_queue, workflow_id } => {
                let own = [
                    Some(workflow_type.as_str()),
                    Some(task_queue.as_str()),
                    workflow_id.map(TemporalWorkflowId::as_str),
                ];
                (None, None, own)
            }
        }
    }
}

/// Records the intent to execute something.
///
/// # Errors
/// [`Conflict::ExecutionIdTaken`](crate::Conflict::ExecutionIdTaken) and
/// [`Conflict::WorkflowIdTaken`](crate::Conflict::WorkflowIdTaken).
pub async fn insert(tx: &mut TenantTx, new: NewExecution<'_>, now: Timestamp) -> Result<(), Error> {
    let (organization, started_by) =
        (tx.organization().uuid(), tx.scope().trail().actor.user().map(UserId::uuid));
    let (workflow, revision, [workflow_type, task_queue, workflow_id]) = new.work.columns();
    sqlx::query(
        "insert into executions
             (id, organization_id, workflow_id, revision, workflow_type, task_queue, temporal_workflow_id, status, input,
              started_at, started_by)
         values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8::json, $9, $10)",
    )
    .bind(new.id.uuid())
    .bind(organization)
    .bind(workflow)
    .bind(revision)
    .bind(workflow_type)
    .bind(task_queue)
    .bind(workflow_id)
    .bind(new.input.to_string())
    .bind(now)
    .bind(started_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The execution with this id, if the scope's actor can reach what it runs.
pub async fn get(tx: &mut TenantTx, execution: ExecutionId) -> Result<Option<Execution>, Error> {
    one(tx, execution, concat!("select ", columns!(), " from ", tables!(), reached!())).await
}

/// The same without its input, output and error.
pub async fn facts(tx: &mut TenantTx, execution: ExecutionId) -> Result<Option<Execution>, Error> {
    let query = concat!(
        "select ",
        columns!(facts),
        ", null::json as input, null::json as output, null::json as error from ",
        tables!(),
        reached!()
    );
    one(tx, execution, query).await
}

async fn one(
    tx: &mut TenantTx,
    execution: ExecutionId,
    query: &'static str,
) -> Result<Option<Execution>, Error> {
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(reachable(tx.scope()))
        .bind(reachable_queues(tx.scope()))
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The execution whose starter chose this name for it in Temporal, whoever can reach it.
pub async fn by_workflow_id(
    tx: &mut TenantTx,
    workflow_id: &TemporalWorkflowId,
) -> Result<Option<Execution>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from ",
        tables!(),
        " where executions.organization_id = $1 and executions.temporal_workflow_id = $2
            and executions.schedule_id is null"
    );
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(workflow_id.as_str())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The states of an execution's tasks, if they were written with its end.
pub async fn tasks(tx: &mut TenantTx, execution: ExecutionId) -> Result<Option<Value>, Error> {
    let query = "select tasks from executions where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    let row =
        sqlx::query(query).bind(organization).bind(execution.uuid()).fetch_optional(tx.connection()).await?;
    let tasks = row.map(|row| row.try_get::<Option<Json<Value>>, _>("tasks")).transpose()?;
    Ok(tasks.flatten().map(|json| json.0))
}

/// Which executions of a list are wanted; every condition that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this workflow.
    pub workflow: Option<WorkflowName>,
    /// Those that this schedule started.
    pub schedule: Option<ScheduleId>,
    /// Those in this state.
    pub status: Option<ExecutionStatus>,
    /// Those that were accepted at this moment or later.
    pub started_after: Option<Timestamp>,
    /// Those that were accepted before this moment.
    pub started_before: Option<Timestamp>,
}

/// The executions that the scope's actor can reach, newest first. What is larger than 4 KiB of an input, an output or an error is left out, so that a
/// page has a bound.
pub async fn list(tx: &mut TenantTx, filter: &Filter, page: PageRequest) -> Result<Page<Execution>, Error> {
    let select = concat!(
        "select ",
        columns!(facts),
        ",
             case when length(executions.input::text) <= 4096 then executions.input end as input,
             case when length(executions.output::text) <= 4096 then executions.output end as output,
             case when length(executions.error::text) <= 4096 then executions.error end as error
         from ",
        tables!(),
        " where executions.organization_id = "
    );
    let organization = tx.organization().uuid();
    let mut query = QueryBuilder::new(select);
    query.push_bind(organization).push(" and executions.id < ").push_bind(page.before());
    if let Some(workflow) = &filter.workflow {
        query
            .push(" and executions.workflow_id = (select id from workflows where organization_id = ")
            .push_bind(organization)
            .push(" and name = ")
            .push_bind(workflow.as_str())
            .push(")");
    }
    if let Some(schedule) = filter.schedule {
        query.push(" and executions.schedule_id = ").push_bind(schedule.uuid());
    }
    if let Some(status) = filter.status {
        query.push(" and executions.status = ").push_bind(status.as_str());
    }
    if let Some(after) = filter.started_after {
        query.push(" and executions.started_at >= ").push_bind(after);
    }
    if let Some(before) = filter.started_before {
        query.push(" and executions.started_at < ").push_bind(before);
    }
    if let Some(names) = reachable(tx.scope()) {
        query.push(" and workflows.name = any (").push_bind(names).push(")");
    }
    if let Some(queues) = reachable_queues(tx.scope()) {
        query
            .push(" and (executions.task_queue is null or executions.task_queue = any (")
            .push_bind(queues)
            .push("))");
    }
    query.push(" order by executions.id desc");
    if filter.started_after.or(filter.started_before).is_some() {
        list::plan_for_arguments(tx.connection()).await?;
    }
    list::filtered(tx.connection(), query, page, from_row).await
}
