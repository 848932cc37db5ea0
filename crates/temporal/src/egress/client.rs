//! The HTTP client that makes tenants' calls, under a [`Policy`].

use std::time::Duration;

use reqwest::{
    Method, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use tenantry_dsl::{ErrorType, HttpRequest, HttpResponse, WorkflowError};
use tokio::time::timeout;
use url::Host;

use super::Policy;

/// How long a call may take, redirects and body included.
const LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How large a response's body may be (1 MiB).
const BODY_LIMIT: usize = 1024 * 1024;
const REDIRECTS: usize = 5;
/// Headers that say how the message is framed. They are the client's own business.
const FRAMING: &[HeaderName] = &[
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// Headers that are for one origin and not for where it sends us.
const OF_ONE_ORIGIN: &[HeaderName] = &[header::AUTHORIZATION, header::COOKIE, header::HOST];

/// Makes the calls of definitions.
pub(crate) struct Client {
    http: reqwest::Client,
    policy: Policy,
}

/// Why a call came to nothing. The texts are the tenant's to read, so they name what the tenant named and nothing inside.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the address of {host} is not allowed by the egress policy of this deployment")]
    Refused { host: String },
    /// One answer for a name that does not exist and one that leads inside: which it is, would tell what is inside.
    #[error("the name {host} leads to no address that this deployment may call")]
    Unresolved { host: String },
    #[error("{host} could not be reached")]
    Unreachable { host: String },
    #[error("the connection to {host} was lost")]
    Lost { host: String },
    #[error("the response of {host} is larger than 1 MiB")]
    TooLarge { host: String },
    #[error("there were more than {REDIRECTS} redirects")]
    TooManyRedirects,
    #[error("no complete response within {} seconds", LIMIT.as_secs())]
    Late,
}

impl From<Failure> for WorkflowError {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        match failure {
            Failure::Malformed(_) => Self::new(ErrorType::Configuration, detail),
            Failure::Late => Self::new(ErrorType::Timeout, detail),
            Failure::Refused { .. } | Failure::Unresolved { .. } => {
                Self::new(ErrorType::Communication, detail).with_status(403)
            }
            _ => Self::new(ErrorType::Communication, detail),
        }
    }
}

/// One request on the wire: the first, or one that a redirect asks for.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Client {
    /// A client that goes where the policy lets it.
    pub(crate) fn new(policy: Policy) -> Result<Self, reqwest::Error> {
        // reqwest takes the process's provider. If somebody installed one before, theirs does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Resolver { policy: policy.clone() })
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_LIMIT)
            .pool_max_idle_per_host(4)
            .build()?;
        Ok(Self { http, policy })
    }

    /// Makes the request. Whatever its status, a response is a response.
    pub(crate) async fn call(&self, request: &HttpRequest) -> Result<HttpResponse, WorkflowError> {
        let response = timeout(LIMIT, self.follow(request)).await.unwrap_or(Err(Failure::Late));
        response.map_err(WorkflowError::from)
    }

    async fn follow(&self, request: &HttpRequest) -> Result<HttpResponse, Failure> {
        let mut hop = Hop::first(request)?;
        for _ in 0..=REDIRECTS {
            let response = self.send(&hop).await?;
            match hop.next(&response).filter(|_| request.redirect) {
                Some(next) => hop = next,
                None => return receive(request, &hop, response).await,
            }
        }
        Err(Failure::TooManyRedirects)
    }

    async fn send(&self, hop: &Hop) -> Result<reqwest::Response, Failure> {
        self.check(&hop.url)?;
        let mut request = self.http.request(hop.method.clone(), hop.url.clone()).headers(hop.headers.clone());
        if let Some(body) = &hop.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| hop.failure(&error))
    }

    /// A literal address never meets the resolver, so it is judged here.
    fn check(&self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::Malformed("only http and https URLs can be called"));
        }
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.policy.allows(address.into()),
            Some(Host::Ipv6(address)) => self.policy.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => return Err(Failure::Malformed("the URL has no host")),
        };
        if allowed { Ok(()) } else { Err(Failure::Refused { host: host(url) }) }
    }
}

impl Hop {
    fn first(request: &HttpRequest) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.map_err(|_| Failure::Malformed("a header's name is malformed"))?;
            let value = HeaderValue::from_str(value);
            let value = value.map_err(|_| Failure::Malformed("a header's value is malformed"))?;
            if !FRAMING.contains(&name) {
                headers.append(name, value);
            }
        }
        let method = Method::from_bytes(request.method.to_ascii_uppercase().as_bytes());
        Ok(Self {
            method: method.map_err(|_| Failure::Malformed("the method is malformed"))?,
            url: Url::parse(&request.url).map_err(|_| Failure::Malformed("the URL is malformed"))?,
            headers,
            body: request.body_bytes(),
        })
    }

    /// Where the response sends us, if anywhere, as the Fetch standard has it.
    fn next(&self, response: &reqwest::Response) -> Option<Self> {
        let status = response.status();
        let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
        let url = self.url.join(location).ok()?;
        let mut headers = self.headers.clone();
        if url.origin() != self.url.origin() {
            for name in OF_ONE_ORIGIN {
                headers.remove(name);
            }
        }
        let keeps_method = match status {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method != Method::POST,
            StatusCode::SEE_OTHER => matches!(self.method, Method::GET | Method::HEAD),
            _ => return None,
        };
        if keeps_method {
            return Some(Self { method: self.method.clone(), url, headers, body: self.body.clone() });
        }
        headers.remove(header::CONTENT_TYPE);
        Some(Self { method: Method::GET, url, headers, body: None })
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let host = host(&self.url);
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(cause) = source {
            match cause.downcast_ref::<Failure>() {
                Some(Failure::Unresolved { .. }) => return Failure::Unresolved { host },
                _ => source = cause.source(),
            }
        }
        if error.is_connect() { Failure::Unreachable { host } } else { Failure::Lost { host } }
    }
}

async fn receive(
    request: &HttpRequest,
    hop: &Hop,
    mut response: reqwest::Response,
) -> Result<HttpResponse, Failure> {
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    let (status, headers) = (response.status().as_u16(), headers.collect());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| hop.failure(&error))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(Failure::TooLarge { host: host(&hop.url) });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse::new(request, status, headers, &body))
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Resolves names to the addresses that the policy allows; the connection goes to one of these.
struct Resolver {
    policy: Policy,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let allowed = found.into_iter().flatten().filter(|address| policy.allows(address.ip()));
            let allowed: Vec<_> = allowed.collect();
            if allowed.is_empty() {
                return Err(Failure::Unresolved { host }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
