-- Lists an officer keeps under a name: the address of the list, no case of it. A removed one can be brought back for
-- a while. unit is where its owner shares it; empty = with nobody.
CREATE TABLE account_views (
	id TEXT NOT NULL PRIMARY KEY,
	account_id TEXT NOT NULL REFERENCES accounts(id),
	name TEXT NOT NULL,
	query TEXT NOT NULL,
	unit TEXT NOT NULL,
	made_at INTEGER NOT NULL,
	removed_at INTEGER NOT NULL     -- 0 = it is there
) STRICT;
CREATE INDEX account_views_account ON account_views (account_id);
CREATE INDEX account_views_unit ON account_views (unit) WHERE unit <> '';

-- Which list the desk begins with; no row = the unit's home.
CREATE TABLE account_starts (
	account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts(id),
	view_id TEXT NOT NULL
) STRICT;
