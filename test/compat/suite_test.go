package compat

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coffer/test/harness"
)

const mib = 1 << 20

// suite is one client on one server.
type suite struct {
	client
	target target
	bucket string
	oracle oracle // a second client, which looks at what the first did
}

// conform runs all checks over http, and those where the wire differs over https
// and by host name.
func conform(t *testing.T, p program) {
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		s := begin(t, p, harness.Options{}, false)
		s.sizes(t, []int64{0, 1, 5*mib - 1, 5 * mib, 100 * mib})
		s.afterEmpty(t)
		s.metadata(t)
		s.oddKeys(t)
		s.listing(t)
		s.copy(t)
		s.presign(t)
		s.refusals(t, p)
	})
	t.Run("https", func(t *testing.T) {
		t.Parallel()
		s := begin(t, p, harness.Options{TLS: true}, false)
		s.sizes(t, []int64{0, 1, 5*mib - 1, 20 * mib})
		s.afterEmpty(t)
		s.metadata(t)
		s.copy(t)
		s.presign(t)
		s.refusals(t, p)
	})
	if !p.virtual {
		return
	}
	t.Run("virtual host", func(t *testing.T) {
		t.Parallel()
		s := begin(t, p, harness.Options{}, true)
		s.sizes(t, []int64{0, 1, 20 * mib})
		s.oddKeys(t)
		s.copy(t)
		s.refusals(t, p)
	})
}

func begin(t *testing.T, p program, opts harness.Options, virtualHost bool) *suite {
	t.Helper()
	server := harness.Start(t, opts)
	t.Cleanup(func() { noErrors(t, server) })
	to := target{endpoint: server.Endpoint, id: server.AccessKeyID, secret: server.Secret, caFile: server.CAFile, virtualHost: virtualHost}
	s := &suite{bucket: "compat-bucket", oracle: newOracle(t, to)}
	if virtualHost {
		to.endpoint = strings.Replace(to.endpoint, "127.0.0.1", "localhost", 1)
	}
	s.target = to
	s.client = p.connect(t, to)
	if err := s.MakeBucket(s.bucket); err != nil {
		t.Fatalf("make a bucket: %v", err)
	}
	return s
}

// sizes puts and gets objects of sizes around those where clients change how
// they send them. Objects above 16 MiB must have been sent in parts.
func (s *suite) sizes(t *testing.T, sizes []int64) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("put and get %d bytes", size), func(t *testing.T) {
			from, key := file(t, size), fmt.Sprintf("sizes/%d", size)
			if err := s.Put(s.bucket, key, from, headers{}); err != nil {
				t.Fatal(err)
			}
			s.holds(t, key, from)
			etag, n := s.oracle.stat(t, s.bucket, key)
			if n != size {
				t.Errorf("the object has %d bytes, want %d", n, size)
			}
			if inParts := strings.Contains(etag, "-"); size > 16*mib && !inParts {
				t.Errorf("the ETag is %s, want one of an object in parts", etag)
			}
		})
	}
}

// afterEmpty puts objects one after the other over one connection, where the
// client keeps it. botocore hangs when its Expect: 100-continue for an empty body
// is answered without a 100.
func (s *suite) afterEmpty(t *testing.T) {
	t.Run("objects after an empty one", func(t *testing.T) {
		empty, small := file(t, 0), file(t, 10)
		for i, from := range []string{empty, small, empty, empty, small} {
			if err := s.Put(s.bucket, fmt.Sprintf("after-empty/%d", i), from, headers{}); err != nil {
				t.Fatal(err)
			}
		}
		s.holds(t, "after-empty/3", empty)
		s.holds(t, "after-empty/4", small)
	})
}

// holds fails the test if the client does not get a file's bytes from a key.
func (s *suite) holds(t *testing.T, key, want string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "got")
	if err := s.Get(s.bucket, key, to); err != nil {
		t.Fatal(err)
	}
	if got, want := sum(t, to), sum(t, want); got != want {
		t.Errorf("get %q = %s, want %s", key, got, want)
	}
}

// metadata keeps what comes with an object; clients fold spaces in a row into one
// where they sign, and not all of them do it right.
func (s *suite) metadata(t *testing.T) {
	s.keeps(t, "metadata", "with spaces, commas = signs; and \"quotes\"")
	s.keeps(t, "metadata with spaces in a row", "two  and   three")
}

