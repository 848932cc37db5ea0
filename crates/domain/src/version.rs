//! What a thing was when somebody looked: so that of two who edit it, the second does not undo what they have not seen.

use std::fmt::Debug;

use sha2::{Digest as _, Sha256};

use crate::{ApiKey, Organization, Quotas, Schedule, User, Workflow};

/// The state of a thing, in short: another as soon as something is different that people edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// Made of what people edit, and of what tells the thing from others.
    fn of(state: &impl Debug) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(format!("{state:?}"))[..16]);
        Self(format!("{:032x}", u128::from_be_bytes(half)))
    }

    /// A version that somebody names; it may be none of anything.
    pub fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Its text: hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A thing that people edit.
pub trait Versioned {
    /// What it is now.
    fn version(&self) -> Version;
}

impl Versioned for Organization {
    fn version(&self) -> Version {
        Version::of(&(self.id, &self.name, self.status))
    }
}

impl Versioned for User {
    fn version(&self) -> Version {
        Version::of(&(self.id, &self.name, self.role, self.status))
    }
}

impl Versioned for ApiKey {
    fn version(&self) -> Version {
        let secrets: Vec<_> = self.secrets.iter().map(|secret| (secret.id, secret.ends_at)).collect();
        Version::of(&(self.id, &self.name, &self.limits, self.expires_at, self.revoked_at, secrets))
    }
}

impl Versioned for Quotas {
    fn version(&self) -> Version {
        Version::of(self)
    }
}

impl Versioned for Workflow {
    fn version(&self) -> Version {
        Version::of(&(self.id, self.revision, &self.digest))
    }
}

impl Versioned for Schedule {
    fn version(&self) -> Version {
        let policies = (self.overlap, self.jitter, self.catchup_window);
        Version::of(&(self.id, &self.input, &self.spec, policies, self.paused, &self.note))
    }
}

/// What must hold of a thing for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// It must be there.
    Exists,
    /// It must be in one of these states.
    OneOf(Vec<Version>),
}

/// It is not as it was when whoever changes it looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has changed since you looked")]
pub struct Stale;

impl Precondition {
    /// Whether it holds of a thing that is there.
    ///
    /// # Errors
    /// [`Stale`], if it does not.
    pub fn check(&self, thing: &impl Versioned) -> Result<(), Stale> {
        self.check_any(Some(thing))
    }

    /// Whether it holds of a thing that may not be there.
    ///
    /// # Errors
    /// [`Stale`], if it does not.
    pub fn check_any(&self, thing: Option<&impl Versioned>) -> Result<(), Stale> {
        let holds = match (self, thing) {
            (Self::None, _) | (Self::Exists, Some(_)) => true,
            (Self::OneOf(versions), Some(thing)) => versions.contains(&thing.version()),
            (Self::Exists | Self::OneOf(_), None) => false,
        };
        if holds { Ok(()) } else { Err(Stale) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quota;

    fn quotas(users: u32) -> Quotas {
        Quotas::new(|quota| (quota == Quota::Users).then_some(users))
    }

    #[test]
    fn should_be_another_as_soon_as_something_is_different() {
        assert_eq!(quotas(3).version(), quotas(3).version());
        assert_ne!(quotas(3).version(), quotas(4).version());
    }

    #[test]
    fn should_hold_of_what_is_as_it_was() {
        let (now, absent) = (quotas(3), None::<&Quotas>);
        let before = Precondition::OneOf(vec![quotas(2).version()]);
        let either = Precondition::OneOf(vec![quotas(2).version(), now.version()]);
        let holds = |precondition: &Precondition| {
            (precondition.check(&now).is_ok(), precondition.check_any(absent).is_ok())
        };
        assert_eq!(holds(&Precondition::None), (true, true));
        assert_eq!(holds(&Precondition::Exists), (true, false));
        assert_eq!(holds(&before), (false, false));
        assert_eq!(holds(&either), (true, false));
    }
}
