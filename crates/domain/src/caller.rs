//! Who acts, and on whose behalf.
//!
//! A [`Caller`] comes out of authentication; an [`OrgScope`] comes out of a caller (or, for background work, out of a
//! constructor that says who it is for). Everything below takes an `OrgScope` and never an organization's id beside it, so
//! that no code can reach into an organization it was not let into. `clippy.toml` lists the constructors, and a lint
//! refuses them outside the few places that say why they may.

use std::sync::Arc;

use crate::{
    Actor, ApiKey, ApiKeySecretId, Namespace, Organization, OrganizationId, OrganizationStatus, Permission,
    PermissionSet, Rights, Role, Scopes, Timestamp, User, UserId, Work, WorkflowName,
    audit::{Origin, Trail},
    scopes::TaskQueueName,
};

/// An authenticated user with the key that proved it, and where they called from.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Arc<Identity>,
    origin: Origin,
}

/// Who calls: the same for each request with the same secret.
#[derive(Debug)]
struct Identity {
    user: User,
    organization: Organization,
    api_key: ApiKey,
    secret: ApiKeySecretId,
    rights: Rights,
    requests_per_second: u32,
}

impl Caller {
    /// A caller whose key was just looked up by one of its secrets, with its owner and their organization.
    pub fn authenticated(
        user: User,
        organization: Organization,
        api_key: ApiKey,
        secret: ApiKeySecretId,
        requests_per_second: u32,
    ) -> Self {
        let rights = Rights::by_key(user.role, api_key.limits.scopes.as_ref());
        let identity = Identity { user, organization, api_key, secret, rights, requests_per_second };
        Self { identity: Arc::new(identity), origin: Origin::default() }
    }

    /// The same caller, who came from there; nobody, if the key cannot be used from there.
    #[must_use]
    pub fn from(self, origin: Origin) -> Option<Self> {
        let networks = self.api_key().limits.allowed_cidrs.as_ref();
        let admitted = networks.is_none_or(|networks| networks.include(origin.source_address));
        admitted.then_some(Self { origin, ..self })
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

    /// Which of the key's secrets was presented.
    pub fn secret(&self) -> ApiKeySecretId {
        self.identity.secret
    }

    /// How many requests all keys of the organization may make together, each second.
    pub fn requests_per_second(&self) -> u32 {
        self.identity.requests_per_second
    }

    /// From when on what was presented is worth nothing, if nobody ends it before.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let presented = self.api_key().secrets.iter().find(|secret| secret.id == self.secret());
        let ends = [self.api_key().expires_at, presented.and_then(|secret| secret.ends_at)];
        ends.into_iter().flatten().min()
    }

    /// What the caller may do: what both the role and the key's scopes allow.
    pub fn permissions(&self) -> PermissionSet {
        self.identity.rights.permissions()
    }

    /// Whether the caller may do it.
    pub fn allows(&self, permission: Permission) -> bool {
        self.permissions().contains(permission)
    }

    /// Whether the caller acts for the whole deployment.
    pub fn is_admin(&self) -> bool {
        self.allows(Permission::ManageOrganizations)
    }

    /// The way into the caller's own organization.
    pub fn scope(&self) -> OrgScope {
        self.inside(self.organization())
    }

    /// The way into any organization, for an admin only.
    pub fn scope_of(&self, organization: &Organization) -> Option<OrgScope> {
        let own = organization.id == self.organization().id;
        (own || self.is_admin()).then(|| self.inside(organization))
    }

    fn inside(&self, organization: &Organization) -> OrgScope {
        let identity = Some(Arc::clone(&self.identity));
        OrgScope { identity, ..OrgScope::new(organization, self.trail()) }
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
    /// Who acts; nobody limits the deployment itself.
    identity: Option<Arc<Identity>>,
}

/// What an actor presented, as it was then.
#[derive(Clone, Copy, Debug)]
pub struct Credential {
    /// The secret.
    pub secret: ApiKeySecretId,
    /// The [`ApiKey::revision`] of its key.
    pub revision: i32,
}

impl OrgScope {
    /// As only the deployment itself acts: with all rights.
    fn new(organization: &Organization, trail: Trail) -> Self {
        Self {
            organization: organization.id,
            status: organization.status,
            namespace: organization.namespace.clone(),
            trail,
            identity: None,
        }
    }

