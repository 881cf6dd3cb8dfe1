-- The data key of each case, wrapped by a key that is kept in no database. Destroying a row's wrapped key
-- destroys what is sealed under it, in every copy of the tables there is. slot tells the parties of a case
-- apart; the case's own key has none.
CREATE TABLE case_keys (
  n INTEGER NOT NULL,
  slot TEXT NOT NULL,
  wrapped TEXT NOT NULL, -- empty once the key was destroyed
  state TEXT NOT NULL CHECK (state IN ('live', 'held', 'sealed', 'erased')),
  PRIMARY KEY (n, slot)
) STRICT, WITHOUT ROWID;

-- Who was shown something of a case: written before it was shown. Only ever added to.
CREATE TABLE looks (
  id INTEGER PRIMARY KEY,
  ref TEXT NOT NULL, -- its name in the log: drawn by chance, tells nothing
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  for_actor TEXT NOT NULL, -- whom the actor stood in for
  role TEXT NOT NULL,
  unit TEXT NOT NULL,
  purpose TEXT NOT NULL,
  ground TEXT NOT NULL,
  level TEXT NOT NULL,
  note TEXT NOT NULL, -- sealed under the key of the case
  hash BLOB NOT NULL
) STRICT;

CREATE INDEX looks_case ON looks (n, at);
