ALTER TABLE domain ADD COLUMN second INTEGER NOT NULL DEFAULT 0; -- of the first day, of the first contact
