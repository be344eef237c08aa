-- +goose Up

-- Where the events of each application of an account go.
CREATE TABLE callback_rule (
  account TEXT NOT NULL,
  app     TEXT NOT NULL,
  body    BLOB NOT NULL, -- JSON
  PRIMARY KEY (account, app)
) STRICT, WITHOUT ROWID;

-- The receiver of each account for events beyond the vendor's.
CREATE TABLE webhook (
  account TEXT NOT NULL PRIMARY KEY,
  body    BLOB NOT NULL -- JSON
) STRICT, WITHOUT ROWID;

-- What both sign with, by what it belongs to.
CREATE TABLE callback_secret (
  id     TEXT NOT NULL PRIMARY KEY,
  secret TEXT NOT NULL -- sealed
) STRICT, WITHOUT ROWID;

-- Jobs whose end is to be told.
CREATE TABLE job_watch (
  account TEXT NOT NULL,
  job     TEXT NOT NULL,
  PRIMARY KEY (account, job)
) STRICT, WITHOUT ROWID;

-- What is to be delivered, and for a while what was.
CREATE TABLE callback (
  seq      INTEGER PRIMARY KEY, -- order of queueing; users see the ID, which counts nothing
  id       TEXT    NOT NULL UNIQUE,
  account  TEXT    NOT NULL,
  event    TEXT    NOT NULL,
  native   INTEGER NOT NULL,
  app      TEXT    NOT NULL,
  url      TEXT    NOT NULL,
  host     TEXT    NOT NULL,
  media    TEXT    NOT NULL,
  job      TEXT    NOT NULL,
  idx      INTEGER NOT NULL,
  body     BLOB,             -- null: made of job and idx
  created  INTEGER NOT NULL,
  state    INTEGER NOT NULL, -- 0 waiting, 1 delivered, 2 given up
  due      INTEGER NOT NULL, -- of the next attempt, or the end of the lease; once ended, when
  worker   TEXT    NOT NULL, -- who leased it
  attempts INTEGER NOT NULL,
  tried    INTEGER NOT NULL,
  error    TEXT    NOT NULL
) STRICT;
CREATE INDEX callback_account ON callback (account, seq);
CREATE INDEX callback_lane ON callback (account, host, due) WHERE state = 0;
CREATE INDEX callback_due ON callback (due) WHERE state = 0;
CREATE INDEX callback_ended ON callback (due) WHERE state > 0;

-- How much of each account waits, and when it was served last.
CREATE TABLE callback_load (
  account TEXT    NOT NULL PRIMARY KEY,
  waiting INTEGER NOT NULL,
  ended   INTEGER NOT NULL, -- rows that do not wait any more
  served  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
