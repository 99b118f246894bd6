package server

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"coffer"
)

// The defaults of the settings.
const (
	DefaultS3Addr          = "127.0.0.1:9000"
	DefaultConsoleAddr     = "127.0.0.1:9001"
	DefaultAdminAddr       = "127.0.0.1:9002"
	DefaultDomain          = "localhost"
	DefaultWebsiteDomain   = "website.localhost"
	DefaultInlineThreshold = 64 << 10
	DefaultDrainTimeout    = 30 * time.Second
	DefaultRootEmail       = "root@localhost"
	DefaultSessionIdle     = 30 * time.Minute
	DefaultSessionMax      = 12 * time.Hour
	// MinFreeAuto lets the server choose how much space to keep free: 5% of the
	// file system, at least 16 MiB and at most 1 GiB.
	MinFreeAuto = int64(-1)
	// MetadataCacheAuto lets the server choose how much of the metadata is kept in
	// memory: see metadataCache.
	MetadataCacheAuto = int64(-1)
)

// DefaultRegions are the region names that requests may be signed for; the
// first is what buckets are made in and what start prints.
func DefaultRegions() []string { return []string{"auto", "us-east-1"} }

// Config is every setting of a server, and what it is given to work with.
type Config struct {
	// Data is the data folder; it is made, with mode 0700, when it is missing.
	Data string
	// DataIsDefault tells that commands find Data without being told.
	DataIsDefault bool
	// Throwaway says that Data goes away when the server stops, which whoever made it
	// sees to. Then start warns of that, and shows the secret of the first key.
	Throwaway bool
	// DataDisks are further folders for the bytes of large objects, best on
	// disks of their own.
	DataDisks []string

	// S3Addr, ConsoleAddr and AdminAddr are HOST:PORT; port 0 takes a free one.
	S3Addr      string
	ConsoleAddr string
	AdminAddr   string
	// Domains are the host names below which a label names a bucket.
	Domains []string
	// WebsiteDomains are the host names below which a label names a bucket that is
	// served as a website.
	WebsiteDomains []string
	Regions        []string
	// TLSCert and TLSKey are PEM files for the S3 address and the console's; both
	// or none.
	TLSCert string
	TLSKey  string
	// PublicS3URL is the address that clients use, when it is not S3Addr.
	PublicS3URL string
	// PublicConsoleURL is the address by which people open the console, when it is
	// not ConsoleAddr. Links and passkeys are bound to it.
	PublicConsoleURL string
	// TrustedProxies are the networks whose X-Forwarded-For and
	// X-Forwarded-Host are believed.
	TrustedProxies []netip.Prefix
	// MaxConnections is how many connections there may be to the S3 address and to the
	// console's; MaxConnectionsAuto chooses, 0 is no limit.
	MaxConnections int64
	// MaxConnectionsPerAddress is how many of them may come from one address, but from
	// this machine and from trusted proxies; 0 is no limit.
	MaxConnectionsPerAddress int64

	// InlineThreshold is the largest object, in bytes, kept in the metadata store.
	InlineThreshold int64
	// MetadataCache is how much of the metadata's files is kept in memory, in bytes;
	// MetadataCacheAuto chooses.
	MetadataCache int64
	// ObjectOwnership is that of new buckets.
	ObjectOwnership coffer.ObjectOwnership
	// MinFree is the free space, in bytes, below which writes are refused;
	// MinFreeAuto chooses.
	MinFree int64
	// RequestsPerSecond is how many S3 requests an account, and each of its access
	// keys, may make unless its quota says otherwise; 0 is no limit.
	RequestsPerSecond int64
	// LifecycleDay is how long a day of a lifecycle is; another length than 24 hours
	// is for tests.
	LifecycleDay time.Duration
	// ScrubBytesPerSecond is how fast stored bytes are read to find damage, and
	// ScrubEvery how long after a round the next one begins; 0 is never.
	ScrubBytesPerSecond int64
	ScrubEvery          time.Duration
	// DrainTimeout is how long requests may go on after a stop was asked for.
	DrainTimeout time.Duration
	// UnsafeNoSync acknowledges writes before they are durable: for tests of
	// other programs, never for data that matters.
	UnsafeNoSync bool

	// MasterKey is the master key itself, in hexadecimal; if empty it is in
	// MasterKeyFile, which is master.key in Data if empty.
	MasterKey     coffer.Secret
	MasterKeyFile string
	// Encryption encrypts all new objects, whatever they ask for.
	Encryption bool
	// KMSKeys are the keys of SSE-KMS: name=URL, separated by commas. The first is
	// used where none is named.
	KMSKeys coffer.Secret
	// CustomerKeysOverHTTP takes keys of SSE-C over plain HTTP from other machines.
	CustomerKeysOverHTTP bool
	// SignedPayloadsOverHTTP refuses bodies over plain HTTP that are not signed.
	SignedPayloadsOverHTTP bool
	// RootEmail names the account that the first start makes.
	RootEmail string
	// RootPassword makes the first member, who signs in with RootEmail, without a
	// setup link. Nothing is changed once there is a member.
	RootPassword coffer.Secret
	// RootAccessKeyID and RootSecretAccessKey are a pair that the first account
	// has, whatever else it has; both or none.
	RootAccessKeyID     string
	RootSecretAccessKey coffer.Secret

	// KeysReveal lets owners and admins see secrets again after they were made.
	KeysReveal bool
	// SessionIdle is how long a session of the console lives without a request,
	// SessionMax how long in any case.
	SessionIdle, SessionMax time.Duration

	// Webhooks are where buckets can send events to; WebhooksAllowPrivate lets
	// them be on networks that are not the Internet.
	Webhooks             []coffer.Webhook
	WebhooksAllowPrivate bool
	// ReplicationTargets are the services that buckets can be replicated to.
	ReplicationTargets []coffer.ReplicationTarget

	// ReadyFile, if set, is written once the server answers, and removed when
	// it stops; see Ready.
	ReadyFile string
	// Command is how a person runs this program, for the texts that Run prints.
	Command string

	// Stdout gets the text for people at start.
	Stdout io.Writer
	Logger *slog.Logger
	Now    func() time.Time
	Rand   io.Reader
	// Fatal ends the process: the state of the metadata on disk is not known
	// any more, and is found again by starting anew.
	Fatal func(error)
}

