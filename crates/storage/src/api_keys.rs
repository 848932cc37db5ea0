//! API keys, and the look-up that turns one into a caller.

use sqlx::{
    Postgres, QueryBuilder, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tenantry_domain::{
    AllowedCidrs, ApiKey, ApiKeyId, ApiKeySecretId, Caller, OrganizationId, Page, PageRequest, Quota,
    RateLimit, Scopes, Secret, Timestamp, UserId,
    api_key::{Filter, Limits, NewApiKey, SecretHash},
    repository::ApiKeyRepository,
};

use crate::{
    Error, Store, TenantTx, api_key_secrets, list, organizations,
    row::{checked, id},
    users,
};

/// The columns of an [`ApiKey`], under a prefix that lets them stand beside other tables'.
macro_rules! columns {
    () => {
        "api_keys.id as api_key_id, api_keys.organization_id as api_key_organization_id,
         api_keys.user_id as api_key_user_id, api_keys.name as api_key_name, api_keys.scopes, api_keys.allowed_cidrs,
         api_keys.rate_limit_requests, api_keys.rate_limit_per_seconds, api_keys.revision as api_key_revision,
         api_keys.created_at as api_key_created_at, api_keys.expires_at, api_keys.revoked_at, secrets.*"
    };
}

/// Keys with their secrets.
macro_rules! tables {
    () => {
        concat!("api_keys ", api_key_secrets::of_key!())
    };
}

fn from_row(row: &PgRow) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: id(row, "api_key_id", ApiKeyId::from_uuid)?,
        organization_id: id(row, "api_key_organization_id", OrganizationId::from_uuid)?,
        user_id: id(row, "api_key_user_id", UserId::from_uuid)?,
        name: row.try_get("api_key_name")?,
        limits: limits(row)?,
        revision: row.try_get("api_key_revision")?,
        created_at: row.try_get("api_key_created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        secrets: api_key_secrets::from_row(row)?,
    })
}

fn limits(row: &PgRow) -> Result<Limits, sqlx::Error> {
    let texts = |column| row.try_get::<Option<Vec<String>>, _>(column);
    let number = |column| row.try_get::<Option<i32>, _>(column).map(|n| n.map(|n| n.unsigned_abs().into()));
    let rate_limit = number("rate_limit_requests")?.zip(number("rate_limit_per_seconds")?);
    Ok(Limits {
        scopes: checked(texts("scopes")?, |words| Scopes::parse(&words))?,
        allowed_cidrs: checked(texts("allowed_cidrs")?, |texts| AllowedCidrs::parse(&texts))?,
        rate_limit: checked(rate_limit, |(requests, seconds)| RateLimit::new(requests, seconds))?,
    })
}

/// A query with the four columns of limits as its next parameters.
fn with_limits<'q>(
    query: Query<'q, Postgres, PgArguments>,
    limits: &Limits,
) -> Query<'q, Postgres, PgArguments> {
    let number = |number: fn(RateLimit) -> u32| {
        limits.rate_limit.map(|limit| i32::try_from(number(limit)).unwrap_or(i32::MAX))
    };
    query
        .bind(limits.scopes.as_ref().map(|scopes| scopes.words().collect::<Vec<_>>()))
        .bind(limits.allowed_cidrs.as_ref().map(|networks| networks.texts().collect::<Vec<_>>()))
        .bind(number(RateLimit::requests))
        .bind(number(RateLimit::per_seconds))
}

