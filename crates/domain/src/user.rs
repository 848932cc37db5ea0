//! Users: people and service accounts. Each belongs to exactly one organization.

use crate::{
    OrganizationId, Role, Timestamp, UserId,
    field::{Invalid, checked_string, display_name, words},
};

checked_string!(
    /// An e-mail address, in lower case: one `@`, no white space, at most 254 characters (RFC 5321).
    Email, parse_email
);
checked_string!(
    /// A user's name as people read it: 1–200 characters.
    UserName, |value| display_name("name", value, UserName::MAX_LENGTH)
);

impl Email {
    /// How many bytes it has at most.
    pub const MAX_LENGTH: usize = 254;
}

impl UserName {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 200;
}

fn parse_email(value: &str) -> Result<String, Invalid> {
    let value = value.trim().to_lowercase();
    let well_formed = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    let clean = !value.chars().any(|c| c.is_whitespace() || c.is_control());
    if !well_formed || !clean || value.len() > Email::MAX_LENGTH {
        return Err(Invalid::new("email", "must be an e-mail address of at most 254 characters"));
    }
    Ok(value)
}

words!(
    /// What stands behind a user.
    UserKind {
        /// A person, known by an e-mail address.
        Human = "human",
        /// A program, known by its name.
        Service = "service",
    }
);

words!(
    /// Whether a user's API keys are worth anything.
    UserStatus {
        /// They are.
        Active = "active",
        /// They are not, until the user is active again.
        Disabled = "disabled",
    }
);

/// Somebody, or something, that acts in one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Names it for ever.
    pub id: UserId,
    /// The one organization it belongs to.
    pub organization_id: OrganizationId,
    /// A person or a program.
    pub kind: UserKind,
    /// A person's address; a program has none.
    pub email: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may do it now.
    pub status: UserStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A user that does not exist yet.
#[derive(Clone, Debug)]
pub struct NewUser {
    name: UserName,
    email: Option<Email>,
    role: Role,
}

impl NewUser {
    /// A person, if there is an address; else a service account.
    ///
    /// # Errors
    /// `role` when it does not fit: a person cannot be a worker.
    pub fn new(name: UserName, email: Option<Email>, role: Role) -> Result<Self, Invalid> {
        if email.is_some() && role == Role::Worker {
            return Err(Invalid::new(
                "role",
                "worker is for service accounts; choose manager or customer, or kind \"service\"",
            ));
        }
        Ok(Self { name, email, role })
    }

    /// What stands behind it.
    pub fn kind(&self) -> UserKind {
        if self.email.is_some() { UserKind::Human } else { UserKind::Service }
    }

    /// What people will call it.
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// A person's address.
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }

    /// What it will be allowed to do.
    pub fn role(&self) -> Role {
        self.role
    }
}

/// What is to change of a user; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The name.
    pub name: Option<UserName>,
    /// The role.
    pub role: Option<Role>,
    /// The status.
    pub status: Option<UserStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_fold_the_case_of_an_address() {
        assert_eq!(Email::parse(" Ada@Example.COM ").expect("an address").as_str(), "ada@example.com");
    }

    #[test]
    fn should_refuse_what_is_no_address() {
        for wrong in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@example.com",
            "a@b@c",
            "ada@.com",
            &format!("{}@x.y", "a".repeat(255)),
        ] {
            assert_eq!(Email::parse(wrong).expect_err(wrong).field, "email");
        }
    }
}
