-- One row a case: what lists show in columns of its own, the folded case last, as a document.
-- n is drawn in order of opening (see drawNumber) and is the search index's row too.
CREATE TABLE cases (
  n INTEGER PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE,
  code TEXT NOT NULL UNIQUE,
  pack TEXT NOT NULL,
  programme TEXT NOT NULL,
  procedure TEXT NOT NULL,
  category TEXT NOT NULL,
  state TEXT NOT NULL,
  is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
  sort_at INTEGER NOT NULL, -- nearest date of an open case, closing time of a closed one
  clock TEXT NOT NULL,
  paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
  holder TEXT NOT NULL,
  assignee TEXT NOT NULL,
  offered TEXT NOT NULL,
  place_unit TEXT NOT NULL,
  address TEXT NOT NULL,
  title TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  files INTEGER NOT NULL,
  raised INTEGER NOT NULL,
  late INTEGER NOT NULL CHECK (late IN (0, 1)),
  outcome TEXT NOT NULL,
  source TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL, -- of the last event
  doc TEXT NOT NULL
) STRICT;

CREATE INDEX cases_mine ON cases (assignee, is_open, sort_at, n) WHERE assignee <> '';

-- What happened, in the order it was stored. doc is what the hash covers.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  n INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  hash BLOB NOT NULL,
  doc TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_case ON events (n, seq);

-- One row per case and unit that may list it: holder, offered unit and all their superiors. A page of
-- any subtree is a range of one index.
CREATE TABLE worklist (
  unit TEXT NOT NULL,
  is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
  sort_at INTEGER NOT NULL,
  n INTEGER NOT NULL,
  state TEXT NOT NULL,
  programme TEXT NOT NULL,
  late INTEGER NOT NULL DEFAULT 0 CHECK (late IN (0, 1)), -- the promised date has passed and nobody has answered
  PRIMARY KEY (unit, is_open, sort_at, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX worklist_late ON worklist (unit, sort_at, n) WHERE is_open = 1 AND late = 1;

CREATE INDEX worklist_state ON worklist (unit, is_open, state, sort_at, n);
CREATE INDEX worklist_opened ON worklist (unit, is_open, n);

-- How many open cases each unit may list, by state: what a home page shows, without reading a million
-- rows. A node adds to the rows of its own shard, so that two nodes do not wait for each other at the
-- city's row; readers add the shards up, and a single one may stand below zero.
CREATE TABLE tallies (
  unit TEXT NOT NULL,
  programme TEXT NOT NULL,
  procedure TEXT NOT NULL,
  state TEXT NOT NULL,
  shard INTEGER NOT NULL,
  cases INTEGER NOT NULL,
  late INTEGER NOT NULL, -- the promised date has passed and nobody has answered
  unassigned INTEGER NOT NULL,
  offered INTEGER NOT NULL, -- offered to this very unit
  paused INTEGER NOT NULL,
  PRIMARY KEY (unit, programme, procedure, state, shard)
) STRICT, WITHOUT ROWID;

-- When each running clock of a case is due. Unassigned cases (prio 0) are looked at first.
CREATE TABLE timers (
  n INTEGER NOT NULL,
  clock TEXT NOT NULL,
  fires_at INTEGER NOT NULL,
  prio INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  PRIMARY KEY (n, clock)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_due ON timers (prio, fires_at);

CREATE TABLE idempotency (
  actor TEXT NOT NULL,
  idem_key TEXT NOT NULL,
  digest BLOB NOT NULL,
  n INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (actor, idem_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;

-- Every pack version cases were opened under, so that they keep it.
CREATE TABLE packs (
  digest TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  loaded_at INTEGER NOT NULL,
  files TEXT NOT NULL -- JSON: name to content
) STRICT;
