package blob

import (
	"strings"
	"testing"
)

// TestRefsAreNoPaths: a ref becomes the name of a file, here and in backups.
func TestRefsAreNoPaths(t *testing.T) {
	for ref, want := range map[Ref]bool{
		"a1b2-0123456789abcdef": true, "x": true, Ref(strings.Repeat("a", RefBytesMax)): true,
		"": false, ".": false, "..": false, "../x": false, "a/b": false, `a\b`: false, "a.b": false, "A": false, "a b": false, "a\x00": false, "é": false,
		Ref(strings.Repeat("a", RefBytesMax+1)): false,
	} {
		if got := ref.Valid(); got != want {
			t.Errorf("Ref(%q).Valid() = %t, want %t", ref, got, want)
		}
	}
}
