//! The client: where the server is, and as whom to call it.

use std::{fmt, time::Duration};

use reqwest::{
    Method, RequestBuilder, Url,
    header::{AUTHORIZATION, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;

use crate::{
    Call, Error, Secret, api_keys::ApiKeys, audit::Audit, executions::Executions, me::Me,
    organizations::Organizations, schedules::Schedules, users::Users, workflows::Workflows,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A caller of one server. Cloning is cheap, and clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) authorization: HeaderValue,
    pub(crate) organization: Option<String>,
    pub(crate) timeout: Duration,
    base: Url,
}

impl Client {
    /// A caller of the server at `base_url` (`https://tenantry.example.com`, without `/api/v0`). Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the URL is none of HTTP, the key cannot stand in a header, or the system has no root
    /// certificates for an `https` URL.
    pub fn new(base_url: &str, api_key: impl Into<Secret>) -> Result<Self, Error> {
        let base = parse_base(base_url)?;
        Ok(Self {
            http: connector(&base)?,
            authorization: bearer(&api_key.into())?,
            organization: None,
            timeout: ANSWER_TIMEOUT,
            base,
        })
    }

    /// Acts inside this organization, named by slug or id (header `Tenantry-Organization`). Only a platform admin may
    /// name another than its own.
    #[must_use]
    pub fn with_organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// Acts inside the key's own organization.
    #[must_use]
    pub fn without_organization(mut self) -> Self {
        self.organization = None;
        self
    }

    /// Waits this long for a whole answer; 30 seconds unless told.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A call of any route: the segments of its path after `/api/v0`, each of them escaped as needed.
    pub fn request(&self, method: Method, path: &[&str]) -> Call<Value> {
        self.call(method, path)
    }

    /// Organizations.
    pub fn organizations(&self) -> Organizations<'_> {
        Organizations(self)
    }

    /// Users: people and service accounts.
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }

    /// API keys.
    pub fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys(self)
    }

    /// Workflows: the definitions.
    pub fn workflows(&self) -> Workflows<'_> {
        Workflows(self)
    }

    /// Executions: workflows at work.
    pub fn executions(&self) -> Executions<'_> {
        Executions(self)
    }

    /// Schedules: workflows that start by themselves.
    pub fn schedules(&self) -> Schedules<'_> {
        Schedules(self)
    }

    /// The audit log.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    /// Who is calling.
    pub fn me(&self) -> Call<Me> {
        self.call(Method::GET, &["me"])
    }

    pub(crate) fn call<T>(&self, method: Method, path: &[&str]) -> Call<T> {
        Call::new(self.clone(), method, self.url(path))
    }

    /// A request by this caller.
    pub(crate) fn begin(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url).header(AUTHORIZATION, self.authorization.clone());
        match &self.organization {
            Some(organization) => request.header("Tenantry-Organization", organization),
            None => request,
        }
    }

    /// Why there is no whole answer.
    pub(crate) fn unreachable(&self, error: reqwest::Error) -> Error {
        if error.is_builder() {
            return Error::Unusable(error.without_url().to_string());
        }
        Error::Unreachable { url: self.address(), source: error.without_url() }
    }

    pub(crate) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v0"]).extend(path);
        }
        url
    }

    /// The server's address, as shown in errors.
    pub(crate) fn address(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

fn parse_base(text: &str) -> Result<Url, Error> {
    let unusable = |reason: &str| Error::Unusable(format!("the URL {reason}, such as http://127.0.0.1:8090"));
    let url = Url::parse(text).map_err(|_| unusable("must be one of a Tenantry server"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("must have no user name or password: the API key goes on its own"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unusable("must have neither a query nor a fragment"));
    }
    Ok(url)
}

fn bearer(key: &Secret) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.reveal()))
        .map_err(|_| Error::Unusable("the API key has characters that no API key has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn connector(base: &Url) -> Result<reqwest::Client, Error> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race to another thread is as good as winning it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    // A redirect could carry the key elsewhere, and the API has none.
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("tenantry-client/", env!("CARGO_PKG_VERSION")));
    if base.scheme() == "http" {
        // Plain HTTP must work on a machine that has no root certificates, and need not take the time to read them.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| Error::Unusable(format!("cannot speak TLS: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base: &str) -> Client {
        Client::new(base, "tn_test").expect("a client")
    }

    #[test]
    fn should_keep_the_path_of_the_base_and_escape_what_follows() {
        for base in ["http://localhost/tenantry", "http://localhost/tenantry/"] {
            let url = client(base).url(&["workflows", "a/b ?"]);
            assert_eq!(url.as_str(), "http://localhost/tenantry/api/v0/workflows/a%2Fb%20%3F");
        }
    }

    #[test]
    fn should_refuse_a_url_that_no_server_has() {
        for wrong in ["", "localhost:8090", "ftp://localhost", "http://user:pass@localhost", "http://a/?b"] {
            assert!(matches!(Client::new(wrong, "tn_test"), Err(Error::Unusable(_))), "{wrong}");
        }
    }

    #[test]
    fn should_refuse_a_key_that_is_no_header_without_repeating_it() {
        let error = Client::new("http://localhost", "tn_\nsecret").expect_err("a bad key");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn should_not_show_the_key_in_debug_output() {
        assert!(!format!("{:?}", client("http://localhost")).contains("tn_test"));
    }
}
