package jobs_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"coffer"
	"coffer/broker"
	"coffer/jobs"
	"coffer/webhook"
)

// startNATS runs a server of NATS, and reads what is published under events.
func startNATS(t *testing.T) (address string, next func() *nats.Msg) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server of NATS is not ready")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	sub, err := conn.SubscribeSync("events")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return s.Addr().String(), func() *nats.Msg {
		t.Helper()
		m, err := sub.NextMsg(30 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

// TestABrokerGetsWhatAWebhookGets has one webhook on HTTP, one on NATS, and a Kafka
// that is down, which holds neither up.
func TestABrokerGetsWhatAWebhookGets(t *testing.T) {
	bodies := make(chan []byte, 10)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- body
	}))
	defer sink.Close()
	address, next := startNATS(t)
	service, closeStore := notifying(t, vfs.NewMem())
	defer closeStore()
	service.Webhooks = []coffer.Webhook{{Name: "a", URL: coffer.NewSecretFrom(sink.URL)}, {Name: "b", URL: coffer.NewSecretFrom("nats://" + address + "/events")},
		{Name: "down", URL: coffer.NewSecretFrom("kafka://127.0.0.1:1/t")}}
	if err := service.TestWebhook(t.Context(), "down"); err != nil {
		t.Fatal(err)
	}
	brokers := broker.New(broker.Options{AllowPrivate: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n := &jobs.Notifier{Objects: service, Send: webhook.New(true, time.Now).Send, Publish: brokers.Publish, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
		n.Run(ctx)
	}()
	defer func() { cancel(); <-done; brokers.Close() }()
	for _, body := range [][]byte{next().Data, <-bodies} {
		if !strings.Contains(string(body), `"Event":"s3:TestEvent"`) {
			t.Errorf("the first body is %s, want the test event", body)
		}
	}
	putKey(t, service, "a/1")
	putKey(t, service, "b/1")
	message := next()
	fromBroker, fromWebhook := record(t, message.Data), record(t, <-bodies)
	if id := message.Header.Get(nats.MsgIdHdr); len(id) != len("evt_")+32 {
		t.Errorf("the message has the ID %q, want that of its event", id)
	}
	if !reflect.DeepEqual(fromBroker, fromWebhook) {
		t.Errorf("the broker got %v, want what the webhook got: %v", fromBroker, fromWebhook)
	}
	putKey(t, service, "b/2")
	putKey(t, service, "b/3")
	for range 2 {
		if n := len(record(t, next().Data)); n == 0 {
			t.Error("a message has no record, want one for each event")
		}
	}
}

// record is the one record of a body without what is of its object alone.
func record(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var doc struct{ Records []map[string]any }
	if err := json.Unmarshal(body, &doc); err != nil || len(doc.Records) != 1 {
		t.Fatalf("the body is %s, %v, want one record", body, err)
	}
	r := doc.Records[0]
	subject := r["s3"].(map[string]any)
	object := subject["object"].(map[string]any)
	if object["key"] == "" {
		t.Errorf("the body is %s, want a key", body)
	}
	delete(r, "eventTime")
	delete(subject, "configurationId")
	delete(object, "key")
	delete(object, "sequencer")
	return r
}
