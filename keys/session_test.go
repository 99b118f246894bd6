package keys

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/sigv4"
)

var somewhere = netip.MustParseAddr("192.0.2.1")

// temporary is what the holder of p makes without asking the server.
func (p pair) temporary(t *testing.T, now time.Time, change func(*coffer.Session)) (pair, string) {
	t.Helper()
	id, err := coffer.NewTemporaryID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := coffer.Session{ID: id, Parent: p.id, Issued: now.Truncate(time.Second), Expires: now.Truncate(time.Second).Add(time.Hour)}
	if change != nil {
		change(&s)
	}
	token, secret, err := s.Issue(p.secret)
	if err != nil {
		t.Fatal(err)
	}
	return pair{s.ID, secret}, token
}

// ask does what a front does with a request that p signed now, with a token if it
// is not "".
func (p pair) ask(t *testing.T, s *Service, token string) (coffer.Actor, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://s3.test/bucket/key", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Amz-Security-Token", token)
	}
	now := s.now()
	sigv4.Sign(r, string(p.id), p.secret.Reveal(), "auto", "s3", "UNSIGNED-PAYLOAD", now)
	auth, err := sigv4.Parse(r, sigv4.Options{Now: now, Service: "s3"})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := s.Authenticate(t.Context(), auth, somewhere)
	if err == nil {
		err = proof.Admit(now, false, auth.Time)
		s.Used(proof.SigningKey, Use{Time: now, Source: somewhere, UserAgent: "test/1", Operation: "GetObject", Refused: err != nil})
	}
	return proof.Actor, err
}

// TestSessionEndsWithItsKey makes a session and then whatever can happen to the key.
func TestSessionEndsWithItsKey(t *testing.T) {
	type world struct {
		*Service
		*clock
		key coffer.Key
	}
	id := func(w world) string { return string(w.key.ID) }
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, w world) error
		want coffer.Code
	}{
		{"Nothing", func(*testing.T, world) error { return nil }, 0},
		{"ItsOwnEnd", func(_ *testing.T, w world) error { w.add(time.Hour); return nil }, coffer.ExpiredToken},
		{"AMomentBeforeItsEnd", func(_ *testing.T, w world) error { w.add(time.Hour - time.Second); return nil }, 0},
		{"Paused", func(t *testing.T, w world) error {
			_, err := w.As(operator).Pause(t.Context(), id(w))
			return err
		}, coffer.InvalidAccessKeyID},
		{"Deleted", func(t *testing.T, w world) error {
			_, err := w.As(operator).Delete(t.Context(), id(w))
			return err
		}, coffer.InvalidAccessKeyID},
		{"Resumed", func(t *testing.T, w world) error {
			_, err := w.As(operator).Pause(t.Context(), id(w))
			if err == nil {
				_, err = w.As(operator).Resume(t.Context(), id(w))
			}
			return err
		}, 0},
		{"Expired", func(t *testing.T, w world) error {
			_, err := w.As(operator).Extend(t.Context(), id(w), noon.Add(time.Minute))
			w.add(time.Minute)
			return err
		}, coffer.InvalidAccessKeyID},
		{"Rotated", func(t *testing.T, w world) error {
			_, _, err := w.As(operator).Rotate(t.Context(), id(w), RotateOptions{})
			return err
		}, 0},
		{"RotatedAndConfirmed", func(t *testing.T, w world) error {
			_, _, err := w.As(operator).Rotate(t.Context(), id(w), RotateOptions{})
			if err == nil {
				_, err = w.As(operator).Confirm(t.Context(), id(w), ConfirmOptions{EvenIfInUse: true})
			}
			return err
		}, coffer.InvalidAccessKeyID},
		{"SecretRotatedAndConfirmed", func(t *testing.T, w world) error {
			_, _, err := w.As(operator).Rotate(t.Context(), id(w), RotateOptions{SameID: true})
			if err == nil {
				_, err = w.As(operator).Confirm(t.Context(), id(w), ConfirmOptions{EvenIfInUse: true})
			}
			return err
		}, coffer.InvalidAccessKeyID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newClocked(t)
			key, secret := create(t, s, ann, CreateInput{})
			temporary, token := pairOf(key, secret).temporary(t, noon, nil)
			if actor, err := temporary.ask(t, s, token); err != nil || actor.Key != key.ID || actor.AccessKeyID != temporary.id || actor.Session == nil {
				t.Fatalf("before: %+v, %v, want the key by its session", actor, err)
			}
			if err := tt.do(t, world{s, c, key}); err != nil {
				t.Fatal(err)
			}
			if _, err := temporary.ask(t, s, token); tt.want == 0 && err != nil || tt.want != 0 && coffer.CodeOf(err) != tt.want {
				t.Errorf("after: %v, want code %d", err, tt.want)
			}
		})
	}
}

