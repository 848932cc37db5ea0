//! The one connection of the process.
//!
//! [`Temporal`] is made while Temporal is still away: the first call that needs it connects, callers at the same moment
//! wait for that one attempt, and from then on the transport reconnects by itself. Each call is bounded in time, so that a
//! Temporal that is away is told within seconds.

use std::{sync::Arc, time::Duration};

use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, RetryOptions, RpcOptions,
    grpc::WorkflowService,
    tonic::{IntoRequest, Request, Response, Status},
};
use temporalio_common::protos::temporal::api::workflowservice::v1::GetSystemInfoRequest;
use tenantry_domain::{OrgScope, OrganizationId};
use tokio::{
    runtime::Handle,
    sync::{OnceCell, broadcast},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::{Error, suspects::Suspects};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(5);
const CHECK_LIMIT: Duration = Duration::from_secs(2);
/// How many renewals of namespaces a worker may miss before it takes its own for one of them.
const RENEWALS: usize = 64;

/// The way to Temporal. Clones share one connection.
#[derive(Clone, Debug)]
pub struct Temporal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    address: Url,
    /// Where the connection's own tasks run, so that it outlives whichever short-lived runtime uses it first.
    home: Handle,
    connection: OnceCell<Connection>,
    suspects: Suspects,
    renewed: broadcast::Sender<OrganizationId>,
}

impl Temporal {
    /// The way to the frontend at `address` (`host:port`, or `http://host:port`). It connects when it is first used, on the
    /// runtime that this is called on.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn connect(address: &str) -> Result<Self, Error> {
        Ok(Self::over(parse(address)?, OnceCell::new()))
    }

    fn over(address: Url, connection: OnceCell<Connection>) -> Self {
        let inner = Inner {
            address,
            home: Handle::current(),
            connection,
            suspects: Suspects::default(),
            renewed: broadcast::Sender::new(RENEWALS),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The way to a Temporal that a test makes up.
    #[cfg(test)]
    pub(crate) async fn of_service(
        service: temporalio_client::callback_based::CallbackBasedGrpcService,
    ) -> Self {
        let address: Url = "http://temporal:7233".parse().expect("a URL");
        let options = ConnectionOptions::new(address.clone())
            .service_override(service)
            .dns_load_balancing(None)
            .build();
        let connection = Connection::connect(options).await.expect("a connection without a network");
        Self::over(address, OnceCell::new_with(Some(connection)))
    }

    /// Whether Temporal answers, for readiness. It takes two seconds at most.
    pub async fn check(&self) -> Result<(), Error> {
        let answer = async {
            let mut service = self.workflow_service().await?;
            call(service.get_system_info(request(GetSystemInfoRequest::default()))).await
        };
        timeout(CHECK_LIMIT, answer).await.unwrap_or_else(|_| Err(Error::timed_out())).map(drop)
    }

    /// The same error, once it is noted whose namespace it casts doubt on.
    pub(crate) fn suspecting(&self, scope: &OrgScope, error: Error) -> Error {
        if matches!(error, Error::NoNamespace(_) | Error::Unsettled(_)) {
            self.suspects().note(scope.organization());
        }
        error
    }

    /// Whose namespaces calls have cast doubt on.
    pub(crate) fn suspects(&self) -> &Suspects {
        &self.inner.suspects
    }

    /// Whose namespaces were registered again. Whoever polls one still polls the one before, until its poll ends.
    pub(crate) fn renewed(&self) -> &broadcast::Sender<OrganizationId> {
        &self.inner.renewed
    }

    /// The client of the scope's namespace, and of no other.
    pub(crate) async fn client(&self, scope: &OrgScope) -> Result<Client, Error> {
        let options = ClientOptions::new(scope.namespace().as_str()).build();
        Client::new(self.connection().await?, options).map_err(Error::internal)
    }

    pub(crate) async fn workflow_service(&self) -> Result<Box<dyn WorkflowService>, Error> {
        Ok(self.connection().await?.workflow_service())
    }

    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        let connected = self.inner.connection.get_or_try_init(|| self.establish());
        timeout(CONNECT_LIMIT, connected).await.unwrap_or_else(|_| Err(Error::timed_out())).cloned()
    }

    async fn establish(&self) -> Result<Connection, Error> {
        let options = ConnectionOptions::new(self.inner.address.clone())
            .identity(format!("tenantry-{}", std::process::id()))
            .connect_timeout(CONNECT_LIMIT)
            .build();
        let attempt = AbortOnDropHandle::new(self.inner.home.spawn(Connection::connect(options)));
        let connection = attempt.await.map_err(Error::internal)??;
        tracing::info!(address = %self.inner.address, "connected to Temporal");
        Ok(connection)
    }
}

/// How long a single call of the SDK's own client may take, retries included.
pub(crate) fn rpc_options() -> RpcOptions {
    let retry = RetryOptions::builder()
        .initial_interval(Duration::from_millis(50))
        .max_elapsed_time(Some(Duration::from_secs(2)))
        .max_retries(3)
        .build();
    RpcOptions::builder().timeout(CALL_LIMIT).retry_options(retry).build()
}

/// A request that Temporal gives up on when the caller does.
pub(crate) fn request<M>(message: M) -> Request<M> {
    let mut request = message.into_request();
    request.set_timeout(CALL_LIMIT);
    request
}

/// The answer to one call, within the time limit.
pub(crate) async fn call<T>(answer: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Error> {
    Ok(timeout(CALL_LIMIT, answer).await.map_err(|_| Error::timed_out())??.into_inner())
}

fn parse(address: &str) -> Result<Url, Error> {
    let invalid = || Error::InvalidAddress;
    let text = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&text).map_err(|_| invalid())?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
    if url.scheme() == "http" && url.has_host() && url.port().is_some() && bare {
        Ok(url)
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_accept_an_address_with_a_port_and_nothing_else() {
        for good in ["localhost:7233", "http://temporal:7233", "127.0.0.1:7233", "[::1]:7233"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "temporal", "https://temporal:7233", "http://a:1/path", "u@h:1", ":7233", "h:99999"] {
            assert!(matches!(parse(bad), Err(Error::InvalidAddress)), "{bad}");
        }
    }
}
