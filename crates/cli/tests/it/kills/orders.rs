//! Orders, placed by a careful client while something is killed again and again; and all that must hold at the end.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use temporalio_client::{Connection, ConnectionOptions, WorkflowCountOptions};
use tenantry_client::{
    Client, Error, Timestamp, audit,
    executions::{Execution, ExecutionStatus, Filter, Start},
};
use tenantry_domain::{Clock as _, ExecutionId, SystemClock};
use tenantry_test_support::eventually;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    chance::Chance,
    shop::{Calls, Shop},
};
use crate::{member::Member, tenantry::Tenantry};

/// How many clients place orders at the same time.
const CLERKS: usize = 8;
/// How many steps of an order are seen from outside, if none is made again.
const STEPS: usize = 3;
/// How many calls a worker has under way at most.
const AT_ONCE: usize = 50;
/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long all of it may take; a tenth of it on a machine that has nothing else to do.
const LIMIT: Duration = Duration::from_mins(4);

/// Orders at a shop of their own, in an organization of their own.
pub(crate) struct Orders {
    shop: Shop,
    /// How many steps have been seen from outside: an order accepted, a call made.
    steps: Arc<watch::Sender<usize>>,
    member: Member,
    clients: Vec<Client>,
    ids: Vec<String>,
}

/// When something was killed, and when it was there again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strike {
    began: Timestamp,
    over: Timestamp,
}

impl Orders {
    /// Prepares so many orders, to be placed at these nodes.
    pub(crate) async fn prepare(count: usize, urls: &[&str], admin_key: &str) -> Self {
        let admin = Tenantry::with_key(urls[0], admin_key);
        // Others may use the same Temporal.
        let slug = format!("org-{}", &admin_key.to_ascii_lowercase()[3..11]);
        let member = Member::of(&admin, urls[0], &slug).await;
        admin.answer(&["org", "quotas", &slug, "--set", "starts_per_second=1000"]).await;
        let steps = Arc::new(watch::Sender::default());
        let shop = Shop::open(Arc::clone(&steps)).await;
        member.tenantry.write("order.yaml", 0o644, &shop.definition());
        member.tenantry.answer(&["workflow", "apply", "order.yaml"]).await;
        let client = |url: &&str| Client::new(url, member.secret().to_owned()).expect("a client");
        let clients = urls.iter().map(client).collect();
        let ids = (0..count).map(|_| ExecutionId::generate(SystemClock.now()).to_string());
        Self { shop, steps, clients, ids: ids.collect(), member }
    }

    /// Places all orders and waits for their ends; strikes so often meanwhile, at moments that chance chooses.
    pub(crate) async fn survive(
        &self,
        chance: &mut Chance,
        strikes: usize,
        strike: impl AsyncFnMut(&mut Chance),
    ) -> Vec<Strike> {
        let all = async {
            let (struck, ()) = tokio::join!(self.strike(chance, strikes, strike), self.place());
            self.ended().await;
            struck
        };
        let struck = timeout(LIMIT, all).await.ok();
        let Some(struck) = struck else { panic!("not all have ended: {:#?}", self.list().await) };
        struck
    }

    /// Strikes a moment after so many steps: there is always something to hit, however fast the machine.
    async fn strike(
        &self,
        chance: &mut Chance,
        strikes: usize,
        mut strike: impl AsyncFnMut(&mut Chance),
    ) -> Vec<Strike> {
        let most = self.ids.len() * STEPS * 3 / 4;
        let mut moments: Vec<_> = (0..strikes).map(|_| chance.below(most)).collect();
        moments.sort_unstable();
        let (mut steps, mut struck) = (self.steps.subscribe(), Vec::new());
        for moment in moments {
            steps.wait_for(|steps| *steps >= moment).await.expect("the orders are there");
            sleep(chance.milliseconds(100)).await;
            let began = SystemClock.now();
            strike(chance).await;
            struck.push(Strike { began, over: SystemClock.now() });
        }
        struck
    }

    async fn place(&self) {
        let mut clerks = JoinSet::new();
        for clerk in 0..CLERKS {
            let orders = self.ids.iter().cloned().enumerate().skip(clerk).step_by(CLERKS);
            clerks.spawn(place(self.clients.clone(), orders.collect(), Arc::clone(&self.steps)));
        }
        while let Some(placed) = clerks.join_next().await {
            placed.expect("all orders are placed");
        }
    }

    async fn ended(&self) {
        for status in ["pending", "running"] {
            let filter = Filter { status: Some(status.to_owned()), ..Filter::default() };
            let one = |client: Client| client.executions().list(&filter).limit(1).page();
            while !insist(&self.clients, one).await.items.is_empty() {
                sleep(PAUSE).await;
            }
        }
    }

    async fn list(&self) -> Vec<Execution> {
        insist(&self.clients, |client| client.executions().list(&Filter::default()).limit(200).all()).await
    }