/// Who presents the secret with this hash, if it, its key, its user and their organization allow it now: one indexed query.
pub async fn authenticate(
    store: &Store,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Option<Caller>, Error> {
    let row = sqlx::query(concat!(
        "select presented.id as presented_id,
             (select requests_per_second from quotas where organization_id = organizations.id) as requests_per_second, ",
        columns!(),
        ", ",
        users::columns!(),
        ", ",
        organizations::columns!(),
        " from api_key_secrets as presented
          join api_keys on api_keys.organization_id = presented.organization_id and api_keys.id = presented.api_key_id
          join users on users.organization_id = api_keys.organization_id and users.id = api_keys.user_id
          join organizations on organizations.id = api_keys.organization_id ",
        api_key_secrets::of_key!(presented),
        " where presented.secret_hash = $1 and not presented.ended
            and (presented.ends_at is null or presented.ends_at > $2)
            and revoked_at is null and (expires_at is null or expires_at > $2)
            and users.status = 'active' and organizations.status <> 'deleting'"
    ))
    .bind(secret.as_bytes().as_slice())
    .bind(now)
    .fetch_optional(&mut *store.platform_connection().await?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (user, organization) = (users::from_row(&row)?, organizations::from_row(&row)?);
    let presented = id(&row, "presented_id", ApiKeySecretId::from_uuid)?;
    let limit: Option<i32> = row.try_get("requests_per_second")?;
    let limit = limit.and_then(|limit| u32::try_from(limit).ok());
    let limit = limit.unwrap_or(Quota::RequestsPerSecond.default_limit());
    #[expect(clippy::disallowed_methods, reason = "this is the look-up that authenticates")]
    let caller = Caller::authenticated(user, organization, from_row(&row)?, presented, limit);
    Ok(Some(caller))
}

impl ApiKeyRepository for TenantTx {
    type Error = Error;

    async fn insert_api_key(
        &mut self,
        user: UserId,
        new: &NewApiKey,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<ApiKey, Error> {
        let query = "insert into api_keys
                 (id, organization_id, user_id, name, created_at, expires_at,
                  scopes, allowed_cidrs, rate_limit_requests, rate_limit_per_seconds)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let api_key = ApiKeyId::generate(now);
        let query = sqlx::query(query)
            .bind(api_key.uuid())
            .bind(self.organization().uuid())
            .bind(user.uuid())
            .bind(new.name.as_str())
            .bind(now)
            .bind(new.expires_at);
        with_limits(query, &new.limits).execute(self.connection()).await?;
        api_key_secrets::insert(self, api_key, secret, now).await?;
        Ok(self.api_key(api_key).await?.ok_or(sqlx::Error::RowNotFound)?)
    }

    async fn api_key(&mut self, api_key: ApiKeyId) -> Result<Option<ApiKey>, Error> {
        let query = concat!("select ", columns!(), " from ", tables!(), " where api_keys.id = $1");
        let row = sqlx::query(query).bind(api_key.uuid()).fetch_optional(self.connection()).await?;
        Ok(row.as_ref().map(from_row).transpose()?)
    }

    async fn api_keys(&mut self, user: UserId, page: PageRequest) -> Result<Page<ApiKey>, Error> {
        let mut query = listed(self, page);
        query.push(" and api_keys.user_id = ").push_bind(user.uuid());
        fetch(self, query, page).await
    }

    async fn api_keys_of_all(
        &mut self,
        filter: &Filter,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let mut query = listed(self, page);
        if filter.unused_for.is_some() || filter.expiring_within.is_some() {
            query
                .push(" and revoked_at is null and (expires_at is null or expires_at > ")
                .push_bind(now)
                .push(")");
        }
        if let Some(span) = filter.expiring_within {
            query.push(" and expires_at <= ").push_bind(now + span);
        }
        if let Some(span) = filter.unused_for {
            let used = " and not exists (
                select from api_key_secrets
                where organization_id = api_keys.organization_id and api_key_id = api_keys.id
                  and greatest(created_at, last_used_at) > ";
            query.push(used).push_bind(now - span).push(")");
        }
        fetch(self, query, page).await
    }

    async fn update_api_key(&mut self, changed: &ApiKey) -> Result<(), Error> {
        let query = "update api_keys
             set name = $2, expires_at = $3, revision = $4,
                 scopes = $5, allowed_cidrs = $6, rate_limit_requests = $7, rate_limit_per_seconds = $8
             where id = $1";
        let query = sqlx::query(query)
            .bind(changed.id.uuid())
            .bind(changed.name.as_str())
            .bind(changed.expires_at)
            .bind(changed.revision);
        with_limits(query, &changed.limits).execute(self.connection()).await?;
        Ok(())
    }

    async fn rotate_api_key(
        &mut self,
        api_key: ApiKeyId,
        secret: &Secret,
        ends_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        api_key_secrets::replace(self, api_key, secret, ends_at, now).await
    }

    async fn revoke_api_key(&mut self, api_key: ApiKeyId, now: Timestamp) -> Result<bool, Error> {
        let done = sqlx::query("update api_keys set revoked_at = $2 where id = $1 and revoked_at is null")
            .bind(api_key.uuid())
            .bind(now)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// The keys of the organization that may be on the page; conditions can follow.
fn listed(tx: &TenantTx, page: PageRequest) -> QueryBuilder<Postgres> {
    let select = concat!("select ", columns!(), " from ", tables!(), " where api_keys.organization_id = ");
    let mut query = QueryBuilder::new(select);
    query.push_bind(tx.organization().uuid()).push(" and api_keys.id < ").push_bind(page.before());
    query
}

async fn fetch(
    tx: &mut TenantTx,
    mut query: QueryBuilder<Postgres>,
    page: PageRequest,
) -> Result<Page<ApiKey>, Error> {
    query.push(" order by api_keys.id desc");
    list::filtered(tx.connection(), query, page, from_row).await
}
