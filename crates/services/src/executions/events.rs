//! Following an execution: what happens to it and its tasks, as it happens.
//!
//! Nobody announces it. So this node looks, once for all who follow the same execution, and whoever follows is told what is news to them:
//! the latest state of the execution and of each task, in the order of their latest changes. Nothing is queued: who is slow is told less
//! often, and never less in the end.
//!
//! | what | is looked for | how often |
//! |---|---|---|
//! | the execution | in its row, or in Temporal as [`ends`](super::ends) says | every [`SOONEST`], and less often while nothing changes, down to [`LATEST`] |
//! | its tasks | at the hosted worker while it runs, then in the row | the same |
//!
//! Looks take turns: one at a time for each organization, [`AT_ONCE`] in all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use serde_json::Value;
use tenantry_domain::{
    Execution, ExecutionId, OrgScope, OrganizationId, OrganizationStatus, Work, chain, execution::EventPlace,
};
use tenantry_storage::{Access, Doors as _, TenantTx, executions, organizations};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    Executions,
    tasks::{change, list, settled},
};
use crate::{Error, shares::Shares};

/// How long to wait between two looks.
const SOONEST: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(2);
/// How many executions are looked at together.
const AT_ONCE: usize = 16;
/// How long a look waits for the hosted worker.
const TASKS_LIMIT: Duration = Duration::from_secs(5);
/// How many events are told together at most.
const TOGETHER: usize = 100;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place among all events of the execution.
    pub place: EventPlace,
    /// What it was about, as it is since.
    pub about: About,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// The execution, without its input, output and error.
    Execution(Box<Execution>),
    /// A task of it, in the form in which the interpreter tells it.
    Task(Value),
}

/// Somebody follows an execution, until this is dropped.
#[derive(Debug)]
pub struct Following {
    work: Work,
    told: Option<EventPlace>,
    latest: watch::Receiver<Latest>,
    _watch: Arc<Watch>,
}

impl Following {
    /// What the execution runs.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Whether there is nothing left to tell.
    pub fn is_over(&self) -> bool {
        self.told == Some(EventPlace::Ended)
    }

    /// Waits for events, and tells the first that have not been told; none when the last has been, or the execution is gone. Whoever stops
    /// waiting misses nothing.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        while !self.is_over() {
            let news = match &*self.latest.borrow_and_update() {
                Latest::Unknown => Vec::new(),
                Latest::Known(course) => course.after(self.told),
                Latest::Gone => return None,
            };
            if let Some(last) = news.last() {
                self.told = Some(last.place);
                return Some(news);
            }
            self.latest.changed().await.ok()?;
        }
        None
    }
}

/// An execution that is looked at, until this is dropped.
#[derive(Debug)]
struct Watch {
    latest: watch::Receiver<Latest>,
    looking: AbortHandle,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq)]
enum Latest {
    Unknown,
    Known(Arc<Course>),
    Gone,
}

/// An execution and its tasks, as they were at a moment.
#[derive(Debug, PartialEq)]
struct Course {
    execution: Execution,
    tasks: Vec<Value>,
}

impl Course {
    fn new(execution: Execution, tasks: Vec<Value>) -> Self {
        let tasks = settled(&execution, tasks);
        Self { execution, tasks }
    }

    /// The first events after those that have been told.
    fn after(&self, told: Option<EventPlace>) -> Vec<Event> {
        let tasks = self.tasks.iter().map(|task| (EventPlace::Task(change(task)), Some(task)));
        let all = tasks.chain([(EventPlace::of(self.execution.status), None)]);
        let mut news: Vec<_> = all.filter(|(place, _)| Some(*place) > told).collect();
        news.sort_by_key(|(place, _)| *place);
        news.truncate(TOGETHER);
        let event = |(place, task): (EventPlace, Option<&Value>)| {
            let execution = || About::Execution(Box::new(self.execution.clone()));
            Event { place, about: task.map_or_else(execution, |task| About::Task(task.clone())) }
        };
        news.into_iter().map(event).collect()
    }
}

/// The executions that are followed on this node.
#[derive(Debug)]
pub(super) struct Watches {
    watches: Mutex<HashMap<(OrganizationId, ExecutionId), Weak<Watch>>>,
    turns: Shares,
}

impl Default for Watches {
    fn default() -> Self {
        Self { watches: Mutex::default(), turns: Shares::new(AT_ONCE) }
    }
}

