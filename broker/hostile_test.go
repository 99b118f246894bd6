package broker_test

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"coffer"
	"coffer/broker"
)

// TestABrokerThatNeverEndsIsNotReadToItsEnd talks to servers that announce an answer of
// gigabytes, and send it.
func TestABrokerThatNeverEndsIsNotReadToItsEnd(t *testing.T) {
	const most = 64 << 20 // what it may have sent, with what is under way
	for _, tt := range []struct{ name, url, begin string }{
		{"NATS", "nats://ADDR/coffer.events", "INFO {\"server_id\":\""},
		{"JetStream", "nats://ADDR/coffer.events?jetstream=true", "INFO {}\r\nMSG a 1 2000000000\r\n"},
		{"AMQP", "amqp://ADDR/?routing_key=events", "\x01\x00\x00\x7f\xff\xff\xff\x00\x0a\x00\x0a\x00\x09\x7f\xff\xff\x00\x01aS\x7f\xff\xf0\x00"},
		{"Kafka", "kafka://ADDR/events", "\x06\x00\x00\x00\x00\x00\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var sent atomic.Int64
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						_, err := conn.Write([]byte(tt.begin))
						for rest := bytes.Repeat([]byte("a"), 64<<10); err == nil && sent.Load() < 2*most; {
							var n int
							n, err = conn.Write(rest)
							sent.Add(int64(n))
						}
					}()
				}
			}()
			c := broker.New(broker.Options{AllowPrivate: true})
			defer c.Close()
			url := bytes.ReplaceAll([]byte(tt.url), []byte("ADDR"), []byte(l.Addr().String()))
			begun := time.Now()
			err = c.Publish(t.Context(), coffer.Webhook{Name: "hostile", URL: coffer.NewSecretFrom(string(url))}, []broker.Message{{ID: "1", Key: "k", Body: []byte("{}")}})
			if err == nil || time.Since(begun) > 12*time.Second {
				t.Errorf("Publish = %v after %s, want an error in time", err, time.Since(begun))
			}
			if n := sent.Load(); n == 0 || n >= most {
				t.Errorf("%d bytes were sent (%v), want some and less than %d", n, err, most)
			}
		})
	}
}
