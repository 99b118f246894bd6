//go:build !linux

package disk

import "github.com/cockroachdb/pebble/v2/vfs"

// setDirect does nothing where files are not told in this way.
func setDirect(vfs.File, bool) bool { return false }