// TestSessionMayWhatBothAllow narrows the key after the session was made and used.
func TestSessionMayWhatBothAllow(t *testing.T) {
	s, _ := newClocked(t)
	key, secret := create(t, s, ann, CreateInput{})
	readOnly := &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly}}}
	temporary, token := pairOf(key, secret).temporary(t, noon, func(s *coffer.Session) { s.Scope = readOnly })
	may := func(want string) {
		t.Helper()
		actor, err := temporary.ask(t, s, token)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, a := range []struct {
			action coffer.Action
			bucket coffer.BucketName
		}{{coffer.GetObject, "photos"}, {coffer.PutObject, "photos"}, {coffer.GetObject, "logs"}, {coffer.PutObject, "logs"}} {
			if actor.Scope.Allows(a.action, a.bucket, "x") {
				got += a.action.String() + " " + string(a.bucket) + " "
			}
		}
		if got != want {
			t.Errorf("the session may %q, want %q", got, want)
		}
	}
	may("s3:GetObject photos s3:GetObject logs ")
	if _, err := s.As(operator).SetScope(t.Context(), string(key.ID), &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadWrite, Buckets: []string{"logs"}}}}); err != nil {
		t.Fatal(err)
	}
	may("s3:GetObject logs ")
}

func TestSessionTokensThatProveNothing(t *testing.T) {
	s, _ := newClocked(t)
	one, oneSecret := create(t, s, ann, CreateInput{})
	two, twoSecret := create(t, s, bob, CreateInput{})
	long := pairOf(one, oneSecret)
	first, firstToken := long.temporary(t, noon, nil)
	second, secondToken := long.temporary(t, noon, nil)
	// Who has bob's key says that a session is of ann's.
	stolen, stolenToken := pair{one.Current.AccessKeyID, twoSecret}.temporary(t, noon, nil)
	nobody, nobodyToken := pair{"CFAK00000000000000ZZ", oneSecret}.temporary(t, noon, nil)
	_, later := long.temporary(t, noon.Add(skewMax+2*time.Second), func(s *coffer.Session) { s.ID = first.id })
	link, linkSecret, err := s.Link(coffer.Actor{Account: ann.ID}, noon.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	laterPair, laterToken := long.temporary(t, noon.Add(skewMax+2*time.Second), nil)
	for _, tt := range []struct {
		name  string
		who   pair
		token string
		want  coffer.Code
	}{
		{"TheTokenOfAnother", first, secondToken, coffer.InvalidToken},
		{"NoToken", second, "", coffer.InvalidAccessKeyID},
		{"ATokenOnAKey", long, firstToken, coffer.InvalidToken},
		{"AnotherTokenOnAKey", long, "x", coffer.InvalidToken},
		{"ATokenOnALink", pair{link, linkSecret}, firstToken, coffer.InvalidToken},
		{"Garbage", first, "garbage", coffer.InvalidToken},
		{"CutToken", first, firstToken[:len(firstToken)-4], coffer.InvalidToken},
		{"SignedByAnother", stolen, stolenToken, coffer.InvalidToken},
		{"NoSuchParent", nobody, nobodyToken, coffer.InvalidToken},
		{"NotYet", laterPair, laterToken, coffer.InvalidToken},
		{"AnIDOfTwoTokens", first, later, coffer.Internal}, // its secret is another one
	} {
		if _, err := tt.who.ask(t, s, tt.token); err == nil || coffer.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want code %d", tt.name, err, tt.want)
		}
	}
	for _, p := range []struct {
		pair
		token string
	}{{first, firstToken}, {second, secondToken}, {long, ""}, {pairOf(two, twoSecret), ""}} {
		if _, err := p.ask(t, s, p.token); err != nil {
			t.Errorf("%s: %v, want it let in", p.id, err)
		}
	}
}

