-- +goose Up

-- The keys with which playback URLs of domains are signed. They are in no other
-- table and in no JSON.
CREATE TABLE domain_auth (
  domain TEXT NOT NULL PRIMARY KEY REFERENCES domain (name) ON DELETE CASCADE,
  main   TEXT NOT NULL, -- sealed, as backup
  backup TEXT NOT NULL  -- empty if there is none
) STRICT, WITHOUT ROWID;
