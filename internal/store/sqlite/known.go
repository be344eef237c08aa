package sqlite

import (
	"strings"
	"sync"
)

// knownLimit bounds each of the two generations of knownMedia: some 100 bytes
// a media.
const knownLimit = 1 << 17

// knownMedia keeps which media exist; what does not exist is not kept. When the
// young generation is full it becomes the old one, so that what is asked for
// often stays.
type knownMedia struct {
	mu         sync.RWMutex // guards what follows
	young, old map[mediaKey]struct{}
	removals   uint64 // how often something was removed
}

type mediaKey struct{ account, id string }

// check tells which ids are known to exist, and which of them must be looked
// up. What a look-up finds is to be added with learn and the moment that check
// returned.
func (k *knownMedia) check(account string, ids []string) (have []bool, missing []string, moment uint64) {
	have = make([]bool, len(ids))
	var aging []string
	k.mu.RLock()
	moment = k.removals
	for i, id := range ids {
		key := mediaKey{account: account, id: id}
		if _, have[i] = k.young[key]; have[i] {
			continue
		}
		if _, have[i] = k.old[key]; have[i] {
			aging = append(aging, id)
		} else {
			missing = append(missing, id)
		}
	}
	k.mu.RUnlock()
	k.learn(moment, account, aging...)
	return have, missing, moment
}

// learn adds what was seen to exist after a moment, unless something was
// removed meanwhile: it may be what was seen.
func (k *knownMedia) learn(moment uint64, account string, ids ...string) {
	if len(ids) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.removals == moment {
		k.put(account, ids)
	}
}

// add adds what was just stored. Only the writer may call it, in the order of
// its commits.
func (k *knownMedia) add(account string, ids ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(account, ids)
}

// remove is add for what was deleted.
func (k *knownMedia) remove(account string, ids ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.removals++
	for _, id := range ids {
		delete(k.young, mediaKey{account: account, id: id})
		delete(k.old, mediaKey{account: account, id: id})
	}
}

func (k *knownMedia) put(account string, ids []string) {
	for _, id := range ids {
		if k.young == nil || len(k.young) >= knownLimit {
			k.young, k.old = map[mediaKey]struct{}{}, k.young
		}
		// An ID may be a part of a much longer text, such as a line that was imported.
		k.young[mediaKey{account: account, id: strings.Clone(id)}] = struct{}{}
	}
}
