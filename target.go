package coffer

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// Webhook is where events of buckets are sent: an HTTP server, or a broker that
// takes messages. The operator defines it.
type Webhook struct {
	Name string
	// URL is http or https, or that of a Broker. Some have a token or a password in
	// it. What it resolves to is checked when it is dialled.
	URL Secret
	// Secret is what the signature of each delivery is made with; empty for none, as
	// brokers have it.
	Secret Secret
	// Account is the only one whose buckets may send there; "" for all.
	Account AccountID
}

// ReplicationTarget is another S3 service that objects are replicated to; the
// operator defines it.
type ReplicationTarget struct {
	Name string
	// Endpoint is http://HOST or https://HOST, with a port if need be.
	Endpoint    string
	Region      string
	AccessKeyID string
	Secret      Secret
	// Account is the only one whose buckets may be replicated there, into whatever
	// bucket the key can write; AnyAccount for all.
	Account AccountID
}

// targetNameMax is the length of the longest name of a webhook or target, which is
// part of keys.
const targetNameMax = 64

// isTargetName tells whether s is 1 to 64 letters, digits, - and _.
func isTargetName(s string) bool {
	return s != "" && len(s) <= targetNameMax && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// Check tells whether the definition can be used.
func (w Webhook) Check() error {
	if !isTargetName(w.Name) {
		return Errorf(InvalidArgument, "the webhook name %q is not allowed: it has 1 to %d letters, digits, - and _", w.Name, targetNameMax)
	}
	if w.Kind() != WebhookHTTP {
		if _, err := ParseBroker(w.URL); err != nil {
			return fmt.Errorf("the URL of the webhook %s cannot be used: %w", w.Name, err)
		}
		if !w.Secret.Empty() {
			return Errorf(InvalidArgument, "the webhook %s is a broker and has a secret, with which nothing would be signed: what it signs in with stands in the URL", w.Name)
		}
		return nil
	}
	u, err := url.Parse(w.URL.Reveal())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		// The URL is not quoted: some have a token in it.
		return Errorf(InvalidArgument, "the URL of the webhook %s is not one: write it as https://HOST/PATH, without user and password", w.Name)
	}
	return nil
}

// Kind is told by the scheme of the URL; "" if it is none that is known.
func (w Webhook) Kind() WebhookKind {
	scheme, _, _ := strings.Cut(w.URL.Reveal(), "://")
	if scheme == "http" || scheme == "https" {
		return WebhookHTTP
	}
	return brokerSchemes[scheme].kind
}

// Origin is the URL without what may be a secret in it.
func (w Webhook) Origin() string {
	scheme, rest, _ := strings.Cut(w.URL.Reveal(), "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if w.Check() != nil {
		return ""
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// Check tells whether the definition can be used.
func (t ReplicationTarget) Check() error {
	if !isTargetName(t.Name) {
		return Errorf(InvalidArgument, "the replication target name %q is not allowed: it has 1 to %d letters, digits, - and _", t.Name, targetNameMax)
	}
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return Errorf(InvalidArgument, "the endpoint of the replication target %s is not one: write it as https://HOST or https://HOST:PORT", t.Name)
	}
	if t.AccessKeyID == "" || t.Secret.Empty() {
		return Errorf(InvalidArgument, "the replication target %s has no access_key_id or no secret", t.Name)
	}
	if t.Account == "" {
		return Errorf(InvalidArgument, "the replication target %s has no account: name the one that may use it, or %s for all", t.Name, AnyAccount)
	}
	return nil
}

// AnyAccount stands for every account.
const AnyAccount AccountID = "*"

// reserved are the networks that no address of the Internet is in (RFC 6890, RFC
// 6598, RFC 2544, RFC 9602, RFC 9637) and that netip has no word for, and those that carry an IPv4 address of any kind
// inside (RFC 6052, RFC 7915, RFC 3056, RFC 4380). 168.63.129.16 looks like one of the Internet and
// is within each virtual machine of Azure, with its certificates ("What is IP address 168.63.129.16?").
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("::ffff:0:0:0/96"), netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("fec0::/10"),
}

// IsPublicAddr tells whether an address is on the Internet: not this machine, its
// network, or what answers with credentials on the networks of clouds.
func IsPublicAddr(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// errPrivate is why an address is not dialled.
var errPrivate = errors.New("the address is not on the Internet, and webhooks_allow_private is off")

// OnlyPublic is the Control of a net.Dialer that reaches the Internet alone. It sees
// the address that is dialled, after names were resolved, so that no name can lead
// around it.
func OnlyPublic(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublicAddr(a.Addr()) {
		return errPrivate
	}
	return nil
}
