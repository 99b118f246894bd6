package compat

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"coffer/test/harness"
)

func TestRclone(t *testing.T) {
	t.Parallel()
	path := tool(t, "rclone", "apt-get install rclone")
	conform(t, program{connect: func(t *testing.T, to target) client { return newRclone(t, to, path) }})
	t.Run("sync", func(t *testing.T) { rcloneSync(t, path) })
}

// rcloneSync takes a tree up and down by checksum, and has rclone compare both.
func rcloneSync(t *testing.T, path string) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	t.Cleanup(func() { noErrors(t, s) })
	c := newRclone(t, target{endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret}, path)
	src, dst := goSource(t), filepath.Join(t.TempDir(), "down")
	timed(t, s, "sync up", func() { must(t, c.env, path, "sync", "--checksum", "--transfers", "8", src, "c:tree/src") })
	must(t, c.env, path, "check", "--checksum", src, "c:tree/src")
	must(t, c.env, path, "check", "--download", src, "c:tree/src")
	timed(t, s, "sync down", func() { must(t, c.env, path, "sync", "--checksum", "--transfers", "8", "c:tree/src", dst) })
	sameTree(t, dst, src)

	// What is gone and what has changed on one side goes over to the other.
	names := slices.Sorted(maps.Keys(tree(t, dst)))
	changed, gone := names[0], names[1]
	if err := os.WriteFile(filepath.Join(dst, changed), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dst, gone)); err != nil {
		t.Fatal(err)
	}
	must(t, c.env, path, "sync", "--checksum", dst, "c:tree/src")
	again := filepath.Join(t.TempDir(), "again")
	must(t, c.env, path, "sync", "--checksum", "c:tree/src", again)
	sameTree(t, again, dst)
	must(t, c.env, path, "purge", "c:tree")
}

type rclone struct {
	t    *testing.T
	path string
	env  []string
}

// newRclone lowers the sizes above which rclone sends and copies in parts, so
// that the suite's objects are above them.
func newRclone(t *testing.T, to target, path string) rclone {
	env := environ("RCLONE_CONFIG=/dev/null", "RCLONE_CONFIG_C_TYPE=s3", "RCLONE_CONFIG_C_PROVIDER=Other",
		"RCLONE_CONFIG_C_ACCESS_KEY_ID="+to.id, "RCLONE_CONFIG_C_SECRET_ACCESS_KEY="+to.secret,
		"RCLONE_CONFIG_C_ENDPOINT="+to.endpoint, "RCLONE_CONFIG_C_REGION="+region,
		"RCLONE_S3_UPLOAD_CUTOFF=16M", "RCLONE_S3_COPY_CUTOFF=16M", "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1")
	if to.caFile != "" {
		env = append(env, "RCLONE_CA_CERT="+to.caFile)
	}
	return rclone{t, path, env}
}

func (c rclone) run(args ...string) (string, error) { return run(c.t, c.env, c.path, args...) }

func (c rclone) MakeBucket(bucket string) error {
	_, err := c.run("mkdir", "c:"+bucket)
	return err
}

func (c rclone) Put(bucket, key, file string, h headers) error {
	args := []string{"copyto", file, "c:" + bucket + "/" + key}
	set := map[string]string{"content-type": h.ContentType, "cache-control": h.CacheControl, "content-disposition": h.ContentDisposition}
	for name, value := range h.Metadata {
		set[name] = value
	}
	for name, value := range set {
		if value != "" {
			args = append(args, "--metadata", "--metadata-set", name+"="+value)
		}
	}
	_, err := c.run(args...)
	return err
}

func (c rclone) Get(bucket, key, file string) error {
	_, err := c.run("copyto", "c:"+bucket+"/"+key, file)
	return err
}

// rcloneEntry is an entry of rclone lsjson.
type rcloneEntry struct {
	Path     string
	IsDir    bool
	Metadata map[string]string
}

func (c rclone) Head(bucket, key string) (headers, error) {
	out, err := c.run("lsjson", "--stat", "--metadata", "c:"+bucket+"/"+key)
	if err != nil {
		return headers{}, err
	}
	var e rcloneEntry
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		return headers{}, err
	}
	return headers{e.Metadata["content-type"], e.Metadata["cache-control"], e.Metadata["content-disposition"], e.Metadata}, nil
}

// List sorts, because rclone sorts by its own rules.
func (c rclone) List(bucket, prefix, delimiter string, page int) (l listing, err error) {
	if delimiter != "" && delimiter != "/" {
		return l, cannot("rclone lists folders")
	}
	args := []string{"lsjson", "c:" + bucket + "/" + prefix}
	if delimiter == "" {
		args = append(args, "--recursive", "--files-only", "--fast-list")
	}
	if page > 0 {
		args = append(args, "--s3-list-chunk", strconv.Itoa(page))
	}
	out, err := c.run(args...)
	if err != nil {
		if strings.Contains(err.Error(), "directory not found") {
			return l, nil // its word for a prefix without keys
		}
		return l, err
	}
	var entries []rcloneEntry
	if err := json.Unmarshal([]byte(out), &entries); err != nil {
		return l, err
	}
	for _, e := range entries {
		if e.IsDir {
			l.Prefixes = append(l.Prefixes, prefix+e.Path+"/")
		} else {
			l.Keys = append(l.Keys, prefix+e.Path)
		}
	}
	slices.Sort(l.Keys)
	slices.Sort(l.Prefixes)
	return l, nil
}

func (c rclone) Copy(bucket, from, to string) error {
	_, err := c.run("copyto", "c:"+bucket+"/"+from, "c:"+bucket+"/"+to)
	return err
}

// Delete deletes one by one, with many connections: rclone has no DeleteObjects.
func (c rclone) Delete(bucket string, keys []string) error {
	from := text(c.t, strings.Join(keys, "\n"))
	_, err := c.run("delete", "--files-from-raw", from, "--checkers", "16", "--transfers", "16", "c:"+bucket)
	return err
}

func (c rclone) PresignGet(bucket, key string) (string, error) {
	out, err := c.run("link", "--expire", "1h", "c:"+bucket+"/"+key)
	return strings.TrimSpace(out), err
}

func (c rclone) PresignPut(string, string) (string, error) {
	return "", cannot("rclone link signs GET only")
}

// Cannot is about paths: rclone cleans them as a file system does.
func (c rclone) Cannot(key string) string {
	switch {
	case strings.Contains(key, "//"), strings.HasPrefix(key, "/"), strings.HasSuffix(key, "/"):
		return "rclone takes several slashes, the first and the last for none"
	case dots(key):
		return "rclone resolves . and .."
	case control(key):
		return "rclone shows control characters as symbols in lists"
	}
	return ""
}
