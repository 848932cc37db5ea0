//! Tables of pages, held to what the product knows.

use std::fmt::Display;

use tenantry_domain::{ExecutionStatus, OrganizationStatus, Permission, Quota, Role};

use super::markdown::Document;
use crate::tenantry::Tenantry;

const API: &str = "docs/api/multi-tenant.md";
const DEPLOYMENT: &str = "docs/deployment/multi-tenant-setup.md";

fn code(text: impl Display) -> String {
    format!("`{text}`")
}

/// The first cells of each row.
fn columns<const N: usize>(page: &str, first: &str) -> Vec<[String; N]> {
    let rows = Document::open(page).table(first);
    rows.into_iter().map(|row| std::array::from_fn(|cell| row[cell].clone())).collect()
}

#[test]
fn should_allow_each_role_what_the_table_says() {
    let allowed = |permission: Permission| {
        let cell = |role: Role| if role.allows(permission) { "yes".to_owned() } else { String::new() };
        [Role::Admin, Role::Manager, Role::Customer, Role::Worker].map(cell)
    };
    let told = columns::<5>(API, "permission");
    let real: Vec<[String; 5]> = Permission::ALL
        .iter()
        .map(|&permission| {
            let [admin, manager, customer, worker] = allowed(permission);
            [code(permission), admin, manager, customer, worker]
        })
        .collect();
    assert_eq!(told, real);
}

#[test]
fn should_know_the_statuses_and_quotas_of_the_tables() {
    let told = columns::<1>(API, "organization is").concat();
    assert_eq!(told, OrganizationStatus::ALL.iter().map(code).collect::<Vec<_>>());
    let told = columns::<1>(API, "execution is").concat();
    assert_eq!(told, ExecutionStatus::ALL.iter().map(code).collect::<Vec<_>>());
    let told = columns::<2>(API, "quota");
    let real = Quota::ALL.iter().map(|&quota| [code(quota), quota.default_limit().to_string()]);
    assert_eq!(told, real.collect::<Vec<_>>());
}

#[tokio::test]
async fn should_take_the_settings_of_the_table() {
    let help = Tenantry::nobody().run(&["serve", "--help"]).await.stdout;
    let between = |line: &str, begin: &str, end: &str| {
        let text = line.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
        text.map(|(text, _)| text.trim_end_matches('=').to_owned())
    };
    let settings = help.lines().filter(|line| line.contains("[env: ")).map(|line| {
        let flag = between(line, "--", " ").unwrap_or_default();
        let default = between(line, "[default: ", "]").filter(|default| default != "\"\"");
        let variable = between(line, "[env: ", "]").unwrap_or_default();
        [code(format!("--{flag}")), code(variable), default.map(code).unwrap_or_default()]
    });
    assert_eq!(columns::<3>(DEPLOYMENT, "flag"), settings.collect::<Vec<_>>());
}
