-- +goose Up

-- What POPs were told besides who is a member and who is down, which is in the
-- log: whom balancers are to send nobody, and who may declare itself not ready
-- when the control plane is silent.
CREATE TABLE pop_duty (
  id      TEXT    NOT NULL PRIMARY KEY,
  drained INTEGER NOT NULL, -- since when; 0: it is not
  permit  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
