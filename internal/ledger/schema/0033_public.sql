-- What became public in a span of time is asked for by other programs every few minutes.
CREATE INDEX events_at ON events (at, n, seq);
