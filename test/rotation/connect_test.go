package rotation

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// way is how a person uses a snippet of a tool, as the page says, in an empty
// home folder.
type way struct {
	need string // program, see programs
	file string // the snippet is saved as this; "" if it is run
	// run is shell commands. SNIPPET is replaced by the snippet, EXAMPLE by the
	// command that it gives as an example, BUCKET by the bucket.
	run string
	// prints is in what comes out.
	prints string
	// writes is an object that is there when it was run, if the key may write.
	writes, content string
	// makes says that the snippet makes its bucket if there is none.
	makes bool
	// tooOld says why a version cannot do what the snippet says, or "".
	tooOld func(version string) string
	folder func(t *testing.T, dir string)
}

const hello = "hello.txt"

var ways = map[string]way{
	"aws-cli": {need: "aws", run: "SNIPPET", prints: hello, writes: hello, content: "hello\n", makes: true, tooOld: oldAWS},
	"env":     {need: "aws", run: "SNIPPET\naws s3 ls s3://BUCKET/", prints: hello, tooOld: oldAWS},
	"aws": {need: "aws", file: "snippet", prints: hello, tooOld: oldAWS, run: `mkdir .aws
sed -n '/credentials$/,/config$/p' snippet >> .aws/credentials
sed -n '/config$/,$p' snippet >> .aws/config
aws --profile coffer s3 ls s3://BUCKET/`},
	"rclone": {need: "rclone", file: "snippet", prints: hello,
		run: "rclone config touch\ncat snippet >> \"$(rclone config file | tail -n 1)\"\nEXAMPLE"},
	"s3cmd": {need: "s3cmd", file: ".s3cfg", run: "EXAMPLE", prints: hello},
	"boto3": {need: "python3", file: "example.py", run: "python3 example.py", prints: hello + " 5", writes: hello, content: "hello", makes: true},
	"js":    {need: "node", file: "example.mjs", run: "node example.mjs", prints: hello + " 5", writes: hello, content: "hello", makes: true, folder: withSDK},
	"go":    {need: "go", file: "main.go", run: "go run .", prints: hello + " 5", writes: hello, content: "hello", makes: true, folder: withModules},
	"restic": {need: "restic", run: "mkdir Documents && echo hello > Documents/a.txt\nSNIPPET\nrestic -o s3.bucket-lookup=path check",
		prints: "no errors were found", writes: "restic/config", makes: true},
	"mc":    {need: "mc", run: "SNIPPET", makes: true},
	"s5cmd": {need: "s5cmd", run: "SNIPPET", makes: true},
	"kopia": {need: "kopia", run: "SNIPPET"},
	// Its provider comes from a registry, which tests do not reach: only the form
	// is looked at.
	"terraform": {need: "terraform", file: "main.tf", run: "terraform fmt -check -diff main.tf && echo well formed", prints: "well formed"},
}

// notRun says why what the page shows for a tool is not run.
var notRun = map[string]string{
	"cyberduck":  "duck has no package in Debian",
	"java":       "its SDK comes from a registry",
	"dotnet":     "its SDK comes from a registry",
	"php":        "its SDK comes from a registry",
	"ruby":       "its SDK comes from a registry",
	"rust":       "its SDK comes from a registry",
	"litestream": "it is a file for a service that has no package in Debian",
	"docker":     "it is a file for a daemon",
	"kubernetes": "it is a file for a cluster",
}

// asks is how a program tells its version, if not by --version.
var asks = map[string]string{"rclone": "version", "go": "version", "restic": "version", "s5cmd": "version", "terraform": "version"}

