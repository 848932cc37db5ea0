//! `GET /metrics`: what it says, and what it never says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use reqwest::Method;
use tenantry_domain::{Clock, SystemClock};
use tenantry_test_support::App;

use crate::{caller::Caller, operations::OPERATIONS, tenant::Tenant};

/// The values of the series, by their names and labels, as Prometheus reads them.
struct Scrape(BTreeMap<String, String>);

impl Scrape {
    async fn of(caller: &Caller) -> Self {
        let answer = caller.send(Method::GET, "/metrics", None).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; version=0.0.4")));
        let mut said: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut series = BTreeMap::new();
        for line in answer.text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (kind, name) = (words.next().expect("a kind"), words.next().expect("a name"));
                assert!(words.next().is_some_and(|text| !text.is_empty()), "{line}");
                assert!(said.entry(name).or_default().insert(kind), "said twice: {line}");
                continue;
            }
            let (name, value) = line.rsplit_once(' ').expect("a series and its value");
            let family = name.split('{').next().expect("a name");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| family.strip_suffix(end))
                .unwrap_or(family);
            assert_eq!(said.get(family), Some(&BTreeSet::from(["HELP", "TYPE"])), "{line}");
            let known = series.insert(name.to_owned(), value.to_owned());
            assert_eq!(known, None, "{line}");
        }
        Self(series)
    }

    /// How many, where a series counts.
    fn count(&self, series: &str) -> u64 {
        self.0.get(series).map_or(0, |value| value.parse().expect("a whole number"))
    }

    fn number(&self, series: &str) -> f64 {
        self.0[series].parse().expect("a number")
    }

    fn families(&self) -> BTreeSet<&str> {
        self.0.keys().map(|series| series.split('{').next().expect("a name")).collect()
    }
}