// NewConfig returns a Config with every default but Data.
func NewConfig() Config {
	return Config{
		S3Addr:          DefaultS3Addr,
		ConsoleAddr:     DefaultConsoleAddr,
		AdminAddr:       DefaultAdminAddr,
		Domains:         []string{DefaultDomain},
		WebsiteDomains:  []string{DefaultWebsiteDomain},
		Regions:         DefaultRegions(),
		InlineThreshold: DefaultInlineThreshold,
		MetadataCache:   MetadataCacheAuto,
		ObjectOwnership: coffer.BucketOwnerEnforced,
		MinFree:         MinFreeAuto,
		MaxConnections:  MaxConnectionsAuto,
		LifecycleDay:    coffer.LifecycleDay,

		MaxConnectionsPerAddress: DefaultMaxConnectionsPerAddress,

		ScrubBytesPerSecond: 8 << 20,
		ScrubEvery:          30 * 24 * time.Hour,
		DrainTimeout:        DefaultDrainTimeout,
		RootEmail:           DefaultRootEmail,
		KeysReveal:          true,
		SessionIdle:         DefaultSessionIdle,
		SessionMax:          DefaultSessionMax,
	}
}

// inlineThresholdMax is what a metadata value can carry.
const inlineThresholdMax = 1 << 20

// check finds what is wrong with the settings before anything is touched, and
// makes the folders absolute.
func (c *Config) check() error {
	if c.Data == "" {
		return fmt.Errorf("no data folder is set: name one with --data")
	}
	c.DataDisks = slices.Clone(c.DataDisks)
	for _, dir := range append([]*string{&c.Data}, pointers(c.DataDisks)...) {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("find the folder %s: %w", *dir, err)
		}
		*dir = abs
	}
	for i, dir := range c.DataDisks {
		if dir == c.Data || dir == c.blobDirs()[0] {
			return fmt.Errorf("data-disks names the data folder %s, which is used anyway: leave it out", dir)
		}
		for _, other := range c.DataDisks[:i] {
			if dir == other {
				return fmt.Errorf("data-disks names %s twice: leave one out", dir)
			}
		}
	}
	if c.MasterKeyFile == "" {
		c.MasterKeyFile = filepath.Join(c.Data, masterKeyName)
	}
	if err := c.checkAddresses(); err != nil {
		return err
	}
	_, err := coffer.ParseObjectOwnership(string(c.ObjectOwnership))
	ownershipKnown := err == nil
	switch {
	case len(c.Regions) == 0 || c.Regions[0] == "":
		return fmt.Errorf("no region is set: name at least one with --region")
	case c.InlineThreshold < 1 || c.InlineThreshold > inlineThresholdMax:
		return fmt.Errorf("inline-threshold is %d bytes: it must be between 1 and %d", c.InlineThreshold, inlineThresholdMax)
	case c.MetadataCache < metadataCacheMin && c.MetadataCache != MetadataCacheAuto:
		return fmt.Errorf("metadata-cache is %d bytes: it must be %d or more, or auto", c.MetadataCache, int64(metadataCacheMin))
	case !ownershipKnown:
		return fmt.Errorf("s3-default-object-ownership is %q: it must be %s, %s or %s", c.ObjectOwnership,
			coffer.BucketOwnerEnforced, coffer.BucketOwnerPreferred, coffer.ObjectWriter)
	case c.SessionIdle < time.Minute || c.SessionMax < c.SessionIdle:
		return fmt.Errorf("session-idle is %s and session-max is %s: idle must be a minute or more, and not longer than max", c.SessionIdle, c.SessionMax)
	case c.RequestsPerSecond < 0:
		return fmt.Errorf("s3-requests-per-second is %d: it must not be negative", c.RequestsPerSecond)
	case c.MaxConnections < 0 && c.MaxConnections != MaxConnectionsAuto:
		return fmt.Errorf("max-connections is %d: it must be 0 or more, or auto", c.MaxConnections)
	case c.MaxConnectionsPerAddress < 0:
		return fmt.Errorf("max-connections-per-address is %d: it must not be negative", c.MaxConnectionsPerAddress)
	case c.ScrubEvery < 0:
		return fmt.Errorf("scrub-every is %s: it must be 0 or more", c.ScrubEvery)
	case c.LifecycleDay < time.Second:
		return fmt.Errorf("lifecycle-day is %s: it must be a second or more", c.LifecycleDay)
	case c.DrainTimeout < 0:
		return fmt.Errorf("drain-timeout is %s: it must not be negative", c.DrainTimeout)
	case (c.RootAccessKeyID == "") != c.RootSecretAccessKey.Empty():
		return fmt.Errorf("only one of COFFER_ROOT_ACCESS_KEY_ID and COFFER_ROOT_SECRET_ACCESS_KEY is set: set both, or neither")
	}
	if c.RootAccessKeyID != "" {
		if _, _, err := coffer.ParseImportedPair(c.RootAccessKeyID, c.RootSecretAccessKey.Reveal()); err != nil {
			return fmt.Errorf("COFFER_ROOT_ACCESS_KEY_ID and COFFER_ROOT_SECRET_ACCESS_KEY: %w", err)
		}
	}
	if _, err := coffer.ParseEmail(c.RootEmail); err != nil {
		return fmt.Errorf("root-email: %w", err)
	}
	return c.checkTargets()
}

