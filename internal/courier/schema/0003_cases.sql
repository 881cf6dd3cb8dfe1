CREATE INDEX messages_case ON messages (case_id);
