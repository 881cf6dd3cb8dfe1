-- How each invariant stood when it was last looked at. examples is a JSON list of case numbers.
CREATE TABLE invariants (
  name TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  examples TEXT NOT NULL
) STRICT;
