package keys

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/audit"
	"coffer/sigv4"
)

// clock is moved by the tests.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClocked(t *testing.T) (*Service, *clock) {
	t.Helper()
	c := &clock{t: noon}
	opt := options(openStore(t, vfs.NewMem()))
	opt.Now = c.Now
	return openService(t, opt), c
}

// pair is what a client signs with.
type pair struct {
	id     coffer.AccessKeyID
	secret coffer.Secret
}

func pairOf(k coffer.Key, secret coffer.Secret) pair { return pair{k.Current.AccessKeyID, secret} }

// errSignature is what a front answers when no signing key fits.
var errSignature = errors.New("SignatureDoesNotMatch")

// match finds the signing key that a signature with p was made with.
func (p pair) match(ctx context.Context, s *Service) (SigningKey, error) {
	signer, err := s.Signer(ctx, p.id, "20260301", "auto", "s3")
	if err != nil {
		return SigningKey{}, err
	}
	want := sigv4.DeriveKey(p.secret.Reveal(), "20260301", "auto", "s3")
	for _, k := range signer.Keys {
		if k.Key == want {
			return k, nil
		}
	}
	return SigningKey{}, errSignature
}

// use does what a front does with a request that p signed now, or with a link
// that it signed at some time.
func (p pair) use(ctx context.Context, s *Service, link bool, signed time.Time) error {
	k, err := p.match(ctx, s)
	if err != nil {
		return err
	}
	err = k.Admit(s.now(), link, signed)
	s.Used(k, Use{Time: s.now(), Source: netip.MustParseAddr("192.0.2.1"), UserAgent: "test/1", Operation: "GetObject",
		Bucket: "photos", Region: "auto", Refused: err != nil})
	return err
}

func (p pair) sign(s *Service) error { return p.use(context.Background(), s, false, s.now()) }

// actions are what the audit log has of a key, the oldest first.
func actions(t *testing.T, s *Service, id coffer.KeyID) []string {
	t.Helper()
	log := audit.Log{Meta: s.meta, Now: s.now}
	events, _, err := log.As(operator).List(t.Context(), "", audit.Filter{Target: string(id)}, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range events {
		all = append([]string{e.Action}, all...)
	}
	return all
}
