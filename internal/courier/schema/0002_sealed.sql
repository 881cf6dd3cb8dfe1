-- Address and body are sealed under the key of the case, so they go when it goes.
ALTER TABLE messages ADD COLUMN case_id TEXT NOT NULL DEFAULT '';
