//! Organizations: the tenants.

use crate::{
    OrganizationId, Timestamp,
    field::{Invalid, checked_string, display_name, words},
};

const RESERVED_SLUGS: &[&str] = &[
    "admin",
    "api",
    "default",
    "me",
    "platform",
    "public",
    "root",
    "system",
    "temporal",
    "temporal-system",
    "tenantry",
];

checked_string!(
    /// An organization's name in URLs and commands: 3–40 characters of `[a-z0-9-]`, first a letter, last no hyphen.
    /// It never changes and is not one of the words that the platform keeps for itself.
    Slug, parse_slug
);
checked_string!(
    /// An organization's name as people read it: 1–200 characters.
    OrganizationName, |value| display_name("name", value, OrganizationName::MAX_LENGTH)
);

impl OrganizationName {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 200;
}

fn parse_slug(value: &str) -> Result<String, Invalid> {
    let well_formed = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && value.starts_with(|c: char| c.is_ascii_lowercase())
        && !value.ends_with('-');
    if !well_formed || !(Slug::MIN_LENGTH..=Slug::MAX_LENGTH).contains(&value.len()) {
        let rule = "must have 3 to 40 characters: lower-case letters, digits and hyphens, first a letter, last no hyphen";
        return Err(Invalid::new("slug", rule));
    }
    if RESERVED_SLUGS.contains(&value) {
        return Err(Invalid::new("slug", "is a word that the platform keeps for itself; choose another"));
    }
    Ok(value.to_owned())
}

impl Slug {
    /// How many characters it has at least.
    pub const MIN_LENGTH: usize = 3;
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 40;
    /// What nobody can choose.
    pub const RESERVED: &[&str] = RESERVED_SLUGS;

    /// The slug of the system organization, which nobody can choose.
    pub fn system() -> Self {
        Self("system".to_owned())
    }

    /// A slug that was checked when it was stored.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

words!(
    /// Where an organization is in its life.
    ///
    /// | from | to |
    /// |---|---|
    /// | `provisioning` | `active`, `provisioning_failed` |
    /// | `provisioning_failed` | `provisioning` |
    /// | `active` | `suspended`, `provisioning_failed` |
    /// | `suspended` | `active` |
    /// | any of these | `deleting` |
    OrganizationStatus {
        /// Its Temporal namespace is being made.
        Provisioning = "provisioning",
        /// Everything works.
        Active = "active",
        /// An admin has stopped it; nothing is lost.
        Suspended = "suspended",
        /// Its namespace could not be made, or became unusable; `status_reason` says why.
        ProvisioningFailed = "provisioning_failed",
        /// It and all it owns are being erased.
        Deleting = "deleting",
    }
);

/// A step that an organization's life does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an organization that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// Where it is.
    pub from: OrganizationStatus,
    /// Where it was to go.
    pub to: OrganizationStatus,
}

impl OrganizationStatus {
    /// Checks the step against the table above.
    ///
    /// # Errors
    /// Names both states.
    pub fn check_transition(self, to: Self) -> Result<(), IllegalTransition> {
        use OrganizationStatus as S;
        let legal = matches!(
            (self, to),
            (S::Provisioning, S::Active | S::ProvisioningFailed)
                | (S::ProvisioningFailed, S::Provisioning)
                | (S::Active, S::Suspended | S::ProvisioningFailed)
                | (S::Suspended, S::Active)
                | (S::Provisioning | S::ProvisioningFailed | S::Active | S::Suspended, S::Deleting)
        );
        if legal { Ok(()) } else { Err(IllegalTransition { from: self, to }) }
    }
}

/// The name of an organization's Temporal namespace. It is never used again for another organization: it joins the slug and
/// the random part of the organization's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Namespace(String);

impl Namespace {
    /// The namespace of the organization with this slug and id.
    pub fn of(slug: &Slug, id: OrganizationId) -> Self {
        Self(format!("{slug}-{:012x}", id.uuid().as_u128() & 0xffff_ffff_ffff))
    }

    /// A namespace that was stored with its organization.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }

    /// Its name, as Temporal knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Names it for ever.
    pub id: OrganizationId,
    /// Names it for people; unique, unchanging.
    pub slug: Slug,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: OrganizationStatus,
    /// Why it is there, when somebody must act.
    pub status_reason: Option<String>,
    /// Its own Temporal namespace.
    pub namespace: Namespace,
    /// When it was made.
    pub created_at: Timestamp,
    /// When any of this last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn should_say_what_a_slug_must_be() {
        for wrong in ["", "ab", "Acme", "1acme", "acme-", "-acme", "ac me", "acmé", &"a".repeat(41), "system"]
        {
            let error = Slug::parse(wrong).expect_err(wrong);
            assert_eq!(error.field, "slug");
        }
        assert_eq!(Slug::parse("acme-2").expect("a good slug").as_str(), "acme-2");
    }

    #[test]
    fn should_allow_the_steps_of_the_table_and_no_others() {
        let mut table = String::new();
        for &from in OrganizationStatus::ALL {
            for &to in OrganizationStatus::ALL {
                match from.check_transition(to) {
                    Ok(()) => table.extend([from.as_str(), " -> ", to.as_str(), "\n"]),
                    Err(illegal) => {
                        let message = illegal.to_string();
                        assert!(
                            message.contains(from.as_str()) && message.contains(to.as_str()),
                            "{message}"
                        );
                    }
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    proptest! {
        #[test]
        fn should_accept_every_slug_of_the_rule(slug in "[a-z][a-z0-9-]{1,38}[a-z0-9]") {
            prop_assume!(!RESERVED_SLUGS.contains(&slug.as_str()));
            prop_assert!(Slug::parse(&slug).is_ok());
        }

        #[test]
        fn should_name_a_namespace_that_temporal_accepts(slug in "[a-z][a-z0-9-]{1,38}[a-z0-9]", bits: u128) {
            let namespace = Namespace::of(&Slug(slug.clone()), OrganizationId::from_uuid(uuid::Uuid::from_u128(bits)));
            prop_assert!(namespace.as_str().starts_with(&slug));
            prop_assert!(namespace.as_str().len() <= 64);
        }
    }
}
