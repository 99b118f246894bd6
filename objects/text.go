package objects

import (
	"maps"
	"slices"
	"strings"

	"coffer"
)

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func cutNUL(s string) (before, after string, found bool) { return strings.Cut(s, "\x00") }

func lower(a coffer.ChecksumAlgorithm) string { return strings.ToLower(string(a)) }
