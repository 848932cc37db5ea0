//! The statements that our code sends, caught where sqlx tells of them.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, Once},
};

use tenantry_storage::Error;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber as _,
    subscriber::set_global_default,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    registry,
};

/// Does the work and answers what it asked PostgreSQL for.
pub(super) async fn sent<T>(work: impl Future<Output = Result<T, Error>>) -> String {
    // Somebody listens all the time: else whether sqlx tells of a statement depends on what other tests begin or end at this moment.
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| drop(set_global_default(registry())));
    let sent = Sent::default();
    let done = work.with_subscriber(registry().with(sent.clone())).await;
    assert!(done.is_ok(), "the work is done");
    let sent = sent.0.lock().expect("nobody panics while holding it");
    let mut queries = sent.iter().filter(|statement| statement.starts_with("select"));
    let query = queries.next().expect("the work asks for something").clone();
    assert_eq!(queries.next(), None, "one question for one function");
    query
}

#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Sent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut statement = Statement::default();
            event.record(&mut statement);
            self.0.lock().expect("nobody panics while holding it").push(statement.0);
        }
    }
}

/// A statement as sqlx tells it: short ones as `summary` alone.
#[derive(Default)]
struct Statement(String);

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        let told = match field.name() {
            "summary" => self.0.is_empty(),
            "db.statement" => !value.is_empty(),
            _ => false,
        };
        if told {
            value.trim().clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
