-- +goose Up

ALTER TABLE account ADD COLUMN created INTEGER NOT NULL DEFAULT 0; -- 0: it was never made, only counted for
ALTER TABLE account ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;

-- Whoever has something was made.
INSERT INTO account (name, next_task)
  SELECT account, 0 FROM access_key WHERE true UNION SELECT account, 0 FROM domain WHERE true
  ON CONFLICT (name) DO NOTHING;
UPDATE account SET created = max(1, coalesce((SELECT min(k.created) FROM access_key AS k WHERE k.account = account.name), 1));
