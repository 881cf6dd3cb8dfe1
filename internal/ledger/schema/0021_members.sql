-- Keys of members of a case, keyed like its follow code: whoever holds one is shown that case as that member
-- sees it. A case that is sealed or erased has none.
CREATE TABLE member_keys (
  code TEXT NOT NULL PRIMARY KEY,
  n INTEGER NOT NULL,
  member TEXT NOT NULL
) STRICT;

CREATE INDEX member_keys_case ON member_keys (n);
