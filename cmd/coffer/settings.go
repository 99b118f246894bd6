package main

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/server"
)

// kind says how the text of a setting is read.
type kind string

const (
	kindText     kind = "text"
	kindPath     kind = "path"
	kindList     kind = "list"
	kindPaths    kind = "list of paths"
	kindBool     kind = "true or false"
	kindBytes    kind = "bytes"
	kindNumber   kind = "number"
	kindDuration kind = "duration"
	kindSecret   kind = "secret"
	kindTables   kind = "tables"
)

// values is what the settings are read into.
type values struct {
	server.Config
	logFormat string
	logLevel  string
}

// setting is one line of the table from which flags, environment variables,
// configuration keys, `coffer config show` and docs/settings.md are made.
type setting struct {
	name  string // the TOML key; the flag has - for _, the variable COFFER_ and capitals
	kind  kind
	usage string
	// file tells that NAME_FILE, as a variable or a TOML key, names a file that
	// holds the value.
	file  bool
	empty string // what an empty default means, for the documentation
	set   func(v *values, text string) error
	get   func(v *values) string
}

func (s *setting) flag() string { return strings.ReplaceAll(s.name, "_", "-") }
func (s *setting) env() string  { return "COFFER_" + strings.ToUpper(s.name) }
func (s *setting) hidden() bool { return s.kind == kindSecret || s.kind == kindTables }
func (s *setting) list() bool   { return s.kind == kindList || s.kind == kindPaths }

// defaultText is the value of a setting that nobody gives.
func (s *setting) defaultText() string {
	v := defaults()
	return s.get(&v)
}

func defaults() values {
	return values{Config: server.NewConfig(), logFormat: "auto", logLevel: "info"}
}

