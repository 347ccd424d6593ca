-- Which way each transaction came, what was lifted from it, and an index that says
-- how much each source is used.

ALTER TABLE journal ADD COLUMN path TEXT NOT NULL DEFAULT ''; -- '' if there was no verdict
ALTER TABLE journal ADD COLUMN lifted TEXT NOT NULL DEFAULT ''; -- '' if nothing was lifted
CREATE INDEX journal_source ON journal (source, at);
