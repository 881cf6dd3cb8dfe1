-- Figures as they were published, one row a month. What was published is never counted again: two versions of
-- one month, held against each other, would tell what small counts hide.
CREATE TABLE open_data (
  month TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  least INTEGER NOT NULL,
  doc TEXT NOT NULL
) STRICT;
