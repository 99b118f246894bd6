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

var (
	goldenID  = coffer.AccessKeyID("CFAK0123456789AB01CD")
	goldenKey = record{generations: 4, Key: coffer.Key{ID: "key_0123456789abcdefghjk", Account: "123456789012", Name: "ci",
		Created: noon, Paused: noon.Add(time.Hour), Expires: noon.Add(2 * time.Hour), Deleted: noon.Add(3 * time.Hour),
		Scope: &coffer.Scope{Grants: []coffer.Grant{
			{Preset: coffer.PresetReadOnly, Buckets: []string{"photos", "logs-*"}, Prefixes: []string{"2024/", "a b/"}},
			{Preset: coffer.PresetListOnly}}},
		Current: coffer.Credential{AccessKeyID: goldenID, Generation: 4, Created: noon.Add(time.Minute)},
		Rotation: &coffer.Rotation{Outgoing: coffer.Credential{AccessKeyID: goldenID, Generation: 3, Created: noon},
			SameID: true, Reason: coffer.ReasonLeaked, Began: noon.Add(time.Minute), ConfirmBy: noon.Add(time.Hour),
			Overdue: true, ScreamBegan: noon.Add(2 * time.Minute), ScreamUntil: noon.Add(3 * time.Minute)}},
		retired: []retired{
			{Credential: coffer.Credential{AccessKeyID: "CFAK0123456789AB01CE", Generation: 1, Created: noon}, ended: noon, linksBefore: noon},
			{Credential: coffer.Credential{AccessKeyID: goldenID, Generation: 2, Created: noon}, ended: noon}},
	}
)

func TestRecordsReadAsWritten(t *testing.T) {
	checkGolden(t, "key.golden", encodeKey(goldenKey))
	if got, err := decodeKey(golden(t, "key.golden")); err != nil || !reflect.DeepEqual(got, goldenKey) {
		t.Errorf("decodeKey(golden) = %+v, %v, want %+v", got, err, goldenKey)
	}

	actions := record{generations: 1, Key: coffer.Key{ID: goldenKey.ID, Account: goldenKey.Account, Created: noon, Current: goldenKey.Current,
		Scope: &coffer.Scope{Grants: []coffer.Grant{{Actions: coffer.NewActions(coffer.ListBucket, coffer.PutObject), Buckets: []string{"photos"}}}}}}
	actions.Current.Generation = 1
	checkGolden(t, "keyactions.golden", encodeKey(actions))
	if got, err := decodeKey(golden(t, "keyactions.golden")); err != nil || !reflect.DeepEqual(got, actions) {
		t.Errorf("decodeKey(actions) = %+v, %v, want %+v", got, err, actions)
	}
	unknown := bytes.Replace(encodeKey(actions), []byte("s3:PutObject"), []byte("s3:PutObjekt"), 1)
	if got, err := decodeKey(unknown); err == nil {
		t.Errorf("decodeKey with an action that there is not = %+v, want an error", got)
	}

	data, err := newAEAD(bytes.Repeat([]byte{'d'}, dataKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	nonces := bytes.NewReader(bytes.Repeat([]byte{'n'}, 36))
	c := credential{account: "123456789012", key: goldenKey.ID, canonical: "c1", displayName: "Ann"}
	for _, generation := range []int{3, 4} {
		sealed, err := seal(data, nonces, secretContext(coffer.Credential{AccessKeyID: goldenID, Generation: generation}), []byte("cfs_secret"))
		if err != nil {
			t.Fatal(err)
		}
		c.secrets = append(c.secrets, secret{generation, sealed})
	}
	checkGolden(t, "credential.golden", encodeCredential(c))
	got, err := decodeCredential(golden(t, "credential.golden"))
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("decodeCredential(golden) = %+v, %v, want %+v", got, err, c)
	}
	if plain, err := open(data, secretContext(goldenKey.Current), got.secrets[1].sealed); err != nil || string(plain) != "cfs_secret" {
		t.Errorf("the golden credential opens as %q, %v", plain, err)
	}
	if _, err := open(data, secretContext(goldenKey.Current), got.secrets[0].sealed); err == nil {
		t.Error("an old secret opens as the new one of the same ID")
	}

	client := Client{Source: "192.0.2.1", UserAgent: "aws-cli/2", Operation: "GetObject", Bucket: "photos", Region: "auto",
		First: noon, Last: noon.Add(time.Hour), Count: 7, Refused: 2, LastRefused: noon.Add(time.Minute)}
	checkGolden(t, "client.golden", encodeClient(client))
	if got, err := decodeClient(golden(t, "client.golden")); err != nil || got != client {
		t.Errorf("decodeClient(golden) = %+v, %v, want %+v", got, err, client)
	}
	sum := summary{clients: 3, seen: noon.Add(time.Hour), last: coffer.LastUse{Time: noon, Source: "192.0.2.1",
		UserAgent: "aws-cli/2", Operation: "GetObject", Bucket: "photos", Region: "auto"}}
	checkGolden(t, "summary.golden", encodeSummary(sum))
	if got, err := decodeSummary(golden(t, "summary.golden")); err != nil || got != sum {
		t.Errorf("decodeSummary(golden) = %+v, %v, want %+v", got, err, sum)
	}

	wrap, err := newAEAD([]byte(master.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := seal(wrap, bytes.NewReader(bytes.Repeat([]byte{'n'}, 12)), dataKeyContext, bytes.Repeat([]byte{'d'}, dataKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "datakey.golden", encodeDataKey(master.id(), wrapped))
	if _, err := unsealDataKey(golden(t, "datakey.golden"), master, wrap); err != nil {
		t.Errorf("unsealDataKey(golden): %v", err)
	}
}

// TestRecordsOfVersion1AreRead reads what the first version wrote.
func TestRecordsOfVersion1AreRead(t *testing.T) {
	want := record{generations: 1, Key: coffer.Key{ID: "key_0123456789abcdefghjk", Account: "123456789012", Name: "ci",
		Created: noon, Deleted: noon.Add(time.Hour),
		Current: coffer.Credential{AccessKeyID: goldenID, Generation: 1, Created: noon.Add(time.Minute)}}}
	key, err := decodeKey(golden(t, "key1.golden"))
	if err != nil || !reflect.DeepEqual(key, want) || key.StatusAt(noon) != coffer.KeyDeleted {
		t.Errorf("decodeKey(version 1) = %+v, %v, want %+v", key, err, want)
	}
	c, err := decodeCredential(golden(t, "credential1.golden"))
	if err != nil || c.account != want.Account || c.key != want.ID || c.canonical != "c1" || c.displayName != "Ann" {
		t.Errorf("decodeCredential(version 1) = %+v, %v", c, err)
	}
	data, err := newAEAD(bytes.Repeat([]byte{'d'}, dataKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := (&Service{data: data}).openSecret(key.Current, c); err != nil || plain.Reveal() != "cfs_secret" {
		t.Errorf("the secret of version 1 opens as %d bytes, %v", len(plain.Reveal()), err)
	}
}

// FuzzDecode holds that no bytes make a panic, and that what is understood is
// written again as it was read.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"key.golden", "keyactions.golden", "credential.golden", "key1.golden", "credential1.golden", "client.golden", "summary.golden"} {
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
		if c, err := decodeClient(b); err == nil {
			if again, err := decodeClient(encodeClient(c)); err != nil || !bytes.Equal(encodeClient(again), encodeClient(c)) {
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
