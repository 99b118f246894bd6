package console

import (
	"context"
	"sync"
	"time"

	"coffer"
)

// A page is made whole before the first byte is sent, and is in memory until its reader
// has the last. Most have some KiB; a folder of keys of a kilobyte each has megabytes.
const (
	// rendersMax is how many pages are made at the same time.
	rendersMax = 4
	// smallPage is what every page may have in memory.
	smallPage = 128 << 10
	// pagesBytes is what larger ones may have together, and pagesOfAccount those of one
	// account, so that readers of one who take their time keep no other waiting.
	pagesBytes     = 32 << 20
	pagesOfAccount = pagesBytes / 2
	// pageWait is how long a page waits for others to be read.
	pageWait = 10 * time.Second
)

// pageMemory counts what pages have in memory.
type pageMemory struct {
	renders chan struct{} // has one for each page that is being made

	mu    sync.Mutex // guards what follows
	used  int
	by    map[coffer.AccountID]int
	freed chan struct{} // closed, and made anew, when some is given back
}

func newPageMemory() *pageMemory {
	return &pageMemory{renders: make(chan struct{}, rendersMax), by: map[coffer.AccountID]int{}, freed: make(chan struct{})}
}

// making waits for a turn to make a page, and returns what ends it.
func (m *pageMemory) making(ctx context.Context) (done func(), err error) {
	select {
	case m.renders <- struct{}{}:
		return func() { <-m.renders }, nil
	case <-ctx.Done():
		return nil, gone(ctx)
	}
}

// take counts a page of size bytes if it fits, and returns what gives them back, or else
// nil. One that is larger than all of it has it alone.
func (m *pageMemory) take(account coffer.AccountID, size int) (release func()) {
	release, _ = m.try(account, size)
	return release
}

// try is take that returns what is closed when some is given back.
func (m *pageMemory) try(account coffer.AccountID, size int) (release func(), freed <-chan struct{}) {
	if size <= smallPage {
		return func() {}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used > 0 && m.used+size > pagesBytes || m.by[account] > 0 && m.by[account]+size > pagesOfAccount {
		return nil, m.freed
	}
	m.used += size
	m.by[account] += size
	return func() { m.give(account, size) }, nil
}

// wait is take that waits for others to be read.
func (m *pageMemory) wait(ctx context.Context, account coffer.AccountID, size int) (release func(), err error) {
	timeout := time.NewTimer(pageWait)
	defer timeout.Stop()
	for {
		release, freed := m.try(account, size)
		if release != nil {
			return release, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, gone(ctx)
		case <-timeout.C:
			return nil, coffer.Errorf(coffer.SlowDown, "this page is large, and others that are still being read have all the memory that there is for them: try again")
		}
	}
}

func (m *pageMemory) give(account coffer.AccountID, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= size
	if m.by[account] -= size; m.by[account] == 0 {
		delete(m.by, account)
	}
	close(m.freed)
	m.freed = make(chan struct{})
}

// gone is why a page is not made for a browser that did not wait for it.
func gone(ctx context.Context) error {
	return coffer.Errorf(coffer.ServiceUnavailable, "the page was not waited for").Wrap(ctx.Err())
}
