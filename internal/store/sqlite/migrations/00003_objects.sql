-- +goose Up

-- How the tasks of an entry are shown, and what a purge or prefetch is to do
-- beyond its selector.
ALTER TABLE log ADD COLUMN grp    INTEGER NOT NULL DEFAULT 0;  -- the ID that all of its tasks share; 0: none
ALTER TABLE log ADD COLUMN type   TEXT    NOT NULL DEFAULT ''; -- object type; empty: kind and selector say it
ALTER TABLE log ADD COLUMN soft   INTEGER NOT NULL DEFAULT 0;  -- 1: revalidate instead of removing
ALTER TABLE log ADD COLUMN header TEXT    NOT NULL DEFAULT ''; -- request header of a prefetch
CREATE INDEX log_group ON log (account, grp) WHERE grp > 0;

-- The newest ID of each domain that objects of the same second share.
CREATE TABLE task_group (
  second  INTEGER NOT NULL,
  account TEXT    NOT NULL,
  domain  TEXT    NOT NULL,
  kind    INTEGER NOT NULL,
  task    INTEGER NOT NULL,
  n       INTEGER NOT NULL, -- objects that have it
  PRIMARY KEY (second, account, domain, kind)
) STRICT, WITHOUT ROWID;