// settings is the table.
var settings = []setting{
	text("data", kindPath, "data folder", "/var/lib/coffer if that can be written, else ~/.local/share/coffer", func(v *values) *string { return &v.Data }),
	list("data_disks", kindPaths, "further folders for the bytes of large objects", "", func(v *values) *[]string { return &v.DataDisks }),
	text("s3_addr", kindText, "`HOST:PORT` of the S3 endpoint; port 0 takes a free one", "", func(v *values) *string { return &v.S3Addr }),
	text("console_addr", kindText, "`HOST:PORT` of the web console; port 0 takes a free one", "", func(v *values) *string { return &v.ConsoleAddr }),
	text("admin_addr", kindText, "`HOST:PORT` of health and metrics, without credentials; port 0 takes a free one", "", func(v *values) *string { return &v.AdminAddr }),
	list("domain", kindList, "host names below which BUCKET.NAME addresses a bucket", "", func(v *values) *[]string { return &v.Domains }),
	list("website_domain", kindList, "host names below which BUCKET.NAME is the website of a bucket; best not below that of the console", "", func(v *values) *[]string { return &v.WebsiteDomains }),
	list("region", kindList, "regions that requests may be signed for; the first is the server's own", "", func(v *values) *[]string { return &v.Regions }),
	text("public_s3_url", kindText, "`URL` by which clients reach the S3 endpoint", "as s3_addr says", func(v *values) *string { return &v.PublicS3URL }),
	text("public_console_url", kindText, "`URL` by which people open the console; passkeys and links are bound to its host name", "as console_addr says, with localhost for the loopback", func(v *values) *string { return &v.PublicConsoleURL }),
	text("tls_cert", kindPath, "certificate chain of the S3 endpoint and the console, in PEM; read again when it changes", "no TLS", func(v *values) *string { return &v.TLSCert }),
	text("tls_key", kindPath, "private key of tls_cert, in PEM", "no TLS", func(v *values) *string { return &v.TLSKey }),
	{name: "trusted_proxies", kind: kindList, usage: "networks whose X-Forwarded-For and X-Forwarded-Host are believed", empty: "none",
		set: setNetworks, get: getNetworks},
	{name: "max_connections", kind: kindNumber, usage: "connections to the S3 endpoint and the console at a time, or auto: one for each MiB of memory, from 512 to 16384, but no more than half of the open files; 0 is no limit",
		set: setMaxConnections, get: getMaxConnections},
	number("max_connections_per_address", "connections that one address may have, or one /64 of IPv6; this machine and trusted proxies may have any number; 0 is no limit", func(v *values) *int64 { return &v.MaxConnectionsPerAddress }),
	bytes("inline_threshold", "objects up to this size are kept in the metadata store", func(v *values) *int64 { return &v.InlineThreshold }),
	bytesOrAuto("metadata_cache", "how much of the metadata's files is kept in memory, or auto: 64MiB, but no more than an eighth of the memory; more pays with many millions of objects", server.MetadataCacheAuto, func(v *values) *int64 { return &v.MetadataCache }),
	text("s3_default_object_ownership", kindText, "object ownership of new buckets: BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter; with the latter two ACLs work in them and public access is not blocked", "",
		func(v *values) *string { return (*string)(&v.ObjectOwnership) }),
	bytesOrAuto("min_free", "free space below which writes are refused, or auto: 5%, from 16MiB to 1GiB", server.MinFreeAuto, func(v *values) *int64 { return &v.MinFree }),
	number("s3_requests_per_second", "S3 requests per second that an account, and each of its access keys, may make unless its quota says otherwise; 0 is no limit", func(v *values) *int64 { return &v.RequestsPerSecond }),
	duration("lifecycle_day", "how long a day of a lifecycle is; anything but 24h is for tests, and ends objects before the time that their rules say", func(v *values) *time.Duration { return &v.LifecycleDay }),
	bytes("scrub_bytes_per_second", "how fast stored bytes are read to compare them with their checksums; 0 is never", func(v *values) *int64 { return &v.ScrubBytesPerSecond }),
	duration("scrub_every", "how long after all stored bytes were read that is done again; 0 is never", func(v *values) *time.Duration { return &v.ScrubEvery }),
	duration("drain_timeout", "how long requests may go on after the server was asked to stop", func(v *values) *time.Duration { return &v.DrainTimeout }),
	duration("session_idle", "how long a session of the console lives without a request", func(v *values) *time.Duration { return &v.SessionIdle }),
	duration("session_max", "how long a session of the console lives in any case", func(v *values) *time.Duration { return &v.SessionMax }),
	toggle("keys_reveal", "let owners and admins see secrets again after they were made", func(v *values) *bool { return &v.KeysReveal }),
	tables("webhooks", "webhooks that buckets can send events to: name=NAME;url=URL for each, with secret, secret_file, url_file or account if need be; a URL is of an HTTP server or of a broker: nats, kafka or amqp", setWebhooks, shownWebhooks),
	toggle("webhooks_allow_private", "let webhooks be on private networks and this machine", func(v *values) *bool { return &v.WebhooksAllowPrivate }),
	tables("replication_targets", "S3 services that buckets can be replicated to: name=NAME;endpoint=URL;access_key_id=ID;secret=SECRET;account=ID for each, with secret_file or region if need be; account=* is all accounts", setTargets, shownTargets),
	text("log_format", kindText, "auto, text or json; auto is text on a terminal", "", func(v *values) *string { return &v.logFormat }),
	text("log_level", kindText, "debug, info, warn or error", "", func(v *values) *string { return &v.logLevel }),
	text("ready_file", kindPath, "`FILE` that is written, as JSON with the addresses, once the server answers", "none", func(v *values) *string { return &v.ReadyFile }),
	toggle("unsafe_no_sync", "acknowledge writes before they are durable: loses data in a power cut", func(v *values) *bool { return &v.UnsafeNoSync }),
	text("master_key_file", kindPath, "file of the master key, made at the first start", "master.key in the data folder", func(v *values) *string { return &v.MasterKeyFile }),
	secret("master_key", "the master key itself: 64 hexadecimal digits", func(v *values) *coffer.Secret { return &v.MasterKey }),
	toggle("encryption", "encrypt the bytes of all new objects, whether or not they ask for it; those of before stay as they are", func(v *values) *bool { return &v.Encryption }),
	secret("kms_keys", "keys of SSE-KMS: NAME=URL, separated by commas, with URLs such as base64key://KEY (32 bytes) and hashivault://KEY; the first is used where none is named", func(v *values) *coffer.Secret { return &v.KMSKeys }),
	toggle("s3_allow_sse_c_over_http", "take the keys of clients (SSE-C) over plain HTTP from other machines too, say behind a proxy that has TLS", func(v *values) *bool { return &v.CustomerKeysOverHTTP }),
	toggle("s3_signed_payloads_over_http", "over plain HTTP refuse bodies that are not signed (UNSIGNED-PAYLOAD and unsigned chunks), which others on the way could change; pre-signed URLs are taken all the same", func(v *values) *bool { return &v.SignedPayloadsOverHTTP }),
	text("root_email", kindText, "e-mail address of the account that the first start makes, and of its first member", "", func(v *values) *string { return &v.RootEmail }),
	secret("root_password", "password of the first member, instead of the setup link", func(v *values) *coffer.Secret { return &v.RootPassword }),
	withFile(text("root_access_key_id", kindText, "Access Key ID that the first account must have", "made at the first start", func(v *values) *string { return &v.RootAccessKeyID })),
	secret("root_secret_access_key", "the secret of root_access_key_id", func(v *values) *coffer.Secret { return &v.RootSecretAccessKey }),
}

// otherVariables begin with COFFER_ and are no settings.
var otherVariables = []string{"COFFER_CONFIG", importSecretVariable, importSecretVariable + "_FILE",
	urlVariable, keyIDVariable, secretVariable, secretVariable + "_FILE", backupKeyIDVariable, backupSecretVariable, backupSecretVariable + "_FILE"}

