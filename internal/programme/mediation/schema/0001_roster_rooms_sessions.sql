-- Mediators, rooms and sessions. No word about a matter and no name of a party stands in these tables: a
-- session names its case, and who comes is on the roll of that case.
CREATE TABLE mediation_mediators (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL,              -- the committee
  name TEXT NOT NULL,
  account TEXT NOT NULL,           -- at the desk; empty: none
  phone TEXT NOT NULL,             -- of the office; never public
  organisation TEXT NOT NULL,      -- where they work beside; for hints of a conflict
  fields TEXT NOT NULL,            -- kinds of disputes, as a JSON list
  languages TEXT NOT NULL,         -- JSON list
  hours TEXT NOT NULL,             -- a week, as the form writes it
  week_hours INTEGER NOT NULL,     -- hours of sessions in a week, at most; 0: no bound
  day_most INTEGER NOT NULL,       -- sessions in a day, at most; 0: no bound
  listed INTEGER NOT NULL CHECK (listed IN (0, 1)), -- parties may choose them
  left_at INTEGER NOT NULL,        -- 0: mediates
  version INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  turn INTEGER NOT NULL            -- counts bookings: whoever books waits for the row
) STRICT;
CREATE INDEX mediation_mediators_unit ON mediation_mediators (unit, name);
CREATE INDEX mediation_mediators_account ON mediation_mediators (account) WHERE account <> '';

CREATE TABLE mediation_training (
  id INTEGER PRIMARY KEY,
  mediator INTEGER NOT NULL REFERENCES mediation_mediators (id),
  day TEXT NOT NULL,
  hours INTEGER NOT NULL,
  topic TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL
) STRICT;
CREATE INDEX mediation_training_of ON mediation_training (mediator, day);

CREATE TABLE mediation_away (
  id INTEGER PRIMARY KEY,
  mediator INTEGER NOT NULL REFERENCES mediation_mediators (id),
  begins INTEGER NOT NULL,
  ends INTEGER NOT NULL
) STRICT;
CREATE INDEX mediation_away_of ON mediation_away (mediator, ends);

CREATE TABLE mediation_rooms (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL,
  name TEXT NOT NULL,
  place TEXT NOT NULL,             -- address and floor
  label TEXT NOT NULL UNIQUE,      -- name and place: what the parties are told, and how an event names the room
  seats INTEGER NOT NULL CHECK (seats > 0),
  step_free INTEGER NOT NULL CHECK (step_free IN (0, 1)),
  second INTEGER NOT NULL CHECK (second IN (0, 1)), -- a second room for talks apart
  hours TEXT NOT NULL,
  closed_at INTEGER NOT NULL,      -- 0: in use
  version INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  turn INTEGER NOT NULL
) STRICT;
CREATE INDEX mediation_rooms_unit ON mediation_rooms (unit, name);

-- Which member of a case is whom of the roster.
CREATE TABLE mediation_seats (
  case_id TEXT NOT NULL,
  member TEXT NOT NULL,
  mediator INTEGER NOT NULL,       -- 0: somebody who is not on the roster
  seq INTEGER NOT NULL,            -- the event by which they came
  settled INTEGER NOT NULL CHECK (settled IN (0, 1)), -- may hold a session as their interest stands
  gone INTEGER NOT NULL CHECK (gone IN (0, 1)),
  PRIMARY KEY (case_id, member)
) STRICT;
CREATE INDEX mediation_seats_mediator ON mediation_seats (mediator) WHERE gone = 0;

CREATE TABLE mediation_sessions (
  id INTEGER PRIMARY KEY,
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  unit TEXT NOT NULL,
  mode TEXT NOT NULL,
  room INTEGER NOT NULL,           -- 0: none of ours
  place TEXT NOT NULL,             -- as the parties were told; the address of a remote session
  begins INTEGER NOT NULL,         -- 0: written in a way that is no time
  ends INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('called', 'open', 'reserved', 'put_off', 'held', 'absent', 'ended')),
  version INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX mediation_sessions_live ON mediation_sessions (case_id) WHERE state IN ('called', 'open', 'reserved', 'put_off');
CREATE INDEX mediation_sessions_when ON mediation_sessions (begins, unit);
CREATE INDEX mediation_sessions_room ON mediation_sessions (room, begins) WHERE state IN ('called', 'open', 'reserved');

CREATE TABLE mediation_holders (
  session INTEGER NOT NULL REFERENCES mediation_sessions (id),
  mediator INTEGER NOT NULL,
  PRIMARY KEY (session, mediator)
) STRICT;
CREATE INDEX mediation_holders_of ON mediation_holders (mediator, session);

-- When somebody on the roll of a case has said that they cannot come.
CREATE TABLE mediation_unavailable (
  id INTEGER PRIMARY KEY,
  case_id TEXT NOT NULL,
  member TEXT NOT NULL,
  begins INTEGER NOT NULL,
  ends INTEGER NOT NULL
) STRICT;
CREATE INDEX mediation_unavailable_of ON mediation_unavailable (case_id, member, begins);

-- Where each matter stands, for counts by issue and place.
CREATE TABLE mediation_matters (
  case_id TEXT PRIMARY KEY,
  case_ref TEXT NOT NULL,
  pack TEXT NOT NULL,
  procedure TEXT NOT NULL,
  unit TEXT NOT NULL,
  place TEXT NOT NULL,
  field TEXT NOT NULL,
  state TEXT NOT NULL,
  open INTEGER NOT NULL CHECK (open IN (0, 1)),
  outcome TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  closed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX mediation_matters_open ON mediation_matters (open, unit, state);
CREATE INDEX mediation_matters_opened ON mediation_matters (opened_at);

-- Who changed what, in the order it happened; rows are only added.
CREATE TABLE mediation_log (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('mediator', 'room', 'session')),
  of INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX mediation_log_of ON mediation_log (kind, of, id);
