-- What became late or at risk, for the units that listed the case then: only ever added to. Whether a
-- unit may still see the case is asked of worklist when the news is read.
CREATE TABLE notable (
  unit TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('late', 'risk')),
  at INTEGER NOT NULL,
  n INTEGER NOT NULL,
  clock TEXT NOT NULL,
  PRIMARY KEY (unit, kind, at, n, clock)
) STRICT, WITHOUT ROWID;
