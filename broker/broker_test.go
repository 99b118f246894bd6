package broker_test

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
	"fmt"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"coffer"
	"coffer/broker"
)

const (
	user     = "ev ents" // needs an escape in a URL
	password = "s3cret@of:a/broker"
	userinfo = "ev%20ents:s3cret%40of%3Aa%2Fbroker@"
)

// running is a broker that runs.
type running struct {
	addr string
	// url is the target's, for a broker at an address.
	url func(scheme, userinfo, addr string) string
	// read reads n messages that came since the last call.
	read func(t *testing.T, n int) []broker.Message
	// silence lets it take nothing and answer nothing from now on.
	silence func(t *testing.T)
	stop    func()
}

// settings are those that tests need of a broker.
type settings struct {
	addr     string // where it listens; "" for any
	tls      bool
	password bool
}

// kinds are the brokers that all of the tests are for.
var kinds = []struct {
	name, scheme, tlsScheme string
	start                   func(t *testing.T, s settings) running
}{
	{"NATS", "nats", "nats+tls", startNATS},
	{"JetStream", "nats", "nats+tls", startJetStream},
	{"Kafka", "kafka", "kafka+tls", startKafka},
	{"AMQP", "amqp", "amqps", startAMQP},
}

func eachKind(t *testing.T, test func(t *testing.T, scheme, tlsScheme string, start func(t *testing.T, s settings) running)) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.scheme, kind.tlsScheme, kind.start) })
	}
}

func hook(url string) coffer.Webhook {
	return coffer.Webhook{Name: "events", URL: coffer.NewSecretFrom(url)}
}

func newClient(t *testing.T, opt broker.Options) *broker.Client {
	c := broker.New(opt)
	t.Cleanup(c.Close)
	return c
}

func messages(from, n int) (list []broker.Message) {
	for i := range n {
		list = append(list, broker.Message{ID: fmt.Sprintf("evt_%d", from+i), Key: "bucket/key", Body: fmt.Appendf(nil, `{"Records":[{"n":%d}]}`, from+i)})
	}
	return list
}

// same tells whether a broker has the messages, with what its protocol has of a key.
func same(got, want []broker.Message) error {
	if len(got) != len(want) {
		return fmt.Errorf("it has %d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].ID != want[i].ID || string(got[i].Body) != string(want[i].Body) || got[i].Key != "" && got[i].Key != want[i].Key {
			return fmt.Errorf("message %d is %s %s of %q, want %s %s of %q", i, got[i].ID, got[i].Body, got[i].Key, want[i].ID, want[i].Body, want[i].Key)
		}
	}
	return nil
}

func TestABrokerHasAllEventsInOrderOnceTheyWerePublished(t *testing.T) {
	eachKind(t, func(t *testing.T, scheme, _ string, start func(t *testing.T, s settings) running) {
		b := start(t, settings{password: true})
		c := newClient(t, broker.Options{AllowPrivate: true})
		for from := 0; from < 500; from += 250 {
			if err := c.Publish(t.Context(), hook(b.url(scheme, userinfo, b.addr)), messages(from, 250)); err != nil {
				t.Fatalf("Publish() = %v", err)
			}
		}
		if err := same(b.read(t, 500), messages(0, 500)); err != nil {
			t.Error(err)
		}
	})
}

func TestABrokerThatIsDownTakesEventsOnceItIsBack(t *testing.T) {
	eachKind(t, func(t *testing.T, scheme, _ string, start func(t *testing.T, s settings) running) {
		b := start(t, settings{})
		c := newClient(t, broker.Options{AllowPrivate: true})
		to := hook(b.url(scheme, "", b.addr))
		if err := c.Publish(t.Context(), to, messages(0, 1)); err != nil {
			t.Fatalf("Publish() = %v", err)
		}
		b.read(t, 1)
		b.stop()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := c.Publish(ctx, to, messages(1, 1)); err == nil {
			t.Error("Publish() = nil while the broker is down")
		}
		b = start(t, settings{addr: b.addr})
		to = hook(b.url(scheme, "", b.addr))
		if err := c.Publish(t.Context(), to, messages(1, 3)); err != nil {
			t.Fatalf("Publish() = %v after the broker came back", err)
		}
		if err := same(b.read(t, 3), messages(1, 3)); err != nil {
			t.Error(err)
		}
	})
}

