-- Lists that left the house as files: who took which, and nothing of what was in them. ref names the leaf.
CREATE TABLE exports (
  id INTEGER PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  for_actor TEXT NOT NULL,
  unit TEXT NOT NULL,
  list TEXT NOT NULL,
  format TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE INDEX exports_actor ON exports (actor, id);
