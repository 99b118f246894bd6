package compat

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coffer/test/harness"
)

//go:embed js/client.mjs
var jsScript string

//go:embed js/package.json
var jsPackage string

//go:embed js/package-lock.json
var jsLock string

func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	node, path := jsProgram(t)
	conform(t, program{connect: func(t *testing.T, to target) client { return newJS(t, to, node, path) }})
}

// TestJavaScriptPresignedMetadata has curl send with a URL in which the SDK has put
// metadata, as it does for browsers: what uploads has no headers to send.
func TestJavaScriptPresignedMetadata(t *testing.T) {
	t.Parallel()
	node, path := jsProgram(t)
	curl := tool(t, "curl", "apt-get install curl")
	s := harness.Start(t, harness.Options{})
	t.Cleanup(func() { noErrors(t, s) })
	const bucket, key = "uploads", "from a browser"
	js := newJS(t, target{endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret}, node, path)
	if err := js.MakeBucket(bucket); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"color": "green", "shape": "a+b c&d"}
	var signed string
	if err := js.call(call{Name: "presign_put", Bucket: bucket, Key: key, Headers: headers{Metadata: want}}, &signed); err != nil {
		t.Fatal(err)
	}
	args := []string{"--silent", "--show-error", "--fail-with-body", "--upload-file", text(t, "sent")}
	other := strings.Replace(signed, "green", "brown", 1)
	if out, err := run(t, environ(), curl, append(args, other)...); other == signed || err == nil || !strings.Contains(out, "SignatureDoesNotMatch") {
		t.Errorf("curl %s = %q, %v, want SignatureDoesNotMatch", other, out, err)
	}
	must(t, environ(), curl, append(args, signed)...)
	if got, err := js.Head(bucket, key); err != nil || !maps.Equal(got.Metadata, want) {
		t.Errorf("head of what curl sent = %q, %v, want the metadata %q", got.Metadata, err, want)
	}
}

// newJS is the SDK for JavaScript, as a script that node runs.
func newJS(t *testing.T, to target, node, path string) *script {
	t.Helper()
	return startScript(t, to, []string{"NODE_EXTRA_CA_CERTS=" + to.caFile}, node, path)
}

// jsProgram returns node, and the script with its modules beside it.
func jsProgram(t *testing.T) (node, path string) {
	t.Helper()
	node = tool(t, "node", "apt-get install nodejs")
	modules := jsModules(t)
	dir := t.TempDir()
	path = filepath.Join(dir, "client.mjs")
	if err := os.WriteFile(path, []byte(jsScript), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return node, path
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
