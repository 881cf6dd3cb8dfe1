-- What lists say about a case beside its dates: that several units deal with it, and that it is sealed. A
-- sealed case shows neither title nor place in any list.
ALTER TABLE cases ADD COLUMN joint INTEGER NOT NULL DEFAULT 0 CHECK (joint IN (0, 1));
ALTER TABLE cases ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1));
