-- Before a report is sent, open ones of its category are held against it, newest first.
CREATE INDEX cases_category ON cases (category, is_open, n) WHERE sealed = 0;
