package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
	"coffer/meta/metatest"
	"coffer/meta/pebble"
)

func open(t testing.TB, fs vfs.FS, dir string, opt pebble.Options) *pebble.Store {
	t.Helper()
	opt.FS = fs
	s, err := pebble.Open(dir, opt)
	if err != nil {
		t.Fatalf("Open(%q) = %v", dir, err)
	}
	return s
}

func TestStore(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store { return open(t, vfs.NewMem(), "db", pebble.Options{}) })
}

func TestStoreWithoutSync(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store {
		return open(t, vfs.NewMem(), "db", pebble.Options{NoSync: true})
	})
}
