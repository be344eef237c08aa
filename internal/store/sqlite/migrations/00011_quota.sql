-- +goose Up

-- What accounts were charged on the last day on which they were.
CREATE TABLE quota (
  account TEXT    NOT NULL,
  kind    TEXT    NOT NULL,
  day     INTEGER NOT NULL,
  used    INTEGER NOT NULL,
  PRIMARY KEY (account, kind)
) STRICT, WITHOUT ROWID;
