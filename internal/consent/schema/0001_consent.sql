-- What happened to each consent, a row for each change. Only ever added to: the last row says how it stands.
-- Nothing in it names a person; what was said as evidence is sealed under the key of the case.
CREATE TABLE consent_changes (
  consent TEXT NOT NULL,
  seq INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  status TEXT NOT NULL,
  at INTEGER NOT NULL,
  doc TEXT NOT NULL,
  hash BLOB NOT NULL, -- over the row before and this one
  PRIMARY KEY (consent, seq)
) STRICT;

CREATE INDEX consent_case ON consent_changes (case_id, consent, seq);
