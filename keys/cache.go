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
	// cacheMax is how many credentials are kept unsealed, about 500 bytes each.
	cacheMax = 10_000
	// scopesMax is how many signing keys are kept for each: a client uses one
	// region and service, and around midnight two days.
	scopesMax = 8
)

// cache has unsealed credentials by Access Key ID.
//
// A lookup that misses reads the store and then fills the cache, and a change
// may come between the two. Each change therefore counts up the generation, and
// a fill that began in an older one is dropped.
type cache struct {
	mu         sync.RWMutex // guards what follows
	entries    map[coffer.AccessKeyID]*entry
	generation uint64
	off        bool
}

func newCache() *cache { return &cache{entries: map[coffer.AccessKeyID]*entry{}} }

// get returns the entry of id or nil, and the generation to fill it in.
func (c *cache) get(id coffer.AccessKeyID) (*entry, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[id], c.generation
}

// put keeps e, if nothing was changed since generation. When the cache is full
// an entry goes that the map's order picks, which is as good as random.
func (c *cache) put(e *entry, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off || c.generation != generation {
		return
	}
	if len(c.entries) >= cacheMax {
		for id := range c.entries {
			delete(c.entries, id)
			break
		}
	}
	c.entries[e.actor.AccessKeyID] = e
}

// forget drops the entry of id, and every fill that is under way.
func (c *cache) forget(id coffer.AccessKeyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.entries, id)
}

// turn forgets everything and turns the cache on or off.
func (c *cache) turn(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
	c.off = !on
}

// entry is one active credential.
type entry struct {
	actor   coffer.Actor
	secret  coffer.Secret
	derived atomic.Pointer[[]derived] // replaced as a whole, never changed
}

// scope is what a signing key is bound to.
type scope struct{ date, region, service string }

type derived struct {
	scope scope
	keys  []sigv4.Key
}

// signingKeys derives the signing keys for sc, or returns those derived before.
// Two requests may derive the same at once, and one of the results is dropped.
func (e *entry) signingKeys(sc scope) []sigv4.Key {
	var have []derived
	if p := e.derived.Load(); p != nil {
		have = *p
	}
	for i := range have {
		if have[i].scope == sc {
			return have[i].keys
		}
	}
	keys := []sigv4.Key{sigv4.DeriveKey(e.secret.Reveal(), sc.date, sc.region, sc.service)}
	if len(have) >= scopesMax {
		have = have[1:] // the oldest
	}
	next := append(slices.Clone(have), derived{scope{strings.Clone(sc.date), strings.Clone(sc.region),
		strings.Clone(sc.service)}, keys})
	e.derived.Store(&next)
	return keys
}
