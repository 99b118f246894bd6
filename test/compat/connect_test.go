package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coffer/snippets"
	"coffer/test/harness"
)

// pasted says how a person uses a snippet of the Connect page: what they run, in
// a folder where the snippet stands in the file that its text names.
type pasted struct {
	need   string // program
	fetch  string // shell commands that get a library from a registry, which may be out of reach
	file   string // "" for snippets that are shell commands
	run    string // shell commands; SNIPPET is replaced by a snippet of commands
	want   string // in what is printed
	folder func(t *testing.T, dir string)
}

var pastes = map[string]pasted{
	"aws-cli": {need: "aws", run: "SNIPPET", want: "hello.txt"},
	"env":     {need: "aws", run: "SNIPPET\naws s3 mb s3://my-bucket && aws s3 ls", want: "my-bucket"},
	"aws": {need: "aws", file: "aws", want: "my-bucket", run: `mkdir -p .aws
sed -n '/credentials$/,/config$/p' aws > .aws/credentials
sed -n '/config$/,$p' aws > .aws/config
aws --profile coffer s3 mb s3://my-bucket && aws --profile coffer s3 ls`},
	"rclone": {need: "rclone", file: "rclone.conf", run: "rclone --config rclone.conf mkdir coffer:my-bucket && rclone --config rclone.conf lsd coffer:", want: "my-bucket"},
	"s3cmd":  {need: "s3cmd", file: ".s3cfg", run: "s3cmd mb s3://my-bucket && s3cmd ls", want: "s3://my-bucket"},
	"boto3":  {need: "python3", file: "example.py", run: "python3 -c 'import boto3' 2>/dev/null && exec python3 example.py || exec /usr/bin/python3 example.py", want: "hello.txt 5"},
	"js": {need: "node", file: "example.mjs", run: "node example.mjs", want: "hello.txt 5", folder: func(t *testing.T, dir string) {
		if err := os.Symlink(jsModules(t), filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
	}},
	"go": {need: "go", file: "main.go", run: "go run .", want: "hello.txt 5", folder: func(t *testing.T, dir string) {
		// The versions that this module has, so that nothing is looked up.
		for _, name := range []string{"go.mod", "go.sum"} {
			b, err := os.ReadFile(filepath.Join("..", "..", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}},
	"restic": {need: "restic", run: "mkdir -p Documents && echo hello > Documents/a.txt\nSNIPPET", want: "snapshot "},
	"mc":     {need: "mc", run: "SNIPPET", want: ""},
	"s5cmd":  {need: "s5cmd", run: "SNIPPET", want: ""},
	"kopia":  {need: "kopia", run: "SNIPPET", want: ""},
	// Its provider comes from a registry that tests do not reach: only the form is
	// looked at.
	"terraform": {need: "terraform", file: "main.tf", run: "terraform fmt -check -diff main.tf && echo well formed", want: "well formed"},
	"php":       {need: "composer", file: "example.php", fetch: "composer -q require aws/aws-sdk-php", run: "php example.php", want: "my-bucket"},
	"ruby":      {need: "gem", file: "example.rb", fetch: "gem list -i '^aws-sdk-s3$' || gem install --user-install aws-sdk-s3", run: "ruby example.rb", want: ""},
}

// TestConnectSnippets runs what the Connect page shows, exactly as it shows it.
func TestConnectSnippets(t *testing.T) {
	t.Parallel()
	set, err := snippets.Parse()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range snippets.All() {
		t.Run(tool.ID, func(t *testing.T) {
			p, ok := pastes[tool.ID]
			if !ok {
				t.Skip("SKIPPED, NOT TESTED: what runs it is no command on this machine")
			}
			if exec.CommandContext(t.Context(), p.need, "version").Run() != nil && exec.CommandContext(t.Context(), p.need, "--version").Run() != nil {
				t.Skipf("SKIPPED, NOT TESTED: %s is not installed", p.need)
			}
			s := harness.Start(t, harness.Options{})
			text, err := set.Write(tool, snippets.Values{Endpoint: s.Endpoint, Region: region, AccessKeyID: s.AccessKeyID, Secret: s.Secret})
			if err != nil {
				t.Fatal(err)
			}
			paste(t, p, text)
		})
	}
}

func paste(t *testing.T, p pasted, text string) {
	t.Helper()
	dir := t.TempDir()
	if p.folder != nil {
		p.folder(t, dir)
	}
	if p.file != "" {
		if err := os.WriteFile(filepath.Join(dir, p.file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sh := func(commands string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-e")
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader(commands)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "RESTIC_PASSWORD=a test's password", "LC_ALL=C.UTF-8",
			"AWS_EC2_METADATA_DISABLED=true", "GOFLAGS=-mod=mod", "GOPATH=" + goEnv(t, "GOPATH"), "GOCACHE=" + goEnv(t, "GOCACHE")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := sh(p.fetch); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: its library cannot be had here: %v\n%s", err, out)
	}
	out, err := sh(strings.ReplaceAll(p.run, "SNIPPET", text))
	if err != nil || !strings.Contains(out, p.want) {
		t.Errorf("%v, want %q in what it prints\n%s\nthe snippet was:\n%s", err, p.want, out, text)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
