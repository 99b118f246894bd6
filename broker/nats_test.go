package broker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coffer/broker"
)

const subject = "coffer.events"

// runNATS runs a server of NATS until the returned call.
func runNATS(t *testing.T, opt *server.Options) (*server.Server, func()) {
	t.Helper()
	opt.Host, opt.Port, opt.NoLog, opt.NoSigs, opt.StoreDir = "127.0.0.1", -1, true, true, t.TempDir()
	s, err := server.NewServer(opt)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	stop := func() { s.Shutdown(); s.WaitForShutdown() }
	t.Cleanup(stop)
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server of NATS is not ready")
	}
	return s, stop
}

func startNATS(t *testing.T, s settings) running      { return natsWith(t, s, false) }
func startJetStream(t *testing.T, s settings) running { return natsWith(t, s, true) }

func natsWith(t *testing.T, s settings, jetStream bool) running {
	t.Helper()
	opt := &server.Options{JetStream: jetStream}
	if s.tls {
		cert, err := makeCertificate()
		if err != nil {
			t.Fatal(err)
		}
		opt.TLSConfig, opt.TLSTimeout = cert.server, 5
	}
	if s.password {
		opt.Username, opt.Password = user, password
	}
	nats1, stop := runNATS(t, opt)
	conn, err := nats.Connect("", nats.InProcessServer(nats1), nats.UserInfo(opt.Username, opt.Password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	query := ""
	if jetStream {
		query = "?jetstream=true"
		addStream(t, conn)
	}
	l := newLine(t, s.addr, nats1.Addr().String())
	return running{addr: l.addr, silence: l.silence, stop: func() { l.cut(); stop() }, read: readNATS(t, conn),
		url: func(scheme, userinfo, addr string) string {
			return scheme + "://" + userinfo + addr + "/" + subject + query
		}}
}

func addStream(t *testing.T, conn *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"coffer.>"}, MaxMsgSize: 1 << 10}); err != nil {
		t.Fatal(err)
	}
}

func readNATS(t *testing.T, conn *nats.Conn) func(t *testing.T, n int) []broker.Message {
	sub, err := conn.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, n int) (list []broker.Message) {
		t.Helper()
		for range n {
			m, err := sub.NextMsg(5 * time.Second)
			if err != nil {
				t.Fatalf("read message %d: %v", len(list), err)
			}
			list = append(list, broker.Message{ID: m.Header.Get(nats.MsgIdHdr), Body: m.Data})
		}
		return list
	}
}

func TestJetStreamKeepsAnEventThatComesAgainOnce(t *testing.T) {
	b := startJetStream(t, settings{})
	c := newClient(t, broker.Options{AllowPrivate: true})
	to := hook(b.url("nats", "", b.addr))
	for range 2 {
		if err := c.Publish(t.Context(), to, messages(0, 3)); err != nil {
			t.Fatalf("Publish() = %v", err)
		}
	}
	conn, err := nats.Connect("nats://" + b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 3 {
		t.Errorf("the stream has %d messages, want 3", n)
	}
}

func TestNATSSaysWhatItDoesNotTake(t *testing.T) {
	token := server.Options{Authorization: "a/token"}
	deny := server.Options{Users: []*server.User{{Username: "u", Password: "p",
		Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{subject}}}}}}
	stream := server.Options{JetStream: true}
	for name, tt := range map[string]struct {
		opt     server.Options
		url     string // %s is the address
		size    int
		want    string // of the error; "" for none
		lasting bool
	}{
		"NoStreamKeepsTheSubject":   {stream, "nats://%s/other.subject?jetstream=true", 1, "no stream keeps the subject", false},
		"NoJetStream":               {server.Options{}, "nats://%s/coffer.events?jetstream=true", 1, "no stream keeps the subject", false},
		"TooLargeForTheStream":      {stream, "nats://%s/coffer.events?jetstream=true", 2 << 10, "size", true},
		"TooLargeForTheServer":      {server.Options{MaxPayload: 512}, "nats://%s/coffer.events", 2 << 10, "maximum payload", true},
		"AToken":                    {token, "nats://a%%2Ftoken@%s/coffer.events", 1, "", false},
		"AWrongToken":               {token, "nats://another@%s/coffer.events", 1, "Authorization", false},
		"NoPermissionForTheSubject": {deny, "nats://u:p@%s/coffer.events", 1, "permissions", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := runNATS(t, &tt.opt)
			if tt.opt.JetStream {
				conn, err := nats.Connect("", nats.InProcessServer(s))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(conn.Close)
				addStream(t, conn)
			}
			m := []broker.Message{{ID: "evt_1", Body: make([]byte, tt.size)}}
			err := newClient(t, broker.Options{AllowPrivate: true}).Publish(t.Context(), hook(fmt.Sprintf(tt.url, s.Addr())), m)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tt.want)) || refusedForGood(err) != tt.lasting {
				t.Errorf("Publish() = %v, for good %t, want %q, %t", err, refusedForGood(err), tt.want, tt.lasting)
			}
		})
	}
}
