package keys

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"coffer"
	"coffer/sigv4"
)

const (
	// cacheMax is how many Access Key IDs are kept unsealed, about entryBytes each beside
	// their scopes, and cacheBytes what they take in all: a scope may have 32 KiB of text,
	// which takes a few times as much.
	cacheMax   = 10_000
	cacheBytes = 16 << 20
	entryBytes = 1 << 10
	textBytes  = 32 // of a text in a scope, beside the text
	// scopesMax is how many signing keys are kept for each: a client uses one
	// region and service, and around midnight two days.
	scopesMax = 8
	// regionMax is the longest region that a signing key is kept for. The JSON interface
	// takes any, and derives for it before it is known who signed.
	regionMax = 64
)

// cache has unsealed credentials by Access Key ID.
//
// A lookup that misses reads the store and then fills the cache, and a change
// may come between the two. Each change therefore counts up the generation, and
// a fill that began in an older one is dropped.
type cache struct {
	mu         sync.RWMutex // guards what follows
	entries    map[coffer.AccessKeyID]*entry
	byKey      map[coffer.KeyID][]coffer.AccessKeyID // those in entries
	bytes      int                                   // of entries
	generation uint64
	off        int // a bit for each watch that does not run
}

func newCache() *cache {
	return &cache{entries: map[coffer.AccessKeyID]*entry{}, byKey: map[coffer.KeyID][]coffer.AccessKeyID{}}
}

// get returns the entry of id or nil, and the generation to fill it in.
func (c *cache) get(id coffer.AccessKeyID) (*entry, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[id], c.generation
}

// put keeps e, if nothing was changed since generation. While the cache is full
// entries go that the map's order picks, which is as good as random.
func (c *cache) put(e *entry, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off != 0 || c.generation != generation {
		return
	}
	id := e.actor.AccessKeyID
	c.remove(id)
	for other := range c.entries {
		if len(c.entries) < cacheMax && c.bytes+e.bytes() <= cacheBytes {
			break
		}
		c.remove(other)
	}
	c.entries[id] = e
	c.bytes += e.bytes()
	c.byKey[e.actor.Key] = append(c.byKey[e.actor.Key], id)
}

// remove drops the entry of id. The lock is held.
func (c *cache) remove(id coffer.AccessKeyID) {
	e := c.entries[id]
	if e == nil {
		return
	}
	delete(c.entries, id)
	c.bytes -= e.bytes()
	ids := slices.DeleteFunc(c.byKey[e.actor.Key], func(other coffer.AccessKeyID) bool { return other == id })
	if len(ids) == 0 {
		delete(c.byKey, e.actor.Key)
		return
	}
	c.byKey[e.actor.Key] = ids
}

// forget drops the entry of id, and every fill that is under way.
func (c *cache) forget(id coffer.AccessKeyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.remove(id)
}

// forgetKey drops the entries of a key, and every fill that is under way.
func (c *cache) forgetKey(id coffer.KeyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for _, accessKeyID := range slices.Clone(c.byKey[id]) {
		c.remove(accessKeyID)
	}
}

// turn forgets everything, and notes that a watch runs or does not. While one
// does not run nothing is kept.
func (c *cache) turn(watch int, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
	clear(c.byKey)
	c.bytes = 0
	if on {
		c.off &^= watch
	} else {
		c.off |= watch
	}
}

// entry is what is known of one Access Key ID.
type entry struct {
	actor coffer.Actor
	// candidates are the credentials with that ID, the current one first.
	candidates []candidate
	derived    atomic.Pointer[[]derived] // replaced as a whole, never changed
}

// bytes is about what the entry takes.
func (e *entry) bytes() int { return entryBytes + scopeBytes(e.actor.Scope) }

// scopeBytes is about what a scope takes.
func scopeBytes(s *coffer.Scope) int {
	if s == nil {
		return 0
	}
	n := 0
	for _, g := range s.Grants {
		for _, texts := range [][]string{g.Buckets, g.Prefixes} {
			for _, text := range texts {
				n += textBytes + len(text)
			}
		}
	}
	return n
}

type candidate struct {
	credential coffer.Credential
	secret     coffer.Secret
	state      *state
}

// binding is what a signing key is bound to.
type binding struct{ date, region, service string }

type derived struct {
	binding binding
	keys    []SigningKey
}

// signingKeys derives the signing keys for b, or returns those derived before.
// Two requests may derive the same at once, and one of the results is dropped.
func (e *entry) signingKeys(b binding) []SigningKey {
	var have []derived
	if p := e.derived.Load(); p != nil {
		have = *p
	}
	for i := range have {
		if have[i].binding == b {
			return have[i].keys
		}
	}
	keys := make([]SigningKey, len(e.candidates))
	for i, c := range e.candidates {
		keys[i] = SigningKey{Key: sigv4.DeriveKey(c.secret.Reveal(), b.date, b.region, b.service), Credential: c.credential, state: c.state}
	}
	if len(b.region) > regionMax {
		return keys
	}
	if len(have) >= scopesMax {
		have = have[1:] // the oldest
	}
	next := append(slices.Clone(have), derived{binding{strings.Clone(b.date), strings.Clone(b.region),
		strings.Clone(b.service)}, keys})
	e.derived.Store(&next)
	return keys
}
