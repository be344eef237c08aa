package sqlite

import "sync"

// knownLimit bounds each of the two generations of knownMedia: some 100 bytes
// a media.
const knownLimit = 1 << 17

// knownMedia keeps which media exist. Nothing ever deletes a media, so what is
// known stays true and needs no invalidation; what does not exist is not kept.
// When the young generation is full it becomes the old one, so that what is
// asked for often stays.
type knownMedia struct {
	mu         sync.RWMutex // guards what follows
	young, old map[mediaKey]struct{}
}

type mediaKey struct{ account, id string }

// check tells which ids are known to exist, and which of them must be looked
// up.
func (k *knownMedia) check(account string, ids []string) (have []bool, missing []string) {
	have = make([]bool, len(ids))
	var aging []string
	k.mu.RLock()
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
	k.add(account, aging...)
	return have, missing
}

func (k *knownMedia) add(account string, ids ...string) {
	if len(ids) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if k.young == nil || len(k.young) >= knownLimit {
			k.young, k.old = map[mediaKey]struct{}{}, k.young
		}
		k.young[mediaKey{account: account, id: id}] = struct{}{}
	}
}
