-- Who of the recipients was refused. Older rows do not say.
--
-- ALTER TABLE would read all rows of a STRICT table: SQLite checks them anew, though a
-- column that may be NULL changes none of them. So the text of the table is changed,
-- as ALTER TABLE does it: https://www.sqlite.org/lang_altertable.html, Section 8.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', refused_paths TEXT) STRICT' -- JSON array of mailboxes, NULL if none
  WHERE type = 'table' AND name = 'journal' AND sql LIKE '%) STRICT';
PRAGMA writable_schema = RESET;

-- Fails if the column is not there, and has other connections read the schema again.
CREATE VIEW changed AS SELECT refused_paths FROM journal;
SELECT refused_paths FROM changed LIMIT 0;
DROP VIEW changed;
