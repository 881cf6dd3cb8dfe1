-- With which calendar a timer's date was counted, as ID@VERSION: when holidays are announced, the open
-- clocks that must be counted again are a range of this index.
ALTER TABLE timers ADD COLUMN calendar TEXT NOT NULL DEFAULT '';
CREATE INDEX timers_calendar ON timers (calendar, n);
