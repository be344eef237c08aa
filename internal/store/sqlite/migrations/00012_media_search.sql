-- +goose Up

-- What media are found by. The place of a media among all is when it was created,
-- in milliseconds, shifted by 20 bits, and a number: indexes are in the order in
-- which media are listed without sorting anything.
ALTER TABLE media ADD COLUMN place INTEGER; -- null until it is made, by the program
CREATE INDEX media_unplaced ON media (key) WHERE place IS NULL;

-- The videos, or the audios, of an account.
CREATE TABLE media_scope (
  scope   INTEGER PRIMARY KEY,
  account TEXT    NOT NULL,
  audio   INTEGER NOT NULL,
  media   INTEGER NOT NULL, -- how many
  UNIQUE (account, audio)
) STRICT;

-- What most media have is null and stays out of the indexes.
CREATE TABLE media_find (
  place    INTEGER PRIMARY KEY,
  scope    INTEGER NOT NULL,
  media    INTEGER NOT NULL,
  own      TEXT,    -- status of the media's own; null: Normal
  status   TEXT,    -- the same, or that of a takedown
  cate     INTEGER,
  app      TEXT,
  storage  TEXT,
  size     INTEGER,
  duration REAL,
  modified INTEGER NOT NULL
) STRICT;
CREATE INDEX media_find_scope    ON media_find (scope);
CREATE INDEX media_find_modified ON media_find (scope, modified);
CREATE INDEX media_find_status   ON media_find (scope, status)   WHERE status IS NOT NULL;
CREATE INDEX media_find_cate     ON media_find (scope, cate)     WHERE cate IS NOT NULL;
CREATE INDEX media_find_app      ON media_find (scope, app)      WHERE app IS NOT NULL;
CREATE INDEX media_find_storage  ON media_find (scope, storage)  WHERE storage IS NOT NULL;
CREATE INDEX media_find_size     ON media_find (scope, size)     WHERE size IS NOT NULL;
CREATE INDEX media_find_duration ON media_find (scope, duration) WHERE duration IS NOT NULL;

-- Runs of three letters of each text, in order, and single ones and pairs. A word
-- here is a run in hexadecimal behind the scope and the field, so that nothing
-- of another account is ever looked at.
CREATE VIRTUAL TABLE media_text  USING fts5 (grams, content = '', columnsize = 0, tokenize = 'ascii');
CREATE VIRTUAL TABLE media_short USING fts5 (grams, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');

-- A takedown is laid over the status of the media's own.
-- +goose StatementBegin
CREATE TRIGGER takedown_found AFTER INSERT ON takedown WHEN NEW.ended = 0 BEGIN
  UPDATE media_find SET status = 'Blocked'
  WHERE place = (SELECT place FROM media WHERE account = NEW.account AND id = NEW.media);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER takedown_found_ended AFTER UPDATE OF ended ON takedown WHEN NEW.ended <> 0 BEGIN
  UPDATE media_find SET status = own
  WHERE place = (SELECT place FROM media WHERE account = NEW.account AND id = NEW.media);
END;
-- +goose StatementEnd
