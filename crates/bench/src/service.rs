//! What definitions call: a service of this process, which answers at once or after a while, and notes who has come.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::sleep};

/// The service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where it is. `GET /now` is answered at once, `GET /after/500` after so many milliseconds; `POST /come` with an `execution` is noted.
    pub url: String,
    come: Arc<watch::Sender<HashMap<String, Instant>>>,
}

impl Service {
    /// Starts it.
    pub async fn start() -> Self {
        let come = Arc::new(watch::Sender::default());
        let router = Router::new()
            .route("/now", get(answer))
            .route("/after/{milliseconds}", get(answer_after))
            .route("/come", post(note))
            .with_state(Arc::clone(&come));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, come }
    }

    /// Waits until the execution has come, and tells when it did.
    pub async fn arrival(&self, execution: &str) -> Instant {
        let mut come = self.come.subscribe();
        let come = come.wait_for(|come| come.contains_key(execution)).await.expect("the service is there");
        come[execution]
    }
}

async fn answer() -> Json<Value> {
    Json(json!({ "number": 42 }))
}

async fn answer_after(Path(milliseconds): Path<u64>) -> Json<Value> {
    sleep(Duration::from_millis(milliseconds)).await;
    answer().await
}

async fn note(
    State(come): State<Arc<watch::Sender<HashMap<String, Instant>>>>,
    Json(call): Json<Value>,
) -> Json<Value> {
    let now = Instant::now();
    let execution = call["execution"].as_str().unwrap_or_default().to_owned();
    come.send_modify(|come| _ = come.entry(execution).or_insert(now));
    answer().await
}