    /// Checks all that must hold, whatever was struck and when.
    pub(crate) async fn check(&self, strikes: &[Strike], temporal_address: &str) {
        let executions = self.list().await;
        self.check_outputs(&executions);
        self.check_calls(&executions, strikes);
        self.check_temporal(temporal_address).await;
        self.check_audit().await;
    }

    fn check_outputs(&self, executions: &[Execution]) {
        assert_eq!(executions.len(), self.ids.len());
        for (number, id) in self.ids.iter().enumerate() {
            let execution = executions.iter().find(|execution| execution.id == *id).expect("the execution");
            assert_eq!(execution.status, ExecutionStatus::Completed, "{execution:#?}");
            assert_eq!(execution.output, Shop::output(id, number), "{execution:#?}");
        }
    }

    /// Each call was made. It was made again only after a strike, and never once what came of it was known: what comes after needs that.
    fn check_calls(&self, executions: &[Execution], strikes: &[Strike]) {
        let made = self.shop.calls();
        assert_eq!(made.len(), executions.len());
        let mut repeated = 0;
        for Execution { id, ended_at, .. } in executions {
            let Calls { price, book } = &made[id];
            assert!(!price.is_empty() && !book.is_empty(), "{id}: {price:?} {book:?}");
            assert!(price.last() < book.first(), "{id}: a price for what was booked: {price:?} {book:?}");
            assert!(book.last() < ended_at.as_ref(), "{id}: booked after its end: {book:?} {ended_at:?}");
            for again in price.windows(2).chain(book.windows(2)) {
                let explains = |strike: &Strike| strike.began <= again[1] && again[0] <= strike.over;
                assert!(
                    strikes.iter().any(explains),
                    "{id}: repeated without a cause: {again:?} {strikes:?}"
                );
                repeated += 1;
            }
        }
        assert!(repeated <= strikes.len() * AT_ONCE, "{repeated} were repeated");
    }

    /// Checks that no call was made twice, since nobody who makes calls was struck.
    pub(crate) fn check_no_repetition(&self) {
        for (id, Calls { price, book }) in self.shop.calls() {
            assert_eq!((price.len(), book.len()), (1, 1), "{id}");
        }
    }

    /// Temporal had each execution once, and none is open there.
    async fn check_temporal(&self, address: &str) {
        let address = format!("http://{}", address.trim_start_matches("http://"));
        let options = ConnectionOptions::new(address.parse::<url::Url>().expect("a URL")).build();
        let connection = Connection::connect(options).await.expect("a connection");
        let namespace = self.member.organization["namespace"].as_str().expect("a namespace");
        let options = temporalio_client::ClientOptions::new(namespace).build();
        let client = temporalio_client::Client::new(connection, options).expect("a client");
        eventually("Temporal has closed each", async || {
            let count =
                async |query| client.count_workflows(query, WorkflowCountOptions::default()).await.ok();
            assert!(count("").await?.count() <= self.ids.len(), "something was started twice");
            let closed = count("ExecutionStatus = 'Completed'").await?.count();
            (closed == self.ids.len()).then_some(())
        })
        .await;
    }

    /// The audit log is whole, and has one entry for each.
    async fn check_audit(&self) {
        let filter = audit::Filter { action: Some("execution.start".to_owned()), ..audit::Filter::default() };
        let entries = insist(&self.clients, |client| client.audit().list(&filter).limit(200).all()).await;
        let started: BTreeSet<_> = entries.iter().filter_map(|entry| entry.resource["id"].as_str()).collect();
        assert_eq!(entries.len(), self.ids.len());
        assert_eq!(started, self.ids.iter().map(String::as_str).collect());
        let log = insist(&self.clients, |client| client.audit().verify().send()).await;
        assert_eq!((log.valid, log.broken_at), (true, None));
    }
}

/// Places these orders, one after the other.
async fn place(clients: Vec<Client>, orders: Vec<(usize, String)>, steps: Arc<watch::Sender<usize>>) {
    for (number, id) in orders {
        let start = Start {
            input: Some(json!({ "number": number })),
            execution_id: Some(id.clone()),
            ..Start::default()
        };
        let placed = insist(&clients, |client| client.executions().start("order", &start).send()).await;
        assert_eq!((placed.id, &placed.input), (id, &start.input.unwrap_or(Value::Null)));
        steps.send_modify(|steps| *steps += 1);
    }
}

/// Makes a call that may be repeated until it is answered, at one node after the other.
async fn insist<T, F: Future<Output = Result<T, Error>>>(
    clients: &[Client],
    call: impl Fn(Client) -> F,
) -> T {
    for client in clients.iter().cycle() {
        match call(client.clone()).await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        sleep(PAUSE).await;
    }
    unreachable!("there is a client")
}
