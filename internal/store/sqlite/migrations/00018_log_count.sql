-- +goose Up

-- How the tasks of an entry are shown: freshet.Entry.ObjectType.
ALTER TABLE log ADD COLUMN object TEXT GENERATED ALWAYS AS (CASE
  WHEN type <> '' THEN type WHEN kind = 2 THEN 'preload' WHEN kind = 4 THEN 'deny' WHEN kind = 5 THEN 'allow'
  WHEN selector = 2 THEN 'directory' WHEN selector = 3 THEN 'regex' WHEN selector = 4 THEN 'tag' ELSE 'file' END) VIRTUAL;

-- How many tasks an account has, by when their entries were created: for each
-- hour (span 0) and each minute (span 1). A list shows a page and how many there
-- are in all, and that must not be counted one by one.
CREATE TABLE log_count (
  account  TEXT    NOT NULL,
  span     INTEGER NOT NULL,
  bucket   INTEGER NOT NULL, -- hours or minutes since 1970
  domain   TEXT    NOT NULL,
  object   TEXT    NOT NULL,
  tasks    INTEGER NOT NULL,
  closed   INTEGER NOT NULL, -- tasks of entries that are closed
  failed   INTEGER NOT NULL, -- of those, the ones that failed
  PRIMARY KEY (account, span, bucket, domain, object)
) STRICT, WITHOUT ROWID;

INSERT INTO log_count
  SELECT account, 0, created / 3600000, domain, object, sum(n), sum(n * closed), sum(failed)
  FROM log WHERE kind <> 3 GROUP BY 1, 3, 4, 5;
INSERT INTO log_count
  SELECT account, 1, created / 60000, domain, object, sum(n), sum(n * closed), sum(failed)
  FROM log WHERE kind <> 3 GROUP BY 1, 3, 4, 5;

-- Triggers, so that no way of writing can forget it.
-- +goose StatementBegin
CREATE TRIGGER log_counted AFTER INSERT ON log WHEN NEW.kind <> 3 BEGIN
  INSERT INTO log_count VALUES (NEW.account, 0, NEW.created / 3600000, NEW.domain, NEW.object, NEW.n, NEW.n * NEW.closed, NEW.failed)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks, closed = closed + excluded.closed, failed = failed + excluded.failed;
  INSERT INTO log_count VALUES (NEW.account, 1, NEW.created / 60000, NEW.domain, NEW.object, NEW.n, NEW.n * NEW.closed, NEW.failed)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks, closed = closed + excluded.closed, failed = failed + excluded.failed;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_counted_closed AFTER UPDATE OF closed, failed ON log WHEN NEW.kind <> 3 BEGIN
  UPDATE log_count SET closed = closed + NEW.n * (NEW.closed - OLD.closed), failed = failed + NEW.failed - OLD.failed
    WHERE account = NEW.account AND span = 0 AND bucket = NEW.created / 3600000 AND domain = NEW.domain AND object = NEW.object;
  UPDATE log_count SET closed = closed + NEW.n * (NEW.closed - OLD.closed), failed = failed + NEW.failed - OLD.failed
    WHERE account = NEW.account AND span = 1 AND bucket = NEW.created / 60000 AND domain = NEW.domain AND object = NEW.object;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_counted_gone AFTER DELETE ON log WHEN OLD.kind <> 3 BEGIN
  UPDATE log_count SET tasks = tasks - OLD.n, closed = closed - OLD.n * OLD.closed, failed = failed - OLD.failed
    WHERE account = OLD.account AND span = 0 AND bucket = OLD.created / 3600000 AND domain = OLD.domain AND object = OLD.object;
  UPDATE log_count SET tasks = tasks - OLD.n, closed = closed - OLD.n * OLD.closed, failed = failed - OLD.failed
    WHERE account = OLD.account AND span = 1 AND bucket = OLD.created / 60000 AND domain = OLD.domain AND object = OLD.object;
  DELETE FROM log_count WHERE account = OLD.account AND span = 0 AND bucket = OLD.created / 3600000 AND tasks <= 0;
  DELETE FROM log_count WHERE account = OLD.account AND span = 1 AND bucket = OLD.created / 60000 AND tasks <= 0;
END;
-- +goose StatementEnd

-- What is rare among an account's entries is found without looking at the others.
CREATE INDEX log_domain     ON log (account, domain, created) WHERE kind <> 3;
CREATE INDEX log_object     ON log (account, object, created) WHERE kind <> 3;
CREATE INDEX log_unfinished ON log (account, created) WHERE closed = 0 AND kind <> 3;
CREATE INDEX log_failures   ON log (account, created) WHERE failed > 0 AND kind <> 3;
