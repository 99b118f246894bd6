package coffer

import (
	"strings"
	"testing"
)

func TestTheURLOfABrokerSaysWhereAndHow(t *testing.T) {
	for url, want := range map[string]Broker{
		"nats://broker/a.b":                             {Kind: WebhookNATS, Hosts: []string{"broker:4222"}, Topic: "a.b"},
		"nats+tls://token@broker:1/a?jetstream=true":    {Kind: WebhookNATS, TLS: true, Hosts: []string{"broker:1"}, Password: NewSecretFrom("token"), Topic: "a", JetStream: true},
		"nats://u:p%40%2F@[::1]/a":                      {Kind: WebhookNATS, Hosts: []string{"[::1]:4222"}, User: "u", Password: NewSecretFrom("p@/"), Topic: "a"},
		"kafka://a,b:9,c/t":                             {Kind: WebhookKafka, Hosts: []string{"a:9092", "b:9", "c:9092"}, Topic: "t", SASL: SASLPlain},
		"kafka+tls://u:p@a/t?sasl=scram-sha-512":        {Kind: WebhookKafka, TLS: true, Hosts: []string{"a:9093"}, User: "u", Password: NewSecretFrom("p"), Topic: "t", SASL: SASLSCRAM5},
		"amqp://a/?routing_key=q":                       {Kind: WebhookAMQP, Hosts: []string{"a:5672"}, User: "guest", Password: NewSecretFrom("guest"), VHost: "/", Topic: "q"},
		"amqps://u:p@a/v%2F1?exchange=x&unrouted=true":  {Kind: WebhookAMQP, TLS: true, Hosts: []string{"a:5671"}, User: "u", Password: NewSecretFrom("p"), VHost: "v/1", Exchange: "x", Unrouted: true},
		"amqp://u:p@a?exchange=x&routing_key=k+2%2F%3F": {Kind: WebhookAMQP, Hosts: []string{"a:5672"}, User: "u", Password: NewSecretFrom("p"), VHost: "/", Exchange: "x", Topic: "k 2/?"},
	} {
		got, err := ParseBroker(NewSecretFrom(url))
		if err != nil || !got.Password.Equal(want.Password) {
			t.Errorf("ParseBroker(%s) = %v with the password %q, %v", url, got, got.Password.Reveal(), err)
			continue
		}
		got.Password, want.Password = Secret{}, Secret{}
		if strings.Join(got.Hosts, " ") != strings.Join(want.Hosts, " ") {
			t.Errorf("ParseBroker(%s) has the hosts %q, want %q", url, got.Hosts, want.Hosts)
		}
		got.Hosts, want.Hosts = nil, nil
		if g, w := got, want; g.Kind != w.Kind || g.TLS != w.TLS || g.User != w.User || g.Topic != w.Topic || g.JetStream != w.JetStream || g.SASL != w.SASL || g.VHost != w.VHost ||
			g.Exchange != w.Exchange || g.Unrouted != w.Unrouted {
			t.Errorf("ParseBroker(%s) = %+v, want %+v", url, got, want)
		}
	}
}

func TestAURLOfABrokerThatCannotBeUsedIsRefusedWithoutBeingTold(t *testing.T) {
	for _, url := range []string{
		"", "broker", "secret://broker/a", "ftp://u:secret@broker/a", "nats:///a", "nats://u:secret@/a", "nats://u:secret@broker", "nats://u:secret@broker/a..b", "nats://u:secret@broker/a.*",
		"nats://u:secret@broker/a?jetstream=secret", "nats://u:secret@broker/a?other=secret", "nats://u:secret@broker/a?jetstream=true&jetstream=true", "nats://u:secret@broker/a#secret",
		"nats://u:secret%@broker/a", "nats://u:secret@broker:x/a", "nats://u:secret@a,,b/a", "kafka://u:secret@broker/", "kafka://u:secret@broker/a/b", "kafka://u:secret@broker/..",
		"kafka://u:secret@broker/" + strings.Repeat("t", 250), "kafka://u:secret@broker/t?sasl=secret", "amqp://u:secret@broker/", "amqp://u:secret@broker/?exchange=" + strings.Repeat("x", 256),
		"amqp://u:77/secret@broker/?routing_key=q", "amqp://u:77?secret@broker/?routing_key=q", "nats://77/secret@broker/a",
		"amqp://u:secret@broker/?routing_key=q&unrouted=secret", "amqp://u:secret@broker/?routing_key=%secret",
	} {
		_, err := ParseBroker(NewSecretFrom(url))
		if err == nil || (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "77")) {
			t.Errorf("ParseBroker(%s) = %v, want an error that does not repeat it", url, err)
		}
		if w := (Webhook{Name: "a", URL: NewSecretFrom(url)}); w.Check() == nil || strings.Contains(w.Check().Error(), "secret") || w.Origin() != "" {
			t.Errorf("Check() of %s = %v, Origin() = %q", url, w.Check(), w.Origin())
		}
	}
}

func TestTheOriginOfAWebhookHasNoSecret(t *testing.T) {
	for url, want := range map[string]string{
		"https://hooks.example:8443/secret?secret#": "https://hooks.example:8443",
		"nats://secret@a:1,b/secret":                "nats://a:1,b",
		"kafka+tls://u:secret@a/secret":             "kafka+tls://a",
		"amqps://u:secret@a?exchange=secret":        "amqps://a",
	} {
		if got := (Webhook{Name: "a", URL: NewSecretFrom(url)}).Origin(); got != want {
			t.Errorf("Origin() of %s = %q, want %q", url, got, want)
		}
	}
}

func TestABrokerHasNoSecretBesideItsURL(t *testing.T) {
	w := Webhook{Name: "a", URL: NewSecretFrom("nats://a/s"), Secret: NewSecretFrom("x")}
	if err := w.Check(); err == nil {
		t.Error("Check() of a broker with a secret = nil: nothing would be signed with it")
	}
}
