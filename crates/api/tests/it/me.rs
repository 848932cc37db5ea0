//! `/me`.

use insta::assert_json_snapshot;
use serde_json::json;
use tenantry_test_support::App;

use crate::{
    caller::Caller,
    tenant::Tenant,
    text::{steady, unused},
};

#[tokio::test]
async fn should_tell_everybody_who_they_are() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let organization = acme.manager.get("/organizations/acme").await.data(200);
    for caller in [&acme.manager, &acme.customer, &acme.worker] {
        let me = unused(caller.get("/me").await.data(200));
        assert_eq!(me["organization"], organization);
        assert_eq!(me["user"], admin.get(&format!("/users/{}", caller.user)).await.data(200));
        let api_key = caller.get(&format!("/api-keys/{}", caller.api_key)).await.data(200);
        assert_eq!(me["api_key"], unused(api_key));
        assert_eq!(me["role"], me["user"]["role"]);
    }
    assert_json_snapshot!(steady(acme.customer.get("/me").await.data(200)));
    assert_eq!(admin.get("/me").await.data(200)["organization"]["slug"], json!("system"));
}
