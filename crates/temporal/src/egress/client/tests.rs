//! The client against servers on loopback, which answer as each test says.

use std::sync::{Arc, Mutex};

use ipnet::IpNet;
use tenantry_dsl::HttpOutput;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A server that answers every request with what `answer` makes of the request's path, and keeps what it heard.
struct Server {
    origin: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&log)));
            }
        });
        Self { origin, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("the log").clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&str) -> String>, log: Arc<Mutex<Vec<String>>>) {
    let mut buffer = vec![0; 16 * 1024];
    let length = stream.read(&mut buffer).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().expect("the log").push(request);
    let _ = stream.write_all(answer(&path).as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "get".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        redirect: true,
        output: HttpOutput::default(),
    }
}

fn loopback() -> Client {
    let network: IpNet = "127.0.0.0/8".parse().expect("a network");
    Client::new(Policy::allowing([network])).expect("a client")
}

async fn refused(client: &Client, url: &str) -> WorkflowError {
    let error = client.call(&request(url)).await.expect_err(url);
    let kind = ErrorType::Communication.uri();
    assert_eq!((&error.kind, error.status), (&kind, 403), "{url}: {:?}", error.detail);
    error
}

#[tokio::test]
async fn should_refuse_every_spelling_of_an_inner_address() {
    let client = Client::new(Policy::strict()).expect("a client");
    for host in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "0xa9fea9fe",
        "10.0.0.1",
        "[fd00:ec2::254]",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "localhost",
        "LOCALHOST",
        "127.0.0.1.",
    ] {
        refused(&client, &format!("http://{host}:9/")).await;
    }
}

#[tokio::test]
async fn should_say_what_is_refused_and_nothing_from_inside() {
    let client = Client::new(Policy::strict()).expect("a client");
    let error = refused(&client, "http://user:secret@localhost:9/path?token=secret").await;
    let detail = "the name localhost leads to no address that this deployment may call";
    assert_eq!(error.detail.as_deref(), Some(detail));
}

#[tokio::test]
async fn should_refuse_a_redirect_to_an_inner_address() {
    let client = loopback();
    for location in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "//[::1]/",
        "http://[::ffff:10.0.0.1]/",
    ] {
        let server = Server::start(move |_| redirect(302, location)).await;
        refused(&client, &server.origin).await;
    }
}

#[tokio::test]
async fn should_refuse_what_is_not_http() {
    let client = loopback();
    let server = Server::start(|_| redirect(302, "file:///etc/passwd")).await;
    for url in ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "no url", &server.origin] {
        let error = client.call(&request(url)).await.expect_err(url);
        assert_eq!(error.kind, ErrorType::Configuration.uri(), "{url}");
    }
}

#[tokio::test]
async fn should_follow_redirects_only_when_asked() {
    let server =
        Server::start(|path| if path == "/" { redirect(302, "/there") } else { ok("{\"n\":1}") }).await;
    let client = loopback();
    let followed = client.call(&request(&server.origin)).await.expect("a response");
    assert_eq!(followed.status, 200);
    let mut unfollowed = request(&server.origin);
    unfollowed.redirect = false;
    assert_eq!(client.call(&unfollowed).await.expect("a response").status, 302);
}

#[tokio::test]
async fn should_give_up_after_five_redirects() {
    let server = Server::start(|_| redirect(307, "/again")).await;
    let error = loopback().call(&request(&server.origin)).await.expect_err("a loop");
    assert_eq!(error.detail.as_deref(), Some("there were more than 5 redirects"));
    assert_eq!(server.heard().len(), 6);
}

#[tokio::test]
async fn should_keep_credentials_from_another_origin() {
    let other = Server::start(|_| ok("{}")).await;
    let location = other.origin.clone();
    let server = Server::start(move |_| redirect(307, &location)).await;
    let mut request = request(&server.origin);
    request.headers = vec![("Authorization".into(), "Bearer secret".into()), ("X-Kept".into(), "yes".into())];
    loopback().call(&request).await.expect("a response");
    assert!(server.heard()[0].contains("authorization: Bearer secret"));
    assert!(!other.heard()[0].contains("secret") && other.heard()[0].contains("x-kept: yes"));
}

#[tokio::test]
async fn should_ask_with_get_after_a_post_was_redirected() {
    let server = Server::start(|path| if path == "/" { redirect(303, "/done") } else { ok("{}") }).await;
    let mut request = request(&server.origin);
    request.method = "post".to_owned();
    request.body = Some(serde_json::json!({"a": 1}));
    loopback().call(&request).await.expect("a response");
    assert!(server.heard()[1].starts_with("GET /done") && !server.heard()[1].contains("content-length"));
}

#[tokio::test]
async fn should_refuse_a_response_that_is_too_large() {
    let server =
        Server::start(|path| ok(&"x".repeat(if path == "/fits" { BODY_LIMIT } else { BODY_LIMIT + 1 })))
            .await;
    let client = loopback();
    client.call(&request(&format!("{}/fits", server.origin))).await.expect("the largest response");
    let error = client.call(&request(&server.origin)).await.expect_err("too large a response");
    assert_eq!(error.detail.as_deref(), Some("the response of 127.0.0.1 is larger than 1 MiB"));
}

#[tokio::test]
async fn should_frame_the_message_itself() {
    let server = Server::start(|_| ok("{}")).await;
    let mut request = request(&server.origin);
    request.headers = vec![
        ("Host".into(), "shop.example".into()),
        ("Content-Length".into(), "99".into()),
        ("Transfer-Encoding".into(), "chunked".into()),
    ];
    loopback().call(&request).await.expect("a response");
    let heard = &server.heard()[0];
    assert!(heard.contains("host: shop.example\r\n"), "{heard}");
    assert!(!heard.contains("99\r\n") && !heard.contains("chunked"), "{heard}");
}

#[tokio::test]
async fn should_tell_what_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    let client = loopback();
    let error = client.call(&request(&format!("http://{closed}/"))).await.expect_err("nobody there");
    assert_eq!(error.detail.as_deref(), Some("127.0.0.1 could not be reached"));
    let error = client.call(&request("http://nowhere.invalid/")).await.expect_err("no such name");
    assert_eq!(
        error.detail.as_deref(),
        Some("the name nowhere.invalid leads to no address that this deployment may call")
    );
    assert_eq!(error.kind, ErrorType::Communication.uri());
}
