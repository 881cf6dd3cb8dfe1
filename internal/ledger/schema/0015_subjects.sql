-- Who a case belongs to, as a keyed pseudonym for each programme: the same person has another in every
-- programme and in every compartment. Only the view that shows people their own matters asks this table;
-- nothing lists or counts it. Sealed and erased cases have no row.
CREATE TABLE subjects (
  n INTEGER NOT NULL,
  kind TEXT NOT NULL, -- what the pseudonym was made of: phone, mail, id
  token TEXT NOT NULL,
  PRIMARY KEY (token, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX subjects_case ON subjects (n);

-- Cases that are older than the table and wait for their rows.
CREATE TABLE subjects_missing (
  n INTEGER PRIMARY KEY
) STRICT;

INSERT INTO subjects_missing (n) SELECT n FROM cases WHERE sealed = 0;
