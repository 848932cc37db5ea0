//! The service that orders call, which remembers who called when.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use tenantry_domain::{Clock as _, SystemClock, Timestamp};
use tokio::{net::TcpListener, sync::watch, time::sleep};

/// Prices an order, multiplies, and books the total. Each answer is needed for what comes after it.
const DEFINITION: &str = "
document: {dsl: 1.0.3, namespace: sales, name: order, version: 1.0.0}
do:
  - begin:
      set: {number: '${ .number }'}
      export: {as: .}
  - price:
      call: http
      with:
        method: post
        endpoint: '{shop}/price'
        body: {execution: '${ $workflow.id }', number: '${ .number }'}
  - rest:
      wait: {milliseconds: 200}
  - reckon:
      set: {total: '${ .price * $context.number }'}
  - book:
      call: http
      with:
        method: post
        endpoint: '{shop}/book'
        body: {execution: '${ $workflow.id }', total: '${ .total }'}
";
/// How long the shop takes for an answer: long enough that calls are under way when something is killed.
const WORK: Duration = Duration::from_millis(100);

/// The shop.
pub(crate) struct Shop {
    url: String,
    register: Arc<Register>,
}

/// The calls that an execution has made, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) price: Vec<Timestamp>,
    pub(crate) book: Vec<Timestamp>,
}

struct Register {
    calls: Mutex<HashMap<String, Calls>>,
    steps: Arc<watch::Sender<usize>>,
}

impl Shop {
    /// Opens it. Each call adds one to the steps.
    pub(crate) async fn open(steps: Arc<watch::Sender<usize>>) -> Self {
        let register = Arc::new(Register { calls: Mutex::default(), steps });
        let router = Router::new()
            .route("/price", post(price))
            .route("/book", post(book))
            .with_state(Arc::clone(&register));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, register }
    }

    /// The definition of an order at this shop.
    pub(crate) fn definition(&self) -> String {
        DEFINITION.replace("{shop}", &self.url)
    }

    /// What an order's output must be: reckoned here, from what the shop answers.
    pub(crate) fn output(execution: &str, number: usize) -> Value {
        json!({ "receipt": receipt(execution, number * price_of(number)) })
    }

    /// Every call so far, by the execution that made it.
    pub(crate) fn calls(&self) -> HashMap<String, Calls> {
        self.register.calls.lock().expect("no panic").clone()
    }
}

impl Register {
    fn note(&self, call: &Value, list: impl Fn(&mut Calls) -> &mut Vec<Timestamp>) {
        let execution = call["execution"].as_str().expect("an id").to_owned();
        let mut calls = self.calls.lock().expect("no panic");
        list(calls.entry(execution).or_default()).push(SystemClock.now());
        self.steps.send_modify(|steps| *steps += 1);
    }
}

async fn price(State(register): State<Arc<Register>>, Json(call): Json<Value>) -> Json<Value> {
    register.note(&call, |calls| &mut calls.price);
    sleep(WORK).await;
    Json(json!({ "price": price_of(number(&call["number"])) }))
}

async fn book(State(register): State<Arc<Register>>, Json(call): Json<Value>) -> Json<Value> {
    register.note(&call, |calls| &mut calls.book);
    sleep(WORK).await;
    let execution = call["execution"].as_str().expect("an id");
    Json(json!({ "receipt": receipt(execution, number(&call["total"])) }))
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

fn price_of(number: usize) -> usize {
    number * 7 + 3
}

fn receipt(execution: &str, total: usize) -> String {
    format!("{total} for {execution}")
}
