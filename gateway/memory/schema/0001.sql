-- Days are counted from 1970-01-01, times are Unix nanoseconds; 0 for "not known".

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE domain (
  id          INTEGER PRIMARY KEY, -- never given out again
  name        TEXT NOT NULL UNIQUE,
  first       INTEGER NOT NULL,
  last        INTEGER NOT NULL,
  named       INTEGER NOT NULL,
  days        INTEGER NOT NULL,
  inbound     INTEGER NOT NULL,
  outbound    INTEGER NOT NULL,
  established INTEGER NOT NULL,
  answered    INTEGER NOT NULL,
  imported    INTEGER NOT NULL,
  shadow_of   TEXT NOT NULL,
  proofs      TEXT NOT NULL, -- JSON, '' for none
  note        TEXT NOT NULL
) STRICT;

-- Threads, ids, edges and names, packed: see segment.go.
CREATE TABLE segment (
  seq  INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  day  INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX segment_day ON segment (kind, day);

CREATE TABLE decision (
  sender    TEXT NOT NULL,
  target    TEXT NOT NULL,
  recipient TEXT NOT NULL,
  allow     INTEGER NOT NULL,
  who       TEXT NOT NULL,
  why       TEXT NOT NULL,
  at        INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  PRIMARY KEY (sender, target, recipient)
) STRICT, WITHOUT ROWID;

-- What tools ask of the server: see request.go. A number is never given out again.
CREATE TABLE request (
  seq  INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
