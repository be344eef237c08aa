-- +goose Up

-- Segments of the indexes of texts are merged when there are eight of a level,
-- not four: the texts of a big import are rewritten half as often, and a search
-- looks into a few more segments.
INSERT INTO media_text (media_text, rank) VALUES ('automerge', 8);
INSERT INTO media_short (media_short, rank) VALUES ('automerge', 8);
