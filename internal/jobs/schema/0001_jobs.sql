-- One row per job. A job is pending (done_at NULL, dead 0), done, or dead.
-- Instants are microseconds UTC; lease_until 0 means not leased.
CREATE TABLE jobs (
	id TEXT NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	key TEXT NOT NULL UNIQUE,
	payload TEXT NOT NULL,
	run_at INTEGER NOT NULL,
	prio INTEGER NOT NULL,
	lease_until INTEGER NOT NULL DEFAULT 0,
	lease_token TEXT NOT NULL DEFAULT '',
	attempts INTEGER NOT NULL DEFAULT 0,
	max_attempts INTEGER NOT NULL,
	last_error TEXT NOT NULL DEFAULT '',
	done_at INTEGER,
	dead INTEGER NOT NULL DEFAULT 0 CHECK (dead IN (0,1))
) STRICT;

-- Due jobs are found by time first: years of future timers must cost nothing.
CREATE INDEX jobs_due ON jobs (run_at, prio) WHERE done_at IS NULL AND dead = 0;
CREATE INDEX jobs_dead ON jobs (id) WHERE dead = 1;
CREATE INDEX jobs_done ON jobs (done_at) WHERE done_at IS NOT NULL;