// programs finds what ways need, in the PATH and in Debian's folder: the folder
// of each version of each program.
func programs(t *testing.T) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{"python3": {}}
	for version, path := range pythons(t) {
		found["python3"]["boto3 "+version] = filepath.Dir(path)
	}
	for _, way := range ways {
		if found[way.need] != nil {
			continue
		}
		found[way.need] = map[string]string{}
		dirs := slices.Compact(slices.Sorted(slices.Values(append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin"))))
		for _, dir := range dirs {
			path := filepath.Join(dir, way.need)
			out, err := exec.CommandContext(t.Context(), path, cmp.Or(asks[way.need], "--version")).Output()
			if line, _, _ := strings.Cut(string(out), "\n"); err == nil && line != "" {
				found[way.need][line] = dir
			}
		}
	}
	return found
}

// oldAWS tells of a version without AWS_ENDPOINT_URL_S3 and the section services,
// which would ask Amazon instead.
func oldAWS(version string) string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "aws-cli/%d.%d.", &major, &minor); err != nil || major == 2 && minor < 13 || major == 1 && minor < 29 {
		return "it does not read AWS_ENDPOINT_URL_S3, nor services in a profile"
	}
	return ""
}

func withSDK(t *testing.T, dir string) {
	t.Helper()
	modules := jsModules(t)
	if modules == "" {
		t.Skip("SKIPPED, NOT TESTED: the JavaScript SDK is not installed")
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// withModules gives the module the versions of this one, so that nothing is
// looked up.
func withModules(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join("..", "..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestConnectIsTrue signs in, has the secret written into the snippets of
// Connect, and runs each exactly as the page shows it.
func TestConnectIsTrue(t *testing.T) {
	t.Parallel()
	found := programs(t)
	t.Run("KeyOfTheAccount", func(t *testing.T) {
		t.Parallel()
		w := startWithMember(t)
		w.make(bucket)
		for _, s := range w.signIn().connect(w.old.id) {
			w.each(found, s, func(t *testing.T, way way, path string) {
				if way.writes == hello {
					w.erase(t, bucket, hello)
				} else {
					w.put(t, bucket, hello, "hello")
				}
				w.paste(t, s, way, path, bucket)
				if way.writes == "" {
					return
				}
				if got := w.send(w.request(http.MethodGet, "/"+bucket+"/"+way.writes, w.root())); got.Status != http.StatusOK || way.content != "" && got.Body != way.content {
					t.Errorf("%s afterwards = %s with %q, want %q", way.writes, got, got.Body, way.content)
				}
				w.empty(t, bucket)
			})
		}
	})
	t.Run("AccountWithoutABucket", func(t *testing.T) {
		t.Parallel()
		w := startWithMember(t)
		for _, s := range w.signIn().connect(w.old.id) {
			if !ways[s.tool].makes {
				continue
			}
			w.each(found, s, func(t *testing.T, way way, path string) {
				w.paste(t, s, way, path, "my-bucket")
				w.empty(t, "my-bucket")
				if got := w.send(w.request(http.MethodDelete, "/my-bucket", w.root())); got.Status != http.StatusNoContent {
					t.Errorf("delete the bucket that the snippet made = %s, want 204", got)
				}
			})
		}
	})
	t.Run("KeyThatOnlyReads", func(t *testing.T) {
		t.Parallel()
		w := startWithMember(t)
		w.make("other")
		w.make(bucket)
		w.put(t, bucket, hello, "still")
		reader := w.newKey("reader", "--preset", "read-only", "--bucket", bucket)
		for _, s := range w.signIn().connect(reader.ID) {
			if s.tool == "restic" || s.tool == "kopia" {
				continue // a backup is written
			}
			w.each(found, s, func(t *testing.T, way way, path string) {
				w.paste(t, s, way, path, bucket)
				if got := w.send(w.request(http.MethodGet, "/"+bucket+"/"+hello, w.root())); got.Body != "still" {
					t.Errorf("%s afterwards is %q, want it as it was", hello, got.Body)
				}
			})
		}
	})
}

// each runs a test of a snippet with each version of its tool that was found.
func (w *world) each(found map[string]map[string]string, s shown, test func(t *testing.T, way way, path string)) {
	w.t.Run(s.tool, func(t *testing.T) {
		way, ok := ways[s.tool]
		if !ok {
			why, known := notRun[s.tool]
			if !known {
				t.Fatalf("Connect shows %s, which this test does not know", s.tool)
			}
			t.Skipf("SKIPPED, NOT TESTED: %s", why)
		}
		versions := found[way.need]
		if len(versions) == 0 {
			t.Skipf("SKIPPED, NOT TESTED: %s is not installed", s.tool)
		}
		for _, version := range slices.Sorted(maps.Keys(versions)) {
			t.Run(strings.ReplaceAll(version, "/", " "), func(t *testing.T) {
				if way.tooOld != nil && way.tooOld(version) != "" {
					t.Skipf("SKIPPED, NOT TESTED: this version is too old for the snippet: %s", way.tooOld(version))
				}
				test(t, way, versions[version])
			})
		}
	})
}

// paste runs a snippet as a person does.
func (w *world) paste(t *testing.T, s shown, way way, path, bucket string) {
	t.Helper()
	dir := t.TempDir()
	if way.folder != nil {
		way.folder(t, dir)
	}
	if way.file != "" {
		if err := os.WriteFile(filepath.Join(dir, way.file), []byte(s.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, example, _ := strings.Cut(s.text, "# Then, for example: ")
	if strings.Contains(way.run, "EXAMPLE") && example == "" {
		t.Fatalf("the snippet gives no example:\n%s", s.text)
	}
	script := strings.NewReplacer("SNIPPET", s.text, "EXAMPLE", example, "BUCKET", bucket).Replace(way.run)
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(script)
	// Whatever asks anything but this machine finds nobody.
	nobody := "http://127.0.0.1:9"
	cmd.Env = []string{"PATH=" + path + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8",
		"HTTP_PROXY=" + nobody, "HTTPS_PROXY=" + nobody, "http_proxy=" + nobody, "https_proxy=" + nobody, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"RESTIC_PASSWORD=a test's password", "AWS_EC2_METADATA_DISABLED=true",
		"GOFLAGS=-mod=mod", "GOPROXY=off", "GOPATH=" + goEnv(t, "GOPATH"), "GOCACHE=" + goEnv(t, "GOCACHE")}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), way.prints) {
		t.Errorf("%v, want %q in what it prints\n%s\nwhat was run:\n%s\nthe snippet:\n%s", err, way.prints, out, script, s.text)
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

// make makes a bucket.
func (w *world) make(bucket string) {
	w.t.Helper()
	if got := w.send(w.request(http.MethodPut, "/"+bucket, w.root())); got.Status != http.StatusOK {
		w.t.Fatalf("make the bucket %s = %s, want 200", bucket, got)
	}
}

func (w *world) put(t *testing.T, bucket, object, content string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.Endpoint+"/"+bucket+"/"+object, bytes.NewReader([]byte(content)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	sigv4.Sign(req, w.AccessKeyID, w.Secret, region, "s3", hex.EncodeToString(sum[:]), time.Now())
	if got := w.send(req); got.Status != http.StatusOK {
		t.Fatalf("put %s = %s, want 200", object, got)
	}
}

func (w *world) erase(t *testing.T, bucket, object string) {
	t.Helper()
	if got := w.send(w.request(http.MethodDelete, "/"+bucket+"/"+object, w.root())); got.Status != http.StatusNoContent {
		t.Fatalf("delete %s = %s, want 204", object, got)
	}
}

// empty deletes all objects of a bucket, of which there are no more than fit on
// one page.
func (w *world) empty(t *testing.T, bucket string) {
	t.Helper()
	var list struct {
		Keys []string `xml:"Contents>Key"`
	}
	got := w.send(w.request(http.MethodGet, "/"+bucket, w.root()))
	if err := xml.Unmarshal([]byte(got.Body), &list); err != nil || got.Status != http.StatusOK {
		t.Fatalf("list %s = %s, %v, want 200", bucket, got, err)
	}
	for _, key := range list.Keys {
		w.erase(t, bucket, key)
	}
}
