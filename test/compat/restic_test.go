package compat

import (
	"path/filepath"
	"strings"
	"testing"

	"coffer/test/harness"
)

func TestRestic(t *testing.T) {
	t.Parallel()
	path := tool(t, "restic", "apt-get install restic")
	for _, tt := range []struct {
		name string
		opts harness.Options
	}{
		{"http", harness.Options{}},
		{"https", harness.Options{TLS: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resticRound(t, path, tt.opts)
		})
	}
}

// resticRound backs a tree up twice, reads every byte of the repository back,
// restores, and prunes.
func resticRound(t *testing.T, path string, opts harness.Options) {
	s := harness.Start(t, opts)
	t.Cleanup(func() { noErrors(t, s) })
	args := []string{"--repo", "s3:" + s.Endpoint + "/backups/of this", "--no-cache", "--option", "s3.region=" + region,
		"--option", "s3.bucket-lookup=path"}
	if s.CAFile != "" {
		args = append(args, "--cacert", s.CAFile)
	}
	env := environ("AWS_ACCESS_KEY_ID="+s.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.Secret, "RESTIC_PASSWORD=a test's password")
	restic := func(more ...string) string {
		t.Helper()
		return must(t, env, path, append(args, more...)...)
	}
	src, to := goSource(t), t.TempDir()
	restic("init")
	timed(t, s, "backup", func() { restic("backup", "--quiet", src) })
	restic("check", "--read-data")
	restic("backup", "--quiet", "--force", filepath.Join(src, "net", "http"))
	timed(t, s, "restore", func() { restic("restore", "latest", "--path", src, "--target", to) })
	sameTree(t, filepath.Join(to, src), src)
	restic("forget", "--prune", "--group-by", "", "--keep-last", "1")
	restic("check", "--read-data")
	if out := restic("snapshots", "--json"); strings.Count(out, `"short_id"`) != 1 {
		t.Errorf("restic snapshots = %s, want one after forget --keep-last 1", out)
	}

	wrong := append(environ("AWS_ACCESS_KEY_ID="+s.AccessKeyID, "AWS_SECRET_ACCESS_KEY=wrong"+s.Secret), "RESTIC_PASSWORD=a test's password")
	out, err := run(t, wrong, path, append(args, "snapshots")...)
	// It begins with HEAD, whose answer has no room for more.
	if err == nil || !strings.Contains(err.Error(), "Access Denied") {
		t.Errorf("restic with a wrong secret = %q, %v, want that access is denied", out, err)
	}
}
