package backup

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeS3 is as much of S3 as a bucket needs, with a clock of its own.
type fakeS3 struct {
	mu    sync.Mutex // guards what follows
	now   time.Time
	files map[string]fakeFile
	fail  bool // answers all with 503
	cut   int  // so many bodies more are cut in their middle
}

type fakeFile struct {
	data []byte
	at   time.Time
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	file, there := f.files[key]
	switch {
	case f.fail:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == "PUT":
		b, _ := io.ReadAll(r.Body)
		f.files[key] = fakeFile{b, f.now}
	case r.Method == "DELETE":
		delete(f.files, key)
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Query().Has("list-type"):
		f.list(w, r)
	case !there:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
	case f.cut > 0 && len(file.data) > 1:
		f.cut--
		w.Header().Set("Content-Length", strconv.Itoa(len(file.data)))
		_, _ = w.Write(file.data[:len(file.data)/2])
	default:
		_, _ = w.Write(file.data)
	}
}

// list answers with pages of two.
func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	type content struct{ Key, LastModified string }
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []content
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
	}
	var keys []string
	for key := range f.files {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) && key > r.URL.Query().Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys[:min(2, len(keys))] {
		page.Contents = append(page.Contents, content{key, f.files[key].at.Format(time.RFC3339)})
		page.NextContinuationToken = key
	}
	if page.IsTruncated = len(keys) > 2; !page.IsTruncated {
		page.NextContinuationToken = ""
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func newBucket(t *testing.T) (*bucket, *fakeS3) {
	t.Helper()
	fake := &fakeS3{now: time.Now(), files: map[string]fakeFile{}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	store, err := At("s3://bucket/some/where?endpoint="+server.URL, func(string) string { return "key" })
	if err != nil {
		t.Fatal(err)
	}
	return store.(*bucket), fake
}

func TestStores(t *testing.T) {
	for name, open := range map[string]func(*testing.T) Store{
		"Folder": func(t *testing.T) Store { s, _ := newFolder(t); return s },
		"Bucket": func(t *testing.T) Store { s, _ := newBucket(t); return s },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s := t.Context(), open(t)
			list := func(folder string) (all []string) {
				t.Helper()
				for name, err := range s.List(ctx, folder) {
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, name)
				}
				return all
			}
			if got := list(""); len(got) != 0 {
				t.Errorf("List of a new store = %q", got)
			}
			names := []string{"a", "b/c", "b/d/e", "b/d/f", "g"}
			for _, name := range slices.Backward(names) {
				for _, text := range []string{"old", "new " + name} {
					if err := s.Put(ctx, name, []byte(text)); err != nil {
						t.Fatalf("Put(%q) = %v", name, err)
					}
				}
			}
			if got := list(""); !slices.Equal(got, names) {
				t.Errorf("List = %q, want %q", got, names)
			}
			if got := list("b/"); !slices.Equal(got, names[1:4]) {
				t.Errorf(`List("b/") = %q, want %q`, got, names[1:4])
			}
			if got, err := s.Get(ctx, "b/d/e"); err != nil || string(got) != "new b/d/e" {
				t.Errorf("Get = %q, %v, want what was put last", got, err)
			}
			for range 2 {
				if err := s.Delete(ctx, "b/d/e"); err != nil {
					t.Errorf("Delete = %v", err)
				}
			}
			if _, err := s.Get(ctx, "b/d/e"); !errors.Is(err, ErrNotFound) {
				t.Errorf("Get after Delete = %v, want %v", err, ErrNotFound)
			}
			if err := s.Put(ctx, "large", make([]byte, fileBytesMax+1)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(ctx, "large"); !errors.Is(err, ErrDamaged) {
				t.Errorf("Get of a file that is too large = %v, want %v", err, ErrDamaged)
			}
			_, release, err := s.Lock(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Lock(ctx); err == nil || !strings.Contains(err.Error(), "at work") {
				t.Errorf("Lock twice = %v, want a refusal", err)
			}
			release()
			if _, release, err = s.Lock(ctx); err != nil {
				t.Fatalf("Lock after release = %v", err)
			}
			release()
		})
	}
}

func TestABackupInABucket(t *testing.T) {
	w := newWorld(t)
	w.put(t, 100)
	w.put(t, blobBytes+1)
	store, fake := newBucket(t)
	first := w.create(t, store, false)
	w.put(t, 200)
	second := w.create(t, store, true)
	if second.Added != 1 {
		t.Errorf("the second manifest is %+v, want 1 new blob", second)
	}
	w.checkRestore(t, store, second, records(t, w.meta), w.want)
	if p, err := openRepository(t, store).Prune(t.Context(), 1); err != nil || !slices.Equal(p.Removed, []string{first.ID}) {
		t.Errorf("Prune(1) = %+v, %v, want %s removed", p, err, first.ID)
	}
	w.checkRestore(t, store, second, records(t, w.meta), w.want)
	for name := range fake.files {
		if !strings.HasPrefix(name, "some/where/") || strings.HasPrefix(name, "some/where/"+locksFolder) {
			t.Errorf("%s is left in the bucket", name)
		}
	}
}

// TestTheLockOfABucketEndsWithSilence is of a backup that was killed.
func TestTheLockOfABucketEndsWithSilence(t *testing.T) {
	s, fake := newBucket(t)
	if err := s.Put(t.Context(), locksFolder+"killed", nil); err != nil {
		t.Fatal(err)
	}
	step := func(d time.Duration) {
		fake.mu.Lock()
		defer fake.mu.Unlock()
		fake.now = fake.now.Add(d)
	}
	step(lockAge - 2*time.Second)
	if _, _, err := s.Lock(t.Context()); err == nil {
		t.Error("Lock while another may live = nil, want a refusal")
	}
	step(4 * time.Second)
	_, release, err := s.Lock(t.Context())
	if err != nil {
		t.Fatalf("Lock after a silence of %s = %v", lockAge, err)
	}
	release()
	if len(fake.files) != 0 {
		t.Errorf("%d files are left, want none", len(fake.files))
	}
}

// TestALockThatIsLostEndsTheWork cannot show that it lives.
func TestALockThatIsLostEndsTheWork(t *testing.T) {
	s, fake := newBucket(t)
	s.lockEvery, s.age = time.Millisecond, 20*time.Millisecond
	ctx, release, err := s.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fake.mu.Lock()
	fake.fail = true
	fake.mu.Unlock()
	<-ctx.Done()
	if err := context.Cause(ctx); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("the work ended with %v, want the loss of the lock", err)
	}
	fake.mu.Lock()
	fake.fail = false
	fake.mu.Unlock()
	release()
}

