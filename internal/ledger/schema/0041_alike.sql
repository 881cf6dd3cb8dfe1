-- Before a report is sent, the open ones of its category around its place are held against it, newest first.
CREATE INDEX cases_near ON cases (category, is_open, place_unit, n);
