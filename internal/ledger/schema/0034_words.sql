-- The search index now holds the lists a case stands on beside its words, and nothing of cases whose heading is not
-- for lists. Cases that were indexed before wait here to be indexed anew.
CREATE TABLE words_missing (
  n INTEGER PRIMARY KEY
) STRICT;

INSERT INTO words_missing (n) SELECT n FROM cases;
