//! Organizations: the tenants.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

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

    /// Renames an organization.
    pub fn rename(&self, organization: &str, name: &str) -> Call<Organization> {
        self.0.call(Method::PATCH, &["organizations", organization]).json(&json!({ "name": name }))
    }

    /// Stops an organization; what runs there pauses, or is asked to stop. For platform admins.
    pub fn suspend(&self, organization: &str, cancel_executions: bool) -> Call<Organization> {
        let executions = if cancel_executions { "cancel" } else { "pause" };
        self.verb(organization, "suspend").json(&json!({ "executions": executions }))
    }

    /// Lets a suspended organization go on where it was. For platform admins.
    pub fn resume(&self, organization: &str) -> Call<Organization> {
        self.verb(organization, "resume")
    }

    /// Tries again to make the namespace of an organization. For platform admins.
    pub fn retry_provisioning(&self, organization: &str) -> Call<Organization> {
        self.verb(organization, "retry-provisioning")
    }

    /// Erases an organization and all it owns; `confirm` is its slug. For platform admins.
    pub fn delete(&self, organization: &str, confirm: &str) -> Call<Option<Organization>> {
        let mut url = self.0.url(&["organizations", organization]);
        url.query_pairs_mut().append_pair("confirm", confirm);
        Call::new(self.0.clone(), Method::DELETE, url)
    }

    /// What an organization may have, by the names of the quotas.
    pub fn quotas(&self, organization: &str) -> Call<BTreeMap<String, u32>> {
        self.0.call(Method::GET, &["organizations", organization, "quotas"])
    }

    /// Sets some limits of an organization; the others stay. For platform admins.
    pub fn set_quotas(
        &self,
        organization: &str,
        limits: &BTreeMap<String, u32>,
    ) -> Call<BTreeMap<String, u32>> {
        self.0.call(Method::PUT, &["organizations", organization, "quotas"]).json(limits)
    }

    /// What an organization has, by the names of the quotas.
    pub fn usage(&self, organization: &str) -> Call<BTreeMap<String, u32>> {
        self.0.call(Method::GET, &["organizations", organization, "usage"])
    }

    fn verb(self, organization: &str, verb: &str) -> Call<Organization> {
        self.0.call(Method::POST, &["organizations", organization, verb])
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
