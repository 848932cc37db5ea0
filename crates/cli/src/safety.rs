//! What is unsafe about the operator's Temporal: found out at the start, or when Temporal comes.

use std::time::Duration;

use tenantry_domain::chain;
use tenantry_services::{Error, Services};
use tenantry_temporal::Finding;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure};

/// How long to wait before a Temporal that was away is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// What a server does about a Temporal that is unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It says so and serves.
    Wanted,
    /// It says so and does not serve.
    Required,
    /// It does not ask: the Temporal is its own.
    Given,
}

/// Whether it is known what is unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probed {
    Known,
    NotYet,
}

impl Safety {
    /// Before the server serves: refuses what is known to be unsafe, if it has to be safe.
    pub(crate) async fn check(self, services: &Services) -> Result<(), Failure> {
        if self == Self::Required { self.probe(services).await.map(drop) } else { Ok(()) }
    }

    /// While the server serves: asks until it is known, and goes on until it is told to stop. Only what must not go on ends it earlier.
    pub(crate) async fn watch(self, services: &Services, stop: &CancellationToken) -> Result<(), Failure> {
        let asked = async {
            while self != Self::Given && self.probe(services).await? == Probed::NotYet {
                sleep(PAUSE).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            failed = asked => failed,
            () = stop.cancelled() => Ok(()),
        }
    }

    async fn probe(self, services: &Services) -> Result<Probed, Failure> {
        match services.probe_temporal().await {
            Ok(findings) => {
                findings.iter().for_each(tell);
                match findings.first() {
                    Some(finding) if self == Self::Required => Err(refusal(finding)),
                    _ => Ok(Probed::Known),
                }
            }
            Err(Error::Unavailable(error)) => {
                tracing::debug!(error = chain(error.as_ref()), "Temporal is asked later whether it is safe");
                Ok(Probed::NotYet)
            }
            Err(error) => Err(Failure::new(Exit::Failed, "internal", chain(&error))),
        }
    }
}

fn tell(finding: &Finding) {
    tracing::error!(finding = finding.code(), advice = finding.advice(), "{finding}");
}

fn refusal(finding: &Finding) -> Failure {
    let hint = format!("{}; or leave out --strict (TENANTRY_STRICT) to serve all the same", finding.advice());
    Failure::new(Exit::Failed, "unsafe_temporal", finding.to_string()).with_hint(hint)
}