#[tokio::test]
async fn should_count_requests_by_route_and_say_how_long_they_took() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let before = Scrape::of(&admin).await;
    for _ in 0..3 {
        acme.customer.get("/me").await.data(200);
    }
    acme.customer.get(&format!("/users/{}", acme.customer.user)).await.data(200);
    acme.customer.get(&format!("/users/{}", acme.manager.user)).await.problem(404, "not_found");
    acme.customer.send(Method::HEAD, "/api/v0/me", None).await;
    acme.customer.delete("/me").await.problem(405, "method_not_allowed");
    Caller::anonymous(&app).get("/me").await.problem(401, "unauthenticated");
    Caller::anonymous(&app).get("/nothing").await.problem(404, "not_found");
    let after = Scrape::of(&admin).await;
    let more = |series: &str| after.count(series) - before.count(series);

    let requests = |labels: &str| more(&format!("tenantry_http_requests_total{{{labels}}}"));
    assert_eq!(requests(r#"method="GET",route="/api/v0/me",status="2xx""#), 3);
    assert_eq!(requests(r#"method="GET",route="/api/v0/me",status="4xx""#), 1);
    assert_eq!(requests(r#"method="HEAD",route="/api/v0/me",status="2xx""#), 1);
    assert_eq!(requests(r#"method="DELETE",route="/api/v0/me",status="4xx""#), 1);
    assert_eq!(requests(r#"method="GET",route="/api/v0/users/{user}",status="2xx""#), 1);
    assert_eq!(requests(r#"method="GET",route="/api/v0/users/{user}",status="4xx""#), 1);
    assert_eq!(requests(r#"method="GET",route="unknown",status="4xx""#), 1);
    assert_eq!(requests(r#"method="GET",route="/metrics",status="2xx""#), 1);
    let took = |of: &str| more(&format!("tenantry_http_request_duration_seconds_{of}"));
    assert_eq!(took(r#"count{method="GET",route="/api/v0/me"}"#), 4);
    assert_eq!(took(r#"bucket{method="GET",route="/api/v0/me",le="+Inf"}"#), 4);
    let seconds =
        after.number(r#"tenantry_http_request_duration_seconds_sum{method="GET",route="/api/v0/me"}"#);
    assert!(seconds > 0.0 && seconds < 10.0, "{seconds}");
    let authentications =
        |outcome: &str| more(&format!("tenantry_authentications_total{{outcome=\"{outcome}\"}}"));
    assert_eq!([authentications("ok"), authentications("refused")], [6, 1]);
    let problems = |code: &str| more(&format!("tenantry_http_problems_total{{code=\"{code}\"}}"));
    assert_eq!([problems("not_found"), problems("unauthenticated"), problems("internal")], [2, 1, 0]);
    assert_eq!(after.0[r#"tenantry_http_problems_total{code="rate_limited"}"#], "0", "and not unknown");
}

#[tokio::test]
async fn should_say_what_the_server_has_and_uses() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let scrape = Scrape::of(&admin).await;
    assert_eq!(scrape.count("tenantry_http_connections_max"), 4096);
    assert_eq!(scrape.count("tenantry_http_connections_open"), 1);
    let pool = |of: &str| scrape.count(&format!("tenantry_postgresql_connections{of}"));
    assert_eq!(pool(r#"_max{pool="application"}"#), 6);
    assert_eq!(pool(r#"_max{pool="platform"}"#), 3);
    let platform = [pool(r#"{pool="platform",state="idle"}"#), pool(r#"{pool="platform",state="used"}"#)];
    assert!((1..=3).contains(&platform.iter().sum::<u64>()), "{platform:?}");
    assert_eq!(scrape.count(&format!("tenantry_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1);
    if cfg!(target_os = "linux") {
        assert!(scrape.number("process_cpu_seconds_total") > 0.0);
        assert!((1e6..1e11).contains(&scrape.number("process_resident_memory_bytes")));
        assert!((10.0..scrape.number("process_max_fds")).contains(&scrape.number("process_open_fds")));
        let now = Clock::now(&SystemClock).timestamp_micros();
        let age = Duration::from_micros(now.cast_unsigned()).as_secs_f64()
            - scrape.number("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age} s old");
    }
}

#[tokio::test]
async fn should_have_no_more_series_however_many_paths_are_asked_for() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await.with_quote().await;
    let ask = async |round: usize| {
        let path = |number: usize| match number % 10 {
            0 => format!("/api/v0/workflows/w{number}"),
            _ => format!("/nothing/{number}?x={number}"),
        };
        let paths = (round * 500..(round + 1) * 500).map(path);
        let methods = (0..20).map(|number| format!("M{number}-{round}"));
        let asked =
            paths.map(|path| ("GET".to_owned(), path)).chain(methods.map(|method| (method, "/".to_owned())));
        let asking = asked.map(|(method, path)| {
            let (caller, method) = (&acme.manager, Method::from_bytes(method.as_bytes()).expect("a method"));
            async move { caller.send(method, &path, None).await.problem(404, "not_found") }
        });
        stream::iter(asking).buffer_unordered(3).for_each(|_| async {}).await;
    };
    ask(0).await;
    let before = Scrape::of(&admin).await;
    ask(1).await;
    let after = Scrape::of(&admin).await;
    // But for the scrape before, which is the first request to its route.
    let scrapes = |series: &&String| !series.contains("\"/metrics\"");
    assert!(before.0.keys().filter(scrapes).eq(after.0.keys().filter(scrapes)));
    let unknown = |scrape: &Scrape| {
        scrape.count(r#"tenantry_http_requests_total{method="GET",route="unknown",status="4xx"}"#)
    };
    assert_eq!((unknown(&before), unknown(&after)), (450, 900));

    let routes: BTreeSet<&str> =
        OPERATIONS.iter().map(|operation| operation.route).chain(["unknown"]).collect();
    for series in after.0.keys() {
        for secret in
            [&acme.manager, &admin].map(|caller| [&caller.secret, &caller.user, &caller.api_key]).concat()
        {
            assert!(!series.contains(secret.as_str()), "{series}");
        }
        assert!(!series.contains("acme") && !series.contains(&acme.id), "{series}");
        if let Some((_, rest)) = series.split_once("route=\"") {
            let (route, _) = rest.split_once('"').expect("its end");
            assert!(routes.contains(route), "{series}");
        }
    }
}

#[tokio::test]
async fn should_be_what_the_documentation_says() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    Scrape::of(&admin).await;
    let scrape = Scrape::of(&admin).await;
    let page = include_str!("../../../../docs/deployment/multi-tenant-setup.md");
    let (_, section) = page.split_once("\n## Metrics\n").expect("a section on metrics");
    let documented: BTreeSet<&str> = section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .filter(|name| name.starts_with("tenantry_") || name.starts_with("process_"))
        .collect();
    let known = |family: &&str| !["_bucket", "_sum", "_count"].iter().any(|end| family.ends_with(end));
    let histogram = "tenantry_http_request_duration_seconds";
    let told: BTreeSet<&str> = scrape.families().into_iter().filter(known).chain([histogram]).collect();
    assert_eq!(told, documented);
}
