-- +goose Up

-- What media are known by besides their IDs: the account's own names (kind 1),
-- and the addresses of their originals (kind 2).
CREATE TABLE media_name (
  account TEXT    NOT NULL,
  kind    INTEGER NOT NULL,
  name    TEXT    NOT NULL,
  id      TEXT    NOT NULL,
  PRIMARY KEY (account, kind, name, id)
) STRICT, WITHOUT ROWID;
