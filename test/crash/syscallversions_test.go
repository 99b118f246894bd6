package crash_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"coffer/test/harness"
)

// listedVersion is one version of a key: an object, or a delete marker, for which
// nothing exists.
type listedVersion struct {
	id string
	version
}

func (v listedVersion) String() string { return fmt.Sprintf("%s: %s", v.id, v.version) }

func sameVersions(a, b []listedVersion) bool {
	return slices.EqualFunc(a, b, func(a, b listedVersion) bool { return a.id == b.id && a.same(b.version) })
}

// versions reads all versions of a key with their bytes, the newest first.
func (c *client) versions(key string) ([]listedVersion, error) {
	r, err := c.do(request{method: http.MethodGet, query: url.Values{"versions": {""}, "prefix": {key}}})
	if err != nil || r.status != http.StatusOK {
		return nil, fmt.Errorf("list versions = %v, %w", r, err)
	}
	type listing struct {
		XMLName        xml.Name
		VersionId, Key string
		IsLatest       bool
	}
	var doc struct {
		Rows []listing `xml:",any"`
	}
	if err := xml.Unmarshal(r.body, &doc); err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	var all []listedVersion
	for _, row := range doc.Rows {
		marker := row.XMLName.Local == "DeleteMarker"
		if !marker && row.XMLName.Local != "Version" {
			continue
		}
		if row.IsLatest != (len(all) == 0) {
			return nil, fmt.Errorf("list versions: version %d, %s, says latest %t", len(all), row.VersionId, row.IsLatest)
		}
		v := listedVersion{id: row.VersionId}
		r, err := c.do(request{method: http.MethodGet, key: key, query: url.Values{"versionId": {v.id}}})
		switch {
		case err != nil:
			return nil, fmt.Errorf("GET version %s: %w", v.id, err)
		case marker && r.status != http.StatusMethodNotAllowed:
			return nil, fmt.Errorf("GET delete marker %s = %s, want 405", v.id, r)
		case !marker:
			if v.version, err = seen(r); err != nil || !v.exists {
				return nil, fmt.Errorf("GET version %s = %s, %w", v.id, r, err)
			}
		}
		all = append(all, v)
	}
	return all, nil
}

// versionStep is a request on a key with versions.
type versionStep struct {
	name string
	// request makes the request from what there is, and says what there is after
	// it; an id of "" is one that the server draws.
	request func(have []listedVersion, v version, body []byte) (request, []listedVersion)
}

const versionedKey = "versioned"

var versionSteps = []versionStep{
	{"PutVersion", func(have []listedVersion, v version, body []byte) (request, []listedVersion) {
		return request{method: http.MethodPut, key: versionedKey, header: v.headers(), body: body}, slices.Insert(slices.Clone(have), 0, listedVersion{"", v})
	}},
	{"DeleteMakesMarker", func(have []listedVersion, _ version, _ []byte) (request, []listedVersion) {
		return request{method: http.MethodDelete, key: versionedKey}, slices.Insert(slices.Clone(have), 0, listedVersion{})
	}},
	{"DeleteMarker", func(have []listedVersion, _ version, _ []byte) (request, []listedVersion) {
		return deleteVersion(have, 0)
	}},
	{"DeleteNewestVersion", func(have []listedVersion, _ version, _ []byte) (request, []listedVersion) {
		return deleteVersion(have, 0)
	}},
	{"DeleteOlderVersion", func(have []listedVersion, _ version, _ []byte) (request, []listedVersion) {
		return deleteVersion(have, len(have)-1)
	}},
}

func deleteVersion(have []listedVersion, i int) (request, []listedVersion) {
	return request{method: http.MethodDelete, key: versionedKey, query: url.Values{"versionId": {have[i].id}}}, slices.Delete(slices.Clone(have), i, i+1)
}

// TestKilledAtEachSystemCallKeepsVersions interrupts writes to a key that keeps
// its versions: after the start there are those from before, or those that the
// request makes, and if it was answered the latter.
func TestKilledAtEachSystemCallKeepsVersions(t *testing.T) {
	seed := newSeed(t)
	needTracer(t)
	server := harness.Start(t, harness.Options{})
	c := newClient(server, "versions")
	makeBucket(t, c)
	body := []byte(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	if r, err := c.do(request{method: http.MethodPut, query: url.Values{"versioning": {""}}, header: map[string]string{"Content-MD5": contentMD5(body)}, body: body}); err != nil || r.status != http.StatusOK {
		t.Fatalf("enable versioning = %v, %v", r, err)
	}
	puts := 0
	draw := func() (version, []byte) {
		puts++
		name := fmt.Sprintf("%x-version-%d", seed, puts)
		body := content(name, 80<<10)
		return newVersion(name, "text/x-version", body), body
	}
	// As many as there are kills, and some more.
	for range 40 {
		v, body := draw()
		if r, err := c.do(request{method: http.MethodPut, key: versionedKey, header: v.headers(), body: body}); err != nil || r.status != http.StatusOK {
			t.Fatalf("PUT version = %v, %v", r, err)
		}
	}
	for _, st := range versionSteps {
		t.Run(st.name, func(t *testing.T) {
			for n := 1; n < callsMax; n++ {
				have, err := c.versions(versionedKey)
				if err != nil {
					t.Fatal(err)
				}
				v, body := draw()
				q, want := st.request(have, v, body)
				tr := trace(t, server, traceOrder{Calls: changes, When: n, Action: traceKill})
				r, err := c.do(q)
				hits := tr.end()
				acked := err == nil && r.status < 300
				if len(hits) > 0 {
					server.Kill()
					c.close()
					server.Restart()
					c = newClient(server, c.bucket)
				}
				got, err := c.versions(versionedKey)
				if err != nil {
					t.Fatalf("killed before call %q: %v", hits, err)
				}
				// Whoever was told an id finds it; nobody else knows it.
				if len(got) > 0 && len(want) > len(have) && len(got) > len(have) {
					want[0].id = got[0].id
					if id := got[0].id; id == "" || acked && id != r.header.Get("X-Amz-Version-Id") {
						t.Errorf("the new version is %q, want %q", id, r.header.Get("X-Amz-Version-Id"))
					}
				}
				if !sameVersions(got, want) && (acked || !sameVersions(got, have)) {
					t.Fatalf("killed before call %q (answered: %t): there are %v, want %v or %v", hits, acked, got, want, have)
				}
				if len(hits) == 0 {
					if !acked || n < 3 {
						t.Errorf("uninterrupted = %v after %d system calls, want success after some", r, n-1)
					}
					return
				}
			}
		})
	}
}
