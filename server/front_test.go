package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coffer/meta"
)

// writeCert writes a self-signed pair for localhost with a serial number.
func writeCert(t *testing.T, dir string, serial int64) {
	t.Helper()
	writeCertFor(t, dir, serial, "localhost")
}

// writeCertFor makes a pair for some names.
func writeCertFor(t *testing.T, dir string, serial int64, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		// By rename, so that a new file is a new file also within one tick of the clock.
		temp := filepath.Join(dir, name+".new")
		if err := os.WriteFile(temp, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCert(t, dir, 1)
	c, err := openCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	step := func(name string, wantChanged, wantErr bool, wantSerial int64) {
		t.Helper()
		changed, err := c.reload(false)
		if changed != wantChanged || (err != nil) != wantErr {
			t.Errorf("%s: reload = %t, %v, want %t, error %t", name, changed, err, wantChanged, wantErr)
		}
		if got := c.current.Load().Leaf.SerialNumber.Int64(); got != wantSerial {
			t.Errorf("%s: certificate %d is in force, want %d", name, got, wantSerial)
		}
	}
	step("nothing changed", false, false, 1)
	writeCert(t, dir, 2)
	step("a new pair", true, false, 2)
	if err := os.WriteFile(keyFile, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	step("a bad key keeps the old pair", false, true, 2)
	step("and is told once", false, false, 2)
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	step("a missing key too", false, true, 2)
	writeCert(t, dir, 3)
	step("until there is a good one", true, false, 3)
}

func TestTLSServesHTTP2AndTheNewCertificate(t *testing.T) {
	dir := t.TempDir()
	writeCert(t, dir, 1)
	cfg := testConfig(t)
	cfg.TLSCert, cfg.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	s := open(t, cfg)
	start(t, s)
	serial := func() int64 {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		resp, err := client.Get(s.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 || !strings.HasPrefix(s.Endpoint(), "https://") {
			t.Errorf("GET %s is HTTP/%d, want 2", s.Endpoint(), resp.ProtoMajor)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("certificate %d, want 1", got)
	}
	writeCert(t, dir, 2)
	s.Reload()
	for deadline := time.Now().Add(20 * time.Second); serial() != 2; {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
}

func TestForwardedHeadersCountFromTrustedProxiesOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, peer, xff, xfh string
		wantAddr, wantHost   string
	}{
		{"FromAnybody", "192.0.2.1:5", "203.0.113.9", "evil", "192.0.2.1:5", "s3.test"},
		{"FromAProxy", "10.1.1.1:5", "203.0.113.9", "b.s3.test", "203.0.113.9:0", "b.s3.test"},
		{"FromAProxyByIPv6", "[fd00::1]:5", "2001:db8::9", "", "[2001:db8::9]:0", "s3.test"},
		{"MappedPeer", "[::ffff:10.1.1.1]:5", "203.0.113.9", "", "203.0.113.9:0", "s3.test"},
		{"WhatTheClientWroteIsSkipped", "10.1.1.1:5", "1.1.1.1, 203.0.113.9", "", "203.0.113.9:0", "s3.test"},
		{"AChainOfProxies", "10.1.1.1:5", "1.1.1.1, 203.0.113.9, 10.2.2.2", "", "203.0.113.9:0", "s3.test"},
		{"GarbageEndsTheChain", "10.1.1.1:5", "203.0.113.9, unknown, 10.2.2.2", "", "10.2.2.2:0", "s3.test"},
		{"NoHeader", "10.1.1.1:5", "", "", "10.1.1.1:5", "s3.test"},
		{"WithAPort", "10.1.1.1:5", "203.0.113.9:4711", "", "203.0.113.9:0", "s3.test"},
		{"WithAPortOfIPv6", "10.1.1.1:5", "[2001:db8::9]:4711", "", "[2001:db8::9]:0", "s3.test"},
		{"InBrackets", "10.1.1.1:5", "[2001:db8::9]", "", "[2001:db8::9]:0", "s3.test"},
		{"HostOfAnother", "10.1.1.1:5", "", "b.site.test:@evil.example", "10.1.1.1:5", "s3.test"},
		{"HostWithAPath", "10.1.1.1:5", "", "b.site.test:80/..", "10.1.1.1:5", "s3.test"},
		{"HostOfTwoLines", "10.1.1.1:5", "", "b.site.test\r\nSet-Cookie: a=b", "10.1.1.1:5", "s3.test"},
		{"HostAndPort", "10.1.1.1:5", "", "b.site.test:8443", "10.1.1.1:5", "b.site.test:8443"},
		{"TwoHosts", "10.1.1.1:5", "", "a, b", "10.1.1.1:5", "s3.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://s3.test/", nil)
			r.RemoteAddr = tt.peer
			if tt.xff != "" {
				r.Header.Set("X-Forwarded-For", tt.xff)
			}
			if tt.xfh != "" {
				r.Header.Set("X-Forwarded-Host", tt.xfh)
			}
			forwarded(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.RemoteAddr != tt.wantAddr || r.Host != tt.wantHost {
					t.Errorf("the handler sees %s, %s, want %s, %s", r.RemoteAddr, r.Host, tt.wantAddr, tt.wantHost)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

func TestTheTextAtStartWorksWhenPasted(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh:", err)
	}
	bin := t.TempDir()
	for name, script := range map[string]string{
		"coffer": `for a; do printf '[%s]' "$a" >&2; done; echo the-secret`,
		"aws":    `echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $*"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	g := greeting{command: "coffer", data: "/srv/it's $HOME data", endpoint: "http://127.0.0.1:9000", admin: "http://127.0.0.1:9002",
		region: "auto", keyID: "CFAK0", made: true}
	if err := g.write(&text); err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(text.String(), "terminal:\n")
	if !ok {
		t.Fatalf("the text has no line to paste:\n%s", text.String())
	}
	cmd := exec.Command(sh, "-c", line)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	const wantOut = "CFAK0 the-secret --endpoint-url http://127.0.0.1:9000 --region auto s3 ls\n"
	const wantErr = "[key][show][CFAK0][--secret][--data][/srv/it's $HOME data]"
	if err != nil || string(out) != wantOut || stderr.String() != wantErr {
		t.Errorf("sh -c %q = %q, %q, %v, want %q, %q", line, out, stderr.String(), err, wantOut, wantErr)
	}
}

// hungStore does not answer until released.
type hungStore struct {
	meta.Store
	release chan error
	asked   atomic.Int32
}

func (s *hungStore) View(context.Context, func(meta.Reader) error) error {
	s.asked.Add(1)
	return <-s.release
}

func TestReadinessOfAHungStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hungStore{release: make(chan error)}
		h := &health{store: store, writable: func() error { return nil }}
		for range 3 {
			start := time.Now()
			r := h.report(t.Context())
			if r.Ready || len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], "does not answer") {
				t.Errorf("report of a hung store = %+v, want not ready", r)
			}
			if took := time.Since(start); took != probeTimeout {
				t.Errorf("report took %v, want %v", took, probeTimeout)
			}
		}
		if n := store.asked.Load(); n != 1 {
			t.Errorf("three reports asked %d times, want once: each would hold a goroutine", n)
		}
		store.release <- errors.New("late")
		synctest.Wait()
		go func() { store.release <- nil }()
		if r := h.report(t.Context()); !r.Ready {
			t.Errorf("report after the store answers again = %+v, want ready", r)
		}
		h.writable = func() error { return errors.New("full") }
		go func() { store.release <- nil }()
		if r := h.report(t.Context()); r.Ready || len(r.Reasons) != 1 || r.Reasons[0] != "writes are refused: full" {
			t.Errorf("report below the floor = %+v, want not ready because of it", r)
		}
	})
}