// TestWhoWasSuspendedHasNoLock: the service answers, and another may have had the lock.
func TestWhoWasSuspendedHasNoLock(t *testing.T) {
	s, _ := newBucket(t)
	s.lockEvery, s.age = 50*time.Millisecond, 40*time.Millisecond
	ctx, release, err := s.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	<-ctx.Done()
	if err := context.Cause(ctx); !strings.Contains(err.Error(), "another may be at work") {
		t.Errorf("the work ended with %v, want the loss of the lock", err)
	}
	// What is under way may not have heard of that.
	if err := s.Put(t.Context(), "blobs/x", nil); err == nil {
		t.Error("Put without the lock = nil, want an error")
	}
	if err := s.Delete(t.Context(), "blobs/x"); err == nil {
		t.Error("Delete without the lock = nil, want an error")
	}
}

// TestABodyThatIsCutIsAskedForAgain, as often as a request without an answer.
func TestABodyThatIsCutIsAskedForAgain(t *testing.T) {
	s, fake := newBucket(t)
	s.pause = time.Microsecond
	if err := s.Put(t.Context(), "x", []byte("all of it")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		cut   int
		whole bool
	}{{0, true}, {1, true}, {attemptsMax - 1, true}, {attemptsMax, false}} {
		fake.mu.Lock()
		fake.cut = tt.cut
		fake.mu.Unlock()
		if b, err := s.Get(t.Context(), "x"); (err == nil) != tt.whole || err == nil && string(b) != "all of it" {
			t.Errorf("Get of a body that is cut %d times = %q, %v, want it whole: %t", tt.cut, b, err, tt.whole)
		}
	}
}

func TestAt(t *testing.T) {
	both := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
	for _, tt := range []struct {
		dest string
		env  map[string]string
		want string // String of the store, or a part of the error
	}{
		{"", both, "name a folder"},
		{"/a/b", nil, "/a/b"},
		{"s3://b/p/q/?endpoint=http://127.0.0.1:9000", both, "s3://b/p/q/"},
		{"s3://b?region=eu-west-1", both, "s3://b/"},
		{"s3://b", both, "no region"},
		{"s3://b?region=auto", nil, "COFFER_BACKUP_ACCESS_KEY_ID"},
		{"s3://?region=auto", both, "s3://BUCKET"},
		{"s3://id:secret@b?region=auto", both, "without a key"},
		{"s3://b?endpoint=ftp://x", both, "https://HOST"},
		{"s3://b?endpiont=http://x", both, "endpiont"},
		{"s3://b?region=auto&style=odd", both, "style"},
		{"ftp://b", both, "no place for backups"},
	} {
		s, err := At(tt.dest, func(name string) string { return tt.env[name] })
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && s.String() != tt.want {
			t.Errorf("At(%q) = %v, %v, want %q", tt.dest, s, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "id:secret") {
			t.Errorf("At(%q) tells the secret: %v", tt.dest, err)
		}
	}
}

func TestAFolderMayBeRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := At("here", os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "x/y", []byte("z")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile("here/x/y"); err != nil || string(b) != "z" {
		t.Errorf("the file has %q, %v, want z", b, err)
	}
}

// TestAFolderThatIsNoneOfOursIsLeftAsItIs is of a DEST such as / or a home folder, which
// has a tmp of its own.
func TestAFolderThatIsNoneOfOursIsLeftAsItIs(t *testing.T) {
	w := newWorld(t)
	store, dir := newFolder(t)
	theirs := []string{filepath.Join(dir, tempFolder, "0123456789abcdef"), filepath.Join(dir, tempFolder, "deep", "file"), filepath.Join(dir, "file")}
	for _, path := range theirs {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Create(t.Context(), w.client, store, theKey('k'), rand.Reader, CreateOptions{}); err == nil || !strings.Contains(err.Error(), "use an empty folder") {
		t.Errorf("Create in a folder with other files = %v, want a refusal", err)
	}
	for _, path := range theirs {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("after a backup that was refused: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a lock after a backup that was refused = %v, want %v", err, fs.ErrNotExist)
	}
}

// TestWhatACutBackupLeftIsRemoved is of the files that it was writing, and of no others
// that somebody keeps beside them.
func TestWhatACutBackupLeftIsRemoved(t *testing.T) {
	w := newWorld(t)
	store, dir := newFolder(t)
	w.create(t, store, false)
	cut, theirs := filepath.Join(dir, tempFolder, "0123456789abcdef"), filepath.Join(dir, tempFolder, "deep", "file")
	for _, path := range []string{cut, theirs} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.create(t, store, false)
	if _, err := os.Stat(cut); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of what a cut backup left = %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("Stat of another file there = %v", err)
	}
}
