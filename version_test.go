package coffer_test

import (
	"strings"
	"testing"

	"coffer"
)

func TestCheckVersionID(t *testing.T) {
	for _, tt := range []struct {
		name, id string
		ok       bool
	}{
		{"Null", "null", true},
		{"Longest", strings.Repeat("z", 32), true},
		{"EveryCharacter", "z0123456789ABCDEFGHIJKLMNOPQ_xy-", true},
		{"OfTheLastTime", "V" + strings.Repeat("-", 31), true},
		{"OfNoTime", "U" + strings.Repeat("z", 31), false},
		{"OfAnotherService", "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD", false},
		{"Empty", "", false},
		{"TooShort", strings.Repeat("z", 31), false},
		{"TooLong", strings.Repeat("z", 33), false},
		{"NUL", strings.Repeat("z", 31) + "\x00", false},
		{"Slash", strings.Repeat("z", 31) + "/", false},
		{"NullInCapitals", "NULL", false},
	} {
		if err := coffer.CheckVersionID(tt.id); (err == nil) != tt.ok || err != nil && coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("%s: CheckVersionID(%q) = %v, want success %t", tt.name, tt.id, err, tt.ok)
		}
	}
}

// TestActionsOfVersions holds by the names: what is called Object has the other
// name ObjectVersion when a version is named.
func TestActionsOfVersions(t *testing.T) {
	for a := coffer.NoAction; a < coffer.ActionCount; a++ {
		if got := a.OfVersion(""); got != a {
			t.Errorf("%v.OfVersion(none) = %v", a, got)
		}
		got := a.OfVersion("null")
		if want := strings.Replace(a.String(), "Object", "ObjectVersion", 1); got != a && got.String() != want {
			t.Errorf("%v.OfVersion(null) = %v, want %s", a, got, want)
		}
	}
	if got := coffer.DeleteObject.OfVersion("null"); got != coffer.DeleteObjectVersion {
		t.Errorf("DeleteObject.OfVersion(null) = %v", got)
	}
}
