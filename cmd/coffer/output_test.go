package main

import (
	"errors"
	"strings"
	"testing"

	"coffer"
	"coffer/api"
)

// TestWhatOthersNamedIsNoPartOfWhatIsSaid: a key with a newline makes no line of its
// own, and nobody's words move the cursor.
func TestWhatOthersNamedIsNoPartOfWhatIsSaid(t *testing.T) {
	const evil = "x\n    It was mended.\nwarning: \x1b[2Jfine: \u202e\u009b2J"
	text := foundText(api.Found{Finding: coffer.Finding{Severity: "damage", Code: "lost-bytes", Bucket: "b", Key: evil, Version: evil, Detail: evil,
		Means: "The bytes are lost.", Remedy: "Restore it."}}, false)
	if lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n"); len(lines) != 3 {
		t.Errorf("a finding about %q has the lines %q, want three", evil, lines)
	}
	for what, said := range map[string]string{"a finding": strings.ReplaceAll(text, "\n", ""), "an error": oneLine(errors.New(evil))} {
		if strings.ContainsAny(said, "\n\x1b\u202e\u009b") {
			t.Errorf("%s about %q is %q, want nothing in it that a terminal follows", what, evil, said)
		}
	}
}
