-- What receivers of webhooks are told. Nothing in these rows is about a person.
CREATE TABLE hook_events (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE, -- webhook-id
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX hook_events_at ON hook_events (at, id);
CREATE INDEX hook_events_case ON hook_events (case_id);

CREATE TABLE hook_sends (
  id INTEGER PRIMARY KEY,
  receiver TEXT NOT NULL,
  event INTEGER NOT NULL,
  job_key TEXT NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  words TEXT NOT NULL,
  UNIQUE (receiver, event)
) STRICT;

CREATE INDEX hook_sends_state ON hook_sends (receiver, state, event);
CREATE INDEX hook_sends_event ON hook_sends (event);
