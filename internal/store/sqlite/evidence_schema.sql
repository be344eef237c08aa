-- Strings that repeat: POPs and incarnations.
CREATE TABLE word (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE stream (
  id     INTEGER PRIMARY KEY,
  pop    INTEGER NOT NULL REFERENCES word (id),
  number INTEGER NOT NULL,
  UNIQUE (pop, number)
) STRICT;

-- Messages of earlier days, as ranges of numbers, so that a repeat after
-- midnight is recognised with this file alone.
CREATE TABLE earlier (
  stream INTEGER NOT NULL REFERENCES stream (id),
  lo     INTEGER NOT NULL,
  hi     INTEGER NOT NULL,
  PRIMARY KEY (stream, lo)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  id          INTEGER PRIMARY KEY, -- order of arrival
  stream      INTEGER NOT NULL REFERENCES stream (id),
  number      INTEGER NOT NULL,
  received    INTEGER NOT NULL, -- Unix milliseconds
  incarnation INTEGER NOT NULL REFERENCES word (id),
  facts       BLOB    NOT NULL,
  chain       BLOB    NOT NULL, -- SHA-256 over the previous chain and this message
  UNIQUE (stream, number)
) STRICT;

-- Validators and sizes that POPs share, per entry of the log, with the message
-- that brought them.
CREATE TABLE dict (
  message INTEGER NOT NULL REFERENCES message (id),
  epoch   INTEGER NOT NULL,
  pos     INTEGER NOT NULL,
  part    BLOB    NOT NULL,
  PRIMARY KEY (message, epoch, pos)
) STRICT, WITHOUT ROWID;

-- The dictionary of an entry is a row or two, whose messages are a thousand with
-- a thousand POPs. Files of earlier releases lack this.
CREATE INDEX dict_at ON dict (epoch, pos);

-- Which messages hold facts about an entry.
CREATE TABLE part (
  epoch   INTEGER NOT NULL,
  pos     INTEGER NOT NULL,
  message INTEGER NOT NULL REFERENCES message (id),
  PRIMARY KEY (epoch, pos, message)
) STRICT, WITHOUT ROWID;

-- Where the chain comes from: the day before, and its last link.
CREATE TABLE origin (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  day   TEXT NOT NULL,
  chain BLOB NOT NULL
) STRICT;
