package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"coffer"
)

// kafkaRetries is how often a request is sent again. Our queue has the patience.
const kafkaRetries = 2

// kafkaLookAgain is how soon after a failure the leaders of partitions are asked for.
const kafkaLookAgain = time.Second

// kafkaConn is a client of a Kafka cluster. It connects to those of its brokers that
// lead a partition of the topic, and again after one of them was away.
type kafkaConn struct{ client *kgo.Client }

func (c *Client) connectKafka(ctx context.Context, b *coffer.Broker) (conn, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(b.Hosts...),
		kgo.ClientID("coffer"),
		kgo.SoftwareNameAndVersion("coffer", coffer.Version),
		kgo.DefaultProduceTopic(b.Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// A batch that is not taken in time is sent again later; it may then be there twice.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordDeliveryTimeout(publishTimeout),
		kgo.RequestRetries(kafkaRetries),
		kgo.RecordRetries(kafkaRetries),
		kgo.MetadataMinAge(kafkaLookAgain),
		kgo.DisableClientMetrics(),
		kgo.BrokerMaxReadBytes(answerMax),
		kgo.FetchMaxBytes(answerMax), // which nothing fetches, but may not be more
	}
	if b.TLS {
		opts = append(opts, kgo.Dialer((&tls.Dialer{NetDialer: c.dialer(), Config: c.tls()}).DialContext))
	} else {
		opts = append(opts, kgo.Dialer(c.dialer().DialContext))
	}
	if b.User != "" {
		opts = append(opts, kgo.SASL(kafkaSASL(b)))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a client of Kafka: %w", err)
	}
	// What is produced would only say that time is up.
	if err := client.Ping(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	return &kafkaConn{client}, nil
}

func kafkaSASL(b *coffer.Broker) sasl.Mechanism {
	switch b.SASL {
	case coffer.SASLSCRAM2:
		return scram.Auth{User: b.User, Pass: b.Password.Reveal()}.AsSha256Mechanism()
	case coffer.SASLSCRAM5:
		return scram.Auth{User: b.User, Pass: b.Password.Reveal()}.AsSha512Mechanism()
	}
	return plain.Auth{User: b.User, Pass: b.Password.Reveal()}.AsMechanism()
}

func (k *kafkaConn) publish(ctx context.Context, messages []Message) error {
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		// Events of one object go to one partition, which keeps their order.
		records[i] = &kgo.Record{Key: []byte(m.Key), Value: m.Body, Headers: []kgo.RecordHeader{
			{Key: "event-id", Value: []byte(m.ID)}, {Key: "content-type", Value: []byte("application/json")}}}
	}
	err := k.client.ProduceSync(ctx, records...).FirstErr()
	for _, lasting := range []error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord} {
		if errors.Is(err, lasting) {
			return &Refused{err.Error()}
		}
	}
	return err
}

func (k *kafkaConn) alive() bool { return true }

func (k *kafkaConn) close() { k.client.Close() }