func TestABrokerThatIsSilentIsGivenUpInTime(t *testing.T) {
	eachKind(t, func(t *testing.T, scheme, _ string, start func(t *testing.T, s settings) running) {
		b := start(t, settings{})
		c := newClient(t, broker.Options{AllowPrivate: true})
		to := hook(b.url(scheme, "", b.addr))
		if err := c.Publish(t.Context(), to, messages(0, 1)); err != nil {
			t.Fatalf("Publish() = %v", err)
		}
		b.silence(t)
		for _, what := range []string{"over the connection that there is", "over a new one"} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			began := time.Now()
			err := c.Publish(ctx, to, messages(1, 5))
			cancel()
			if took := time.Since(began); err == nil || took > 5*time.Second {
				t.Errorf("Publish() %s = %v after %s, want an error soon after the context ended", what, err, took)
			}
		}
	})
}

func TestAWrongPasswordIsRefusedAndNotTold(t *testing.T) {
	eachKind(t, func(t *testing.T, scheme, _ string, start func(t *testing.T, s settings) running) {
		b := start(t, settings{password: true})
		c := newClient(t, broker.Options{AllowPrivate: true})
		err := c.Publish(t.Context(), hook(b.url(scheme, "ev%20ents:not-the-one@", b.addr)), messages(0, 1))
		if err == nil || strings.Contains(err.Error(), "not-the-one") || strings.Contains(err.Error(), user) {
			t.Errorf("Publish() = %v, want an error without user and password", err)
		}
	})
}

func TestCertificatesAreChecked(t *testing.T) {
	eachKind(t, func(t *testing.T, _, tlsScheme string, start func(t *testing.T, s settings) running) {
		cert, err := makeCertificate()
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, settings{tls: true, password: true})
		to := hook(b.url(tlsScheme, userinfo, b.addr))
		if err := newClient(t, broker.Options{AllowPrivate: true}).Publish(t.Context(), to, messages(0, 1)); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("Publish() = %v, want the certificate refused", err)
		}
		if err := newClient(t, broker.Options{AllowPrivate: true, Roots: cert.roots}).Publish(t.Context(), to, messages(0, 2)); err != nil {
			t.Fatalf("Publish() = %v", err)
		}
		if err := same(b.read(t, 2), messages(0, 2)); err != nil {
			t.Error(err)
		}
	})
}

func TestAddressesThatAreNotOnTheInternetAreNotDialled(t *testing.T) {
	for _, url := range []string{"nats://%s/s", "nats+tls://%s/s", "kafka://%s/t", "kafka+tls://%s/t", "amqp://%s/?routing_key=q", "amqps://%s/?routing_key=q"} {
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:127.0.0.1]", "10.0.0.1"} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			err = newClient(t, broker.Options{}).Publish(t.Context(), hook(fmt.Sprintf(url, host+":"+port)), messages(0, 1))
			if err == nil || !strings.Contains(err.Error(), "not on the Internet") && !strings.Contains(err.Error(), "invalid") {
				t.Errorf("Publish to "+url+" = %v, want the address refused", host, err)
			}
			if err := l.(*net.TCPListener).SetDeadline(time.Now()); err != nil {
				t.Fatal(err)
			}
			if conn, err := l.Accept(); err == nil {
				t.Errorf("Publish to "+url+" came through from %s", host, conn.RemoteAddr())
			}
			_ = l.Close()
		}
	}
}

// refusedForGood tells whether an error says that the event would be refused again.
func refusedForGood(err error) bool {
	_, ok := errors.AsType[*broker.Refused](err)
	return ok
}

// certificate is one of 127.0.0.1, its key, and the pool that vouches for it.
type certificate struct {
	cert, key []byte // PEM
	server    *tls.Config
	roots     *x509.CertPool
}

// makeCertificate makes the one that all brokers of the tests have.
var makeCertificate = sync.OnceValues(func() (c certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return c, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, err
	}
	c.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	c.server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	c.roots = x509.NewCertPool()
	c.roots.AppendCertsFromPEM(c.cert)
	return c, nil
})

// freeAddr is an address of this machine that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func freePort(t *testing.T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// line is an address, any or the one that is given, through which another is reached.
type line struct {
	addr string
	// silence loses all that is sent in either direction from now on.
	silence func(t *testing.T)
	cut     func()
}

func newLine(t *testing.T, addr, upstream string) line {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(io.Discard))
	proxy := toxiproxy.NewProxy(api, "line", addr, upstream)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return line{addr: proxy.Listen, cut: proxy.Stop, silence: func(t *testing.T) {
		for _, stream := range []string{"upstream", "downstream"} {
			if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(`{"type": "timeout", "stream": "` + stream + `", "attributes": {"timeout": 0}}`)); err != nil {
				t.Fatal(err)
			}
		}
	}}
}
