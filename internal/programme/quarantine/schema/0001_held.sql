-- Files that wait until somebody decides. No word of a case and no name of a file stands here.
CREATE TABLE held_files (
  id INTEGER PRIMARY KEY,
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  place TEXT NOT NULL,             -- path of the unit that holds the case
  programme TEXT NOT NULL,
  sealed INTEGER NOT NULL CHECK (sealed IN (0,1)),
  sha256 TEXT NOT NULL,            -- the file in the case
  kind TEXT NOT NULL,
  size INTEGER NOT NULL,
  why TEXT NOT NULL,               -- unseen or virus
  tries INTEGER NOT NULL,          -- looks of the scanner since
  held_at INTEGER NOT NULL,
  looked_at INTEGER NOT NULL,      -- 0: not since
  UNIQUE (case_id, sha256)
) STRICT;
