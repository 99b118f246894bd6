package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
)

// testConfig is a server on free ports that writes nothing outside of the test.
func testConfig(t *testing.T) Config {
	t.Helper()
	cfg := NewConfig()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.S3Addr, cfg.ConsoleAddr, cfg.AdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.MinFree = 0
	cfg.Command = "coffer"
	cfg.Stdout = io.Discard
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Now, cfg.Rand = time.Now, rand.Reader
	cfg.Fatal = func(err error) { t.Errorf("Fatal(%v)", err) }
	return cfg
}

func open(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// start runs s until the returned call, which waits for the end.
func start(t *testing.T, s *Server) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once bool
	stop = func() error {
		if once {
			return nil
		}
		once = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func refusal(t *testing.T, cfg Config) string {
	t.Helper()
	s, err := New(t.Context(), cfg)
	if err == nil {
		_ = s.Close()
		t.Fatal("New = nil, want an error")
	}
	return err.Error()
}

func TestStoppingLetsRequestsFinish(t *testing.T) {
	cfg := testConfig(t)
	s := open(t, cfg)
	entered, release := make(chan struct{}), make(chan struct{})
	s.s3.http.Handler = deadlines{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		// The stores are open to the last request.
		if _, err := s.stores.accounts.List(r.Context()); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), time.Now, &s.inFlight}
	stop := start(t, s)

	answer := make(chan int, 1)
	go func() {
		resp, err := http.Get(s.s3.url)
		if err != nil {
			answer <- 0
			return
		}
		resp.Body.Close()
		answer <- resp.StatusCode
	}()
	<-entered
	if code, body := get(t, s.AdminURL()+"/-/ready"); code != 200 || !strings.Contains(body, `"ready":true`) {
		t.Errorf("/-/ready of a running server = %d %s, want 200", code, body)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for {
		code, body := get(t, s.AdminURL()+"/-/ready")
		if code == http.StatusServiceUnavailable && strings.Contains(body, `"stopping"`) {
			break
		}
	}
	if code, _ := get(t, s.AdminURL()+"/-/live"); code != 200 {
		t.Errorf("/-/live while stopping = %d, want 200", code)
	}
	for { // the listener closes right after the report has turned
		conn, err := net.Dial("tcp", s.s3.l.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(release)
	if code := <-answer; code != 200 {
		t.Errorf("the request under way was answered %d, want 200", code)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestRequestsOverTheDrainTimeAreCut(t *testing.T) {
	cfg := testConfig(t)
	cfg.DrainTimeout = 0
	s := open(t, cfg)
	entered := make(chan struct{})
	s.s3.http.Handler = deadlines{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}), time.Now, &s.inFlight}
	stop := start(t, s)
	go func() {
		if resp, err := http.Get(s.s3.url); err == nil {
			resp.Body.Close()
		}
	}()
	<-entered
	if err := stop(); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestDataFolderHasOneServer(t *testing.T) {
	cfg := testConfig(t)
	open(t, cfg)
	got := refusal(t, cfg)
	for _, want := range []string{"another coffer is running on " + cfg.Data, "(pid ", "--data"} {
		if !strings.Contains(got, want) {
			t.Errorf("New on a folder in use = %q, want %q in it", got, want)
		}
	}
}

func TestStartsThatAreRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	remove := func(t *testing.T, path string) {
		t.Helper()
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		harm func(t *testing.T, cfg *Config)
		want string
	}{
		{"PortTaken", func(_ *testing.T, cfg *Config) { cfg.S3Addr = taken.Addr().String() }, "s3-addr " + taken.Addr().String() + " is taken by another program"},
		{"MasterKeyGone", func(t *testing.T, cfg *Config) { remove(t, filepath.Join(cfg.Data, "master.key")) }, "the master key file is missing"},
		{"WrongMasterKey", func(_ *testing.T, cfg *Config) {
			cfg.MasterKey = coffer.NewSecretFrom(strings.Repeat("0123456789abcdef", 4))
		}, "sealed under another master key"},
		{"MetadataGone", func(t *testing.T, cfg *Config) { remove(t, filepath.Join(cfg.Data, "meta")) }, "the metadata folder " + "DATA/meta is gone"},
		{"MetadataDamaged", func(t *testing.T, cfg *Config) {
			names, err := filepath.Glob(filepath.Join(cfg.Data, "meta", "MANIFEST-*"))
			if err != nil || len(names) == 0 {
				t.Fatal("no manifest", err)
			}
			if err := os.WriteFile(names[len(names)-1], []byte(strings.Repeat("damaged ", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "the database in DATA is damaged"},
		{"DiskOfAnotherServer", func(t *testing.T, cfg *Config) {
			dir := filepath.Join(t.TempDir(), "blobs")
			diskOfAnother(t, dir)
			cfg.DataDisks = []string{dir}
		}, "belongs to another data folder"},
		{"PathThroughAFile", func(t *testing.T, cfg *Config) {
			cfg.Data = filepath.Join(cfg.Data, "LOCK", "data")
		}, "something on its path is a file"},
		{"CacheTooSmall", func(_ *testing.T, cfg *Config) { cfg.MetadataCache = metadataCacheMin - 1 }, "metadata-cache is 8388607 bytes: it must be 8388608 or more, or auto"},
		{"CacheTooLarge", func(_ *testing.T, cfg *Config) { cfg.MetadataCache = 1 << 60 }, "a quarter of the memory that there is"},
		{"HalfATLSPair", func(_ *testing.T, cfg *Config) { cfg.TLSCert = "x.pem" }, "only one of tls-cert and tls-key is set"},
		{"KMSKeyThatIsNone", func(_ *testing.T, cfg *Config) { cfg.KMSKeys = coffer.NewSecretFrom("main=base64key://c2hvcnQ=") }, "COFFER_KMS_KEYS cannot be used"},
		{"HalfARootPair", func(_ *testing.T, cfg *Config) { cfg.RootAccessKeyID = "AKIAIOSFODNN7EXAMPLE" }, "only one of COFFER_ROOT_ACCESS_KEY_ID"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			// A first start, so that there is something to harm.
			first := open(t, cfg)
			root := first.root.key.ID
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			bad := cfg
			tt.harm(t, &bad)
			got := refusal(t, bad)
			want := strings.ReplaceAll(tt.want, "DATA", cfg.Data)
			if !strings.Contains(got, want) {
				t.Errorf("New = %q, want %q in it", got, want)
			}
			if bad.Data == cfg.Data && !strings.Contains(tt.name, "Master") && !strings.Contains(tt.name, "Metadata") || tt.name == "WrongMasterKey" {
				if again := open(t, cfg); again.root.key.ID != root {
					t.Errorf("after the refusal the first key is %s, want %s as before", again.root.key.ID, root)
				}
			}
		})
	}
}

func TestOperatorsReachTheServerThroughALongPath(t *testing.T) {
	cfg := testConfig(t)
	cfg.Data = filepath.Join(cfg.Data, strings.Repeat("long-folder-name/", 10), "data")
	s := open(t, cfg)
	start(t, s)
	i, err := api.Dial(SocketPath(cfg.Data)).Instance(t.Context())
	if err != nil || i.Endpoint != s.Endpoint() || i.Region != "auto" {
		t.Errorf("Instance() = %+v, %v, want endpoint %s and region auto", i, err, s.Endpoint())
	}
	if _, err := api.Dial(SocketPath(cfg.Data)).Reclaim(t.Context()); err != nil {
		t.Errorf("Reclaim() = %v", err)
	}
}

func TestReadyFileTellsWhereTheServerIs(t *testing.T) {
	cfg := testConfig(t)
	cfg.ReadyFile = filepath.Join(t.TempDir(), "ready")
	var out bytes.Buffer
	cfg.Stdout = &out
	s := open(t, cfg)
	stop := start(t, s)
	var b []byte
	for {
		var err error
		if b, err = os.ReadFile(cfg.ReadyFile); err == nil {
			break
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	var got Ready
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if want := (Ready{s.s3.url, s.ConsoleURL(), s.admin.url, cfg.Data, os.Getpid()}); got != want {
		t.Errorf("ready file = %+v, want %+v", got, want)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.ReadyFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end the ready file is there: %v", err)
	}
	_, secret, err := s.stores.keys.As(starter()).Reveal(t.Context(), string(s.root.key.ID))
	if err == nil && strings.Contains(out.String(), secret.Reveal()) {
		t.Error("the text at start has the secret")
	}
	if !strings.Contains(out.String(), string(s.root.key.Current.AccessKeyID)) {
		t.Errorf("the text at start has no Access Key ID: %s", out.String())
	}
}

func TestMetricsAreOnTheAdminAddress(t *testing.T) {
	s := open(t, testConfig(t))
	start(t, s)
	code, body := get(t, s.AdminURL()+"/metrics")
	for _, want := range []string{"coffer_store_writable 1", "coffer_meta_commits_total ", "coffer_build_info{", "process_resident_memory_bytes "} {
		if code != 200 || !strings.Contains(body, "\n"+want) {
			t.Errorf("/metrics = %d without %q", code, want)
		}
	}
	if code, _ := get(t, s.AdminURL()+"/v1/keys"); code != http.StatusNotFound {
		t.Errorf("/v1/keys on the admin address = %d, want 404", code)
	}
}
