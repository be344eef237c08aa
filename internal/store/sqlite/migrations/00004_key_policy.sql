-- +goose Up

ALTER TABLE access_key ADD COLUMN policy TEXT NOT NULL DEFAULT ''; -- as it was given; empty: none
ALTER TABLE access_key ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- about when it was used last; 0: never
