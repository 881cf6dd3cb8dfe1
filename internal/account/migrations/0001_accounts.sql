-- People who work for a unit, what they may do, and the hashes of what proves who they are.
CREATE TABLE accounts (
	id TEXT NOT NULL PRIMARY KEY,
	login TEXT NOT NULL UNIQUE,
	names TEXT NOT NULL,            -- JSON, language -> name
	lang TEXT NOT NULL,
	password TEXT NOT NULL,         -- argon2id with its parameters, never the password
	disabled INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account_grants (
	account_id TEXT NOT NULL REFERENCES accounts(id),
	n INTEGER NOT NULL,
	unit TEXT NOT NULL,
	role TEXT NOT NULL,
	programmes TEXT NOT NULL,       -- JSON list, [] = all
	PRIMARY KEY (account_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_grants_unit ON account_grants (unit);

CREATE TABLE account_sessions (
	hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the cookie, hex
	account_id TEXT NOT NULL REFERENCES accounts(id),
	created_at INTEGER NOT NULL,
	seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_sessions_account ON account_sessions (account_id);

CREATE TABLE account_tokens (
	hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the token, hex
	account_id TEXT NOT NULL REFERENCES accounts(id),
	name TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL     -- 0 = never
) STRICT, WITHOUT ROWID;
