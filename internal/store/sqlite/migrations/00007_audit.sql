-- +goose Up

-- Who called which write operation. The newest row is never deleted, so that
-- numbers are not used twice.
CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  account TEXT    NOT NULL,
  key     TEXT    NOT NULL,
  address TEXT    NOT NULL,
  agent   TEXT    NOT NULL,
  action  TEXT    NOT NULL,
  object  TEXT    NOT NULL,
  job     TEXT    NOT NULL,
  outcome TEXT    NOT NULL,
  request TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_account ON audit (account, seq);
CREATE INDEX audit_at ON audit (at, seq);
