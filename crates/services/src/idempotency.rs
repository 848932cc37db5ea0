//! Requests that their senders repeat: done once, and answered each time as the first.
//!
//! | what the sender calls the request is | what happens |
//! |---|---|
//! | new | it is claimed, done, and its answer kept for [`KEPT`] |
//! | that of the same request, which is done | its answer again |
//! | that of another request | a conflict |
//! | that of one in hand | a conflict; after [`IN_HAND`] its node is gone, and it is claimed anew |
//!
//! Only what was done is kept: what failed changed nothing and may be tried again. Answers can hold what is shown only once, so each is sealed
//! with the secret of the API key that asked, which the database does not have.

mod seal;

use std::sync::Arc;

use chrono::TimeDelta;
use ring::digest;
use serde::{Deserialize, Serialize};
use tenantry_domain::{Caller, Clock, ExecutionId, OrgScope, Secret, chain};
use tenantry_storage::{
    Access, Doors as _, Store, Transaction as _,
    idempotency::{self, Claimed, Hash, Key, Terms},
};

use self::seal::Seal;
use crate::Error;

/// How long an answer is kept.
pub const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a request without an answer is taken to be in hand.
pub const IN_HAND: TimeDelta = TimeDelta::seconds(60);

/// How many answers are forgotten at a time.
const PIECE: i64 = 1_000;

/// Remembers requests.
#[derive(Clone)]
pub struct Idempotency {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// A request and who sends it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// What they have presented.
    pub secret: &'a Secret,
    /// What they call it.
    pub name: &'a str,
    /// All that it says.
    pub content: &'a [&'a [u8]],
}

/// What becomes of a request.
pub enum Claim {
    /// It is to be done.
    Mine(Box<Mine>),
    /// It was done.
    Done(Answer),
}

/// A request to be done, and then [kept](Idempotency::keep) or [released](Idempotency::release).
pub struct Mine {
    /// What an execution that it starts is called.
    pub id: ExecutionId,
    key: Key,
    scope: OrgScope,
    seal: Seal,
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers that belong to it, by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Idempotency {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Claims a request.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is in hand, or when something else was called the same.
    pub async fn claim(&self, request: Request<'_>) -> Result<Claim, Error> {
        let Request { caller, secret, name, content } = request;
        let (name, content) = (hash(&[name.as_bytes()]), hash(content));
        let (scope, now) = (caller.scope(), self.clock.now());
        let key = Key { api_key: caller.api_key().id, name };
        let terms = Terms { answered: KEPT, in_hand: IN_HAND };
        let mut tx = self.store.tenant(&scope, Access::Write).await?;
        let claimed =
            idempotency::claim(&mut tx, key, content, ExecutionId::generate(now), now, terms).await?;
        tx.commit().await?;
        // Who may not do any more what was done is not told what came of it.
        let rights = format!("{} {}", caller.user().role, caller.api_key().revision);
        let seal = Seal::of(secret, &name, &content, &hash(&[rights.as_bytes()]));
        match claimed {
            Claimed::Now(id) => {
                Ok(Claim::Mine(Box::new(Mine { id, key, scope: scope.for_background(), seal })))
            }
            Claimed::Before { request, .. } if request != content => {
                Err(Error::conflict("another request had this Idempotency-Key"))
            }
            Claimed::Before { answer: None, .. } => {
                Err(Error::conflict("the request with this Idempotency-Key is still in hand"))
            }
            // One sealed with the secret that the key had before: whoever rotates a key gives up its answers.
            Claimed::Before { answer: Some(sealed), .. } => {
                seal.open(sealed).map(Claim::Done).ok_or_else(|| {
                    Error::conflict("the answer was for another secret of the API key, or for other rights")
                })
            }
        }
    }

    /// Keeps the answer to a request that was done. If that fails, a repeated request is in conflict until [`IN_HAND`] has passed.
    pub async fn keep(&self, mine: Mine, answer: &Answer) {
        let kept = async {
            let sealed = mine.seal.close(answer).map_err(|why| Error::Internal(why.into()))?;
            let mut tx = self.store.tenant(&mine.scope, Access::Write).await?;
            idempotency::answer(&mut tx, mine.key, mine.id, &sealed).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        note(kept.await);
    }

    /// Gives up a request that was not done.
    pub async fn release(&self, mine: Mine) {
        let released = async {
            let mut tx = self.store.tenant(&mine.scope, Access::Write).await?;
            idempotency::release(&mut tx, mine.key, mine.id).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        note(released.await);
    }

    /// Forgets what is old.
    pub(crate) async fn forget(&self) -> Result<(), Error> {
        let before = self.clock.now() - KEPT;
        while idempotency::forget(&self.store, before, PIECE).await? == PIECE.unsigned_abs() {}
        Ok(())
    }
}

/// The hash of the parts, each apart from the next.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The request has its answer, whatever becomes of the note.
fn note(done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::warn!(error = chain(&error), "a request with an Idempotency-Key is not remembered");
    }
}
