-- +goose Up

-- Up to where the purges (0) and prefetches (1) of the log were forgotten with
-- age: a POP that asks for what comes after an earlier position missed some.
CREATE TABLE log_forgotten (
  subject INTEGER PRIMARY KEY,
  seq     INTEGER NOT NULL
) STRICT;

-- Entries that are kept for ever: changes of membership and of the deny list.
CREATE INDEX log_lasting ON log (seq) WHERE kind >= 3;
