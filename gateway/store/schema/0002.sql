-- How much content is kept on disk, so that a limit costs no sum over all rows.
-- One row, right in every transaction, whichever process writes.

CREATE TABLE kept (octets INTEGER NOT NULL) STRICT;
INSERT INTO kept SELECT coalesce(sum(size), 0) FROM quarantine WHERE state != 'deleted';

CREATE TRIGGER kept_more AFTER INSERT ON quarantine WHEN new.state != 'deleted'
BEGIN
  UPDATE kept SET octets = octets + new.size;
END;

CREATE TRIGGER kept_changed AFTER UPDATE OF state, size ON quarantine
BEGIN
  UPDATE kept SET octets = octets
    + CASE new.state WHEN 'deleted' THEN 0 ELSE new.size END
    - CASE old.state WHEN 'deleted' THEN 0 ELSE old.size END;
END;

CREATE TRIGGER kept_less AFTER DELETE ON quarantine WHEN old.state != 'deleted'
BEGIN
  UPDATE kept SET octets = octets - old.size;
END;
