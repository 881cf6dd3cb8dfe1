-- A proof that is under way: that whoever has the follow code also reads what is sent to its contact. The
-- six digits are stored nowhere; they follow from the id and a key. Rows go when their time is over.
CREATE TABLE self_proofs (
  id TEXT PRIMARY KEY, -- keyed hash of what the browser holds
  n TEXT NOT NULL,     -- the case; empty for one that does not exist or reaches nobody
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('asked', 'proved', 'ended'))
) STRICT;

CREATE INDEX self_proofs_until ON self_proofs (until);
CREATE INDEX self_proofs_case ON self_proofs (n, at);

-- Pseudonyms whose bearer does not want this compartment on their own page.
CREATE TABLE self_hidden (
  token TEXT PRIMARY KEY
) STRICT;
