package coffer_test

import (
	"errors"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed is the architecture: what each package may import from this module.
// A line may name only packages on the lines above it.
var allowed = []struct{ pkg, imports string }{
	// What everyone shares.
	{"coffer", ""},
	{"coffer/sigv4", ""},
	{"coffer/policy", ""},
	{"coffer/crypt", ""},
	{"coffer/metrics", ""},
	{"coffer/snippets", ""},
	{"coffer/scopes", "coffer coffer/policy"},
	{"coffer/webhook", "coffer"},
	{"coffer/broker", "coffer"},
	{"coffer/remote", "coffer coffer/sigv4"},

	// The two boundaries, and their drivers.
	{"coffer/meta", ""},
	{"coffer/meta/metatest", "coffer/meta"},
	{"coffer/meta/pebble", "coffer/meta coffer/metrics"},
	{"coffer/blob", ""},
	{"coffer/blob/blobtest", "coffer/blob"},
	{"coffer/blob/disk", "coffer/blob coffer/metrics"},

	// What the server does.
	{"coffer/audit", "coffer coffer/meta"},
	{"coffer/accounts", "coffer coffer/meta coffer/audit"},
	{"coffer/keys", "coffer coffer/sigv4 coffer/meta coffer/audit coffer/metrics"},
	{"coffer/objects", "coffer coffer/policy coffer/crypt coffer/meta coffer/blob coffer/audit coffer/metrics"},
	{"coffer/jobs", "coffer coffer/audit coffer/accounts coffer/keys coffer/objects coffer/metrics coffer/webhook coffer/broker coffer/remote"},

	{"coffer/backup", "coffer coffer/crypt coffer/meta coffer/blob coffer/sigv4"},

	// How the world reaches it.
	{"coffer/s3", "coffer coffer/keys coffer/objects coffer/sigv4 coffer/metrics"},
	{"coffer/iam", "coffer coffer/keys coffer/policy coffer/sigv4"},
	{"coffer/api", "coffer coffer/accounts coffer/keys coffer/objects coffer/audit coffer/sigv4 coffer/metrics"},
	{"coffer/console", "coffer coffer/accounts coffer/keys coffer/objects coffer/audit coffer/metrics coffer/sigv4 coffer/snippets coffer/scopes"},

	// The whole.
	{"coffer/server", "*"},
	{"coffer/cmd/coffer", "coffer coffer/api coffer/backup coffer/policy coffer/scopes coffer/server coffer/snippets"},
	{"coffer/bench", "coffer coffer/sigv4"},

	// What only tests use.
	{"coffer/test/harness", "coffer coffer/sigv4"},
}

func TestImports(t *testing.T) {
	rule := map[string][]string{}
	var above []string
	for _, a := range allowed {
		rule[a.pkg] = strings.Fields(a.imports)
		if a.imports == "*" {
			rule[a.pkg] = slices.Clone(above)
		}
		for _, imp := range rule[a.pkg] {
			if !slices.Contains(above, imp) {
				t.Errorf("allowed: %s names %s, which is not above it", a.pkg, imp)
			}
		}
		above = append(above, a.pkg)
	}
	files, err := filepath.Glob("*.go")
	deeper, err2 := filepath.Glob("*/*.go")
	deepest, err3 := filepath.Glob("*/*/*.go")
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(files, deeper, deepest) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		pkg := path.Join("coffer", filepath.ToSlash(filepath.Dir(name)))
		ok, known := rule[pkg]
		if !known {
			t.Errorf("%s is not in the table", pkg)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			ours := imp == "coffer" || strings.HasPrefix(imp, "coffer/")
			if ours && !slices.Contains(ok, imp) {
				t.Errorf("%s may not import %s", name, imp)
			}
		}
	}
}
