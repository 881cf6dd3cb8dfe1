-- Reception days: when a leader sits and hears people. No word about a matter stands in these tables;
-- a booking names the case, and what was said at a meeting is an event of that case.
CREATE TABLE reception_days (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL,
  office TEXT NOT NULL,            -- the leader's office and name, both shown to everybody
  leader TEXT NOT NULL,
  topics TEXT NOT NULL,
  place TEXT NOT NULL,
  date TEXT NOT NULL,
  begins INTEGER NOT NULL,         -- minutes after midnight
  ends INTEGER NOT NULL,
  slots INTEGER NOT NULL CHECK (slots > 0),
  minutes INTEGER NOT NULL CHECK (minutes > 0),
  closes TEXT NOT NULL,            -- last day for booking; kept, so that a newer pack does not move it
  why TEXT NOT NULL,               -- the reason for a day on which offices do not work
  changed_at INTEGER NOT NULL,
  published_at INTEGER NOT NULL,   -- 0: a draft
  cancelled_at INTEGER NOT NULL,   -- 0: not cancelled
  cancelled_why TEXT NOT NULL,
  turn INTEGER NOT NULL            -- counts changes of its bookings: whoever wants to make one waits for the row
) STRICT;
CREATE INDEX reception_days_by_date ON reception_days (date, unit);

CREATE TABLE reception_bookings (
  id INTEGER PRIMARY KEY,
  day INTEGER NOT NULL REFERENCES reception_days (id),
  slot INTEGER NOT NULL,           -- 0: on the waiting list
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('booked', 'waiting', 'held', 'absent', 'withdrawn', 'cancelled')),
  live INTEGER NOT NULL CHECK (live IN (0, 1)), -- 1: the one booking its case may have at a time
  made_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX reception_bookings_slot ON reception_bookings (day, slot) WHERE slot > 0 AND state IN ('booked', 'held', 'absent');
CREATE UNIQUE INDEX reception_bookings_case ON reception_bookings (case_id) WHERE live = 1;
CREATE INDEX reception_bookings_day ON reception_bookings (day, made_at, id);

-- What a leader promised at a meeting; the words are the event's.
CREATE TABLE reception_promises (
  id INTEGER PRIMARY KEY,
  booking INTEGER NOT NULL UNIQUE REFERENCES reception_bookings (id),
  unit TEXT NOT NULL,
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  seq INTEGER NOT NULL,            -- the event of the case that holds the promise
  due TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  kept_at INTEGER NOT NULL,        -- 0: open
  kept_on TEXT NOT NULL            -- the day it was kept, where the offices are
) STRICT;
CREATE INDEX reception_promises_by_unit ON reception_promises (unit, due);

-- Who changed what, in the order it happened; rows are only added.
CREATE TABLE reception_log (
  id INTEGER PRIMARY KEY,
  day INTEGER NOT NULL,
  booking INTEGER NOT NULL,        -- 0: the day itself
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  what TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;
CREATE INDEX reception_log_day ON reception_log (day, id);
