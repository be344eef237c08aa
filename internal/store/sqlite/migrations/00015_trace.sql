-- +goose Up

-- In which trace an entry's deliveries are recorded: 16 bytes of the trace's ID
-- and 8 of a span's; empty for what nobody traces.
ALTER TABLE log ADD COLUMN trace BLOB NOT NULL DEFAULT x'';
