-- One row per bulk act an officer ordered. fields is emptied when the bulk has ended: what was written
-- stands in the events of the cases and nowhere else.
CREATE TABLE bulks (
  id TEXT NOT NULL PRIMARY KEY,
  actor TEXT NOT NULL,
  form_key TEXT NOT NULL, -- of the form it was ordered with: the same form sent twice is one bulk
  procedure TEXT NOT NULL,
  act TEXT NOT NULL,
  fields TEXT NOT NULL, -- JSON
  ordered_at INTEGER NOT NULL,
  starts_at INTEGER NOT NULL, -- until then it can be undone
  ended_at INTEGER NOT NULL, -- 0 while it has not
  status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'undone')),
  UNIQUE (actor, form_key)
) STRICT;

-- One row per case of a bulk, with the version the officer saw.
CREATE TABLE bulk_items (
  bulk TEXT NOT NULL,
  n INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  version INTEGER NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('', 'done', 'refused')),
  refusal TEXT NOT NULL, -- JSON, for a refused one
  PRIMARY KEY (bulk, n)
) STRICT, WITHOUT ROWID;