func settingNamed(name string) *setting {
	for i := range settings {
		if settings[i].name == name {
			return &settings[i]
		}
	}
	panic("no setting " + name) // a mistake in this program, found by any test
}

func text(name string, k kind, usage, empty string, field func(*values) *string) setting {
	return setting{name: name, kind: k, usage: usage, empty: empty,
		set: func(v *values, text string) error { *field(v) = text; return nil },
		get: func(v *values) string { return *field(v) }}
}

func list(name string, k kind, usage, empty string, field func(*values) *[]string) setting {
	return setting{name: name, kind: k, usage: usage, empty: empty,
		set: func(v *values, text string) error { *field(v) = splitList(text); return nil },
		get: func(v *values) string { return strings.Join(*field(v), ",") }}
}

func bytes(name, usage string, field func(*values) *int64) setting {
	return setting{name: name, kind: kindBytes, usage: usage,
		set: func(v *values, text string) (err error) { *field(v), err = parseBytes(text); return err },
		get: func(v *values) string { return formatBytes(*field(v)) }}
}

// bytesOrAuto is bytes, or the word auto, which stands for the number that is none.
func bytesOrAuto(name, usage string, auto int64, field func(*values) *int64) setting {
	s := bytes(name, usage, field)
	set, get := s.set, s.get
	s.set = func(v *values, text string) error {
		if text == "auto" {
			*field(v) = auto
			return nil
		}
		return set(v, text)
	}
	s.get = func(v *values) string {
		if *field(v) == auto {
			return "auto"
		}
		return get(v)
	}
	return s
}

func number(name, usage string, field func(*values) *int64) setting {
	return setting{name: name, kind: kindNumber, usage: usage,
		set: func(v *values, text string) (err error) {
			if *field(v), err = strconv.ParseInt(text, 10, 64); err != nil {
				return fmt.Errorf("%q is not a number", text)
			}
			return nil
		},
		get: func(v *values) string { return strconv.FormatInt(*field(v), 10) }}
}

func duration(name, usage string, field func(*values) *time.Duration) setting {
	return setting{name: name, kind: kindDuration, usage: usage,
		set: func(v *values, text string) (err error) {
			if *field(v), err = time.ParseDuration(text); err != nil {
				return fmt.Errorf("%q is not a duration: write it as 30s or 5m", text)
			}
			return nil
		},
		get: func(v *values) string { return field(v).String() }}
}

func toggle(name, usage string, field func(*values) *bool) setting {
	return setting{name: name, kind: kindBool, usage: usage,
		set: func(v *values, text string) (err error) {
			switch text {
			case "on":
				text = "true"
			case "off":
				text = "false"
			}
			if *field(v), err = strconv.ParseBool(text); err != nil {
				return fmt.Errorf("%q is neither true nor false", text)
			}
			return nil
		},
		get: func(v *values) string { return strconv.FormatBool(*field(v)) }}
}

func secret(name, usage string, field func(*values) *coffer.Secret) setting {
	return setting{name: name, kind: kindSecret, usage: usage, file: true, empty: "none",
		set: func(v *values, text string) error { *field(v) = coffer.NewSecretFrom(text); return nil },
		get: func(v *values) string {
			if field(v).Empty() {
				return ""
			}
			return field(v).String()
		}}
}

func withFile(s setting) setting {
	s.file = true
	return s
}

func setNetworks(v *values, text string) error {
	v.TrustedProxies = nil
	for _, s := range splitList(text) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				return fmt.Errorf("%q is not a network: write it as 10.0.0.0/8 or fd00::/8", s)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		v.TrustedProxies = append(v.TrustedProxies, p.Masked())
	}
	return nil
}

func getNetworks(v *values) string {
	var out []string
	for _, p := range v.TrustedProxies {
		out = append(out, p.String())
	}
	return strings.Join(out, ",")
}

func setMaxConnections(v *values, text string) (err error) {
	if text == "auto" {
		v.MaxConnections = server.MaxConnectionsAuto
		return nil
	}
	if v.MaxConnections, err = strconv.ParseInt(text, 10, 64); err != nil || v.MaxConnections < 0 {
		return fmt.Errorf("%q is neither a number nor auto", text)
	}
	return nil
}

func getMaxConnections(v *values) string {
	if v.MaxConnections == server.MaxConnectionsAuto {
		return "auto"
	}
	return strconv.FormatInt(v.MaxConnections, 10)
}

func splitList(text string) []string {
	var out []string
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// byteUnits are tried in this order, so that B comes after KiB and KB.
var byteUnits = []struct {
	suffix string
	bytes  int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}, {"", 1},
}

func parseBytes(text string) (int64, error) {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err == nil && n >= 0 && n <= math.MaxInt64/u.bytes {
			return n * u.bytes, nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size: write it as 65536, 64KiB or 1GiB", text)
}

func formatBytes(n int64) string {
	for _, u := range byteUnits[:4] {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}
