-- +goose Up

-- The deny list, and up to which position it reflects the log. No row in
-- denied_up_to: no list was ever fetched.
CREATE TABLE denied (
  url    TEXT    NOT NULL PRIMARY KEY,
  epoch  INTEGER NOT NULL,
  pos    INTEGER NOT NULL,
  status INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE denied_up_to (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,
  pos   INTEGER NOT NULL
) STRICT;
