-- What is exchanged with units that work on a system of their own. Words stay in the case, sealed; here are numbers,
-- states, times, and what the other system said when it refused, without what it repeated of the report.
CREATE TABLE neighbour_sends (
  id INTEGER PRIMARY KEY,
  neighbour TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('report', 'update')),
  job_key TEXT NOT NULL, -- the job that carries it; another one's run does nothing
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  place TEXT NOT NULL, -- the holder of the case below its superiors: /city/district/street/
  programme TEXT NOT NULL,
  link INTEGER NOT NULL, -- of an update: neighbour_links.id; 0 = none
  seq INTEGER NOT NULL, -- of the event: by which the case came to the neighbour, or of which an update tells
  origin TEXT NOT NULL, -- of a report: the unit it came from
  state TEXT NOT NULL CHECK (state IN ('created', 'sending', 'token', 'delivered', 'temporary', 'permanent', 'cancelled')),
  reason TEXT NOT NULL, -- why it is in this state, as a word of the program
  token TEXT NOT NULL, -- by which the number of a report is asked for
  tries INTEGER NOT NULL, -- since it was created or sent again
  unclear INTEGER NOT NULL, -- tries of which nobody knows how they ended
  created_at INTEGER NOT NULL,
  first_at INTEGER NOT NULL, -- from which the hours of its tries count
  next_at INTEGER NOT NULL, -- when it is tried; 0 = not by itself
  changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX neighbour_sends_state ON neighbour_sends (state, id);
CREATE INDEX neighbour_sends_case ON neighbour_sends (case_id, id);
CREATE INDEX neighbour_sends_link ON neighbour_sends (link, id) WHERE link > 0;

CREATE TABLE neighbour_attempts (
  id INTEGER PRIMARY KEY,
  send INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL, -- 0 = no end is known
  actor TEXT NOT NULL, -- who, where it was a person
  outcome TEXT NOT NULL, -- a state, or unclear; empty while it runs
  words TEXT NOT NULL, -- what the other system said
  external TEXT NOT NULL -- its number
) STRICT;

CREATE INDEX neighbour_attempts_of ON neighbour_attempts (send, id);
CREATE INDEX neighbour_attempts_case ON neighbour_attempts (case_id);

-- A request of theirs and a case of ours that are one matter.
CREATE TABLE neighbour_links (
  id INTEGER PRIMARY KEY,
  neighbour TEXT NOT NULL,
  theirs TEXT NOT NULL, -- service_request_id
  ours INTEGER NOT NULL CHECK (ours IN (0, 1)), -- 1: we handed it over; 0: it came from them
  case_id TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  origin TEXT NOT NULL, -- the unit it came from
  word TEXT NOT NULL, -- the status told last: theirs to us, or ours to them
  ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
  began_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  UNIQUE (neighbour, theirs, ours)
) STRICT;

CREATE INDEX neighbour_links_case ON neighbour_links (case_id, ended);
CREATE INDEX neighbour_links_open ON neighbour_links (neighbour, ours, ended, id);

-- What they said and how far it has been carried out.
CREATE TABLE neighbour_heard (
  neighbour TEXT NOT NULL,
  news TEXT NOT NULL, -- its id
  case_id TEXT NOT NULL,
  steps INTEGER NOT NULL, -- of the acts it brings about, so many were looked at
  acted INTEGER NOT NULL CHECK (acted IN (0, 1)),
  done INTEGER NOT NULL CHECK (done IN (0, 1)),
  at INTEGER NOT NULL,
  PRIMARY KEY (neighbour, news)
) STRICT;

CREATE INDEX neighbour_heard_case ON neighbour_heard (case_id);

-- How far each was asked, and whether it answers.
CREATE TABLE neighbour_polls (
  neighbour TEXT PRIMARY KEY,
  updates_at INTEGER NOT NULL, -- up to which updates were heard; 0 = never asked
  requests_at INTEGER NOT NULL, -- up to which requests were taken in
  reached_at INTEGER NOT NULL, -- it last answered
  failed_at INTEGER NOT NULL, -- it last did not; 0 = it answers
  words TEXT NOT NULL -- what it said then
) STRICT;
