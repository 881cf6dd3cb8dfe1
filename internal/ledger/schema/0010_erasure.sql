-- A key has a name of its own that outlives every new wrapping: what the list of destroyed keys beside the
-- key file holds. generation is the one it is wrapped under, for those who wrap anew; both are filled in at
-- the next start for rows that are older.
ALTER TABLE case_keys ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE case_keys ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
CREATE INDEX case_keys_id ON case_keys (id);
CREATE INDEX case_keys_generation ON case_keys (generation) WHERE state <> 'erased';

-- When the content of the case was erased; 0 as long as it is there.
ALTER TABLE cases ADD COLUMN erased_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX cases_ended ON cases (sort_at, n) WHERE is_open = 0 AND erased_at = 0;

-- What was erased, a row for each key that was destroyed. Only ever added to; nothing in it is about a person.
CREATE TABLE erasures (
  id INTEGER PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE, -- its name in the log: drawn by chance, tells nothing
  n INTEGER NOT NULL,
  slot TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  ground TEXT NOT NULL,
  law TEXT NOT NULL,
  article TEXT NOT NULL,
  note TEXT NOT NULL, -- the file number of the decision
  key_id TEXT NOT NULL,
  key_hash BLOB NOT NULL, -- of the key as it was wrapped
  hash BLOB NOT NULL
) STRICT;

CREATE INDEX erasures_case ON erasures (n, id);
CREATE INDEX erasures_time ON erasures (at);

-- Orders to keep what would be due to go, and their end. Only ever added to: the last row of an order counts.
CREATE TABLE holds (
  id INTEGER PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE, -- its name in the log
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('hold', 'release')),
  order_key TEXT NOT NULL, -- keyed hash of the order's reference, to find it by
  order_ref TEXT NOT NULL, -- the reference, sealed under the key of the case
  until INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE INDEX holds_case ON holds (n, id);

-- Which stored files a case names, so that bytes go with the last case that names them.
CREATE TABLE case_files (
  name TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (name, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX case_files_case ON case_files (n);

-- Files whose bytes are still to be removed; a row goes when they are gone.
CREATE TABLE file_purges (
  name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What was done to the keys or the data as a whole, by hand: new generations, old ones dropped, a backup that
-- was brought back although later records are lost. Only ever added to.
CREATE TABLE key_care (
  id INTEGER PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE, -- its name in the log
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;

-- What each night's retention did, as counts of a unit's cases.
CREATE TABLE retention_runs (
  at INTEGER NOT NULL,
  unit TEXT NOT NULL,
  procedure TEXT NOT NULL,
  class TEXT NOT NULL,
  erased INTEGER NOT NULL,
  held INTEGER NOT NULL,
  waiting INTEGER NOT NULL, -- for an archive to take them over
  PRIMARY KEY (at, unit, procedure, class)
) STRICT, WITHOUT ROWID;
