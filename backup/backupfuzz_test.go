package backup

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzManifest opens a backup whose manifest says anything, sealed as it should be, and
// whose config says anything: it is read or refused, it leads to no file outside of the
// folder, and what cannot be is no backup.
func FuzzManifest(f *testing.F) {
	const id = "20260102T030405000Z-0a0b0c0d"
	f.Add(`{"format":1,"id":"`+id+`","files":1,"records":1,"sha256":"x","disks":[{"id":"abcd","main":true}]}`, `{"format":1,"check":""}`)
	f.Add(`{"format":1,"id":"`+id+`","files":-1}`, `{"format":2}`)
	f.Add(`{"format":1,"id":"`+id+`","files":1000000000000,"damaged":["z","a"]}`, `null`)
	f.Add(`{"format":1,"id":"../../etc"}`, `{"format":1,"master_key":"\u0000`+strings.Repeat("x", 100)+`"}`)
	f.Fuzz(func(t *testing.T, manifest, config string) {
		dir := t.TempDir()
		store, err := At(dir, os.Getenv)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Make(t.Context(), store, theKey('k'), fixed{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.put(t.Context(), manifestName(id), []byte(manifest)); err != nil {
			t.Fatal(err)
		}
		m, err := r.Find(t.Context(), "")
		all, listErr := r.List(t.Context())
		if (err == nil) != (listErr == nil) || err == nil && (len(all) != 1 || all[0].ID != id || m.ID != id || m.Format != Format) {
			t.Errorf("manifest %q: Find = %+v, %v, and List = %d backups, %v", manifest, m, err, len(all), listErr)
		}
		if err == nil {
			// No file of records is there, so it is whole only if it says that there are none.
			report, err := r.Verify(t.Context(), m, nil)
			if whole := err == nil && report.Damaged == 0; whole && (m.Files != 0 || m.Records != 0) {
				t.Errorf("manifest %q: Verify = %+v, want damage", manifest, report)
			}
			if _, err := json.Marshal(m); err != nil {
				t.Errorf("manifest %q is read, and cannot be written: %v", manifest, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, configName), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), store, theKey('k'), fixed{}); err == nil || errors.Is(err, ErrNoBackup) {
			t.Errorf("config %q: Open = %v, want a refusal that is not \"no backup\"", config, err)
		}
	})
}

// fixed is randomness that is none.
type fixed struct{}

func (fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 7
	}
	return len(p), nil
}
