-- Which way each transaction came, and an index that says how much each source is
-- used.

ALTER TABLE journal ADD COLUMN path TEXT NOT NULL DEFAULT ''; -- '' if there was no verdict
CREATE INDEX journal_source ON journal (source, at);
