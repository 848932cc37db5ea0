-- Who presents a secret is looked up by its hash alone. In this index that takes as long among a million as among a thousand; the other one, which keeps
-- hashes unique, has a level more among a million, and some ten comparisons.
create index api_key_secrets_by_hash on api_key_secrets using hash (secret_hash);
