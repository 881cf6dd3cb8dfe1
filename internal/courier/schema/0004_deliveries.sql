-- What becomes of each message that leaves the house. Words and addresses stay in messages, sealed; here are
-- states, times and what a gateway said, from which the address was taken out.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  msg_key TEXT NOT NULL UNIQUE, -- the message
  job_key TEXT NOT NULL, -- the job that carries it; another one's run does nothing
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  place TEXT NOT NULL, -- the holder of the case below its superiors: /city/district/street/
  programme TEXT NOT NULL,
  sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),
  template TEXT NOT NULL,
  recipient TEXT NOT NULL, -- resident or member
  whom TEXT NOT NULL, -- which member
  channel TEXT NOT NULL,
  lang TEXT NOT NULL,
  hurry INTEGER NOT NULL CHECK (hurry IN (0, 1)), -- never held
  state TEXT NOT NULL CHECK (state IN ('created', 'sending', 'delivered', 'temporary', 'permanent', 'returned', 'cancelled')),
  reason TEXT NOT NULL, -- why it is in this state, as a word of the program
  tries INTEGER NOT NULL, -- since it was created or sent again
  unclear INTEGER NOT NULL, -- tries of which nobody knows how they ended
  batch INTEGER NOT NULL, -- of letters; 0 = none
  created_at INTEGER NOT NULL,
  first_at INTEGER NOT NULL, -- from which the hours of its tries count
  next_at INTEGER NOT NULL, -- when it is tried; 0 = not by itself
  changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_state ON deliveries (state, id);
CREATE INDEX deliveries_case ON deliveries (case_id, template, created_at);

CREATE TABLE delivery_attempts (
  id INTEGER PRIMARY KEY,
  delivery INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL, -- 0 = no end is known
  gateway TEXT NOT NULL, -- empty where a person wrote down what happened
  actor TEXT NOT NULL, -- who, where it was a person
  outcome TEXT NOT NULL, -- a state, or unclear; empty while it runs
  words TEXT NOT NULL, -- what the gateway said
  external TEXT NOT NULL -- the gateway's own number
) STRICT;

CREATE INDEX delivery_attempts_of ON delivery_attempts (delivery, id);
CREATE INDEX delivery_attempts_case ON delivery_attempts (case_id);

-- Letters that were printed together.
CREATE TABLE letter_batches (
  id INTEGER PRIMARY KEY,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_batch ON deliveries (batch, id) WHERE batch > 0;
