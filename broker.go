package coffer

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// WebhookKind is the protocol in which a webhook takes events.
type WebhookKind string

// The kinds. All but the first are brokers.
const (
	WebhookHTTP  WebhookKind = "http"
	WebhookNATS  WebhookKind = "nats"
	WebhookKafka WebhookKind = "kafka"
	WebhookAMQP  WebhookKind = "amqp"
)

// Broker is the URL of a webhook that is a broker, taken apart.
type Broker struct {
	Kind WebhookKind
	TLS  bool
	// Hosts are HOST:PORT; one that answers is enough.
	Hosts []string
	// User is "" if the password is a token of NATS, or if there is none.
	User     string
	Password Secret
	// Topic is the subject of NATS, the topic of Kafka, the routing key of AMQP.
	Topic string
	// JetStream waits for the stream that keeps the subject; without it a server of
	// NATS has only to have the event.
	JetStream bool
	// SASL is the mechanism by which a user signs in to Kafka.
	SASL string
	// VHost and Exchange are of AMQP; "" is the exchange that every queue is bound to
	// by its name.
	VHost, Exchange string
	// Unrouted lets an AMQP broker take what no queue is bound for, and drop it.
	Unrouted bool
}

// brokerScheme is what is known of a scheme: the port that it has if none is given,
// and what can stand in the query.
type brokerScheme struct {
	kind   WebhookKind
	tls    bool
	port   string
	params []string
}

var brokerSchemes = map[string]brokerScheme{
	"nats":      {WebhookNATS, false, "4222", []string{"jetstream"}},
	"nats+tls":  {WebhookNATS, true, "4222", []string{"jetstream"}},
	"kafka":     {WebhookKafka, false, "9092", []string{"sasl"}},
	"kafka+tls": {WebhookKafka, true, "9093", []string{"sasl"}},
	"amqp":      {WebhookAMQP, false, "5672", []string{"exchange", "routing_key", "unrouted"}},
	"amqps":     {WebhookAMQP, true, "5671", []string{"exchange", "routing_key", "unrouted"}},
}

// The mechanisms of SASL that Kafka has and coffer knows.
const (
	SASLPlain  = "plain"
	SASLSCRAM2 = "scram-sha-256"
	SASLSCRAM5 = "scram-sha-512"
)

// kafkaTopicMax is the length of the longest name that Kafka takes.
const kafkaTopicMax = 249

// ParseBroker reads the URL of a broker. Errors have no part of it in them: there may
// be a password anywhere.
func ParseBroker(text Secret) (b Broker, err error) {
	scheme, rest, ok := strings.Cut(text.Reveal(), "://")
	s, known := brokerSchemes[scheme]
	if !ok || !known {
		return b, Errorf(InvalidArgument, "it begins with none of https, http, nats, nats+tls, kafka, kafka+tls, amqp and amqps")
	}
	// A list of hosts is no URL: the first stands for all.
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(path, "@") {
		// A password that has / or ? as it is ends in what looks like a host, which would
		// be dialled and shown.
		return b, Errorf(InvalidArgument, "an @ stands behind the hosts: write / ? # and @ of a user, a password or a name as %%2F %%3F %%23 and %%40")
	}
	userinfo, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		userinfo, hosts = authority[:i+1], authority[i+1:]
	}
	var u *url.URL
	for host := range strings.SplitSeq(hosts, ",") {
		u, err = url.Parse("x://" + userinfo + host + path)
		if err != nil || u.Hostname() == "" || u.Fragment != "" {
			return Broker{}, Errorf(InvalidArgument, "it is not well formed")
		}
		port := u.Port()
		if port == "" {
			port = s.port
		}
		b.Hosts = append(b.Hosts, net.JoinHostPort(u.Hostname(), port))
	}
	b.Kind, b.TLS, b.User = s.kind, s.tls, u.User.Username()
	password, hasPassword := u.User.Password()
	b.Password = NewSecretFrom(password)
	if b.Kind == WebhookNATS && u.User != nil && !hasPassword {
		b.User, b.Password = "", NewSecretFrom(u.User.Username())
	}
	return b, b.read(u, s.params)
}

// read reads the path and the query.
func (b *Broker) read(u *url.URL, params []string) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Errorf(InvalidArgument, "its query is not well formed")
	}
	for name, values := range query {
		if !slices.Contains(params, name) || len(values) != 1 {
			return Errorf(InvalidArgument, "what stands behind the ? is each once %s", strings.Join(params, ", "))
		}
	}
	yes := func(name string) (bool, error) {
		switch query.Get(name) {
		case "":
			return false, nil
		case "true", "false":
			return query.Get(name) == "true", nil
		}
		return false, Errorf(InvalidArgument, "%s is true or false", name)
	}
	path := strings.TrimPrefix(u.Path, "/")
	switch b.Kind {
	case WebhookNATS:
		b.Topic = path
		if !isSubject(path) {
			return Errorf(InvalidArgument, "its path is to be a subject, without * and >")
		}
		b.JetStream, err = yes("jetstream")
	case WebhookKafka:
		b.Topic, b.SASL = path, query.Get("sasl")
		if b.SASL == "" {
			b.SASL = SASLPlain
		}
		if !isKafkaTopic(path) {
			return Errorf(InvalidArgument, "its path is to be a topic: 1 to %d letters, digits, . _ and -", kafkaTopicMax)
		}
		if !slices.Contains([]string{SASLPlain, SASLSCRAM2, SASLSCRAM5}, b.SASL) {
			return Errorf(InvalidArgument, "sasl is %s, %s or %s", SASLPlain, SASLSCRAM2, SASLSCRAM5)
		}
	case WebhookAMQP:
		b.VHost, b.Exchange, b.Topic = path, query.Get("exchange"), query.Get("routing_key")
		if path == "" {
			b.VHost = "/"
		}
		if u.User == nil {
			b.User, b.Password = "guest", NewSecretFrom("guest") // as clients of AMQP do
		}
		if b.Exchange == "" && b.Topic == "" {
			return Errorf(InvalidArgument, "it is to have an exchange, or the name of a queue as routing_key")
		}
		if len(b.VHost) > amqpNameMax || len(b.Exchange) > amqpNameMax || len(b.Topic) > amqpNameMax {
			return Errorf(InvalidArgument, "vhost, exchange and routing_key have at most %d bytes", amqpNameMax)
		}
		b.Unrouted, err = yes("unrouted")
	}
	return err
}

// amqpNameMax is the length of a short string (AMQP 0-9-1, "4.2.5.3 Strings").
const amqpNameMax = 255

// isSubject tells whether events can be published under a subject of NATS.
func isSubject(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\x00") {
			return false
		}
	}
	return true
}

func isKafkaTopic(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= kafkaTopicMax &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
