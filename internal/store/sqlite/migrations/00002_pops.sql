-- +goose Up

-- How each POP proves who it is. Who is a member is in the log.
CREATE TABLE pop (
  id      TEXT    NOT NULL PRIMARY KEY,
  added   INTEGER NOT NULL, -- by a call, not by the configuration
  parents TEXT    NOT NULL, -- JSON array; of an added one
  key     TEXT    NOT NULL, -- public; empty: it never had one
  since   INTEGER NOT NULL,
  revoked INTEGER NOT NULL, -- 0: it is not
  token   BLOB    NOT NULL, -- SHA-256 of the last one-time token; empty: none
  expires INTEGER NOT NULL,
  spent   TEXT    NOT NULL  -- the key that the token was exchanged for
) STRICT, WITHOUT ROWID;
