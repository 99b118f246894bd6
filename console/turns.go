package console

import (
	"hash/maphash"
	"sync"
)

// turns lets the changes of one thing be made one after the other, so that between a
// look at its revision and the write nobody else's change of the console comes. A lock
// guards all names that fall to it.
type turns struct {
	seed  maphash.Seed
	locks *[64]sync.Mutex
}

func newTurns() turns { return turns{maphash.MakeSeed(), new([64]sync.Mutex)} }

// take waits for the turn of a name, and returns what ends it.
func (t turns) take(name string) (end func()) {
	lock := &t.locks[maphash.String(t.seed, name)%uint64(len(t.locks))]
	lock.Lock()
	return lock.Unlock
}
