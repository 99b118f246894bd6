package keys

import (
	"strings"
	"testing"

	"coffer"
)

func TestDerivedKeysAreOfTheMasterKeyAndTheUse(t *testing.T) {
	seen := map[string]string{}
	for _, digit := range []string{"0", "1"} {
		m, err := ParseMaster(coffer.NewSecretFrom(strings.Repeat(digit, 64)))
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range []string{"one", "two"} {
			key, err := m.Derive(use)
			again, err2 := m.Derive(use)
			if err != nil || err2 != nil || len(key.Reveal()) != masterBytes || !key.Equal(again) {
				t.Errorf("Derive(%q) = %d bytes, %v, want the same %d each time", use, len(key.Reveal()), err, masterBytes)
			}
			if other, twice := seen[key.Reveal()]; twice || key.Equal(m.Secret) {
				t.Errorf("Derive(%q) of %s… is the key of %s, or the master key", use, digit, other)
			}
			seen[key.Reveal()] = digit + use
		}
		if id := m.ID(); len(id) != 16 || strings.Contains(id, strings.Repeat(digit, 8)) {
			t.Errorf("ID() = %q, want 16 digits that tell nothing", id)
		}
	}
}
