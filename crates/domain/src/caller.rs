//! Who acts, and on whose behalf.
//!
//! A [`Caller`] comes out of authentication; an [`OrgScope`] comes out of a caller (or, for background work, out of a
//! constructor that says who it is for). Everything below takes an `OrgScope` and never an organization's id beside it, so
//! that no code can reach into an organization it was not let into. `clippy.toml` lists the constructors, and a lint
//! refuses them outside the few places that say why they may.

use std::sync::Arc;

use crate::{
    Actor, ApiKey, Namespace, Organization, OrganizationId, OrganizationStatus, Permission, Role, User,
    UserId,
    audit::{Origin, Trail},
};

/// An authenticated user with the key that proved it, and where they called from.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Arc<Identity>,
    origin: Origin,
}

/// Who calls: the same for each request with the same key.
#[derive(Debug)]
struct Identity {
    user: User,
    organization: Organization,
    api_key: ApiKey,
}

impl Caller {
    /// A caller whose key was just looked up, with its owner and their organization.
    pub fn authenticated(user: User, organization: Organization, api_key: ApiKey) -> Self {
        let identity = Identity { user, organization, api_key };
        Self { identity: Arc::new(identity), origin: Origin::default() }
    }

    /// The same caller, who came from there.
    #[must_use]
    pub fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Who calls.
    pub fn user(&self) -> &User {
        &self.identity.user
    }

    /// The organization that the user belongs to.
    pub fn organization(&self) -> &Organization {
        &self.identity.organization
    }

    /// The key that was presented.
    pub fn api_key(&self) -> &ApiKey {
        &self.identity.api_key
    }

    /// Whether the caller may do it.
    pub fn allows(&self, permission: Permission) -> bool {
        self.user().role.allows(permission)
    }

    /// Whether the caller acts for the whole deployment.
    pub fn is_admin(&self) -> bool {
        self.allows(Permission::ManageOrganizations)
    }

    /// The way into the caller's own organization.
    pub fn scope(&self) -> OrgScope {
        OrgScope::new(self.organization(), self.trail(), Some(self.user().role))
    }

    /// The way into any organization, for an admin only.
    pub fn scope_of(&self, organization: &Organization) -> Option<OrgScope> {
        let own = organization.id == self.organization().id;
        (own || self.is_admin()).then(|| OrgScope::new(organization, self.trail(), Some(self.user().role)))
    }

    /// What the audit log says of the caller.
    pub fn trail(&self) -> Trail {
        let actor = Actor::User {
            user: self.user().id,
            api_key: self.api_key().id,
            role: self.user().role,
            organization: self.organization().id,
        };
        Trail { actor, origin: self.origin.clone() }
    }
}

/// The right to act inside one organization. Whoever holds it reaches that organization's rows and namespace, and no other's.
#[derive(Clone, Debug)]
pub struct OrgScope {
    organization: OrganizationId,
    status: OrganizationStatus,
    namespace: Namespace,
    trail: Trail,
    /// What limits the actor; nothing limits the deployment itself.
    role: Option<Role>,
}

impl OrgScope {
    fn new(organization: &Organization, trail: Trail, role: Option<Role>) -> Self {
        Self {
            organization: organization.id,
            status: organization.status,
            namespace: organization.namespace.clone(),
            trail,
            role,
        }
    }

    /// For the hosted worker, which acts in the organization that owns the namespace it polls.
    pub fn for_worker(organization: &Organization) -> Self {
        Self::new(organization, Trail::system(), None)
    }

    /// For the first start, which makes the first admin of the system organization.
    pub fn for_bootstrap(system: &Organization) -> Self {
        Self::new(system, Trail::system(), None)
    }

    /// For the reconciler, which finishes what somebody began.
    pub fn for_reconciler(organization: &Organization) -> Self {
        Self::new(organization, Trail::system(), None)
    }

    /// The one organization.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Where the organization was in its life when the scope was made.
    pub fn status(&self) -> OrganizationStatus {
        self.status
    }

    /// The organization's Temporal namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Who acts, and from where.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Whether the actor may do it here.
    pub fn allows(&self, permission: Permission) -> bool {
        self.role.is_none_or(|role| role.allows(permission))
    }

    /// Whether the actor may do all that the role may, and so may give it to somebody or act on those who have it.
    pub fn covers(&self, role: Role) -> bool {
        role.permissions().all(|permission| self.allows(permission))
    }

    /// Whether the actor is this user.
    pub fn is_of(&self, user: UserId) -> bool {
        self.trail.actor.user() == Some(user)
    }

    /// The same organization, for what goes on after the actor has left: the deployment itself acts.
    #[must_use]
    pub fn for_background(&self) -> Self {
        Self { trail: Trail::system(), role: None, ..self.clone() }
    }
}
