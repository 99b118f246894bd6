package broker_test

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"coffer/broker"
)

const topic = "coffer-events"

func startKafka(t *testing.T, s settings) running {
	t.Helper()
	if s.addr == "" {
		s.addr = freeAddr(t)
	}
	_, text, _ := net.SplitHostPort(s.addr)
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(port), kfake.SeedTopics(3, topic)}
	client := []kgo.Opt{kgo.ConsumeTopics(topic), kgo.SeedBrokers(s.addr)}
	if s.tls {
		cert, err := makeCertificate()
		if err != nil {
			t.Fatal(err)
		}
		opts = append(opts, kfake.TLS(cert.server))
		client = append(client, kgo.DialTLSConfig(&tls.Config{RootCAs: cert.roots}))
	}
	if s.password {
		opts = append(opts, kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password),
			kfake.Superuser("SCRAM-SHA-256", user, password), kfake.Superuser("SCRAM-SHA-512", user, password))
		client = append(client, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(client...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); cluster.Close() })
	return running{
		addr: cluster.ListenAddrs()[0],
		url:  func(scheme, userinfo, addr string) string { return scheme + "://" + userinfo + addr + "/" + topic },
		read: func(t *testing.T, n int) (list []broker.Message) {
			for len(list) < n {
				fetches := reader.PollRecords(t.Context(), n-len(list))
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				for _, r := range fetches.Records() {
					list = append(list, broker.Message{ID: string(r.Headers[0].Value), Key: string(r.Key), Body: r.Value})
				}
			}
			return list
		},
		silence: func(t *testing.T) {
			hold := make(chan struct{})
			t.Cleanup(func() { close(hold) })
			cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.SleepControl(func() { <-hold })
				return nil, nil, false
			})
			cluster.KeepControl()
		},
		stop: func() { reader.Close(); cluster.Close() },
	}
}

func TestKafkaTakesEveryMechanism(t *testing.T) {
	b := startKafka(t, settings{password: true})
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		err := newClient(t, broker.Options{AllowPrivate: true}).Publish(t.Context(), hook(b.url("kafka", userinfo, b.addr)+"?sasl="+mechanism), messages(0, 1))
		if err != nil {
			t.Errorf("Publish() with %s = %v", mechanism, err)
		}
	}
}

func TestKafkaSaysWhatItDoesNotTake(t *testing.T) {
	for name, tt := range map[string]struct {
		code    *kerr.Error
		lasting bool
	}{
		"TooLarge":           {kerr.MessageTooLarge, true},
		"NotOnEnoughDisks":   {kerr.NotEnoughReplicas, false},
		"NotAllowed":         {kerr.TopicAuthorizationFailed, false},
		"ARecordThatIsWrong": {kerr.InvalidRecord, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			acks := make(chan int16, 100)
			cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				in := r.(*kmsg.ProduceRequest)
				select {
				case acks <- in.Acks:
				default:
				}
				out := in.ResponseKind().(*kmsg.ProduceResponse)
				for _, requested := range in.Topics {
					t := kmsg.NewProduceResponseTopic()
					t.Topic, t.TopicID = requested.Topic, requested.TopicID
					for _, p := range requested.Partitions {
						answer := kmsg.NewProduceResponseTopicPartition()
						answer.Partition, answer.ErrorCode = p.Partition, tt.code.Code
						t.Partitions = append(t.Partitions, answer)
					}
					out.Topics = append(out.Topics, t)
				}
				return out, nil, true
			})
			err = newClient(t, broker.Options{AllowPrivate: true}).Publish(t.Context(), hook("kafka://"+cluster.ListenAddrs()[0]+"/"+topic), messages(0, 1))
			if err == nil || !strings.Contains(err.Error(), tt.code.Message) || refusedForGood(err) != tt.lasting {
				t.Errorf("Publish() = %v, for good %t, want %s, %t", err, refusedForGood(err), tt.code.Message, tt.lasting)
			}
			if got := <-acks; got != -1 {
				t.Errorf("acks = %d, want -1: all replicas that are in sync", got)
			}
		})
	}
}
