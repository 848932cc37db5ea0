//! What happens to an execution, as it happens.

use std::{collections::VecDeque, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::{Instant, sleep_until, timeout};

use super::{ExecutionStatus, Task};
use crate::{
    Client, Error, Timestamp,
    call::refusal,
    sse::{Message, Reader, TooLarge},
};

/// The server says something every 15 s. A connection that is silent for longer is none any more.
const SILENCE: Duration = Duration::from_secs(40);
/// How long to wait before the stream is taken up again, unless the server says, and how long at most.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long the server may be away at a stretch: a restart, not a loss.
const PATIENCE: Duration = Duration::from_mins(2);

/// Something that happened. More kinds may come; those that this version does not know are left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The execution came to be in another status.
    Execution(Change),
    /// A task was entered, or left: how it is since. [`Task::entry`] says which.
    Task(Box<Task>),
}

/// An execution that came to be in another status.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The execution.
    pub id: String,
    /// Where it is in its life since.
    pub status: ExecutionStatus,
    /// What there is to say about the status.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// Its run id in Temporal, once there is one.
    #[serde(default)]
    pub run_id: Option<String>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

/// The events of an execution: first how all is now, then each change, until the execution ends.
///
/// ```no_run
/// # async fn example(client: tenantry_client::Client) -> Result<(), tenantry_client::Error> {
/// use tenantry_client::executions::Event;
///
/// let mut events = client.executions().events("exe_01h455vb4pex5vsknk084sn02q");
/// while let Some(event) = events.next().await? {
///     match event {
///         Event::Task(task) => println!("{} is {}", task.name, task.status),
///         Event::Execution(change) => println!("the execution is {:?}", change.status),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A stream that is cut, by a restart of the server or by whatever lies between, is taken up again where it was cut: nothing is missed, and
/// nothing comes twice.
#[derive(Debug)]
#[must_use = "nothing is asked for until the next event is"]
pub struct Events {
    client: Client,
    url: Url,
    patience: Duration,
    reader: Reader,
    open: Option<Response>,
    /// Bytes that are not read yet.
    rest: VecDeque<u8>,
    is_over: bool,
    /// Since when there is no stream.
    away: Option<Instant>,
    /// When to try again, and how long to wait if that fails.
    again: Option<Instant>,
    pause: Duration,
}

impl Events {
    pub(super) fn new(client: &Client, execution: &str) -> Self {
        Self {
            client: client.clone(),
            url: client.url(&["executions", execution, "events"]),
            patience: PATIENCE,
            reader: Reader::default(),
            open: None,
            rest: VecDeque::new(),
            is_over: false,
            away: None,
            again: None,
            pause: AGAIN_AFTER,
        }
    }

    /// Begins after this event: what [`last_event_id`](Self::last_event_id) was when somebody stopped.
    pub fn after(self, last_event_id: &str) -> Self {
        Self { reader: Reader::after(Some(last_event_id.to_owned())), ..self }
    }

    /// Waits so long for a server that is away before the error is given; two minutes unless told. With zero, every error is given at once,
    /// and the next call tries again after a pause.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The id of the latest event.
    pub fn last_event_id(&self) -> Option<&str> {
        self.reader.last_event_id.as_deref()
    }

    /// Waits for the next event; none comes after the end of the execution. Whoever stops waiting misses nothing, but has a stream begun
    /// anew if there was none yet.
    ///
    /// # Errors
    /// As [`Error`] says. What [passes by itself](Error::is_transient) is given only when it has lasted longer than the
    /// [patience](Self::patience); after every error the next call tries again.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        while !self.is_over {
            if let Some(message) = self.read()? {
                if let Some(event) = self.event(&message)? {
                    return Ok(Some(event));
                }
                continue;
            }
            match &mut self.open {
                None => self.begin().await?,
                Some(response) => match timeout(SILENCE, response.chunk()).await {
                    Ok(Ok(Some(bytes))) => {
                        self.rest.extend(bytes);
                        (self.away, self.pause) = (None, self.reader.retry.unwrap_or(AGAIN_AFTER));
                    }
                    _ => self.be_cut()?,
                },
            }
        }
        Ok(None)
    }

    /// The next whole event among the bytes that are there.
    fn read(&mut self) -> Result<Option<Message>, Error> {
        let bytes = self.rest.make_contiguous();
        let length = bytes.len();
        let (message, left) =
            self.reader.read(bytes).map_err(|TooLarge| unexpected("an event is too large"))?;
        let taken = length - left.len();
        self.rest.drain(..taken);
        Ok(message)
    }

    fn event(&mut self, message: &Message) -> Result<Option<Event>, Error> {
        Ok(match message.event.as_str() {
            "execution" => {
                let change: Change = data(message)?;
                self.is_over = change.status.is_final();
                Some(Event::Execution(change))
            }
            "task" => Some(Event::Task(data(message)?)),
            _ => None,
        })
    }

    /// Asks for the stream, when it is time to.
    async fn begin(&mut self) -> Result<(), Error> {
        if let Some(again) = self.again {
            sleep_until(again).await;
        }
        match self.ask().await {
            Ok(Some(response)) => self.open = Some(response),
            // The end was heard before.
            Ok(None) => self.is_over = true,
            Err(error) => {
                let wanted = match &error {
                    Error::Api(problem) => problem.retry_after,
                    _ => None,
                };
                self.lose(wanted);
                if !error.is_transient() || !self.has_patience() {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Once is a restart. A stream that is cut whenever it begins is none.
    fn be_cut(&mut self) -> Result<(), Error> {
        let is_first = self.away.is_none();
        self.lose(None);
        if is_first || self.has_patience() {
            return Ok(());
        }
        Err(unexpected("the stream of events ends before anything is told"))
    }

    fn has_patience(&self) -> bool {
        self.away.is_some_and(|since| since.elapsed() < self.patience)
    }

    async fn ask(&self) -> Result<Option<Response>, Error> {
        let request = self.client.begin(Method::GET, self.url.clone());
        let mut request = request.header(ACCEPT, "text/event-stream");
        if let Some(last) = self.last_event_id().filter(|last| !last.is_empty()) {
            request = request.header("Last-Event-ID", last);
        }
        let response = self.answered(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
            return Err(unexpected("it is no stream of events, so it may not come from a Tenantry server"));
        }
        Ok(Some(response))
    }

    /// The answer, without its body if it is a success.
    async fn answered(&self, request: RequestBuilder) -> Result<Response, Error> {
        let timed_out = || Error::TimedOut { url: self.client.address() };
        let asked = timeout(self.client.timeout, request.send()).await.map_err(|_| timed_out())?;
        let response = asked.map_err(|error| self.client.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refused = timeout(self.client.timeout, refusal(&self.client, response));
        Err(refused.await.unwrap_or_else(|_| timed_out()))
    }

    /// There is no stream, or none any more. The next is to be asked for after as long as the server wants, or the usual pause.
    fn lose(&mut self, wanted: Option<Duration>) {
        self.open = None;
        self.rest.clear();
        self.reader.begin_again();
        let now = Instant::now();
        self.away.get_or_insert(now);
        self.again = Some(now + wanted.unwrap_or(self.pause));
        self.pause = (self.pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn data<T: DeserializeOwned>(message: &Message) -> Result<T, Error> {
    serde_json::from_str(&message.data).map_err(|error| unexpected(&error.to_string()))
}

fn unexpected(reason: &str) -> Error {
    Error::Unexpected { status: 200, reason: reason.to_owned() }
}
