package sigv4_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"coffer/sigv4"
)

// TestKeyIsNeverPrinted writes a key in every way that a log might.
func TestKeyIsNeverPrinted(t *testing.T) {
	key := exampleKey()
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "key", key, "in", struct{ K sigv4.Key }{key})
	marshalled, err := json.Marshal(map[string]any{"key": key})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %x %X %s %q %d %v", key, key, key, key, key, key, key, key, &key) + logged.String() + string(marshalled)
	for _, secret := range []string{fmt.Sprintf("%x", key[:4]), fmt.Sprintf("%X", key[:4]), fmt.Sprint(key[:2])[1:6], string(key[:4])} {
		if strings.Contains(text, secret) {
			t.Errorf("a printed key holds %q: %s", secret, text)
		}
	}
	if n := strings.Count(text, "[signing key]"); n < 10 {
		t.Errorf("a key printed 12 times shows its placeholder %d times: %s", n, text)
	}
}
