package objects

import (
	"maps"
	"slices"
	"strings"

	"coffer"
)

func sortedNames(m map[string]string) []string {
	if len(m) == 0 {
		return nil // as for most objects; Sorted would allocate
	}
	return slices.Sorted(maps.Keys(m))
}

func cutNUL(s string) (before, after string, found bool) { return strings.Cut(s, "\x00") }

func lower(a coffer.ChecksumAlgorithm) string { return strings.ToLower(string(a)) }
