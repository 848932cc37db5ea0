//! A load generator for HTTP/1.1, in a process of its own, so that the server's processor time can be told from the client's.
//!
//! The benchmark starts its own program again with [`ARGUMENT`], and that one calls [`obey`]. It reads an [`Order`] a line, connects,
//! and says so; told to go, it sends a request on each connection as soon as the answer before it is there, and reports.

use std::{
    io::{BufRead as _, Write as _},
    net::SocketAddr,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

use crate::rounds::quantile;

/// The argument with which a program is to [`obey`].
pub const ARGUMENT: &str = "generate-load";

/// What is to be sent, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where to.
    pub address: SocketAddr,
    /// The whole request, which has no body.
    pub request: String,
    /// On so many connections at once.
    pub connections: usize,
    /// For so long.
    pub duration: Duration,
    /// Each connection rests so long after an answer.
    pub rest: Duration,
    /// What the answers' status is to be.
    pub expected: Expected,
}

/// What a server may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// Success, each time.
    Success,
    /// Success, or that these were too many requests.
    SuccessOrTooMany,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Answers in a second.
    pub rate: f64,
    /// The seconds that half of the answers took at most.
    pub p50: f64,
    /// The seconds that 99 of 100 answers took at most.
    pub p99: f64,
    /// The seconds of processor time that this process, the server, spent on an answer.
    pub server_cpu: f64,
    /// How many answers of a second were successes.
    pub successes: f64,
}

/// What the load generator knows of it.
#[derive(Serialize, Deserialize)]
struct Sent {
    answers: f64,
    successes: f64,
    seconds: f64,
    p50: f64,
    p99: f64,
}

/// The other process. It ends with this value.
pub struct Generator {
    _child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Generator {
    /// Starts it.
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("a program knows its file");
        let mut command = Command::new(program);
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts again");
        let orders = child.stdin.take().expect("its input is piped");
        let answers = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        Self { _child: child, orders, answers }
    }

    /// Has it send, and tells what came of it and what it cost this process.
    pub async fn run(&mut self, order: &Order) -> Report {
        let order = serde_json::to_string(order).expect("an order is JSON");
        self.say(&order).await;
        let before = cpu_time();
        let sent: Sent = serde_json::from_str(&self.say("go").await).expect("what was sent is JSON");
        let server_cpu = (cpu_time() - before) / sent.answers;
        let successes = sent.successes / sent.seconds;
        Report { rate: sent.answers / sent.seconds, p50: sent.p50, p99: sent.p99, server_cpu, successes }
    }

    async fn say(&mut self, line: &str) -> String {
        let said = self.orders.write_all(format!("{line}\n").as_bytes()).await;
        said.expect("the load generator listens");
        let answer = self.answers.next_line().await.expect("the load generator speaks");
        answer.expect("the load generator has not ended")
    }
}

/// The seconds of processor time that this process has taken.
fn cpu_time() -> f64 {
    let time = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime));
    time.expect("a process has taken no less than nothing").as_secs_f64()
}

/// Does what the program that started this one orders, until that has ended.
pub fn obey() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the load");
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    while let Some(line) = lines.next() {
        let order: Order = serde_json::from_str(&line).expect("an order is JSON");
        let connections = runtime.block_on(connect(&order));
        say("ready");
        lines.next();
        let sent = runtime.block_on(send(connections, &Arc::new(order)));
        say(&serde_json::to_string(&sent).expect("what was sent is JSON"));
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).expect("somebody listens");
}

/// Connects, and has each connection answer once, so that nothing is new when the time begins.
async fn connect(order: &Order) -> Vec<Connection> {
    let mut connections = Vec::new();
    for _ in 0..order.connections {
        let mut connection = Connection::to(order.address).await;
        connection.exchange(order.request.as_bytes()).await;
        connections.push(connection);
    }
    connections
}

async fn send(connections: Vec<Connection>, order: &Arc<Order>) -> Sent {
    let began = Instant::now();
    let sending = connections.into_iter().map(|connection| repeat(connection, Arc::clone(order)));
    let answers = sending.collect::<JoinSet<_>>().join_all().await.concat();
    let seconds = began.elapsed().as_secs_f64();
    let mut took: Vec<f64> = answers.iter().map(|answer| answer.took).collect();
    took.sort_by(f64::total_cmp);
    let count = |count| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    let successes = count(answers.iter().filter(|answer| answer.status == SUCCESS).count());
    let (p50, p99) = (quantile(&took, 50), quantile(&took, 99));
    Sent { answers: count(took.len()), successes, seconds, p50, p99 }
}

/// One answer: its status, and how many seconds it took.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    took: f64,
}

/// Sends one request after the other for as long as is ordered.
async fn repeat(mut connection: Connection, order: Arc<Order>) -> Vec<Answer> {
    let end = Instant::now() + order.duration;
    let mut answers = Vec::new();
    loop {
        let began = Instant::now();
        if began >= end {
            return answers;
        }
        let status = connection.exchange(order.request.as_bytes()).await;
        let is_too_many = status == TOO_MANY && order.expected == Expected::SuccessOrTooMany;
        assert!(status == SUCCESS || is_too_many, "the server answered {status}");
        answers.push(Answer { status, took: began.elapsed().as_secs_f64() });
        if !order.rest.is_zero() {
            tokio::time::sleep(order.rest).await;
        }
    }
}

const SUCCESS: u16 = 200;
const TOO_MANY: u16 = 429;

/// A connection that is kept for many requests.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("an option that every system has");
        Self { stream, answer: Vec::new() }
    }

    /// Sends a request, and tells the status of its answer once all of it is there.
    pub async fn exchange(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.expect("the server reads");
        self.answer.clear();
        loop {
            if let Some((status, length)) = head(&self.answer)
                && self.answer.len() >= length
            {
                return status;
            }
            let read = self.stream.read_buf(&mut self.answer).await.expect("the server answers");
            assert_ne!(read, 0, "the server has closed a connection");
        }
    }
}

/// The status of the answer that begins like this, and how long it is, once its head is whole.
fn head(answer: &[u8]) -> Option<(u16, usize)> {
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..end]).expect("a head is ASCII");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse::<usize>().ok());
    let length = length.expect("the server says how long its answer is");
    Some((status.expect("an answer begins with its status"), end + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_how_an_answer_begins_and_where_it_ends() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(head(answer), Some((200, answer.len())));
        assert_eq!(head(&answer[..answer.len() - 1]), Some((200, answer.len())));
        assert_eq!(head(&answer[..answer.len() - 4]), None);
        assert_eq!(head(b""), None);
    }
}
