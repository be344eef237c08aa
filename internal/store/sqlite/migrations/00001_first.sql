-- +goose Up

-- Accepted calls. A job is one row whose body packs the job and its media: the
-- accept path pays for one insert, however many media a call names.
CREATE TABLE job (
  seq     INTEGER PRIMARY KEY, -- order of acceptance
  id      BLOB    NOT NULL,
  account TEXT    NOT NULL,
  created INTEGER NOT NULL,
  body    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_id ON job (id);
CREATE INDEX job_account ON job (account, created);

-- Jobs with rows that are not final, and how many.
CREATE TABLE job_open (
  seq  INTEGER PRIMARY KEY,
  left INTEGER NOT NULL
) STRICT;

-- What changed about a row since it was accepted: its lease, then its outcome.
CREATE TABLE job_row (
  job     INTEGER NOT NULL,
  idx     INTEGER NOT NULL,
  worker  TEXT    NOT NULL, -- empty once the row is final
  until   INTEGER NOT NULL, -- end of the lease; with an outcome, 0
  outcome BLOB,             -- null while leased
  PRIMARY KEY (job, idx)
) STRICT, WITHOUT ROWID;

-- Expiry comes first so that inserts go to the end and deletions to the start.
CREATE TABLE nonce (
  expires     INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  PRIMARY KEY (expires, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  name      TEXT    NOT NULL PRIMARY KEY,
  next_task INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A position (epoch, pos) is kept as one number: seq = base of the epoch + pos.
CREATE TABLE epoch (
  epoch      INTEGER PRIMARY KEY,
  base       INTEGER NOT NULL,
  task_floor INTEGER NOT NULL -- task IDs that accounts get in this epoch are not below it
) STRICT;
INSERT INTO epoch (epoch, base, task_floor) VALUES (1, 0, 1000000000);

CREATE TABLE log_head (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  seq        INTEGER NOT NULL, -- last entry
  last_purge INTEGER NOT NULL, -- last purge entry
  targets    INTEGER NOT NULL  -- target set of the POPs enrolled now
) STRICT;

CREATE TABLE target_set (
  id   INTEGER PRIMARY KEY,
  pops TEXT NOT NULL UNIQUE -- JSON array
) STRICT;
INSERT INTO target_set (id, pops) VALUES (1, '[]');
INSERT INTO log_head (one, seq, last_purge, targets) VALUES (1, 0, 0, 1);

-- The log, without URLs, so that lists of entries read little.
CREATE TABLE log (
  seq        INTEGER PRIMARY KEY,
  kind       INTEGER NOT NULL,
  subject    INTEGER NOT NULL,
  selector   INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  account    TEXT    NOT NULL,
  job        BLOB    NOT NULL,
  idx        INTEGER NOT NULL,
  domain     TEXT    NOT NULL,
  first_task INTEGER NOT NULL,
  targets    INTEGER NOT NULL REFERENCES target_set (id),
  last_purge INTEGER NOT NULL,
  finish_by  INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  closed     INTEGER NOT NULL, -- derived, as failed
  failed     INTEGER NOT NULL
) STRICT;
CREATE INDEX log_subject ON log (subject);
CREATE INDEX log_created ON log (account, created) WHERE kind < 3;
CREATE INDEX log_task ON log (account, first_task) WHERE kind < 3;
CREATE INDEX log_open ON log (seq) WHERE closed = 0 AND kind < 3;

CREATE TABLE log_selector (
  seq    INTEGER PRIMARY KEY,
  packed BLOB NOT NULL
) STRICT;

CREATE TABLE log_membership (
  seq    INTEGER PRIMARY KEY,
  change INTEGER NOT NULL,
  pop    TEXT    NOT NULL
) STRICT;

CREATE TABLE member (
  pop TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Where a URL of an account stands. The hash covers both; readers compare both.
CREATE TABLE url_index (
  hash INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  item INTEGER NOT NULL,
  PRIMARY KEY (hash, seq, item)
) STRICT, WITHOUT ROWID;

-- Derived from evidence; deleting it loses nothing.
CREATE TABLE log_state (
  seq  INTEGER PRIMARY KEY,
  fold BLOB NOT NULL
) STRICT;
CREATE TABLE folded (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  day TEXT    NOT NULL,
  row INTEGER NOT NULL
) STRICT;
INSERT INTO folded (one, day, row) VALUES (1, '', 0);

-- Facts. Positions are written out: a deadline may be about any.
CREATE TABLE deadline (
  id  INTEGER PRIMARY KEY,
  pop TEXT    NOT NULL,
  lo  TEXT    NOT NULL,
  hi  TEXT    NOT NULL,
  at  INTEGER NOT NULL,
  UNIQUE (pop, lo, hi, at)
) STRICT;

CREATE TABLE media (
  key     INTEGER PRIMARY KEY,
  account TEXT    NOT NULL,
  id      TEXT    NOT NULL,
  updated INTEGER NOT NULL,
  body    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX media_id ON media (account, id);

-- URLs that a media once had, packed; one row for each day on which some of
-- them were seen last.
CREATE TABLE remembered (
  key     INTEGER PRIMARY KEY,
  account TEXT    NOT NULL,
  media   TEXT    NOT NULL,
  day     INTEGER NOT NULL, -- days since 1970, UTC
  digest  BLOB    NOT NULL, -- of the URLs, so that seeing the same ones again costs no unpacking
  urls    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX remembered_media ON remembered (account, media, day);
CREATE INDEX remembered_day ON remembered (day);

CREATE TABLE domain (
  name    TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  body    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Every host name that a domain answers to, its own included.
CREATE TABLE domain_host (
  host   TEXT NOT NULL PRIMARY KEY,
  domain TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX domain_host_domain ON domain_host (domain);

CREATE TABLE access_key (
  id       TEXT    NOT NULL PRIMARY KEY,
  secret   TEXT    NOT NULL,
  account  TEXT    NOT NULL,
  disabled INTEGER NOT NULL,
  created  INTEGER NOT NULL
) STRICT;
CREATE INDEX access_key_account ON access_key (account, created);