func (s *suite) keeps(t *testing.T, name, value string) {
	t.Run(name, func(t *testing.T) {
		want := headers{
			ContentType: "text/x-compat; charset=utf-8", CacheControl: "max-age=60, must-revalidate",
			ContentDisposition: `attachment; filename="a b.txt"`,
			Metadata:           map[string]string{"color": "blue", "two-words": value},
		}
		err := s.Put(s.bucket, name, text(t, "with metadata"), want)
		skipUnsupported(t, err)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Head(s.bucket, name)
		if err != nil {
			t.Fatal(err)
		}
		// A client may add metadata of its own, such as the file's time.
		own := func(name, _ string) bool { return want.Metadata[name] == "" }
		stored, err := s.oracle.Head(s.bucket, name)
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(stored.Metadata, own)
		if !reflect.DeepEqual(stored, want) {
			t.Errorf("the server has %+v, want %+v", stored, want)
		}
		// A client may not show them all.
		maps.DeleteFunc(got.Metadata, own)
		got.CacheControl = cmp.Or(got.CacheControl, want.CacheControl)
		got.ContentDisposition = cmp.Or(got.ContentDisposition, want.ContentDisposition)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the client shows %+v, want %+v", got, want)
		}
	})
}

// oddKeys sends every key that the client can send, and has the client and the
// oracle find each of them under exactly its name.
func (s *suite) oddKeys(t *testing.T) {
	t.Run("odd keys", func(t *testing.T) {
		bucket := "compat-odd-keys"
		if err := s.MakeBucket(bucket); err != nil {
			t.Fatal(err)
		}
		odd := &suite{client: s.client, target: s.target, bucket: bucket, oracle: s.oracle}
		var sent []string
		for _, k := range oddKeys {
			if why := s.Cannot(k.key); why != "" {
				t.Logf("%s is not sent: %s", k.name, why)
				continue
			}
			sent = append(sent, k.key)
			t.Run(k.name, func(t *testing.T) {
				from := text(t, "the object of "+k.key)
				if err := s.Put(bucket, k.key, from, headers{}); err != nil {
					t.Fatal(err)
				}
				odd.holds(t, k.key, from)
			})
		}
		if len(sent) < 8 {
			t.Errorf("only %d odd keys were sent, want at least 8", len(sent))
		}
		want := sorted(sent)
		if got := s.oracle.list(t, bucket); !slices.Equal(got, want) {
			t.Errorf("the server lists\n%q, want\n%q", got, want)
		}
		got, err := s.List(bucket, "", "", 5)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Keys, want) {
			t.Errorf("the client lists\n%q, want\n%q", got.Keys, want)
		}
		if err := s.Delete(bucket, sent); err != nil {
			t.Fatal(err)
		}
		if left := s.oracle.list(t, bucket); len(left) > 0 {
			t.Errorf("after deleting them all there are %q", left)
		}
	})
}

// listing lists more keys than fit two pages, and deletes them.
func (s *suite) listing(t *testing.T) {
	t.Run("listing", func(t *testing.T) {
		var keys, dirs, dir3 []string
		for d := range 25 {
			dirs = append(dirs, fmt.Sprintf("list/dir%02d/", d))
			for f := range 100 {
				keys = append(keys, fmt.Sprintf("list/dir%02d/file%03d", d, f))
			}
		}
		dir3 = keys[300:400]
		s.oracle.fill(t, s.bucket, keys)
		tests := []struct {
			name, prefix, delimiter string
			page                    int
			want                    listing
		}{
			{"AllInPages", "list/", "", 0, listing{Keys: keys}},
			{"SmallPages", "list/dir03/", "", 7, listing{Keys: dir3}},
			{"FoldersInPages", "list/", "/", 4, listing{Prefixes: dirs}},
			{"FilesOfAFolder", "list/dir03/", "/", 0, listing{Keys: dir3}},
			{"AnyDelimiter", "list/dir03/", "e0", 2, listing{Prefixes: []string{"list/dir03/file0"}}},
			{"Nothing", "list/none/", "/", 0, listing{}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				got, err := s.List(s.bucket, tt.prefix, tt.delimiter, tt.page)
				skipUnsupported(t, err)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.Keys, tt.want.Keys) || !slices.Equal(got.Prefixes, tt.want.Prefixes) {
					t.Errorf("list(%q, %q) = %d keys %.200q, prefixes %.200q, want %d keys, prefixes %.200q", tt.prefix, tt.delimiter,
						len(got.Keys), got.Keys, got.Prefixes, len(tt.want.Keys), tt.want.Prefixes)
				}
			})
		}
		t.Run("DeleteMany", func(t *testing.T) {
			kept := s.oracle.list(t, s.bucket)
			kept = slices.DeleteFunc(kept, func(key string) bool { return strings.HasPrefix(key, "list/") })
			if err := s.Delete(s.bucket, keys); err != nil {
				t.Fatal(err)
			}
			if got := s.oracle.list(t, s.bucket); !slices.Equal(got, kept) {
				t.Errorf("after deleting %d keys there are %d: %.200q, want %q", len(keys), len(got), got, kept)
			}
		})
	})
}

