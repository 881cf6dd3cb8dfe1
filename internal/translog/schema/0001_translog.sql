-- What the log is about: one row per event, look, erasure and so on, written in the transaction that
-- made it. Every column but id is covered by the tree; id only says in which order rows wait.
-- pos is the leaf's place in the tree, NULL until the sequencer has given one, never changed after.
CREATE TABLE log_entries (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  ref TEXT NOT NULL,
  hash BLOB NOT NULL,
  pos INTEGER CHECK (pos >= 0)
) STRICT;

CREATE UNIQUE INDEX log_entries_ref ON log_entries (ref, kind);
CREATE UNIQUE INDEX log_entries_pos ON log_entries (pos) WHERE pos IS NOT NULL;
CREATE INDEX log_entries_waiting ON log_entries (id) WHERE pos IS NULL;

-- The hashes of the tree, leaves and full subtrees, in the dense order of tlog.StoredHashIndex.
CREATE TABLE log_hashes (
  idx INTEGER NOT NULL PRIMARY KEY,
  hash BLOB NOT NULL
) STRICT;

-- Signed heads. All of it stands in the signed text, or is what signed it.
CREATE TABLE log_heads (
  size INTEGER NOT NULL,
  at INTEGER NOT NULL,
  root BLOB NOT NULL,
  signature BLOB NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (size, at)
) STRICT;

-- Which process gives positions, and until when. One row; no part of the record.
CREATE TABLE log_lease (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  holder TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT;

INSERT INTO log_lease (one, holder, until) VALUES (1, '', 0);
