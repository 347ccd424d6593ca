-- Times are Unix nanoseconds, 0 for "not known".

CREATE TABLE quarantine (
  id          TEXT PRIMARY KEY,
  received_at INTEGER NOT NULL,
  client      TEXT NOT NULL,
  helo        TEXT NOT NULL,
  source      TEXT NOT NULL,
  envelope    TEXT NOT NULL, -- JSON of mail.Envelope: release needs it exactly
  size        INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  reason      TEXT NOT NULL,
  sentence    TEXT NOT NULL,
  message_id  TEXT NOT NULL,
  author      TEXT NOT NULL,
  subject     TEXT NOT NULL,
  evidence    TEXT NOT NULL,
  next_hop    TEXT NOT NULL,
  trace       TEXT NOT NULL, -- Received field to prepend at release
  state       TEXT NOT NULL CHECK (state IN ('held', 'releasing', 'released', 'deleted')),
  changed_at  INTEGER NOT NULL,
  changed_by  TEXT NOT NULL,
  claim       TEXT NOT NULL DEFAULT '' -- token of the release that holds the row
) STRICT;
CREATE INDEX quarantine_received ON quarantine (received_at);
CREATE INDEX quarantine_state ON quarantine (state, received_at, size);

CREATE TABLE audit (
  seq    INTEGER PRIMARY KEY,
  id     TEXT NOT NULL REFERENCES quarantine (id) ON DELETE CASCADE,
  at     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  what   TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_id ON audit (id);

CREATE TABLE journal (
  seq           INTEGER PRIMARY KEY,
  id            TEXT NOT NULL,
  at            INTEGER NOT NULL,
  client        TEXT NOT NULL,
  helo          TEXT NOT NULL,
  source        TEXT NOT NULL,
  origin_ip     TEXT NOT NULL,
  reverse_path  TEXT NOT NULL,
  forward_paths TEXT NOT NULL, -- JSON array of mailboxes
  author        TEXT NOT NULL,
  author_domain TEXT NOT NULL,
  message_id    TEXT NOT NULL,
  size          INTEGER NOT NULL,
  disposition   TEXT NOT NULL,
  reason        TEXT NOT NULL,
  sentence      TEXT NOT NULL,
  reply_code    INTEGER NOT NULL,
  enhanced      TEXT NOT NULL,
  next_hop      TEXT NOT NULL,
  outcome       TEXT NOT NULL,
  duration      INTEGER NOT NULL, -- nanoseconds
  evidence      TEXT NOT NULL
) STRICT;
CREATE INDEX journal_id ON journal (id);
CREATE INDEX journal_at ON journal (at);
CREATE INDEX journal_reason ON journal (reason, at);
CREATE INDEX journal_author_domain ON journal (author_domain, at);

CREATE TABLE strangers (
  hour    INTEGER NOT NULL,
  network TEXT NOT NULL, -- prefix; '' counts those who found the memory full
  count   INTEGER NOT NULL,
  helo    TEXT NOT NULL,
  PRIMARY KEY (hour, network)
) STRICT, WITHOUT ROWID;
