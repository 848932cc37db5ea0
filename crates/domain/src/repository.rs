//! How the services reach organizations, users and API keys.
//!
//! A repository *is* a transaction: what its methods change is kept together or not at all. `storage` implements these on its
//! two kinds of transactions; a test implements them around those, to make one fail at a chosen moment. Everything else that
//! services store they reach through plain functions over the same transactions.
//!
//! Methods that take an id answer `None` for what is not there and for what is another organization's alike.

use std::future::Future;

use uuid::Uuid;

use crate::{
    ApiKey, ApiKeyId, Email, Organization, OrganizationId, OrganizationName, OrganizationStatus, Page,
    PageRequest, Role, Secret, Slug, Timestamp, User, UserId,
    api_key::{self, NewApiKey},
    user::{Changes, NewUser},
};

/// Every organization, for the platform.
pub trait OrganizationRepository: Send {
    /// Why a query did not do what it was asked.
    type Error;

    /// Records the intent to have an organization. Its namespace is provisioned later.
    fn insert_organization(
        &mut self,
        slug: &Slug,
        name: &OrganizationName,
        now: Timestamp,
    ) -> impl Future<Output = Result<Organization, Self::Error>> + Send;

    /// The organization with this id, unless it is being erased.
    fn organization(
        &mut self,
        organization: OrganizationId,
    ) -> impl Future<Output = Result<Option<Organization>, Self::Error>> + Send;

    /// The organization with this slug, unless it is being erased.
    fn organization_by_slug(
        &mut self,
        slug: &str,
    ) -> impl Future<Output = Result<Option<Organization>, Self::Error>> + Send;

    /// The organization that a user, or an API key, belongs to: for an admin who names only the user or the key.
    fn organization_of_member(
        &mut self,
        user_or_api_key: Uuid,
    ) -> impl Future<Output = Result<Option<Organization>, Self::Error>> + Send;

    /// The platform's own organization.
    fn system_organization(&mut self) -> impl Future<Output = Result<Organization, Self::Error>> + Send;

    /// Every organization that is not being erased, newest first.
    fn organizations(
        &mut self,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Organization>, Self::Error>> + Send;

    /// The organization, which nobody else can move until the transaction ends.
    fn lock_organization(
        &mut self,
        organization: OrganizationId,
    ) -> impl Future<Output = Result<Option<Organization>, Self::Error>> + Send;

    /// Renames the organization.
    fn rename_organization(
        &mut self,
        organization: OrganizationId,
        name: &OrganizationName,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Moves an organization that [`Self::lock_organization`] holds to another status. What the reconciler has to do for it is
    /// due at once.
    fn set_organization_status(
        &mut self,
        organization: OrganizationId,
        status: OrganizationStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// The users of one organization.
pub trait UserRepository: Send {
    /// Why a query did not do what it was asked.
    type Error;

    /// Makes a user.
    fn insert_user(
        &mut self,
        new: &NewUser,
        now: Timestamp,
    ) -> impl Future<Output = Result<User, Self::Error>> + Send;

    /// The user with this id.
    fn user(&mut self, user: UserId) -> impl Future<Output = Result<Option<User>, Self::Error>> + Send;

    /// The person with this address.
    fn user_by_email(
        &mut self,
        email: &Email,
    ) -> impl Future<Output = Result<Option<User>, Self::Error>> + Send;

    /// The users, newest first.
    fn users(&mut self, page: PageRequest) -> impl Future<Output = Result<Page<User>, Self::Error>> + Send;

    /// Changes a user.
    fn update_user(
        &mut self,
        user: UserId,
        changes: &Changes,
    ) -> impl Future<Output = Result<Option<User>, Self::Error>> + Send;

    /// Removes a user, and their API keys.
    fn delete_user(&mut self, user: UserId) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// How many users have the role and are active, besides this one.
    fn others_in_role(
        &mut self,
        role: Role,
        user: UserId,
    ) -> impl Future<Output = Result<i64, Self::Error>> + Send;
}

/// The API keys of one organization.
pub trait ApiKeyRepository: Send {
    /// Why a query did not do what it was asked.
    type Error;

    /// Makes a key for a user of the organization.
    fn insert_api_key(
        &mut self,
        user: UserId,
        new: &NewApiKey,
        secret: &Secret,
        now: Timestamp,
    ) -> impl Future<Output = Result<ApiKey, Self::Error>> + Send;

    /// The key with this id.
    fn api_key(
        &mut self,
        api_key: ApiKeyId,
    ) -> impl Future<Output = Result<Option<ApiKey>, Self::Error>> + Send;

    /// A user's keys, newest first.
    fn api_keys(
        &mut self,
        user: UserId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<ApiKey>, Self::Error>> + Send;

    /// The keys of all users that a filter lets through, newest first.
    fn api_keys_of_all(
        &mut self,
        filter: &api_key::Filter,
        now: Timestamp,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<ApiKey>, Self::Error>> + Send;

    /// Writes what was changed of a key: everything but its user, its secrets and its end.
    fn update_api_key(&mut self, changed: &ApiKey) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Gives a key a new secret. Those it had are worth nothing from `ends_at` on; without that, at once.
    fn rotate_api_key(
        &mut self,
        api_key: ApiKeyId,
        secret: &Secret,
        ends_at: Option<Timestamp>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Ends a key; answers whether it was still good.
    fn revoke_api_key(
        &mut self,
        api_key: ApiKeyId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}
