//! Somebody who speaks HTTP to the server, and what they hear.

use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::contract::{self, Asked};

/// The API's base.
pub(crate) const BASE: &str = "/api/v0";

/// Somebody, named by credential.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    url: String,
    headers: HeaderMap,
    /// Their user; nobody's for the anonymous.
    pub(crate) user: String,
    /// Their API key.
    pub(crate) api_key: String,
    /// Its secret.
    pub(crate) secret: String,
}

impl Caller {
    /// Without a credential.
    pub(crate) fn anonymous(app: &App) -> Self {
        let http = reqwest::Client::builder().tls_certs_only([]).build().expect("a client");
        let none = String::new;
        Self {
            http,
            url: app.url.clone(),
            headers: HeaderMap::new(),
            user: none(),
            api_key: none(),
            secret: none(),
        }
    }

    /// The first admin.
    pub(crate) async fn admin(app: &App) -> Self {
        Self::anonymous(app).with_key(&app.admin_key).await
    }

    /// Whoever has this key.
    pub(crate) async fn with_key(&self, secret: &str) -> Self {
        let mut caller = self.with("authorization", &format!("Bearer {secret}"));
        let me = caller.get("/me").await.data(200);
        (caller.user, caller.api_key) = (text(&me["user"]["id"]), text(&me["api_key"]["id"]));
        secret.clone_into(&mut caller.secret);
        caller
    }

    /// The same, with one header more.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut caller = self.clone();
        let value = HeaderValue::from_str(value).expect("a header's value");
        caller.headers.append(HeaderName::from_static(name), value);
        caller
    }

    /// The same, with another credential in place of their own.
    pub(crate) fn presenting(&self, authorization: &[&str]) -> Self {
        let mut caller = self.clone();
        caller.headers.remove(AUTHORIZATION);
        authorization.iter().fold(caller, |caller, value| caller.with("authorization", value))
    }

    /// Whoever has the key, or its new secret, that an answer shows.
    pub(crate) fn holding(&self, shown: &Value) -> Self {
        let secret = text(&shown["secret"]);
        let caller = self.presenting(&[&format!("Bearer {secret}")]);
        Self { user: text(&shown["user_id"]), api_key: text(&shown["id"]), secret, ..caller }
    }

    /// The same, inside this organization, which only an admin may choose.
    pub(crate) fn inside(&self, organization: &str) -> Self {
        self.with("tenantry-organization", organization)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("{BASE}{path}"), None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, &format!("{BASE}{path}"), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, &format!("{BASE}{path}"), Some(("application/json", body))).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send(Method::PATCH, &format!("{BASE}{path}"), Some(("application/json", &body))).await
    }

    /// Replaces what JSON describes.
    pub(crate) async fn put_json(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send(Method::PUT, &format!("{BASE}{path}"), Some(("application/json", &body))).await
    }

    /// Uploads a definition.
    pub(crate) async fn put(&self, path: &str, yaml: &str) -> Answer {
        self.send(Method::PUT, &format!("{BASE}{path}"), Some(("application/yaml", yaml))).await
    }

    /// Sends any request: its whole path, and a body with its type.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<(&str, &str)>) -> Answer {
        self.send_bytes(method, path, body.map(|(content_type, body)| (content_type, body.as_bytes()))).await
    }

    /// Begins to hear an answer that may go on.
    pub(crate) async fn listen(&self, path: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{BASE}{path}", self.url)).headers(self.headers.clone());
        request.send().await.expect("an answer")
    }

    /// The same with a body that need not be text.
    pub(crate) async fn send_bytes(&self, method: Method, path: &str, body: Option<(&str, &[u8])>) -> Answer {
        let mut request =
            self.http.request(method.clone(), format!("{}{path}", self.url)).headers(self.headers.clone());
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body.to_owned());
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, text: response.text().await.expect("a whole answer") };
        contract::check(&Asked { method: &method, path, body }, &answer);
        answer
    }

    /// All items of a list, two at a time.
    pub(crate) async fn walk(&self, path: &str) -> Vec<Value> {
        let (mut items, mut next) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=2{next}")).await;
            let found = page.data(200).as_array().expect("a list").clone();
            assert!((1..=2).contains(&found.len()) || items.is_empty(), "{}", page.text);
            items.extend(found);
            match &page.json()["next_cursor"] {
                Value::Null => return items,
                cursor => next = format!("&cursor={}", text(cursor)),
            }
        }
    }
}

/// What the server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What it says of success, which it must.
    pub(crate) fn data(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        let mut envelope = self.json();
        envelope.get_mut("data").unwrap_or_else(|| panic!("{self:?}")).take()
    }

    /// What it says of failure, which it must: as RFC 9457 wants it, with all of our members.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, &problem["code"]), (status, &json!(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], json!(status));
        assert_eq!(problem["request_id"], json!(self.header("x-request-id").expect("an id")));
        for member in ["type", "title", "detail"] {
            assert!(!text(&problem[member]).is_empty(), "{member} of {self:?}");
        }
        problem
    }

    /// The fields that it says are wrong, in its order.
    pub(crate) fn wrong_fields(&self, status: u16, code: &str) -> Vec<String> {
        let problem = self.problem(status, code);
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let field = |error: &Value| {
            assert!(!text(&error["message"]).is_empty(), "{self:?}");
            text(&error["field"])
        };
        errors.iter().map(field).collect()
    }

    /// All of it that must be the same when two answers are to tell nothing.
    pub(crate) fn indistinct(&self) -> (u16, Vec<(String, String)>, Value) {
        // What is left of the caller's own limits is less after each request.
        let telling = |name: &&HeaderName| !matches!(name.as_str(), "date" | "x-request-id" | "ratelimit");
        let mut headers: Vec<_> = self
            .headers
            .keys()
            .filter(telling)
            .map(|name| (name.to_string(), self.header(name.as_str()).unwrap_or_default().to_owned()))
            .collect();
        headers.sort();
        let mut body = self.json();
        if let Some(members) = body.as_object_mut() {
            members.remove("request_id");
        }
        (self.status, headers, body)
    }
}

/// A text that must be one.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
