package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzConfig holds that no configuration file makes a panic, and that no refusal of
// one, nor what is shown of one that is taken, has a secret in it.
func FuzzConfig(f *testing.F) {
	const mark = "sEcReTmArK"
	for _, s := range []string{"data = \"x\"\n", "[[webhooks]]\nname = \"a\"\nurl = \"https://u:" + mark + "@x.test/" + mark + "\"\nsecret = \"" + mark + "\"\n", "master_key = \"" + mark + "\"\n", "root_password = " + mark + "\n",
		"[[replication_targets]]\nname = \"a\"\nendpoint = \"https://x\"\nsecret = \"" + mark + "\"\nnonsense = 1\n", "webhooks = \"name=a;url=b;secret=" + mark + " ;;=\"\n", "kms_keys = [\"" + mark + "\"]\n", "drain_timeout = \"1\"\n[a.b]\n"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(dir, "config.toml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs strings.Builder
		a := &app{args: []string{"coffer", "config", "show", "--origin", "--config", path}, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
		code := a.run()
		// A key or a name may be anything, so only what stands where a secret does counts.
		secret := strings.Contains(content, `secret = "`+mark) || strings.Contains(content, `master_key = "`+mark) || strings.Contains(content, ";secret="+mark)
		if secret && strings.Contains(out.String()+errs.String(), mark) && strings.Count(content, mark) == 1 {
			t.Errorf("config show of %q = %d and says %q %q", content, code, &out, &errs)
		}
	})
}
