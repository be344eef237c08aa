-- +goose Up

-- One row: what the agent knows of its progress, as JSON.
CREATE TABLE state (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  body BLOB NOT NULL
) STRICT;

CREATE TABLE topology (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  body BLOB NOT NULL
) STRICT;

-- Entries to be carried out or redone, each encoded as a batch of one.
CREATE TABLE kept (
  epoch INTEGER NOT NULL,
  pos   INTEGER NOT NULL,
  entry BLOB    NOT NULL,
  PRIMARY KEY (epoch, pos)
) STRICT;

-- Evidence that waits for its acknowledgement.
CREATE TABLE spool (
  number  INTEGER PRIMARY KEY,
  message BLOB NOT NULL
) STRICT;
