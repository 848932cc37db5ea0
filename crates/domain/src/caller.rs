//! Who acts, and on whose behalf.
//!
//! A [`Caller`] comes out of authentication; an [`OrgScope`] comes out of a caller (or, for background work, out of a
//! constructor that says who it is for). Everything below takes an `OrgScope` and never an organization's id beside it, so
//! that no code can reach into an organization it was not let into. `clippy.toml` lists the constructors, and a lint
//! refuses them outside the few places that say why they may.

use std::sync::Arc;

use crate::{
    Actor, ApiKey, ApiKeySecretId, Namespace, Organization, OrganizationId, OrganizationStatus, Permission,
    PermissionSet, Rights, Role, Scopes, Timestamp, User, UserId, WorkflowName,
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

    /// Whether the actor can reach this task queue.
    pub fn reaches_task_queue(&self, task_queue: &TaskQueueName) -> bool {
        self.rights().is_none_or(|rights| rights.task_queues().includes(task_queue))
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
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::{
        ApiKeyId, Clock as _, OrganizationStatus, Slug, SystemClock, UserKind, UserStatus,
        api_key::{AllowedCidrs, IssuedSecret, Limits},
    };

    fn organization(now: Timestamp) -> Organization {
        let (id, slug) = (OrganizationId::generate(now), Slug::parse("acme").expect("a slug"));
        Organization {
            id,
            namespace: Namespace::of(&slug, id),
            slug,
            name: "Acme".to_owned(),
            status: OrganizationStatus::Active,
            status_reason: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn user(now: Timestamp, organization: OrganizationId, role: Role) -> User {
        User {
            id: UserId::generate(now),
            organization_id: organization,
            kind: UserKind::Service,
            email: None,
            name: "Ada".to_owned(),
            role,
            status: UserStatus::Active,
            created_at: now,
        }
    }

    fn secret(now: Timestamp, ends_at: Option<Timestamp>) -> IssuedSecret {
        IssuedSecret {
            id: ApiKeySecretId::generate(now),
            prefix: "tn_abcd".to_owned(),
            last_four: "wxyz".to_owned(),
            created_at: now,
            ends_at,
            last_used_at: None,
            last_used_address: None,
        }
    }

    /// Somebody whose key has a newer secret than the one they present.
    fn caller(role: Role, change: impl FnOnce(&mut ApiKey)) -> Caller {
        let now = SystemClock.now();
        let organization = organization(now);
        let user = user(now, organization.id, role);
        let mut api_key = ApiKey {
            id: ApiKeyId::generate(now),
            organization_id: organization.id,
            user_id: user.id,
            name: "laptop".to_owned(),
            limits: Limits::default(),
            revision: 0,
            created_at: now,
            expires_at: None,
            revoked_at: None,
            secrets: vec![secret(now, None), secret(now, Some(now + TimeDelta::hours(2)))],
        };
        change(&mut api_key);
        let presented = api_key.secrets[1].id;
        #[expect(clippy::disallowed_methods, reason = "there is nothing to look up")]
        Caller::authenticated(user, organization, api_key, presented, 1)
    }

    fn limited(role: Role, words: &[&str]) -> Caller {
        caller(role, |key| key.limits.scopes = Some(Scopes::parse(words).expect("scopes")))
    }

    #[test]
    fn should_allow_what_both_the_role_and_the_key_allow() {
        let scope = limited(Role::Customer, &["executions:start", "users:write", "workflow:quote"]).scope();
        let allowed = Permission::ALL.iter().filter(|&&permission| scope.allows(permission));
        assert_eq!(allowed.collect::<Vec<_>>(), [&Permission::StartExecutions]);
        let name = |name| WorkflowName::parse(name).expect("a name");
        assert!(scope.reaches_workflow(&name("quote")) && !scope.reaches_workflow(&name("other")));
        assert!(scope.reaches_task_queue(&TaskQueueName::parse("any").expect("a name")));
        let background = scope.for_background();
        assert!(background.reaches_workflow(&name("other")) && background.allows(Permission::ReadAudit));
    }

    #[test]
    fn should_not_let_an_admin_out_of_their_organization_by_a_key_that_may_not() {
        let elsewhere = organization(SystemClock.now());
        assert!(caller(Role::Admin, |_| ()).scope_of(&elsewhere).is_some());
        assert!(limited(Role::Admin, &["workflows:read"]).scope_of(&elsewhere).is_none());
        assert!(limited(Role::Admin, &["platform:organizations"]).scope_of(&elsewhere).is_some());
    }

    #[test]
    fn should_cover_no_role_that_could_do_more_than_the_key() {
        let covered = |caller: &Caller| {
            let scope = caller.scope();
            Role::ALL.iter().copied().filter(|&role| scope.covers(role)).collect::<Vec<_>>()
        };
        assert_eq!(covered(&caller(Role::Manager, |_| ())), [Role::Manager, Role::Customer, Role::Worker]);
        assert_eq!(covered(&limited(Role::Manager, &["users:write", "users:read"])), []);
        let customer: Vec<&str> = Role::Customer.permissions().iter().map(Permission::as_str).collect();
        assert_eq!(covered(&limited(Role::Manager, &customer)), [Role::Customer]);
        for narrow in ["workflow:quote", "task_queue:own"] {
            assert_eq!(
                covered(&limited(Role::Manager, &[&customer[..], &[narrow]].concat())),
                [],
                "{narrow}"
            );
        }
    }

    #[test]
    fn should_let_a_limited_key_lead_to_none_that_is_less_so() {
        let own = ["executions:start", "executions:read", "workflow:quote"];
        let scope = limited(Role::Customer, &own).scope();
        let covers = |words: &[&str]| scope.covers_scopes(Some(&Scopes::parse(words).expect("scopes")));
        assert!(covers(&own) && covers(&["executions:start", "workflow:quote"]));
        assert!(!covers(&["executions:start"]), "every workflow");
        assert!(!covers(&["executions:start", "workflow:quote", "workflow:other"]));
        assert!(!covers(&["workflows:read", "workflow:quote"]));
        assert!(!scope.covers_scopes(None), "all that the user may, and will be allowed later");
        let unlimited = caller(Role::Customer, |_| ()).scope();
        assert!(unlimited.covers_scopes(None) && unlimited.covers_keys_of(Role::Customer));
        assert!(!unlimited.covers_keys_of(Role::Worker) && !unlimited.covers_keys_of(Role::Manager));
        assert!(scope.covers_keys_of(Role::Customer), "the user's own keys");
    }

    #[test]
    fn should_come_only_from_where_the_key_allows() {
        let from = |networks: Option<&[&str]>, address: Option<&str>| {
            let networks = networks.map(|networks| AllowedCidrs::parse(networks).expect("networks"));
            let source_address = address.map(|address| address.parse().expect("an address"));
            let caller = caller(Role::Customer, |key| key.limits.allowed_cidrs = networks);
            caller.from(Origin { request_id: None, source_address }).is_some()
        };
        assert!(from(None, Some("192.0.2.1")) && from(None, None));
        assert!(from(Some(&["192.0.2.0/24"]), Some("192.0.2.1")));
        assert!(!from(Some(&["192.0.2.0/24"]), Some("192.0.3.1")));
        assert!(!from(Some(&["192.0.2.0/24"]), None));
    }

    #[test]
    fn should_end_when_the_key_or_the_secret_does() {
        let presented = caller(Role::Customer, |_| ());
        let secret_ends = presented.api_key().secrets[1].ends_at.expect("an end");
        assert_eq!(presented.ends_at(), Some(secret_ends));
        let earlier = secret_ends - TimeDelta::hours(1);
        assert_eq!(caller(Role::Customer, |key| key.expires_at = Some(earlier)).ends_at(), Some(earlier));
        let ends = |key: &mut ApiKey| (key.secrets[1].ends_at, key.expires_at) = (None, None);
        assert_eq!(caller(Role::Customer, ends).ends_at(), None);
    }
}
