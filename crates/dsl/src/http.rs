//! What goes out for a `call: http` and what comes back: plain data, so that it can travel as an activity's input and result.
//!
//! The forms of the output and which statuses are errors are those of the specification's DSL reference, "HTTP Call" and "HTTP
//! Response".

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{ErrorType, WorkflowError};

/// A request to make, complete: every expression in it is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// The method, in upper case.
    pub method: String,
    /// An absolute `http` or `https` URL, the query parameters included and percent-encoded.
    pub url: String,
    /// The headers, in order. There is a `content-type` whenever there is a body.
    pub headers: Vec<(String, String)>,
    /// The body, if any; [`body_bytes`](Self::body_bytes) is what to send for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Whether to follow redirections (3xx). If not, they come back and are errors.
    pub redirect: bool,
    /// The form in which the definition wants the response.
    #[serde(default)]
    pub output: HttpOutput,
}

/// The form of a call's output: `with.output` in the definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpOutput {
    /// The body in base64.
    Raw,
    /// The body: a value if it is JSON, else a string.
    #[default]
    Content,
    /// An object of the `request`, `statusCode`, `headers` and `content`.
    Response,
}

/// A response, whatever its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as `encoding` says; null when it is empty.
    pub body: Value,
    /// How `body` holds the bytes that came.
    pub encoding: BodyEncoding,
}

/// How a response's body is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// As the JSON value that the bytes are.
    Json,
    /// As the UTF-8 text that the bytes are.
    Text,
    /// As a string of the bytes in base64 (RFC 4648, section 4, with padding).
    Base64,
}

impl HttpRequest {
    /// The bytes to send as the body: JSON, unless the content type is another and the body is a string, which goes out as it is.
    pub fn body_bytes(&self) -> Option<Vec<u8>> {
        match self.body.as_ref()? {
            Value::String(text) if !is_json(&self.headers) => Some(text.clone().into_bytes()),
            body => Some(body.to_string().into_bytes()),
        }
    }

    /// The call's output, from the response to this request.
    ///
    /// # Errors
    /// A `communication` error with the response's status if that is not a success (200–299, and 300–399 when the call has
    /// `redirect`), or if the body is not the JSON that its content type says.
    pub(crate) fn output(&self, response: HttpResponse) -> Result<Value, WorkflowError> {
        let success = if self.redirect { 200..400 } else { 200..300 };
        if !success.contains(&response.status) {
            let detail = format!("{} {} answered {}", self.method, self.origin(), response.status);
            return Err(WorkflowError::new(ErrorType::Communication, detail).with_status(response.status));
        }
        let broken = response.encoding != BodyEncoding::Json && is_json(&response.headers);
        if broken && self.output != HttpOutput::Raw {
            let detail = format!("{} {} answered with a body that is not JSON", self.method, self.origin());
            return Err(WorkflowError::new(ErrorType::Communication, detail));
        }
        match self.output {
            HttpOutput::Raw | HttpOutput::Content => Ok(response.body),
            HttpOutput::Response => Ok(self.whole(&response)),
        }
    }

    fn whole(&self, response: &HttpResponse) -> Value {
        json!({
            "request": {"method": self.method, "uri": self.url, "headers": object(&self.headers)},
            "statusCode": response.status,
            "headers": object(&response.headers),
            "content": response.body,
        })
    }

    /// The URL without what may be secret in it.
    fn origin(&self) -> String {
        let url = url::Url::parse(&self.url);
        url.map(|url| format!("{}{}", url.origin().ascii_serialization(), url.path())).unwrap_or_default()
    }
}

impl HttpResponse {
    /// The response to `request`, from what came over the wire.
    pub fn new(request: &HttpRequest, status: u16, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        let (body, encoding) = if request.output == HttpOutput::Raw {
            (Value::String(STANDARD.encode(body)), BodyEncoding::Base64)
        } else {
            decode(is_json(&headers), body)
        };
        Self { status, headers, body, encoding }
    }
}

fn decode(is_json: bool, body: &[u8]) -> (Value, BodyEncoding) {
    if body.is_empty() {
        return (Value::Null, BodyEncoding::Json);
    }
    if is_json && let Ok(value) = crate::json::read(body) {
        return (value, BodyEncoding::Json);
    }
    match std::str::from_utf8(body) {
        Ok(text) => (Value::String(text.to_owned()), BodyEncoding::Text),
        Err(_) => (Value::String(STANDARD.encode(body)), BodyEncoding::Base64),
    }
}

/// Whether the content type is `application/json` or any with the suffix `+json` (RFC 6839, section 3.1).
fn is_json(headers: &[(String, String)]) -> bool {
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    content_type.is_some_and(|(_, value)| {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    })
}

/// The headers as an object; a name that comes again is joined with a comma (RFC 9110, section 5.3).
fn object(headers: &[(String, String)]) -> Value {
    let mut object = Map::new();
    for (name, value) in headers {
        match object.get_mut(name) {
            Some(Value::String(values)) => {
                values.push_str(", ");
                values.push_str(value);
            }
            _ => {
                object.insert(name.clone(), Value::String(value.clone()));
            }
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: &str, body: Value) -> HttpRequest {
        HttpRequest {
            method: "POST".to_owned(),
            url: "https://example.com/".to_owned(),
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: Some(body),
            redirect: false,
            output: HttpOutput::Content,
        }
    }

    #[test]
    fn should_send_a_string_as_it_is_unless_it_is_json() {
        let cases = [
            ("text/plain", json!("a"), "a"),
            ("application/json", json!("a"), "\"a\""),
            ("application/problem+json; charset=utf-8", json!("a"), "\"a\""),
            ("text/plain", json!({"a": 1}), "{\"a\":1}"),
        ];
        for (content_type, body, expected) in cases {
            assert_eq!(request(content_type, body).body_bytes(), Some(expected.as_bytes().to_vec()));
        }
    }

    #[test]
    fn should_hold_a_body_as_what_it_is() {
        let json = "application/json";
        let cases: [(&str, &[u8], Value, BodyEncoding); 5] = [
            (json, b"{\"a\":1}", json!({"a": 1}), BodyEncoding::Json),
            (json, b"{\"a\":", json!("{\"a\":"), BodyEncoding::Text),
            (json, b"", Value::Null, BodyEncoding::Json),
            ("text/plain", b"1", json!("1"), BodyEncoding::Text),
            ("image/png", &[0xff, 0xfe], json!("//4="), BodyEncoding::Base64),
        ];
        for (content_type, bytes, body, encoding) in cases {
            let headers = vec![("content-type".to_owned(), content_type.to_owned())];
            let response = HttpResponse::new(&request(json, Value::Null), 200, headers, bytes);
            assert_eq!((response.body, response.encoding), (body, encoding));
        }
    }

    #[test]
    fn should_join_headers_of_the_same_name() {
        let headers = [("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert_eq!(object(&headers), json!({"a": "1, 2"}));
    }
}
