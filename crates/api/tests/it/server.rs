//! The server loop: clients that are slow, many, or there when it stops.

use std::time::{Duration, Instant};

use reqwest::Method;
use tenantry_api::{Connections, Limits, Patience, Settings};
use tenantry_test_support::{App, eventually};
use tokio::{net::TcpStream, time::sleep};

use crate::{caller::Caller, wire::Wire};

const SHORT: Duration = Duration::from_millis(400);
/// Long enough for [`SHORT`] to be over on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(4);
/// So long that a test which waits for it fails.
const EVER: Duration = Duration::from_mins(10);

async fn start(patience: Patience, connections: Connections) -> App {
    App::start_as(Settings { limits: Limits { connections, patience }, ..Settings::default() }).await
}

async fn is_served(app: &App) {
    let answer = Caller::anonymous(app).send(Method::GET, "/healthz", None).await;
    assert_eq!(answer.status, 200, "others are served");
}

#[tokio::test]
async fn should_cut_whoever_does_not_finish_a_head_and_serve_the_others() {
    let patience = Patience { head: SHORT, idle: EVER, write: EVER };
    let app = start(patience, Connections::default()).await;
    let began = Instant::now();
    let (mut silent, mut half, mut slow) = (Wire::to(&app).await, Wire::to(&app).await, Wire::to(&app).await);
    half.say("GET /healthz HTTP/1.1\r\nhost: ").await;
    let dripping = async {
        for character in "GET /healthz HTTP/1.1\r\nx-slow: and still not at its end".chars() {
            slow.say(&character.to_string()).await;
            sleep(SHORT / 8).await;
        }
        slow.rest().await
    };
    let ((), silent, half, slow) = tokio::join!(is_served(&app), silent.rest(), half.rest(), dripping);
    assert_eq!([silent, half, slow], ["", "", ""]);
    assert!(began.elapsed() >= SHORT);

    // The second head of a connection is like the first.
    let mut wire = Wire::to(&app).await;
    wire.say(&wire.get("/healthz")).await;
    assert!(wire.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    wire.say("GET /he").await;
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn should_keep_a_connection_between_requests_for_longer_than_a_head_may_take() {
    let patience = Patience { head: SHORT, idle: LONG, write: EVER };
    let app = start(patience, Connections::default()).await;
    let mut wire = Wire::to(&app).await;
    for _ in 0..2 {
        wire.say(&wire.get("/healthz")).await;
        assert!(wire.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(wire.is_silent_for(SHORT * 3).await, "it is not cut between two requests");
    }
    let began = Instant::now();
    assert_eq!(wire.rest().await, "");
    assert!(began.elapsed() > SHORT && began.elapsed() < LONG * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn should_let_a_request_in_hand_take_longer_than_its_head() {
    let patience = Patience { head: SHORT, idle: SHORT, write: EVER };
    let app = start(patience, Connections::default()).await;
    let mut wire = Wire::to(&app).await;
    let body = r#"{"slug": "acme", "name": "Acme"}"#;
    wire.say(&wire.post("/organizations", &app.admin_key, body.len())).await;
    for character in body.chars() {
        sleep(SHORT / 8).await;
        wire.say(&character.to_string()).await;
    }
    assert!(wire.answer().await.starts_with("HTTP/1.1 201 Created\r\n"));
}

#[tokio::test]
async fn should_cut_whoever_does_not_take_their_answers() {
    const REQUESTS: usize = 3_000;
    let patience = Patience { head: EVER, idle: EVER, write: SHORT };
    let app = start(patience, Connections::at_most(2)).await;
    let mut wire = Wire::to(&app).await;
    let requests = wire.get("/metrics").repeat(REQUESTS);
    let ((), answers) = tokio::join!(wire.say(&requests), async {
        // Both are needed for anybody else to be served.
        let mut other = Wire::to(&app).await;
        other.say(&other.get("/healthz")).await;
        let mut third = Wire::to(&app).await;
        third.say(&third.get("/healthz")).await;
        [other.answer().await, third.answer().await]
    });
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let taken = wire.rest().await.matches("HTTP/1.1 200 OK\r\n").count();
    assert!(taken < REQUESTS, "{taken} answers");
}

#[tokio::test]
async fn should_let_no_more_in_than_may_be_open() {
    let connections = Connections::at_most(2);
    let app = start(Patience::default(), connections.clone()).await;
    let (mut one, mut two) = (Wire::to(&app).await, Wire::to(&app).await);
    for wire in [&mut one, &mut two] {
        wire.say(&wire.get("/healthz")).await;
        assert!(wire.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!((connections.open(), connections.most()), (2, 2));
    let mut three = Wire::to(&app).await;
    three.say(&three.get("/healthz")).await;
    assert!(three.is_silent_for(SHORT * 2).await, "there is no room");
    two.say(&two.get("/healthz")).await;
    assert!(two.answer().await.starts_with("HTTP/1.1 200 OK\r\n"), "who is in is served");
    drop(one);
    assert!(three.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop((two, three));
    eventually("all are closed", || async { (connections.open() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn should_finish_what_began_when_it_stops() {
    let app = App::start().await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let mut idle = Wire::to(&app).await;
    idle.say(&idle.get("/healthz")).await;
    assert!(!idle.answer().await.contains("connection: close"));
    let mut in_hand = Wire::to(&app).await;
    let body = r#"{"slug": "acme", "name": "Acme"}"#;
    in_hand.say(&in_hand.post("/organizations", &app.admin_key, body.len())).await;
    in_hand.say(&body[..9]).await;
    let anonymous = Caller::anonymous(&app);
    eventually("the request is in hand", || async {
        let metrics = anonymous.send(Method::GET, "/metrics", None).await.text;
        metrics.contains("tenantry_http_connections_open 3").then_some(())
    })
    .await;
    drop(anonymous);

    let stopping = tokio::spawn(app.stop());
    eventually("nobody is let in", || async { TcpStream::connect(&address).await.is_err().then_some(()) })
        .await;
    assert_eq!(idle.rest().await, "");
    assert!(!stopping.is_finished());
    in_hand.say(&body[9..]).await;
    let answer = in_hand.rest().await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    stopping.await.expect("it stopped");
}

#[tokio::test]
async fn should_speak_http_1_and_nothing_else() {
    let app = App::start().await;
    for (request, status) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", ""),
        (
            "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\
          http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ),
        ("GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n"),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        let mut wire = Wire::to(&app).await;
        wire.say(request).await;
        let answer = wire.answer().await;
        assert!(
            answer.starts_with(status) && (answer.is_empty() == status.is_empty()),
            "{request}: {answer}"
        );
    }
    let mut wire = Wire::to(&app).await;
    let large = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}", "x".repeat(1 << 17));
    wire.say(&large).await;
    assert!(wire.answer().await.starts_with("HTTP/1.1 431 "));
    is_served(&app).await;
}
