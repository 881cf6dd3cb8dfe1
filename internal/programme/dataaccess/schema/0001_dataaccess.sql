-- Which application has a data request, and which questions were refused for it. The application is a keyed
-- hash: it can be found again by whoever knows the number, and leads to nothing.
CREATE TABLE data_requests (
  case_id TEXT PRIMARY KEY,
  application TEXT NOT NULL,
  question TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'refused', 'ended')),
  changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX data_requests_open ON data_requests (application) WHERE state = 'open';
CREATE INDEX data_requests_of ON data_requests (application, question);

-- The public register of cameras: words only. What was once entered is never deleted.
CREATE TABLE camera_entries (
  id INTEGER PRIMARY KEY,
  area TEXT NOT NULL,              -- the unit in whose area it stands
  place TEXT NOT NULL,
  operated_by TEXT NOT NULL,
  purpose TEXT NOT NULL,
  basis TEXT NOT NULL,             -- id in cameras.yaml
  retention INTEGER NOT NULL CHECK (retention > 0),
  cameras INTEGER NOT NULL CHECK (cameras > 0),
  contact TEXT NOT NULL,
  version INTEGER NOT NULL,
  entered_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  withdrawn_at INTEGER NOT NULL,   -- 0: it stands
  withdrawn_why TEXT NOT NULL
) STRICT;
CREATE INDEX camera_entries_by_area ON camera_entries (area, id);

-- Who changed what and why, in the order it happened; rows are only added.
CREATE TABLE camera_changes (
  id INTEGER PRIMARY KEY,
  entry INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  unit TEXT NOT NULL,              -- in whose name
  what TEXT NOT NULL,
  why TEXT NOT NULL,
  was TEXT NOT NULL,               -- the entry before, as JSON; empty for a new one
  became TEXT NOT NULL             -- the entry afterwards
) STRICT;
CREATE INDEX camera_changes_of ON camera_changes (entry, id);