impl Watches {
    /// The watch of an execution, begun if there is none.
    fn of(&self, execution: (OrganizationId, ExecutionId), begin: impl FnOnce() -> Watch) -> Arc<Watch> {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = watches.get(&execution).and_then(Weak::upgrade) {
            return watch;
        }
        watches.retain(|_, watch| watch.strong_count() > 0);
        let watch = Arc::new(begin());
        watches.insert(execution, Arc::downgrade(&watch));
        watch
    }
}

impl Executions {
    /// Follows an execution from the events on that come after one that was heard of before, or from its state now.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an execution.
    pub async fn follow(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        told: Option<EventPlace>,
    ) -> Result<Following, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let execution = executions::facts(&mut tx, id).await?.ok_or(Error::NotFound("execution"))?;
        drop(tx);
        // Whoever heard of an end that has not come heard of another's.
        let told = told.filter(|told| *told < EventPlace::Ended || execution.status.is_final());
        let background = scope.for_background();
        let watch = self.watches.of((scope.organization(), id), || self.watch(background, id));
        Ok(Following { work: execution.work, told, latest: watch.latest.clone(), _watch: watch })
    }

    fn watch(&self, scope: OrgScope, id: ExecutionId) -> Watch {
        let (tell, latest) = watch::channel(Latest::Unknown);
        let executions = self.clone();
        let looking = tokio::spawn(async move { executions.keep_looking(&scope, id, tell).await });
        Watch { latest, looking: looking.abort_handle() }
    }

    async fn keep_looking(&self, scope: &OrgScope, id: ExecutionId, tell: watch::Sender<Latest>) {
        let (mut last, mut pause) = (Latest::Unknown, SOONEST);
        loop {
            let turn = self.watches.turns.take(scope.organization()).await;
            let seen = self.see(scope, id, &last).await;
            drop(turn);
            match seen {
                Ok(seen) if seen != last => {
                    pause = SOONEST;
                    last = seen.clone();
                    tell.send_replace(seen);
                }
                Ok(_) => pause = (pause * 3 / 2).min(LATEST),
                Err(error) => {
                    tracing::debug!(execution = %id, error = chain(&error), "cannot look at an execution");
                    pause = LATEST;
                }
            }
            if last.is_last() {
                return;
            }
            sleep(pause).await;
        }
    }

    /// Looks at an execution. What cannot be known now is as it was when somebody looked last.
    async fn see(&self, scope: &OrgScope, id: ExecutionId, last: &Latest) -> Result<Latest, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let Some(mut execution) = executions::facts(&mut tx, id).await? else { return Ok(Latest::Gone) };
        if self.is_worth_a_look(&execution) {
            drop(tx);
            self.look_briefly(scope, &execution).await;
            tx = self.store.tenant(scope, Access::Read).await?;
            let Some(since) = executions::facts(&mut tx, id).await? else { return Ok(Latest::Gone) };
            execution = since;
        }
        // When somebody looked is no news.
        execution.checked_at = None;
        let tasks = match self.tasks_of(scope, tx, &execution).await {
            Ok(tasks) => tasks,
            Err(error) => {
                tracing::debug!(execution = %id, error = chain(&error), "the tasks are as they were");
                last.tasks()
            }
        };
        Ok(Latest::Known(Arc::new(Course::new(execution, tasks))))
    }

    async fn tasks_of(
        &self,
        scope: &OrgScope,
        mut tx: TenantTx,
        execution: &Execution,
    ) -> Result<Vec<Value>, Error> {
        if execution.work.is_own() || execution.run_id.is_none() {
            return Ok(Vec::new());
        }
        if execution.status.is_final()
            && let Some(written) = executions::tasks(&mut tx, execution.id).await?
        {
            return Ok(list(written));
        }
        // The scope only tells what the organization was when somebody began to follow.
        let status = organizations::own(&mut tx).await?.status;
        drop(tx);
        if status != OrganizationStatus::Active {
            return Err(Error::OrganizationNot(status));
        }
        let asked = timeout(TASKS_LIMIT, self.ask_for_tasks(scope, status, execution)).await;
        asked.map_err(|late| Error::Unavailable(late.into()))?
    }
}

impl Latest {
    /// Whether nothing will change any more.
    fn is_last(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Known(course) => course.execution.status.is_final(),
            Self::Gone => true,
        }
    }

    fn tasks(&self) -> Vec<Value> {
        match self {
            Self::Known(course) => course.tasks.clone(),
            Self::Unknown | Self::Gone => Vec::new(),
        }
    }
}
