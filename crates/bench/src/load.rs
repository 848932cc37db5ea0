//! A load generator for HTTP/1.1, in a process of its own, so that the server's processor time can be told from the client's.
//!
//! The benchmark starts its own program again with [`ARGUMENT`], and that one calls [`obey`]. It reads an [`Order`] a line, connects,
//! and says so; told to go, it sends a request on each connection as soon as the answer before it is there, and reports.

use std::{
    io::{BufRead as _, Write as _},
    net::SocketAddr,
    process::Stdio,
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
}

/// What the load generator knows of it.
#[derive(Serialize, Deserialize)]
struct Sent {
    answers: f64,
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
        Report { rate: sent.answers / sent.seconds, p50: sent.p50, p99: sent.p99, server_cpu }
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
        let sent = runtime.block_on(send(connections, order.duration));
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
        let mut connection = Connection::to(order).await;
        connection.exchange().await;
        connections.push(connection);
    }
    connections
}

async fn send(connections: Vec<Connection>, duration: Duration) -> Sent {
    let began = Instant::now();
    let sending = connections.into_iter().map(|connection| connection.exchange_until(began + duration));
    let mut took = sending.collect::<JoinSet<_>>().join_all().await.concat();
    let seconds = began.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    let answers = u32::try_from(took.len()).map_or(f64::INFINITY, f64::from);
    Sent { answers, seconds, p50: quantile(&took, 50), p99: quantile(&took, 99) }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn to(order: &Order) -> Self {
        let stream = TcpStream::connect(order.address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("an option that every system has");
        Self { stream, request: order.request.clone().into_bytes(), answer: Vec::new() }
    }

    /// Sends one request after the other, and answers how many seconds each took.
    async fn exchange_until(mut self, end: Instant) -> Vec<f64> {
        let mut took = Vec::new();
        loop {
            let began = Instant::now();
            if began >= end {
                return took;
            }
            self.exchange().await;
            took.push(began.elapsed().as_secs_f64());
        }
    }

    async fn exchange(&mut self) {
        self.stream.write_all(&self.request).await.expect("the server reads");
        self.answer.clear();
        while length(&self.answer).is_none_or(|length| self.answer.len() < length) {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the server answers");
            assert_ne!(read, 0, "the server has closed a connection");
        }
    }
}

/// How long the answer is that begins like this, once its head is whole. Only success is an answer.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head is ASCII");
    assert!(text.starts_with("HTTP/1.1 200 "), "the server answered {text}");
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse::<usize>().ok());
    Some(head + length.expect("the server says how long its answer is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_where_an_answer_ends() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(length(answer), Some(answer.len()));
        assert_eq!(length(&answer[..answer.len() - 1]), Some(answer.len()));
        assert_eq!(length(&answer[..answer.len() - 4]), None);
        assert_eq!(length(b""), None);
    }

    #[test]
    #[should_panic(expected = "429")]
    fn should_take_no_refusal_for_an_answer() {
        length(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
    }
}
