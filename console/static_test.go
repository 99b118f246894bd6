package console

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVendoredFilesAreThoseOfTheLockFile holds the copies against the checksums
// that make vendor-js wrote, so that nobody edits them in place.
func TestVendoredFilesAreThoseOfTheLockFile(t *testing.T) {
	sums, err := os.ReadFile(filepath.Join("static", "vendor", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); n++ {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		b, err := os.ReadFile(filepath.Join("static", "vendor", name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what SHA256SUMS says: run make vendor-js", name)
		}
	}
	files, err := filepath.Glob(filepath.Join("static", "vendor", "*"))
	if err != nil || len(files) != n+1 {
		t.Errorf("vendor has %d files, %v, want %d and SHA256SUMS", len(files), err, n)
	}
	lock, err := os.ReadFile(filepath.Join("static", "package-lock.json"))
	if err != nil || bytes.Contains(lock, []byte(`"resolved"`)) || !bytes.Contains(lock, []byte(`"integrity"`)) {
		t.Errorf("package-lock.json, %v: want integrity for each package and no URL it was got from", err)
	}
}

func TestStaticFilesAreKeptForEver(t *testing.T) {
	w := newWorld(t)
	for name, kind := range map[string]string{"app.css": "text/css", "app.js": "text/javascript", "vendor/htmx.min.js": "text/javascript", "favicon.svg": "image/svg+xml"} {
		a := w.tab().get(w.console.static.path(name))
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), kind) || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("GET %s = %d %s, Cache-Control %q", name, a.status, a.header.Get("Content-Type"), a.header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/static/", "/static/" + w.console.static.hash + "/package.json", "/static/" + w.console.static.hash + "/../console.go", "/static/other/app.css"} {
		if a := w.tab().get(path); a.status == 200 {
			t.Errorf("GET %s = 200, want a refusal", path)
		}
	}
}

// pagesBytesMax is what all that a page loads may have, gzipped or not.
const pagesBytesMax = 120 << 10

func TestThePagesStaySmall(t *testing.T) {
	files, err := newStatic()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, b := range files.files {
		total += len(b)
	}
	if total > pagesBytesMax {
		t.Errorf("a page loads %d bytes, want at most %d", total, pagesBytesMax)
	}
}
