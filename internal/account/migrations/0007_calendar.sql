-- The address under which an officer's own calendar is read by a calendar program: one an account, made anew or
-- taken back by its owner. Only the hash of its secret is kept.
CREATE TABLE account_calendars (
  account_id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  made_at INTEGER NOT NULL
) STRICT;
