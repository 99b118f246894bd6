package keys

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"coffer"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestRecordsReadAsWritten(t *testing.T) {
	key := coffer.Key{ID: "key_0123456789abcdefghjk", Account: "123456789012", Name: "ci", Status: coffer.KeyDeleted,
		Created: noon, Deleted: noon.Add(time.Hour),
		Current: coffer.Credential{AccessKeyID: "CFAK0123456789AB01CD", Created: noon.Add(time.Minute)}}
	checkGolden(t, "key.golden", encodeKey(key))
	if got, err := decodeKey(golden(t, "key.golden")); err != nil || got != key {
		t.Errorf("decodeKey(golden) = %+v, %v, want %+v", got, err, key)
	}

	data, err := newAEAD(bytes.Repeat([]byte{'d'}, dataKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	nonces := bytes.NewReader(bytes.Repeat([]byte{'n'}, 24))
	sealed, err := seal(data, nonces, secretContext(key.Current.AccessKeyID), []byte("cfs_secret"))
	if err != nil {
		t.Fatal(err)
	}
	c := credential{account: key.Account, key: key.ID, canonical: "c1", displayName: "Ann", status: coffer.KeyActive,
		created: noon, sealed: sealed}
	checkGolden(t, "credential.golden", encodeCredential(c))
	got, err := decodeCredential(golden(t, "credential.golden"))
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("decodeCredential(golden) = %+v, %v, want %+v", got, err, c)
	}
	if plain, err := open(data, secretContext("CFAK0123456789AB01CD"), got.sealed); err != nil || string(plain) != "cfs_secret" {
		t.Errorf("the golden credential opens as %q, %v", plain, err)
	}

	wrap, err := newAEAD([]byte(master.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := seal(wrap, nonces, dataKeyContext, bytes.Repeat([]byte{'d'}, dataKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "datakey.golden", encodeDataKey(master.id(), wrapped))
	if _, err := unsealDataKey(golden(t, "datakey.golden"), master, wrap); err != nil {
		t.Errorf("unsealDataKey(golden): %v", err)
	}
}

// FuzzDecode holds that no bytes make a panic, and that what is understood is
// written again as it was read.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"key.golden", "credential.golden"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := decodeKey(b); err == nil {
			if again, err := decodeKey(encodeKey(key)); err != nil || !bytes.Equal(encodeKey(again), encodeKey(key)) {
				t.Errorf("%+v reads back as %+v, %v", key, again, err)
			}
		}
		if c, err := decodeCredential(b); err == nil {
			if again, err := decodeCredential(encodeCredential(c)); err != nil || !bytes.Equal(encodeCredential(again), encodeCredential(c)) {
				t.Errorf("%+v reads back as %+v, %v", c, again, err)
			}
		}
	})
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := golden(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s: encoded %x, want %x", name, got, want)
	}
}
