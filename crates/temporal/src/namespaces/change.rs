//! The calls that change a namespace. Each may be made again with the same result.

use std::{collections::HashMap, time::Duration};

use temporalio_client::tonic::{Code, Status};
use temporalio_common::protos::temporal::api::{
    namespace::v1::{NamespaceConfig, UpdateNamespaceInfo},
    operatorservice::v1::AddSearchAttributesRequest,
    workflowservice::v1::{RegisterNamespaceRequest, UpdateNamespaceRequest},
};
use tenantry_domain::OrgScope;

use super::{name, owner, unusable};
use crate::{
    Error, Temporal,
    connection::{call, request},
    search_attributes,
};

/// A change, to be made when it is its turn.
pub(super) enum Change {
    Register(RegisterNamespaceRequest),
    Update(UpdateNamespaceRequest),
    AddSearchAttributes(AddSearchAttributesRequest),
}

impl Change {
    /// The namespace is there.
    pub(super) fn register(scope: &OrgScope, retention: Duration) -> Result<Self, Error> {
        Ok(Self::Register(RegisterNamespaceRequest {
            namespace: name(scope),
            description: format!("Tenantry organization {}", scope.organization()),
            workflow_execution_retention_period: Some(retention.try_into().map_err(Error::internal)?),
            data: owner::mark(scope),
            ..Default::default()
        }))
    }

    /// It says whose it is.
    pub(super) fn mark(scope: &OrgScope) -> Self {
        let info = UpdateNamespaceInfo { data: owner::mark(scope), ..Default::default() };
        Self::Update(UpdateNamespaceRequest {
            namespace: name(scope),
            update_info: Some(info),
            ..Default::default()
        })
    }

    /// It keeps what has ended for so long.
    pub(super) fn retain_for(scope: &OrgScope, retention: Duration) -> Result<Self, Error> {
        let retention = Some(retention.try_into().map_err(Error::internal)?);
        let config = NamespaceConfig { workflow_execution_retention_ttl: retention, ..Default::default() };
        Ok(Self::Update(UpdateNamespaceRequest {
            namespace: name(scope),
            config: Some(config),
            ..Default::default()
        }))
    }

    /// It has all search attributes; Temporal passes over those that are there.
    pub(super) fn add_search_attributes(scope: &OrgScope) -> Self {
        let search_attributes = search_attributes::missing(&HashMap::new());
        Self::AddSearchAttributes(AddSearchAttributesRequest { search_attributes, namespace: name(scope) })
    }

    /// Makes it once.
    pub(super) async fn make(&self, scope: &OrgScope, temporal: &Temporal) -> Result<(), Error> {
        let connection = temporal.connection().await?;
        match self {
            Self::Register(register) => {
                let registered = async {
                    let mut service = connection.workflow_service();
                    match service.register_namespace(request(register.clone())).await {
                        Err(status) if status.code() == Code::AlreadyExists => Ok(().into()),
                        registered => registered.map(|answer| answer.map(drop)),
                    }
                };
                call(registered).await
            }
            Self::Update(update) => {
                let mut service = connection.workflow_service();
                call(service.update_namespace(request(update.clone()))).await.map(drop)
            }
            Self::AddSearchAttributes(add) => {
                let mut service = connection.operator_service();
                let added = call(service.add_search_attributes(request(add.clone()))).await;
                added.map(drop).map_err(|error| not_added(scope, error))
            }
        }
    }
}

/// Temporal says that it is away of everything that fails further in, its limits among it.
fn not_added(scope: &OrgScope, error: Error) -> Error {
    match error {
        Error::Unavailable(cause) if told_by_temporal(cause.as_ref()) => Error::Busy(cause),
        Error::Refused(cause) => {
            unusable(scope, format!("cannot have Tenantry's search attributes: {}", told(cause.as_ref())))
        }
        error => error,
    }
}

fn told_by_temporal(cause: &(dyn std::error::Error + 'static)) -> bool {
    // With a source, it is the transport that failed.
    cause.downcast_ref::<Status>().is_some_and(|status| std::error::Error::source(status).is_none())
}

fn told(cause: &(dyn std::error::Error + 'static)) -> String {
    cause.downcast_ref::<Status>().map_or_else(|| cause.to_string(), |status| status.message().to_owned())
}
