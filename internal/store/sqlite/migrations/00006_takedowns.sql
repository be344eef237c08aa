-- +goose Up

-- Takedowns of media, those that ended included: they prove since when, and
-- until when, a media was denied.
CREATE TABLE takedown (
  id         INTEGER PRIMARY KEY,
  account    TEXT    NOT NULL,
  media      TEXT    NOT NULL,
  job        BLOB    NOT NULL,
  status     INTEGER NOT NULL, -- of HTTP
  reason     TEXT    NOT NULL,
  by         TEXT    NOT NULL,
  since      INTEGER NOT NULL,
  ended      INTEGER NOT NULL, -- 0: it holds
  ended_by   TEXT    NOT NULL,
  ended_job  BLOB    NOT NULL,
  stale      INTEGER NOT NULL  -- the media, or a domain, changed since it was planned
) STRICT;
CREATE UNIQUE INDEX takedown_active ON takedown (account, media) WHERE ended = 0;
CREATE INDEX takedown_since ON takedown (account, since);
CREATE INDEX takedown_stale ON takedown (id) WHERE stale = 1;

-- What the entries of the log that deny and allow amount to.
CREATE TABLE denied (
  url     TEXT    NOT NULL,
  account TEXT    NOT NULL,
  media   TEXT    NOT NULL,
  seq     INTEGER NOT NULL, -- of the entry that denied it last on behalf of the media
  status  INTEGER NOT NULL,
  PRIMARY KEY (url, account, media)
) STRICT, WITHOUT ROWID;
CREATE INDEX denied_media ON denied (account, media);

-- Whoever writes a media, or changes what its URLs mean, makes its takedown
-- stale: triggers, so that no way of writing can forget it.
-- +goose StatementBegin
CREATE TRIGGER takedown_media_new AFTER INSERT ON media BEGIN
  UPDATE takedown SET stale = 1 WHERE account = NEW.account AND media = NEW.id AND ended = 0;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER takedown_media_changed AFTER UPDATE OF body ON media WHEN OLD.body <> NEW.body BEGIN
  UPDATE takedown SET stale = 1 WHERE account = NEW.account AND media = NEW.id AND ended = 0;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER takedown_domain_new AFTER INSERT ON domain BEGIN
  UPDATE takedown SET stale = 1 WHERE account = NEW.account AND ended = 0;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER takedown_domain_changed AFTER UPDATE OF body ON domain WHEN OLD.body <> NEW.body BEGIN
  UPDATE takedown SET stale = 1 WHERE account = NEW.account AND ended = 0;
END;
-- +goose StatementEnd

ALTER TABLE log ADD COLUMN status INTEGER NOT NULL DEFAULT 0; -- with a denial: of HTTP
DROP INDEX log_created;
DROP INDEX log_task;
DROP INDEX log_open;
CREATE INDEX log_created ON log (account, created) WHERE kind <> 3;
CREATE INDEX log_task ON log (account, first_task) WHERE kind <> 3;
CREATE INDEX log_open ON log (seq) WHERE closed = 0 AND kind <> 3;
CREATE INDEX log_denials ON log (seq) WHERE kind > 3;
