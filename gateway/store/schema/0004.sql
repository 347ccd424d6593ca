-- Of strangers, those whose mail waits because they most likely are a source.

ALTER TABLE strangers ADD COLUMN near_count INTEGER NOT NULL DEFAULT 0; -- part of count
ALTER TABLE strangers ADD COLUMN near_source TEXT NOT NULL DEFAULT ''; -- of the last one
