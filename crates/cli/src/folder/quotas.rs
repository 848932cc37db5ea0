//! `quotas.yaml`: what an organization may have.

use tenantry_domain::Quota;

use super::{LARGEST, Page, Thing};

/// The limits that the file names.
pub(super) fn read(page: &mut Page) -> Option<Thing> {
    let root = page.root(LARGEST)?;
    let known: Vec<&str> = Quota::ALL.iter().map(|quota| quota.as_str()).collect();
    let object = page.object(&root, &known)?;
    let mut limits = Thing::new();
    for entry in object.entries() {
        let (Ok(quota), Some(number)) = (entry.key.parse::<Quota>(), page.whole(&entry.value)) else {
            continue;
        };
        let limit = quota.check(u32::try_from(number).unwrap_or(u32::MAX));
        if let Some(limit) = page.check(entry.value.position, limit) {
            limits.insert(entry.key.clone(), limit.into());
        }
    }
    Some(limits)
}
