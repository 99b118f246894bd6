package snippets_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffer/snippets"
)

var update = flag.Bool("update", false, "rewrite testdata")

// nasty is a secret of an imported pair with what each language would trip over.
const nasty = `a'b"c\d$e${f}%{g}#{h}` + "`i`" + `<j>&k`

func TestSnippets(t *testing.T) {
	set, err := snippets.Parse()
	if err != nil {
		t.Fatal(err)
	}
	values := snippets.Values{Endpoint: "http://127.0.0.1:9000", Region: "auto", AccessKeyID: "CFAK0000000000000000", Secret: nasty, Bucket: "photos"}
	for _, tool := range snippets.All() {
		got, err := set.Write(tool, values)
		if err != nil {
			t.Errorf("%s: %v", tool.ID, err)
			continue
		}
		path := filepath.Join("testdata", tool.ID+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got {
			t.Errorf("%s is not what %s has, %v: look at it, then run with -update\n%s", tool.ID, path, err, got)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil || len(files) != len(snippets.All()) {
		t.Errorf("%d golden files, %v, for %d tools", len(files), err, len(snippets.All()))
	}
}

func TestWithoutASecretThePlaceholderStandsThere(t *testing.T) {
	set, err := snippets.Parse()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range snippets.All() {
		got, err := set.Write(tool, snippets.Values{Endpoint: "https://s3.example.com", Region: "auto", AccessKeyID: "CFAK0000000000000000"})
		if err != nil || !strings.Contains(got, snippets.SecretPlaceholder) || !strings.Contains(got, "CFAK0000000000000000") {
			t.Errorf("%s: %v, want the ID and %s in\n%s", tool.ID, err, snippets.SecretPlaceholder, got)
		}
	}
}