func (c *Config) checkAddresses() error {
	for _, a := range []struct{ flag, addr string }{{"s3-addr", c.S3Addr}, {"console-addr", c.ConsoleAddr}, {"admin-addr", c.AdminAddr}} {
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			return fmt.Errorf("%s is %q: write it as HOST:PORT, for example 127.0.0.1:9000 or [::]:9000", a.flag, a.addr)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("only one of tls-cert and tls-key is set: set both, or neither")
	}
	for _, d := range c.Domains {
		if !isDomain(d) {
			return fmt.Errorf("domain is %q: write a host name without port, for example s3.example.com", d)
		}
	}
	for _, p := range []struct {
		flag string
		url  *string
	}{{"public-s3-url", &c.PublicS3URL}, {"public-console-url", &c.PublicConsoleURL}} {
		if *p.url == "" {
			continue
		}
		u, err := url.Parse(*p.url)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return fmt.Errorf("%s is %q: write it as https://HOST or https://HOST:PORT", p.flag, *p.url)
		}
		*p.url = u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return c.checkWebsites()
}

func isDomain(d string) bool {
	return d != "" && !strings.ContainsAny(d, "/: \t") && !strings.HasPrefix(d, ".")
}

// checkWebsites keeps websites, whose pages anybody with a bucket writes, from
// names that are for something else.
func (c *Config) checkWebsites() error {
	for _, d := range c.WebsiteDomains {
		if !isDomain(d) {
			return fmt.Errorf("website-domain is %q: write a host name without port, for example site.example.com", d)
		}
		if slices.ContainsFunc(c.Domains, func(s3 string) bool { return strings.EqualFold(s3, d) }) {
			return fmt.Errorf("website-domain and domain are both %q: a host name is for websites or for S3", d)
		}
		for _, p := range []struct{ flag, url string }{{"public-s3-url", c.PublicS3URL}, {"public-console-url", c.PublicConsoleURL}} {
			u, err := url.Parse(p.url)
			if err != nil || p.url == "" {
				continue
			}
			if host := u.Hostname(); host == strings.ToLower(d) || strings.HasSuffix(host, "."+strings.ToLower(d)) {
				return fmt.Errorf("%s is %s, below the website-domain %q: the pages of buckets would share its name", p.flag, p.url, d)
			}
		}
	}
	return nil
}

// masterKeyName is the file of the master key in a data folder.
const masterKeyName = "master.key"

// blobDirs are the folders of large objects' bytes, the data folder's first.
func (c *Config) blobDirs() []string {
	return append([]string{filepath.Join(c.Data, "blobs")}, c.DataDisks...)
}

// SocketPath is where the server of a data folder listens for operators.
func SocketPath(data string) string { return filepath.Join(data, "admin.sock") }

// DefaultData is the data folder when none is set: /var/lib/coffer for root and
// for whoever may write there, else coffer in $XDG_DATA_HOME or ~/.local/share.
func DefaultData(getenv func(string) string) string {
	const system = "/var/lib/coffer"
	if os.Geteuid() == 0 || writableDir(system) {
		return system
	}
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "coffer")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "coffer")
	}
	return system
}

func pointers(s []string) []*string {
	out := make([]*string, len(s))
	for i := range s {
		out[i] = &s[i]
	}
	return out
}
