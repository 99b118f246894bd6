package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"coffer"
)

// FuzzBody holds that no body trips the reader, and that what it takes says each
// thing once: written again it is the same, whoever reads it.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"name":"a","scope":{"grants":[{"preset":"full","buckets":["x"],"prefixes":["p/"]}]}}`, `{"scope":null,"scope":{"grants":[]}}`, `{"Name":"a"}`, `{"expires":"2030-01-01T00:00:00Z"}`,
		`{"import":{"access_key_id":"a","secret_access_key":"b"}}`, `{"a":{"b":[{"c":1},{"c":2}]}}`, `[]`, `null`, `{}{}`, `{"name":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var key CreateKeyInput
		if err := decodeStrict(b, &key); err == nil {
			sameForAll(t, b)
		}
		var scope struct {
			Scope *coffer.Scope `json:"scope"`
		}
		if err := decodeStrict(b, &scope); err == nil {
			sameForAll(t, b)
		}
		_ = decodeStrict(b, &ChangeQuotaInput{})
		_ = decodeStrict(b, &InviteInput{})
	})
}

// sameForAll reads a document as one reader and as another that takes the first of
// what is there twice.
func sameForAll(t *testing.T, b []byte) {
	t.Helper()
	var last any
	if err := json.Unmarshal(b, &last); err != nil {
		t.Fatalf("%q is taken, and is no JSON: %v", b, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if first := readFirst(t, d); !reflect.DeepEqual(first, last) {
		t.Errorf("%q is %v to who takes the first of two, and %v to who takes the last", b, first, last)
	}
	if strings.ContainsAny(strings.Join(namesOf(last), ""), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t.Errorf("%q is taken, with names in capitals", b)
	}
}

func namesOf(v any) (names []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			names = append(append(names, name), namesOf(value)...)
		}
	case []any:
		for _, value := range v {
			names = append(names, namesOf(value)...)
		}
	}
	return names
}

func readFirst(t *testing.T, d *json.Decoder) any {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token {
	case json.Delim('{'):
		m := map[string]any{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			value := readFirst(t, d)
			if _, again := m[name.(string)]; !again {
				m[name.(string)] = value
			}
		}
		_, _ = d.Token()
		return m
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, readFirst(t, d))
		}
		_, _ = d.Token()
		return list
	}
	return token
}
