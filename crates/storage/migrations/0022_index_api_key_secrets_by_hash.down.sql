drop index api_key_secrets_by_hash;
