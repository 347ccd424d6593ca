-- The days on which what is old was removed (package calendar). Before the first of
-- them the newest mail tells the day.
CREATE TABLE days (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  swept  INTEGER NOT NULL,
  jumped INTEGER NOT NULL
) STRICT;
INSERT INTO days SELECT 1, min(coalesce(max(at), 0) / 86400000000000, 65535), 0
  FROM (SELECT max(at) AS at FROM journal UNION ALL SELECT max(received_at) FROM quarantine);

-- From when on a message is kept, if not from when it was received, because the clock
-- was wrong; and which of its recipients need nothing more. As in 0006.sql.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', kept_from INTEGER, settled TEXT) STRICT' -- settled: JSON array of indexes of the forward-paths
  WHERE type = 'table' AND name = 'quarantine' AND sql LIKE '%) STRICT';
PRAGMA writable_schema = RESET;
CREATE VIEW changed AS SELECT kept_from, settled FROM quarantine;
SELECT kept_from, settled FROM changed LIMIT 0;
DROP VIEW changed;
CREATE INDEX quarantine_kept ON quarantine (kept_from) WHERE kept_from IS NOT NULL; -- few rows
