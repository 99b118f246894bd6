package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

// TestOpenAPIIsCheckedIn keeps docs/openapi.json what the table of routes says.
func TestOpenAPIIsCheckedIn(t *testing.T) {
	path := filepath.Join("..", "docs", "openapi.json")
	want, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the table of routes says (%v): run go test ./api -update", path, err)
	}
	opt, _ := newOptions(t)
	for name, handler := range map[string]http.Handler{"socket": Handler(opt), "console": Public(opt)} {
		w := send(handler, "GET", "/v1/openapi.json", "")
		var served, checkedIn any
		if json.Unmarshal(w.Body.Bytes(), &served) != nil || json.Unmarshal(want, &checkedIn) != nil {
			t.Fatalf("%s: %s", name, w.Body)
		}
		a, _ := json.Marshal(served)
		b, _ := json.Marshal(checkedIn)
		if w.Code != 200 || !bytes.Equal(a, b) {
			t.Errorf("%s serves another document with status %d", name, w.Code)
		}
	}
}

func TestOpenAPIIsWhole(t *testing.T) {
	doc := openAPI()
	ids := map[string]bool{}
	for _, r := range routes {
		path := r.path
		if r.verb != "" {
			path += ":" + r.verb
		}
		op, _ := doc["paths"].(object)[path].(object)[strings.ToLower(r.method)].(object)
		if op["operationId"] != r.id || r.summary == "" || ids[r.id] {
			t.Errorf("%s %s is %v, want the operation %s, once, with a summary", r.method, path, op["operationId"], r.id)
		}
		ids[r.id] = true
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	schemas := doc["components"].(object)["schemas"].(object)
	for _, rest := range strings.Split(string(b), `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(rest, `"`)
		if s, ok := schemas[name].(object); !ok || s["properties"] == nil {
			t.Errorf("the schema %s is referred to and not there", name)
		}
	}
	key := schemas["Key"].(object)
	for _, name := range []string{"id", "name", "account", "status", "scope", "created", "expires", "current", "outgoing"} {
		if key["properties"].(object)[name] == nil {
			t.Errorf("the schema of a key lacks %s", name)
		}
	}
}
