-- Due jobs are found prio by prio, each a range in the order in which they are taken: what a claim costs does not
-- depend on how many are due, after a night without gateways or an answer to ten thousand people.
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (prio, run_at, id) WHERE done_at IS NULL AND dead = 0;