// copy copies within the server, large enough that some clients do it in parts.
func (s *suite) copy(t *testing.T) {
	for _, size := range []int64{1000, 20 * mib} {
		t.Run(fmt.Sprintf("copy %d bytes", size), func(t *testing.T) {
			from, source, to := file(t, size), fmt.Sprintf("copy/from %d+x", size), fmt.Sprintf("copy/to/%d", size)
			want := headers{ContentType: "text/x-copied", Metadata: map[string]string{"color": "green"}}
			if err := s.Put(s.bucket, source, from, want); err != nil {
				t.Fatal(err)
			}
			if err := s.Copy(s.bucket, source, to); err != nil {
				t.Fatal(err)
			}
			s.holds(t, to, from)
			got, err := s.oracle.Head(s.bucket, to)
			if err != nil {
				t.Fatal(err)
			}
			// A copy in parts has only what the client sends anew, and not all do.
			if size < mib && (got.ContentType != want.ContentType || got.Metadata["color"] != "green") {
				t.Errorf("head of the copy = %+v, want the source's %+v", got, want)
			}
		})
	}
}

// presign has curl fetch and send with a URL that the client signed.
func (s *suite) presign(t *testing.T) {
	const key = "presigned/a b+c ü&d"
	from := text(t, "fetched by curl")
	args := []string{"--silent", "--show-error", "--fail-with-body", "--path-as-is"}
	if s.target.caFile != "" {
		args = append(args, "--cacert", s.target.caFile)
	}
	t.Run("presigned get", func(t *testing.T) {
		curl := tool(t, "curl", "apt-get install curl")
		s.oracle.put(t, s.bucket, key, from)
		signed, err := s.PresignGet(s.bucket, key)
		skipUnsupported(t, err)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "got")
		must(t, environ(), curl, append(args, "--output", to, signed)...)
		if got, want := sum(t, to), sum(t, from); got != want {
			t.Errorf("curl %s = %s, want %s", signed, got, want)
		}
		u, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		u.Path, u.RawPath = u.Path+"x", ""
		if out, err := run(t, environ(), curl, append(args, u.String())...); err == nil || !strings.Contains(out, "SignatureDoesNotMatch") {
			t.Errorf("curl of another key with the same signature = %q, %v, want SignatureDoesNotMatch", out, err)
		}
	})
	t.Run("presigned put", func(t *testing.T) {
		curl := tool(t, "curl", "apt-get install curl")
		signed, err := s.PresignPut(s.bucket, key+" put")
		skipUnsupported(t, err)
		if err != nil {
			t.Fatal(err)
		}
		must(t, environ(), curl, append(args, "--upload-file", from, signed)...)
		s.holds(t, key+" put", from)
	})
}

// refusals tell a wrong secret and an unknown ID apart, in the client's words.
func (s *suite) refusals(t *testing.T, p program) {
	wrongSecret, unknownID := s.target, s.target
	wrongSecret.secret = "x" + wrongSecret.secret[1:]
	unknownID.id = "TESTNOSUCHACCESSKEYX"
	for _, tt := range []struct {
		name string
		to   target
		want string
	}{
		{"wrong secret", wrongSecret, "SignatureDoesNotMatch"},
		{"unknown access key", unknownID, "InvalidAccessKeyId"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := p.connect(t, tt.to)
			if err := c.Put(s.bucket, "refused", text(t, "refused"), headers{}); err == nil {
				t.Errorf("put with a %s succeeds", tt.name)
			}
			// Some clients begin a put with HEAD, whose answer has no room for the code.
			if _, err := c.List(s.bucket, "", "", 0); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("list = %v, want %s", err, tt.want)
			}
			if slices.Contains(s.oracle.list(t, s.bucket), "refused") {
				t.Errorf("the refused object is there")
			}
		})
	}
}
