package crypt

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	_ "gocloud.dev/secrets/localsecrets"
)

func keyURL(seed byte) string {
	return "base64key://" + base64.URLEncoding.EncodeToString(text(seed, 32))
}

func TestKMSKeysAreFoundByWhatClientsCallThem(t *testing.T) {
	k, err := OpenKMS(t.Context(), "main="+keyURL(1)+", other_2="+keyURL(2)+"\n")
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if got := strings.Join(k.Names(), " "); got != "main other_2" || k.Default() != "main" {
		t.Errorf("Names = %s, Default = %s, want main other_2, main", got, k.Default())
	}
	for id, want := range map[string]string{
		"main": "main", "alias/main": "main", "other_2": "other_2",
		"arn:aws:kms:us-east-1:111122223333:key/main": "main", "arn:aws:kms:auto::alias/other_2": "other_2",
		"": "", "Main": "", "arn:aws:s3:::main": "", "arn:aws:kms:main": "", "arn:aws:kms:a:b:main": "", "key/main": "", "none": "",
	} {
		got, err := k.Resolve(id)
		if got != want || (want == "") != errors.Is(err, ErrNoKey) {
			t.Errorf("Resolve(%q) = %q, %v, want %q", id, got, err, want)
		}
	}
	var none *KMS
	if _, err := none.Resolve("main"); !errors.Is(err, ErrNoKey) {
		t.Errorf("Resolve without keys = %v, want ErrNoKey", err)
	}
}

func TestKMSUnwrapsOnlyWithKeyAndContext(t *testing.T) {
	k, err := OpenKMS(t.Context(), "main="+keyURL(1)+",other="+keyURL(2))
	if err != nil {
		t.Fatal(err)
	}
	data := newKey(t, 3)
	wrapped, err := k.Wrap(t.Context(), "main", "ctx", data)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Unwrap(t.Context(), "main", "ctx", wrapped); err != nil || !bytes.Equal(got.Reveal(), data.Reveal()) {
		t.Errorf("Unwrap = %v, want the key that was wrapped", err)
	}
	if _, err := k.Unwrap(t.Context(), "main", "other", wrapped); !errors.Is(err, ErrDamaged) {
		t.Errorf("Unwrap(another context) = %v, want ErrDamaged", err)
	}
	if _, err := k.Unwrap(t.Context(), "other", "ctx", wrapped); err == nil {
		t.Errorf("Unwrap(another key) = nil, want an error")
	}
	if _, err := k.Unwrap(t.Context(), "gone", "ctx", wrapped); !errors.Is(err, ErrNoKey) {
		t.Errorf("Unwrap(a key that is gone) = %v, want ErrNoKey", err)
	}
}

func TestWrongKMSListsAreRefusedWithoutQuotingThem(t *testing.T) {
	secret := base64.URLEncoding.EncodeToString(text(1, 32))
	for _, list := range []string{
		"base64key://" + secret, "=base64key://" + secret, "a b=base64key://" + secret, "a=base64key://", "a=" + secret,
		"a=base64key://" + secret + "x", "a=nope://" + secret, "a=base64key://" + secret + ",a=base64key://" + secret,
	} {
		if _, err := OpenKMS(t.Context(), list); err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("OpenKMS(%q) = %v, want an error without the key", list, err)
		}
	}
}
