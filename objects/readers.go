package objects

import "sync"

// readers counts the requests that are reading each body, so that the blobs of
// a deleted object stay until the last download of it has ended.
type readers struct {
	mu     sync.Mutex // guards bodies
	bodies map[bodyID]int
}

func (r *readers) pin(id bodyID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bodies == nil {
		r.bodies = map[bodyID]int{}
	}
	r.bodies[id]++
}

func (r *readers) unpin(id bodyID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bodies[id]--; r.bodies[id] <= 0 {
		delete(r.bodies, id)
	}
}

// reading tells whether any request reads the body.
func (r *readers) reading(id bodyID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies[id] > 0
}
