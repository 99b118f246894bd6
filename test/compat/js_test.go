package compat

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed js/client.mjs
var jsScript string

//go:embed js/package.json
var jsPackage string

//go:embed js/package-lock.json
var jsLock string

func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	node := tool(t, "node", "apt-get install nodejs")
	modules := jsModules(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "client.mjs")
	if err := os.WriteFile(path, []byte(jsScript), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	conform(t, program{connect: func(t *testing.T, to target) client {
		return startScript(t, to, []string{"NODE_EXTRA_CA_CERTS=" + to.caFile}, node, path)
	}})
}

// jsModules installs what the lock file names, once for each lock file, into the
// user's cache folder.
func jsModules(t *testing.T) string {
	t.Helper()
	npm := tool(t, "npm", "apt-get install npm")
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(t, "the JavaScript SDK", "there is no cache folder for it: "+err.Error())
	}
	hash := sha256.Sum256([]byte(jsPackage + jsLock))
	final := filepath.Join(cache, "coffer-test-compat", hex.EncodeToString(hash[:8]))
	modules := filepath.Join(final, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(final), "install-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string]string{"package.json": jsPackage, "package-lock.json": jsLock} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, "the JavaScript SDK", "npm ci says "+err.Error()+"\n"+string(out))
	}
	// Another test process may have put its own there meanwhile, which is as good.
	if err := os.Rename(dir, final); err != nil {
		if _, err2 := os.Stat(modules); err2 != nil {
			t.Fatal(err)
		}
	}
	return modules
}
