package browser_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axeSource is axe-core as npm installs it by the lock file, once for all tests.
var axeSource = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "coffer-axe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(b), err
})

// needAxe skips, and says so, where npm has no way to get axe.
func needAxe(t *testing.T) {
	t.Helper()
	if _, err := axeSource(); err != nil {
		if os.Getenv("COFFER_TEST_REQUIRE") != "" {
			t.Fatalf("axe-core cannot be had, and COFFER_TEST_REQUIRE is set: %v", err)
		}
		t.Skipf("SKIPPED, NOT TESTED: axe-core cannot be had: %v", err)
	}
}

// finding is one rule that a page breaks.
type finding struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// axe checks the page as it stands against WCAG 2.2 AA and axe's best practices.
func (b *browser) axe(name string) {
	b.t.Helper()
	source, err := axeSource()
	if err != nil {
		b.t.Fatal(err)
	}
	eval[bool](b, source+"\n;true")
	raw := eval[string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then((r) => JSON.stringify(r.violations))`)
	var found []finding
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, f := range found {
		var where []string
		for _, n := range f.Nodes[:min(3, len(f.Nodes))] {
			where = append(where, n.HTML+"\n    "+strings.ReplaceAll(n.Summary, "\n", "\n    "))
		}
		b.t.Errorf("page %s breaks %s (%s): %s, %d times\n  %s", name, f.ID, f.Impact, f.Help, len(f.Nodes), strings.Join(where, "\n  "))
	}
}

// theme puts the browser into the dark or the light scheme.
func (b *browser) theme(name string) {
	b.t.Helper()
	b.do("set the theme "+name, setScheme(name))
}

// looks takes pictures of the page at both widths in both themes, checks that
// nothing makes it scroll sideways, and runs axe in both themes.
func (b *browser) looks(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.theme(scheme)
		for _, width := range []int64{390, 1280} {
			b.do("set the width", chromedp.EmulateViewport(width, 900))
			if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				b.t.Errorf("page %s is %d px wider than %d", name, over, width)
			}
			b.shoot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
		b.axe(name + " " + scheme)
	}
}
