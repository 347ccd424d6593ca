-- One index for every listing of the journal instead of one for each filter. Its
-- entries are appended in the order of time, whatever they hold; an index by domain
-- is written to all over. A listing reads it backwards and looks at the rows it wants.

DROP INDEX journal_reason;
DROP INDEX journal_author_domain;
DROP INDEX journal_source;
DROP INDEX journal_at;
CREATE INDEX journal_at ON journal (at, seq, source, reason, author_domain);
