-- +goose Up

-- What waits to be delivered, oldest first, and what of it failed before.
CREATE INDEX callback_waiting ON callback (created) WHERE state = 0;
CREATE INDEX callback_failing ON callback (seq) WHERE state = 0 AND attempts > 0;
