-- Cases that were put under seal. Their rows and events are moved here, so that every list, search, number and
-- code of the tables above finds nothing: the way to a sealed case is not a flag somebody could forget to ask.
CREATE TABLE sealed_cases (
  n INTEGER PRIMARY KEY,
  ref_key TEXT NOT NULL UNIQUE, -- keyed hash of the number, to find it by under an order
  sealed_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  ground TEXT NOT NULL,
  law TEXT NOT NULL,
  article TEXT NOT NULL,
  leaf TEXT NOT NULL UNIQUE, -- its name in the log
  leaf_hash BLOB NOT NULL,
  body TEXT NOT NULL, -- the data key, under a seal key nobody holds
  custodian_a TEXT NOT NULL,
  share_a TEXT NOT NULL,
  check_a TEXT NOT NULL,
  custodian_b TEXT NOT NULL,
  share_b TEXT NOT NULL,
  check_b TEXT NOT NULL,
  hash BLOB NOT NULL, -- of the last event
  doc TEXT NOT NULL
) STRICT;

CREATE TABLE sealed_events (
  n INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  hash BLOB NOT NULL,
  doc TEXT NOT NULL,
  PRIMARY KEY (n, seq)
) STRICT, WITHOUT ROWID;

-- Closed cases that are to be put under seal as soon as what they owe has been sent.
CREATE TABLE seal_due (
  n INTEGER PRIMARY KEY
) STRICT;

CREATE INDEX notable_case ON notable (n);

-- Who holds halves of seal keys, and the public keys they are sealed to. A row is never removed: what was
-- sealed before names whoever it was then.
CREATE TABLE custodians (
  account TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL, -- 0 while in office
  public TEXT NOT NULL,
  PRIMARY KEY (account, since)
) STRICT, WITHOUT ROWID;

-- Orders to open one case under seal. n is 0 where there is none: custodians and whoever asks cannot tell
-- until both halves have been entered.
CREATE TABLE seal_orders (
  id TEXT NOT NULL PRIMARY KEY,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  requester TEXT NOT NULL,
  own_key TEXT NOT NULL, -- the texts of the row are sealed under it
  asked TEXT NOT NULL, -- number, reference, authority, law and reason, sealed
  hours INTEGER NOT NULL,
  until INTEGER NOT NULL, -- of the question; once it is open, of the opening
  state TEXT NOT NULL CHECK (state IN ('asked', 'open', 'refused', 'ended', 'void')),
  custodian_a TEXT NOT NULL,
  share_a TEXT NOT NULL,
  check_a TEXT NOT NULL,
  given_a TEXT NOT NULL,
  custodian_b TEXT NOT NULL,
  share_b TEXT NOT NULL,
  check_b TEXT NOT NULL,
  given_b TEXT NOT NULL,
  wrapped TEXT NOT NULL -- the data key while it is open
) STRICT;

CREATE INDEX seal_orders_live ON seal_orders (until) WHERE state IN ('asked', 'open');
CREATE INDEX seal_orders_by ON seal_orders (requester, at);

-- Looks in an emergency: one person, one case, a time.
CREATE TABLE glass (
  id TEXT NOT NULL PRIMARY KEY,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  unit TEXT NOT NULL, -- that has the case
  until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  words TEXT NOT NULL, -- sealed under the key of the case
  tell_at INTEGER NOT NULL, -- when the person is told
  tell_by INTEGER NOT NULL, -- when that must have been done
  told_at INTEGER NOT NULL, -- 0: not yet
  delay_until INTEGER NOT NULL, -- 0: not delayed
  delay_law TEXT NOT NULL,
  delay_by TEXT NOT NULL,
  review_by INTEGER NOT NULL,
  reviewed_at INTEGER NOT NULL, -- 0: not yet
  reviewer TEXT NOT NULL,
  verdict TEXT NOT NULL,
  verdict_words TEXT NOT NULL -- sealed like words
) STRICT;

CREATE INDEX glass_actor ON glass (actor, at);
CREATE INDEX glass_untold ON glass (tell_at) WHERE told_at = 0;
CREATE INDEX glass_unit ON glass (unit, at);

-- What was done, tried and refused about orders, emergencies and custodians, each with its leaf in the log.
-- Only ever added to.
CREATE TABLE exceptions (
  id INTEGER PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE, -- its name in the log
  kind TEXT NOT NULL,
  about TEXT NOT NULL, -- id of the order or emergency, or the custodian's account
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE INDEX exceptions_about ON exceptions (about, id);

-- The order or emergency a look was made under.
ALTER TABLE looks ADD COLUMN order_ref TEXT NOT NULL DEFAULT '';