    /// For the hosted worker, which acts in the organization that owns the namespace it polls.
    pub fn for_worker(organization: &Organization) -> Self {
        Self::new(organization, Trail::system())
    }

    /// For the first start, which makes the first admin of the system organization.
    pub fn for_bootstrap(system: &Organization) -> Self {
        Self::new(system, Trail::system())
    }

    /// For the reconciler, which finishes what somebody began.
    pub fn for_reconciler(organization: &Organization) -> Self {
        Self::new(organization, Trail::system())
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

    fn rights(&self) -> Option<&Rights> {
        self.identity.as_ref().map(|identity| &identity.rights)
    }

    /// What the actor presented; the deployment itself presents nothing.
    pub fn credential(&self) -> Option<Credential> {
        let identity = self.identity.as_ref()?;
        Some(Credential { secret: identity.secret, revision: identity.api_key.revision })
    }

    /// Whether the actor may do it here.
    pub fn allows(&self, permission: Permission) -> bool {
        self.rights().is_none_or(|rights| rights.permissions().contains(permission))
    }

    /// The workflows that the actor can reach, unless it is all of them. The others and their executions do not exist for the actor.
    pub fn workflows(&self) -> Option<&[WorkflowName]> {
        self.rights().and_then(|rights| rights.workflows().names())
    }

    /// Whether the actor can reach this workflow, and its executions.
    pub fn reaches_workflow(&self, workflow: &WorkflowName) -> bool {
        self.rights().is_none_or(|rights| rights.workflows().includes(workflow))
    }

    /// The task queues that the actor can reach, unless it is all of them. Executions on the others do not exist for the actor.
    pub fn task_queues(&self) -> Option<&[TaskQueueName]> {
        self.rights().and_then(|rights| rights.task_queues().names())
    }

    /// Whether the actor can reach this task queue.
    pub fn reaches_task_queue(&self, task_queue: &TaskQueueName) -> bool {
        self.rights().is_none_or(|rights| rights.task_queues().includes(task_queue))
    }

    /// Whether the actor can reach what own workers do on this task queue. Whoever is limited to named workflows cannot: a workflow type
    /// is none of them. (If names of task queues opened it again, a key with one more word would be wider.)
    pub fn reaches_own_work(&self, task_queue: &TaskQueueName) -> bool {
        self.workflows().is_none() && self.reaches_task_queue(task_queue)
    }

    /// Whether executions of this work exist for the actor: those that the storage finds.
    pub fn reaches(&self, work: &Work) -> bool {
        match work {
            Work::Definition { workflow, .. } => {
                self.workflows().is_none_or(|names| names.iter().any(|name| name.as_str() == workflow))
            }
            Work::Own { task_queue, .. } => self.reaches_own_work(task_queue),
        }
    }

    /// Whether the actor may do all that the role may, and so may give it to somebody or act on those who have it.
    pub fn covers(&self, role: Role) -> bool {
        self.rights().is_none_or(|rights| rights.cover(&Rights::of(role)))
    }

    /// Whether the actor's own role may do all that the role may, whatever the key that they use is limited to: so that they may act
    /// on keys of those who have it, within [`Self::covers_scopes`].
    pub fn covers_keys_of(&self, role: Role) -> bool {
        let own = self.identity.as_ref().map(|identity| Rights::of(identity.user.role));
        own.is_none_or(|own| own.cover(&Rights::of(role)))
    }

    /// Whether a key with these scopes is no wider than what the actor presented, now and whatever becomes of their roles: so a key
    /// that is limited never leads to one that is less so.
    pub fn covers_scopes(&self, scopes: Option<&Scopes>) -> bool {
        let own = self.identity.as_ref().and_then(|identity| identity.api_key.limits.scopes.as_ref());
        own.is_none_or(|own| scopes.is_some_and(|scopes| own.cover(scopes)))
    }

    /// Whether the actor is this user.
    pub fn is_of(&self, user: UserId) -> bool {
        self.trail.actor.user() == Some(user)
    }

    /// The same organization, for what goes on after the actor has left: the deployment itself acts.
    #[must_use]
    pub fn for_background(&self) -> Self {
        Self { trail: Trail::system(), identity: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
