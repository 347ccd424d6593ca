ALTER TABLE domain ADD COLUMN told INTEGER NOT NULL DEFAULT 0; -- shadow_of is a judgement on its mail
ALTER TABLE decision ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- day on which it mattered last; 0: not since it was made

-- What was done to decisions.
CREATE TABLE change (
  seq       INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  act       TEXT NOT NULL,
  who       TEXT NOT NULL,
  why       TEXT NOT NULL,
  sender    TEXT NOT NULL,
  target    TEXT NOT NULL,
  recipient TEXT NOT NULL
) STRICT;
