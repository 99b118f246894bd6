package broker_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"coffer/broker"
)

// rabbitMQ is where Debian's package has it.
const rabbitMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// rabbit is the one RabbitMQ of all tests, since it takes seconds to start.
var rabbit struct {
	once       sync.Once
	plain, tls string // addresses
	err        error
	end        func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if rabbit.end != nil {
		rabbit.end()
	}
	os.Exit(code)
}

// startAMQP makes a queue in the RabbitMQ of all tests, if there is one; see
// test/deps.sh. What starts and stops is the line to it.
func startAMQP(t *testing.T, s settings) running {
	t.Helper()
	if _, err := os.Stat(rabbitMQ); err != nil {
		t.Skipf("RabbitMQ is not installed: %v", err)
	}
	plain, encrypted := freePort(t), freePort(t)
	names, distribution := freePort(t), freePort(t)
	rabbit.once.Do(func() { rabbit.err = runRabbit(plain, encrypted, names, distribution) })
	if rabbit.err != nil {
		t.Fatal(rabbit.err)
	}
	conn, err := amqp.Dial("amqp://guest:guest@" + rabbit.plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	queue, err := channel.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	deliveries, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	upstream := rabbit.plain
	if s.tls {
		upstream = rabbit.tls
	}
	l := newLine(t, s.addr, upstream)
	return running{addr: l.addr, silence: l.silence, stop: l.cut,
		url: func(scheme, userinfo, addr string) string {
			return scheme + "://" + userinfo + addr + "/?routing_key=" + url.QueryEscape(queue.Name)
		},
		read: func(t *testing.T, n int) (list []broker.Message) {
			for len(list) < n {
				var d amqp.Delivery
				select {
				case d = <-deliveries:
				case <-time.After(10 * time.Second):
					t.Fatalf("the queue has %d messages, want %d", len(list), n)
				}
				key, _ := d.Headers["key"].(string)
				list = append(list, broker.Message{ID: d.MessageId, Key: key, Body: d.Body})
				if d.DeliveryMode != amqp.Persistent || d.ContentType != "application/json" {
					t.Errorf("a message has the mode %d and the type %s, want it persistent and JSON", d.DeliveryMode, d.ContentType)
				}
			}
			return list
		}}
}

// keepRabbit runs RabbitMQ until its standard input ends, which it does with the tests
// however they end, and removes its folder. The names of nodes have a server of their
// own, which would outlive the node if that had to start it; the node is a script's child.
const keepRabbit = `
	epmd & names=$!
	until epmd -names >/dev/null 2>&1; do sleep 0.1; done
	"$1" & server=$!
	cat >/dev/null
	kill -9 "$(cat "$0/pid")"
	kill $server $names
	wait
	rm -rf "$0"`

// runRabbit runs RabbitMQ in a folder of its own, with the user guest, the one of the
// tests, and u, who may not write.
func runRabbit(plain, encrypted, names, distribution int) error {
	dir, err := os.MkdirTemp("", "rabbitmq")
	if err != nil {
		return err
	}
	cert, err := makeCertificate()
	if err != nil {
		return err
	}
	hash := func(password string) string {
		const salt = "salt"
		sum := sha256.Sum256([]byte(salt + password))
		return base64.StdEncoding.EncodeToString(append([]byte(salt), sum[:]...))
	}
	type object map[string]any
	var users, may []object
	for name, secret := range map[string]string{"guest": "guest", user: password, "u": "p"} {
		write := ".*"
		if name == "u" {
			write = "^$"
		}
		users = append(users, object{"name": name, "password_hash": hash(secret), "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""})
		may = append(may, object{"user": name, "vhost": "/", "configure": ".*", "write": write, "read": ".*"})
	}
	definitions, err := json.Marshal(object{"users": users, "vhosts": []object{{"name": "/"}}, "permissions": may})
	if err != nil {
		return err
	}
	conf := fmt.Sprintf("listeners.tcp.local = 127.0.0.1:%d\nlisteners.ssl.local = 127.0.0.1:%d\nssl_options.certfile = %[3]s/cert.pem\n"+
		"ssl_options.keyfile = %[3]s/key.pem\nload_definitions = %[3]s/definitions.json\nlog.console = true\nlog.file = false\n", plain, encrypted, dir)
	for name, text := range map[string]string{"cert.pem": string(cert.cert), "key.pem": string(cert.key), "definitions.json": string(definitions), "rabbitmq.conf": conf, "plugins": "[]."} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	keeper := exec.Command("sh", "-c", keepRabbit, dir, rabbitMQ)
	keeper.Env = append(os.Environ(), "HOME="+dir, "RABBITMQ_CONF_ENV_FILE=/dev/null", fmt.Sprintf("RABBITMQ_NODENAME=coffer%d@localhost", plain),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", distribution), "RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_CONFIG_FILE="+dir+"/rabbitmq.conf",
		"RABBITMQ_ENABLED_PLUGINS_FILE="+dir+"/plugins", "RABBITMQ_GENERATED_CONFIG_DIR="+dir, "RABBITMQ_PID_FILE="+dir+"/pid",
		fmt.Sprintf("ERL_EPMD_PORT=%d", names), "ERL_EPMD_ADDRESS=127.0.0.1")
	in, inErr := keeper.StdinPipe()
	out, outErr := keeper.StdoutPipe()
	if err := errors.Join(inErr, outErr, keeper.Start()); err != nil {
		return err
	}
	rabbit.end = func() {
		_ = in.Close()
		_ = keeper.Wait()
	}
	rabbit.plain, rabbit.tls = fmt.Sprintf("127.0.0.1:%d", plain), fmt.Sprintf("127.0.0.1:%d", encrypted)
	ready, ended := make(chan struct{}), make(chan struct{})
	var last string
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if last = lines.Text(); strings.Contains(last, "Server startup complete") {
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
		return nil
	case <-time.After(5 * time.Minute):
		rabbit.end()
		<-ended
		return fmt.Errorf("RabbitMQ did not start; the last that it said is %s", last)
	}
}

func TestAMQPSaysWhatItDoesNotTake(t *testing.T) {
	b := startAMQP(t, settings{})
	for name, tt := range map[string]struct{ url, want string }{
		"NoQueue":             {"amqp://%s/?routing_key=no-such-queue", "no queue takes the events"},
		"NoQueueAndNoneAsked": {"amqp://%s/?routing_key=no-such-queue&unrouted=true", ""},
		"NoExchange":          {"amqp://%s/?exchange=no-such-exchange", "no exchange"},
		"AnExchange":          {"amqp://%s/%%2F?exchange=amq.fanout&unrouted=true", ""},
		"NoVHost":             {"amqp://%s/other?routing_key=q", "vhost"},
		"NoPermission":        {"amqp://u:p@%s/?routing_key=q", "ACCESS_REFUSED"},
		"TheSecondHost":       {"amqp://127.0.0.1:1,%s/?exchange=amq.topic&routing_key=a.b&unrouted=true", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := newClient(t, broker.Options{AllowPrivate: true}).Publish(t.Context(), hook(fmt.Sprintf(tt.url, b.addr)), messages(0, 150))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || refusedForGood(err) {
				t.Errorf("Publish() = %v, want %q, and not for good", err, tt.want)
			}
		})
	}
}
