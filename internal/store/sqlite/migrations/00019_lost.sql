-- +goose Up

-- The last position that a POP knows and this log never gave out: the store is
-- an older copy, and what other POPs did since is not in it. Positions are
-- written out, since they are none of ours.
CREATE TABLE log_lost (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,
  pos   INTEGER NOT NULL
) STRICT;
INSERT INTO log_lost (one, epoch, pos) VALUES (1, 0, 0);
