-- Messages the house wrote. Where no gateway is configured they stay here, for the inbox page and for
-- whoever prints and delivers them.
CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  msg_key TEXT NOT NULL UNIQUE, -- names the notice for ever: the second of the same key is the same message
  case_ref TEXT NOT NULL,
  template TEXT NOT NULL,
  recipient TEXT NOT NULL, -- resident or unit
  unit TEXT NOT NULL,
  channel TEXT NOT NULL,
  address TEXT NOT NULL,
  lang TEXT NOT NULL,
  body TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
