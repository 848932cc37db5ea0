//! Whether what was read of somebody's rights still holds: the foundation of every cache of them.
//!
//! PostgreSQL announces each change of a key, a user, an organization or its quotas in the transaction that makes it (migration 0014), and
//! each node listens. What was read before the change does not hold after it. A node that does not hear has nothing that
//! holds: it asks the database each time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use sqlx::{Executor as _, PgPool, postgres::PgListener};
use tenantry_domain::OrganizationId;
use tokio::time::{sleep, timeout};

use crate::Error;

const CHANNEL: &str = "tenantry_rights";
/// How many organizations are told apart. Two that share a place lose what is cached together; nothing worse.
const PLACES: usize = 4096;
/// A silent connection is asked whether it still stands so often, and has so long to answer.
const PING: Duration = Duration::from_secs(1);
/// The pause before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(200);

/// A moment in the history of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(u64);

/// What this node has heard of changes. Clones share it.
#[derive(Clone)]
pub struct RightsWatch(Arc<Heard>);

struct Heard {
    /// How many changes there were.
    changes: AtomicU64,
    /// The last change in each place.
    places: Box<[AtomicU64]>,
    /// The last change of which it is not known where it was.
    anywhere: AtomicU64,
    listening: AtomicBool,
}

impl fmt::Debug for RightsWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RightsWatch").field("listening", &self.0.listening).finish_non_exhaustive()
    }
}

impl RightsWatch {
    pub(crate) fn unheard() -> Self {
        Self(Arc::new(Heard {
            changes: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            anywhere: AtomicU64::new(0),
            listening: AtomicBool::new(false),
        }))
    }

    /// Now: to be taken before the rights are read. `None` while this node does not hear of changes, when nothing may be kept.
    pub fn now(&self) -> Option<Moment> {
        let moment = Moment(self.0.changes.load(SeqCst));
        self.0.listening.load(SeqCst).then_some(moment)
    }

    /// Whether what was read of an organization's rights at that moment holds now.
    pub fn hold(&self, organization: OrganizationId, since: Moment) -> bool {
        self.0.listening.load(SeqCst)
            && self.0.anywhere.load(SeqCst) <= since.0
            && self.place(organization).load(SeqCst) <= since.0
    }

    /// Whether nothing at all has changed since that moment.
    pub fn unchanged(&self, since: Moment) -> bool {
        self.now() == Some(since)
    }

    /// Rights in an organization have changed.
    pub(crate) fn changed(&self, organization: OrganizationId) {
        let change = self.0.changes.fetch_add(1, SeqCst) + 1;
        self.place(organization).fetch_max(change, SeqCst);
    }

    fn changed_anywhere(&self) {
        let change = self.0.changes.fetch_add(1, SeqCst) + 1;
        self.0.anywhere.fetch_max(change, SeqCst);
    }

    fn place(&self, organization: OrganizationId) -> &AtomicU64 {
        // The end of an id is random.
        let bits = organization.uuid().as_u128() as usize;
        &self.0.places[bits % PLACES]
    }

    /// Listens for changes, again and again, until it is dropped.
    pub(crate) async fn listen(&self, connect: impl Fn() -> PgPool) {
        loop {
            let pool = connect();
            if let Err(error) = self.hear(&pool).await {
                tracing::warn!(error = tenantry_domain::chain(&error), "not listening for changes of rights");
            }
            self.0.listening.store(false, SeqCst);
            let _ = timeout(PING, pool.close()).await;
            sleep(PAUSE).await;
        }
    }

    /// Listens until the connection is lost.
    async fn hear(&self, pool: &PgPool) -> Result<(), Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        // What changed while nobody listened, nobody knows.
        self.changed_anywhere();
        self.0.listening.store(true, SeqCst);
        tracing::debug!("listening for changes of rights");
        loop {
            match timeout(PING, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => match notification.payload().parse() {
                    Ok(organization) => self.changed(OrganizationId::from_uuid(organization)),
                    Err(_) => self.changed_anywhere(),
                },
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error.into()),
                Err(_silent) => match timeout(PING, listener.execute("select 1")).await {
                    Ok(answered) => {
                        answered?;
                    }
                    Err(_mute) => return Ok(()),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(last: u128) -> OrganizationId {
        OrganizationId::from_uuid(uuid::Uuid::from_u128(last))
    }

    fn listening() -> RightsWatch {
        let rights = RightsWatch::unheard();
        rights.0.listening.store(true, SeqCst);
        rights
    }

    #[test]
    fn should_hold_until_the_organization_changes() {
        let rights = listening();
        let since = rights.now().expect("it listens");
        rights.changed(organization(2));
        assert!(rights.hold(organization(1), since));
        assert!(!rights.unchanged(since));
        rights.changed(organization(1));
        assert!(!rights.hold(organization(1), since));
        assert!(rights.hold(organization(1), rights.now().expect("it listens")));
    }

    #[test]
    fn should_not_hold_what_was_read_while_it_changed() {
        let rights = listening();
        let before_the_read = rights.now().expect("it listens");
        rights.changed(organization(1));
        assert!(!rights.hold(organization(1), before_the_read), "the read may have come first");
    }

    #[test]
    fn should_hold_nothing_while_nobody_listens_and_nothing_from_before() {
        let rights = listening();
        let since = rights.now().expect("it listens");
        rights.0.listening.store(false, SeqCst);
        assert_eq!(rights.now(), None);
        assert!(!rights.hold(organization(1), since));
        rights.changed_anywhere();
        rights.0.listening.store(true, SeqCst);
        assert!(!rights.hold(organization(1), since));
    }
}
