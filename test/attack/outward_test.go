package attack

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coffer/api"
)

// TestOutwardCalls has webhooks at addresses that only the machine itself should
// reach, in many spellings, and one at an address that redirects there (TEN-15). Only
// operators name webhooks, so this is what a name in a configuration can be made to
// mean; a bucket's own configuration names none, which TestConfigurations tries.
func TestOutwardCalls(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer canary.Close()
	_, port, err := net.SplitHostPort(canary.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	hosts := []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.2", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254",
		"10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "[fe80::1]", "[fc00::1]", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "[2001:db8::1]", "0.0.0.1"}
	var hooks []string
	for i, host := range hosts {
		hooks = append(hooks, fmt.Sprintf("name=hook%d;url=http://%s", i, net.JoinHostPort(strings.Trim(host, "[]"), port)))
	}
	for _, url := range []string{"nats://%s/s", "kafka://%s/t", "amqp://%s/?routing_key=q"} {
		for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254"} {
			hooks = append(hooks, fmt.Sprintf("name=hook%d;url="+url, len(hooks), net.JoinHostPort(host, port)))
			hosts = append(hosts, host)
		}
	}
	w := makeWorld(t, false, []string{"COFFER_WEBHOOKS=" + strings.Join(hooks, " ")})
	w.unchanged(t, func() {
		for i, host := range hosts {
			name := fmt.Sprintf("hook%d", i)
			if err := w.socket.TestWebhook(t.Context(), name); err != nil {
				t.Errorf("send a test to %s: %v", host, err)
				continue
			}
			d := w.delivery(t, name)
			// A spelling of an address that the resolver does not know is no host at all.
			if d.Status != 0 || !strings.Contains(d.Error, "not on the Internet") && !strings.Contains(d.Error, "no such host") && !strings.Contains(d.Error, "lookup") {
				t.Errorf("a webhook at %s: the delivery is %+v, want it refused before it is dialled", host, d)
			}
		}
		for _, who := range []pair{w.full, w.ro, w.bFull, nobody} {
			for _, path := range []string{"/v1/webhooks", "/v1/webhooks/hook0"} {
				w.api(t, who, "GET", path, "").oneOf(t, "GET "+path+" by "+who.id, 401, 403, 404)
			}
			for _, verb := range []string{":test", ":replay"} {
				w.api(t, who, "POST", "/v1/webhooks/hook0"+verb, "").oneOf(t, "POST "+verb+" by "+who.id, 401, 403, 404)
			}
		}
	})
	if n := calls.Load(); n != 0 {
		t.Errorf("the server called this machine %d times", n)
	}
	for _, e := range w.errors.take() {
		t.Errorf("server error: %s", e)
	}
}

// delivery waits for the first attempt to send to a webhook.
func (w *world) delivery(t *testing.T, name string) api.Delivery {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		d, err := w.socket.Webhook(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Deliveries) > 0 {
			return d.Deliveries[0]
		}
	}
	t.Fatalf("nothing was sent to %s within a minute", name)
	return api.Delivery{}
}

// TestSignedPayloadsOverHTTP sends bodies that no signature covers to a server that
// wants them covered, and to one that does not, which is the default (CHK-15).
func TestSignedPayloadsOverHTTP(t *testing.T) {
	t.Parallel()
	strict, lax := newPlainWorld(t, "--s3-signed-payloads-over-http"), newPlainWorld(t)
	for _, w := range []*world{strict, lax} {
		want := 400
		if w == lax {
			want = 200
		}
		w.unchanged(t, func() {
			f := put(w)
			f.path, f.hash = "/a-priv/unsigned", unsigned
			w.forge(t, f).oneOf(t, "PUT of UNSIGNED-PAYLOAD over plain HTTP", want)
			f.lines, f.body = []string{"Transfer-Encoding: chunked"}, "4\r\nevil\r\n0\r\n\r\n"
			w.forge(t, f).oneOf(t, "PUT of UNSIGNED-PAYLOAD in chunks", want)
			s := stream(w, unsignedStream, "evil")
			s.path = "/a-priv/unsigned"
			w.exchange(t, "PUT", s.text(w)).oneOf(t, "PUT of unsigned chunks over plain HTTP", want)
			w.forge(t, forged{who: w.full, path: "/a-priv/other", hash: unsigned}).oneOf(t, "GET of UNSIGNED-PAYLOAD, which has no body", 200)
			for _, kind := range []string{signedStream, signedStreamTrailer} {
				s := stream(w, kind, "good")
				s.path = "/a-priv/unsigned"
				w.exchange(t, "PUT", s.text(w)).oneOf(t, "PUT of "+kind, 200)
			}
			w.follow(t, "PUT", w.link(t, w.full, "PUT", "/a-priv/unsigned"), "x").oneOf(t, "a URL to PUT", 200)
			w.s3(t, w.full, "DELETE", "/a-priv/unsigned", "").oneOf(t, "DELETE", 204)
		})
	}
}
