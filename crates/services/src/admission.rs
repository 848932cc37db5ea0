//! From a request to a caller: who presents a key, whether it can be used from there, whether there is room for the request, and a note
//! that the key was used.

use std::{net::IpAddr, sync::Arc};

use tenantry_domain::{Caller, Clock, audit::Origin};
use tenantry_storage::api_key_secrets::Use;

use crate::{
    Error,
    authentication::{Authentication, Known},
    last_used::LastUsed,
    rate_limits::{Failures, Limited, RateLimits, Standing},
};

/// Lets callers in.
#[derive(Clone)]
pub struct Admission {
    authentication: Authentication,
    limits: RateLimits,
    failures: Failures,
    last_used: LastUsed,
    clock: Arc<dyn Clock>,
}

/// What comes of a request at the door.
#[derive(Debug)]
pub enum Admitted {
    /// Somebody may come in, and this is left of their limits.
    Caller(Caller, Standing),
    /// The credential is worth nothing, or nothing from there.
    Nobody,
}

impl Admission {
    pub(crate) fn new(
        authentication: Authentication,
        limits: RateLimits,
        last_used: LastUsed,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { authentication, limits, failures: Failures::new(), last_used, clock }
    }

    /// Who presents this secret, from there. A key that cannot be used from there is nobody's, as one that is not good, and is noted
    /// nowhere but in the server's log: whoever has stolen it learns nothing, nor by how long the answer takes, for the database is asked of it as
    /// often as of one that nobody knows.
    ///
    /// What is urgent is let in though the organization has had its share, as long as the key has a reserve.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the key, its organization or the address has had its share.
    pub async fn admit(
        &self,
        secret: &str,
        origin: Origin,
        is_urgent: impl FnOnce() -> bool,
    ) -> Result<Admitted, Error> {
        let address = origin.source_address;
        let Some((caller, known)) = self.identify(secret, origin).await? else {
            if let Some(address) = address {
                self.failures.note(address);
            }
            return Ok(Admitted::Nobody);
        };
        let now = self.clock.now();
        let standing = self.limits.take(&known.buckets, &caller, now, is_urgent)?;
        self.last_used.note(caller.secret(), Use { at: now, address });
        Ok(Admitted::Caller(caller, standing))
    }

    /// Who presents this secret, from there, in a request that was counted before.
    pub async fn again(&self, secret: &str, origin: Origin) -> Result<Option<Caller>, Error> {
        Ok(self.identify(secret, origin).await?.map(|(caller, _)| caller))
    }

    async fn identify(&self, secret: &str, origin: Origin) -> Result<Option<(Caller, Arc<Known>)>, Error> {
        if let Some(known) = self.authentication.seen(secret)
            && let Some(caller) = known.caller.clone().from(origin.clone())
        {
            return Ok(Some((caller, known)));
        }
        // Apart, so that the usual way does not carry the room that a query needs.
        Box::pin(self.look_up(secret, origin)).await
    }

    async fn look_up(&self, secret: &str, origin: Origin) -> Result<Option<(Caller, Arc<Known>)>, Error> {
        let address = origin.source_address;
        let Some(presented) = self.authentication.parse(secret) else {
            self.may_try(address)?;
            return Ok(None);
        };
        let recalled = self.authentication.recall(&presented).await;
        let is_recalled = recalled.is_some();
        let known = if let Some(known) = recalled {
            known
        } else {
            if !self.authentication.has_known(&presented).await {
                self.may_try(address)?;
            }
            let Some(known) = self.authentication.find(&presented).await? else {
                // It may have been good a while ago, and was not asked this before.
                self.may_try(address)?;
                return Ok(None);
            };
            known
        };
        let Some(caller) = known.caller.clone().from(origin) else {
            let api_key = known.caller.api_key().id;
            tracing::warn!(%api_key, ?address, "a key was presented from outside its networks");
            // As for a key that nobody knows, though it is known.
            self.may_try(address)?;
            if is_recalled {
                self.authentication.find_nobody(&presented).await?;
            }
            return Ok(None);
        };
        Ok(Some((caller, known)))
    }

    /// Whoever has presented many worthless credentials waits before another is looked at.
    fn may_try(&self, address: Option<IpAddr>) -> Result<(), Limited> {
        let may = address.map_or(Ok(()), |address| self.failures.may_try(address));
        may.map_err(|retry_after| Limited { standing: None, retry_after })
    }
}
