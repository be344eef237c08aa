package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/freshet-vod/freshet"
)

// The kinds of names in media_name.
const (
	nameReference = 1
	nameFile      = 2
)

// mediaName is a row of media_name, of a media that is known.
type mediaName struct {
	kind int
	name string
}

// namesOf lists what a media is known by; nil has no names.
func namesOf(m *freshet.Media) []mediaName {
	var list []mediaName
	if m == nil {
		return nil
	}
	if m.ReferenceID != "" {
		list = append(list, mediaName{nameReference, m.ReferenceID})
	}
	for i := range m.Streams {
		n := mediaName{nameFile, m.Streams[i].URL}
		if m.Streams[i].Definition == freshet.DefinitionOriginal && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// rename brings the names of a media from what they were to what they are.
func (t *tx) rename(ctx context.Context, account, id string, before, after *freshet.Media) error {
	had, has := namesOf(before), namesOf(after)
	for _, n := range had {
		if slices.Contains(has, n) {
			continue
		}
		err := t.exec(ctx, `DELETE FROM media_name WHERE account = ? AND kind = ? AND name = ? AND id = ?`, account, n.kind, n.name, id)
		if err != nil {
			return fmt.Errorf("forgetting a name: %w", err)
		}
	}
	for _, n := range has {
		if slices.Contains(had, n) {
			continue
		}
		err := t.exec(ctx, `INSERT OR IGNORE INTO media_name (account, kind, name, id) VALUES (?, ?, ?, ?)`, account, n.kind, n.name, id)
		if err != nil {
			return fmt.Errorf("noting a name: %w", err)
		}
	}
	return nil
}

// MediaNamed implements [store.MediaOps].
func (s *Store) MediaNamed(ctx context.Context, account string, references []string) ([]*freshet.Media, error) {
	list, err := idList(references)
	if err != nil {
		return nil, err
	}
	named := make(map[string]*freshet.Media, len(references))
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		m, err := scanMedia(rows, account)
		if err == nil && named[m.ReferenceID] == nil {
			named[m.ReferenceID] = m
		}
		return err
	}, `SELECT `+mediaColumns+`WHERE account = ? AND id IN (SELECT n.id FROM media_name n
		WHERE n.account = ? AND n.kind = 1 AND n.name IN (SELECT value FROM json_each(?))) ORDER BY id`, account, account, list)
	if err != nil {
		return nil, fmt.Errorf("reading media by reference: %w", err)
	}
	out := make([]*freshet.Media, 0, len(named))
	for _, name := range references {
		if m := named[name]; m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}