func TestNewSessionIsMadeByAKeyOnly(t *testing.T) {
	s, _ := newClocked(t)
	key, secret := create(t, s, ann, CreateInput{})
	long := pairOf(key, secret)
	actor, err := long.ask(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	caller := coffer.Caller{Account: ann.ID, Key: key.ID}
	made, err := s.As(caller).NewSession(t.Context(), actor, SessionInput{Name: "job", Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	of, err := pair{made.ID, made.Secret}.ask(t, s, made.Token)
	if err != nil || of.Session.Name != "job" || !of.Session.Expires.Equal(noon.Truncate(time.Second).Add(time.Hour)) {
		t.Fatalf("the session = %+v, %v, want to be let in for an hour", of.Session, err)
	}
	if got := actions(t, s, key.ID); !slices.Equal(got, []string{"key.create", "session.create"}) {
		t.Errorf("the audit log has %q, want the session in it", got)
	}
	for name, try := range map[string]struct {
		caller coffer.Caller
		actor  coffer.Actor
	}{
		"a session":     {caller, of},
		"nobody":        {coffer.Caller{}, coffer.Actor{}},
		"a member":      {coffer.Caller{Account: ann.ID, Member: "m", Role: coffer.RoleOwner}, actor},
		"an operator":   {operator, actor},
		"another key":   {coffer.Caller{Account: bob.ID, Key: "key_other"}, actor},
		"an old secret": {caller, func() coffer.Actor { a := actor; a.Generation = 7; return a }()},
	} {
		if _, err := s.As(try.caller).NewSession(t.Context(), try.actor, SessionInput{Life: time.Hour}); coffer.CodeOf(err) != coffer.AccessDenied {
			t.Errorf("NewSession by %s = %v, want AccessDenied", name, err)
		}
	}
}

func TestAnAccountIsNotGivenSessionsWithoutEnd(t *testing.T) {
	s, c := newClocked(t)
	key, secret := create(t, s, ann, CreateInput{})
	actor, err := pairOf(key, secret).ask(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_, err := s.As(coffer.Caller{Account: ann.ID, Key: key.ID}).NewSession(t.Context(), actor, SessionInput{Life: time.Hour})
		return err
	}
	for range sessionsBurst {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(); coffer.CodeOf(err) != coffer.SlowDown {
		t.Errorf("after %d at once: %v, want SlowDown", sessionsBurst, err)
	}
	if c.add(time.Second); ask() != nil {
		t.Error("a second later none is given")
	}
}

// TestSessionsAreEvidenceOfTheirKey: who uses a session holds up the end of the
// credential that it was made from.
func TestSessionsAreEvidenceOfTheirKey(t *testing.T) {
	s, _ := newClocked(t)
	key, old, _ := rotated(t, s, RotateOptions{})
	temporary, token := old.temporary(t, noon, nil)
	if _, err := temporary.ask(t, s, token); err != nil {
		t.Fatal(err)
	}
	if _, err := s.As(operator).Confirm(t.Context(), string(key.ID), ConfirmOptions{}); coffer.CodeOf(err) != coffer.KeyInUse {
		t.Errorf("Confirm = %v, want KeyInUse", err)
	}
}

func TestSessionsAreBoundedInMemory(t *testing.T) {
	large := &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly}}}
	for i := range 1000 {
		large.Grants[0].Prefixes = append(large.Grants[0].Prefixes, fmt.Sprint(i, "/"))
	}
	for name, tt := range map[string]struct{ own, parents *coffer.Scope }{
		"small": {}, "large": {own: large}, "of large keys": {parents: large},
	} {
		var s sessions
		for i := range sessionsMax + 10 {
			e := &entry{actor: coffer.Actor{Session: &coffer.Session{Scope: tt.own}}}
			s.put(time.Duration(i).String(), sessionEntry{entry: e, parent: &entry{actor: coffer.Actor{Scope: tt.parents}}})
		}
		n, bytes := len(s.entries), 0
		for token, e := range s.entries {
			bytes += sessionBytes(token, e)
		}
		if n > sessionsMax || n < 100 || bytes != s.bytes || bytes > sessionsBytes {
			t.Errorf("%s: %d sessions are kept with %d bytes, counted as %d: want at most %d with %d", name, n, bytes, s.bytes, sessionsMax, sessionsBytes)
		}
	}
}

// BenchmarkSession finds the signer of a request with a session token, which is
// known or derived anew.
func BenchmarkSession(b *testing.B) {
	s, err := Open(b.Context(), options(openStore(b, vfs.NewMem())))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key, secret, err := s.As(operator).Create(b.Context(), ann, CreateInput{})
	if err != nil {
		b.Fatal(err)
	}
	id, err := coffer.NewTemporaryID(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := coffer.Session{ID: id, Parent: key.Current.AccessKeyID, Issued: noon, Expires: noon.Add(time.Hour)}.Issue(secret)
	if err != nil {
		b.Fatal(err)
	}
	for name, before := range map[string]func(){"known": func() {}, "anew": func() { clear(s.sessions.entries) }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				before()
				if _, err := s.SessionSigner(b.Context(), id, token, "20260301", "auto", "s3"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
