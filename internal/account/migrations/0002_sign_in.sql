-- What a session knows of how it came to be, and the further proofs of who somebody is.
ALTER TABLE account_sessions ADD COLUMN compartment TEXT NOT NULL DEFAULT ''; -- the one it is bound to, '' = none
ALTER TABLE account_sessions ADD COLUMN auth_at INTEGER NOT NULL DEFAULT 0;   -- last proof of who it is
ALTER TABLE account_sessions ADD COLUMN methods TEXT NOT NULL DEFAULT '';     -- proofs, with a space between
ALTER TABLE account_sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';      -- browser and system, as the browser says

-- Browsers somebody signed in from before: guessing from elsewhere does not slow these down.
CREATE TABLE account_devices (
	hash TEXT NOT NULL,             -- SHA-256 of the cookie, hex
	account_id TEXT NOT NULL REFERENCES accounts(id),
	seen_at INTEGER NOT NULL,
	PRIMARY KEY (hash, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_devices_account ON account_devices (account_id);

-- Anything begun and not finished: single use, gone when it expires.
CREATE TABLE account_challenges (
	hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the ticket, hex
	kind TEXT NOT NULL,
	account_id TEXT NOT NULL,       -- '' = not known yet
	data TEXT NOT NULL,
	tries INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_challenges_expiry ON account_challenges (expires_at);

CREATE TABLE account_totp (
	account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts(id),
	sealed TEXT NOT NULL,           -- the secret, never in the clear
	confirmed_at INTEGER NOT NULL,  -- 0 = shown, not confirmed
	last_step INTEGER NOT NULL      -- a code is used once
) STRICT, WITHOUT ROWID;

CREATE TABLE account_recovery (
	hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the code, hex
	account_id TEXT NOT NULL REFERENCES accounts(id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_recovery_account ON account_recovery (account_id);

CREATE TABLE account_passkeys (
	id TEXT NOT NULL PRIMARY KEY,   -- credential id, base64url
	account_id TEXT NOT NULL REFERENCES accounts(id),
	handle TEXT NOT NULL,           -- random, what the authenticator knows the account by
	name TEXT NOT NULL,
	credential TEXT NOT NULL,       -- JSON: public key, counter, flags
	made_at INTEGER NOT NULL,
	used_at INTEGER NOT NULL        -- 0 = never
) STRICT, WITHOUT ROWID;
CREATE INDEX account_passkeys_account ON account_passkeys (account_id);

-- Who an identity provider means by its subject.
CREATE TABLE account_subjects (
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	account_id TEXT NOT NULL REFERENCES accounts(id),
	PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX account_subjects_account ON account_subjects (issuer, account_id);

-- What was tried at the door, shown to the person it concerns. No address and no unknown login in the clear.
CREATE TABLE account_events (
	id TEXT NOT NULL PRIMARY KEY,
	at INTEGER NOT NULL,            -- of the last time
	account_id TEXT NOT NULL,       -- '' = of no known account
	login_hash TEXT NOT NULL,       -- keyed hash of an unknown login, else ''
	kind TEXT NOT NULL,
	method TEXT NOT NULL,
	reason TEXT NOT NULL,
	network TEXT NOT NULL,          -- keyed hash of the /24 or /48, '' = unknown
	known INTEGER NOT NULL,         -- from a browser known for this account
	device TEXT NOT NULL,
	times INTEGER NOT NULL          -- the same within an hour is one row
) STRICT, WITHOUT ROWID;
CREATE INDEX account_events_account ON account_events (account_id, kind, at);
CREATE INDEX account_events_at ON account_events (at);
