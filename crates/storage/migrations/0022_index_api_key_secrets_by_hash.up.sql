-- Who presents a secret is looked up by its hash alone. This index finds it in as few pages among a million as among a thousand; the other one, which
-- keeps hashes unique, has a level more among a million, and some ten comparisons. No key can be made, rotated or marked as used while it is built: a second for a million.
create index api_key_secrets_by_hash on api_key_secrets using hash (secret_hash);
