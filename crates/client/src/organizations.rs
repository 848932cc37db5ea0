//! Organizations: the tenants.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::{Call, Client, List, Timestamp};

/// The routes under `/organizations`.
#[derive(Clone, Copy, Debug)]
pub struct Organizations<'a>(pub(crate) &'a Client);

impl Organizations<'_> {
    /// Makes an organization. It is answered as `provisioning`, and becomes `active` soon after. For platform admins.
    pub fn create(&self, organization: &NewOrganization) -> Call<Organization> {
        self.0.call(Method::POST, &["organizations"]).json(organization)
    }

    /// All organizations, for platform admins.
    pub fn list(&self) -> List<Organization> {
        List::new(self.0, &["organizations"])
    }

    /// One organization, by slug or id.
    pub fn get(&self, organization: &str) -> Call<Organization> {
        self.0.call(Method::GET, &["organizations", organization])
    }
}

/// An organization to make.
#[derive(Clone, Debug, Serialize)]
pub struct NewOrganization {
    /// Its name in URLs and commands; it never changes.
    pub slug: String,
    /// What people call it.
    pub name: String,
}

/// A tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Organization {
    /// Names it for ever.
    pub id: String,
    /// Names it for people.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: OrganizationStatus,
    /// Why it is there, when somebody must act.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// Its own Temporal namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When any of this last changed.
    pub updated_at: Timestamp,
}

/// Where an organization is in its life.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrganizationStatus {
    /// Its Temporal namespace is being made.
    Provisioning,
    /// Everything works.
    Active,
    /// An admin has stopped it; nothing is lost.
    Suspended,
    /// Its namespace could not be made; `status_reason` says why.
    ProvisioningFailed,
    /// It and all it owns are being erased.
    Deleting,
    /// A status that this version of the client does not know.
    #[serde(other)]
    Unknown,
}
