-- A city for measurements: filled with copies of histories that were played. In every other city the table is empty,
-- and nothing but the tool that fills such a city writes to it.
CREATE TABLE measured (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  begun_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL, -- 0 while it is being filled: it is not to be opened as a city then
  done INTEGER NOT NULL, -- copies written so far
  plan TEXT NOT NULL -- JSON: what it is filled by, and which indexes are still to be made
) STRICT;
