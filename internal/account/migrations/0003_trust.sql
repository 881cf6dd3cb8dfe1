-- Deputies, tokens with limits, invitations, what administrators did, and counters shared by several people.
CREATE TABLE account_delegations (
	id TEXT NOT NULL PRIMARY KEY,
	account_id TEXT NOT NULL REFERENCES accounts(id), -- who is away
	deputy_id TEXT NOT NULL REFERENCES accounts(id),
	chosen TEXT NOT NULL,           -- JSON list of grants; what is still held counts, asked at every act
	starts_at INTEGER NOT NULL,
	ends_at INTEGER NOT NULL,
	reason TEXT NOT NULL,
	made_by TEXT NOT NULL,
	made_at INTEGER NOT NULL,
	revoked_by TEXT NOT NULL,
	revoked_at INTEGER NOT NULL     -- 0 = not revoked
) STRICT;
CREATE INDEX account_delegations_account ON account_delegations (account_id);
CREATE INDEX account_delegations_deputy ON account_delegations (deputy_id);

-- Tokens from before have no list of powers of their own: they keep what does not open what is sealed.
ALTER TABLE account_tokens ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE account_tokens ADD COLUMN powers TEXT NOT NULL DEFAULT '["read","act","intake","export"]';
ALTER TABLE account_tokens ADD COLUMN programmes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE account_tokens ADD COLUMN units TEXT NOT NULL DEFAULT '[]';
ALTER TABLE account_tokens ADD COLUMN used_on TEXT NOT NULL DEFAULT '';
UPDATE account_tokens SET id = SUBSTR(hash, 1, 12);
CREATE UNIQUE INDEX account_tokens_id ON account_tokens (id);
CREATE INDEX account_tokens_account ON account_tokens (account_id);

CREATE TABLE account_invites (
	hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the link's secret, hex
	account_id TEXT NOT NULL,       -- empty: the code of the first run
	made_at INTEGER NOT NULL,
	ends_at INTEGER NOT NULL
) STRICT;

-- Rows are added and never changed or removed.
CREATE TABLE account_changes (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	by_id TEXT NOT NULL,            -- empty: the console
	account_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	detail TEXT NOT NULL            -- JSON
) STRICT;
CREATE INDEX account_changes_account ON account_changes (account_id, id);

-- Grants that wait for a second administrator.
CREATE TABLE account_waiting (
	id TEXT NOT NULL PRIMARY KEY,
	account_id TEXT NOT NULL REFERENCES accounts(id),
	by_id TEXT NOT NULL,
	grants TEXT NOT NULL,           -- JSON, the whole list as it would stand
	at INTEGER NOT NULL,
	ended_at INTEGER NOT NULL,      -- 0 = waits
	ended_by TEXT NOT NULL
) STRICT;

CREATE TABLE account_counters (
	hash TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the browser's cookie, hex
	made_by TEXT NOT NULL,
	made_at INTEGER NOT NULL,
	seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account_seats (
	counter TEXT NOT NULL REFERENCES account_counters(hash),
	account_id TEXT NOT NULL REFERENCES accounts(id),
	pin TEXT NOT NULL,              -- argon2id
	misses INTEGER NOT NULL,
	ends_at INTEGER NOT NULL,
	PRIMARY KEY (counter, account_id)
) STRICT;
