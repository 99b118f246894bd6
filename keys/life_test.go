package keys

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer"
)

// TestEachRefusalHasItsOwnText ends keys in every way and signs with them: who
// has the secret is told why, who has not is told nothing.
func TestEachRefusalHasItsOwnText(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, s Session, c *clock, id string) error
		want string // "" is let in
	}{
		{"Active", func(*testing.T, Session, *clock, string) error { return nil }, ""},
		{"Paused", func(t *testing.T, s Session, _ *clock, id string) error {
			_, err := s.Pause(t.Context(), id)
			return err
		}, "is paused"},
		{"Resumed", func(t *testing.T, s Session, _ *clock, id string) error {
			_, err := s.Pause(t.Context(), id)
			_, err2 := s.Resume(t.Context(), id)
			return errors.Join(err, err2)
		}, ""},
		{"ExpiredAtTheInstant", func(t *testing.T, s Session, c *clock, id string) error {
			_, err := s.Extend(t.Context(), id, noon.Add(time.Hour))
			c.add(time.Hour)
			return err
		}, "expired at 2026-03-01T13:00:00Z"},
		{"NotExpiredBefore", func(t *testing.T, s Session, c *clock, id string) error {
			_, err := s.Extend(t.Context(), id, noon.Add(time.Hour))
			c.add(time.Hour - 1)
			return err
		}, ""},
		{"Extended", func(t *testing.T, s Session, c *clock, id string) error {
			_, err := s.Extend(t.Context(), id, noon.Add(time.Hour))
			c.add(2 * time.Hour)
			_, err2 := s.Extend(t.Context(), id, time.Time{})
			return errors.Join(err, err2)
		}, ""},
		{"Deleted", func(t *testing.T, s Session, _ *clock, id string) error {
			_, err := s.Delete(t.Context(), id)
			return err
		}, "was deleted"},
		{"Undeleted", func(t *testing.T, s Session, _ *clock, id string) error {
			_, err := s.Delete(t.Context(), id)
			_, err2 := s.Undelete(t.Context(), id)
			return errors.Join(err, err2)
		}, ""},
		{"UndeletedIsStillPaused", func(t *testing.T, s Session, _ *clock, id string) error {
			_, err := s.Pause(t.Context(), id)
			_, err2 := s.Delete(t.Context(), id)
			_, err3 := s.Undelete(t.Context(), id)
			return errors.Join(err, err2, err3)
		}, "is paused"},
		{"RotatedOut", func(t *testing.T, s Session, _ *clock, id string) error {
			_, _, err := s.Rotate(t.Context(), id, RotateOptions{})
			_, err2 := s.Confirm(t.Context(), id, ConfirmOptions{EvenIfInUse: true})
			return errors.Join(err, err2)
		}, "was rotated out"},
		{"InAScreamTest", func(t *testing.T, s Session, _ *clock, id string) error {
			_, _, err := s.Rotate(t.Context(), id, RotateOptions{})
			_, err2 := s.ScreamTest(t.Context(), id, 5)
			return errors.Join(err, err2)
		}, "is refused until 2026-03-01T12:05:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newClocked(t)
			key, secret := create(t, s, ann, CreateInput{})
			p := pairOf(key, secret)
			if err := p.sign(s); err != nil { // which fills the cache
				t.Fatal(err)
			}
			if err := tt.do(t, s.As(operator), c, string(key.ID)); err != nil {
				t.Fatal(err)
			}
			for range 2 { // from the store, from the cache
				err := p.sign(s)
				if tt.want == "" && err != nil || tt.want != "" && (coffer.CodeOf(err) != coffer.InvalidAccessKeyID || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("a signed request = %v, want %q", err, tt.want)
				}
				link := p.use(t.Context(), s, true, noon)
				if (link == nil) != (tt.want == "") {
					t.Errorf("a pre-signed URL = %v, want %q", link, tt.want)
				}
			}
			if err := (pair{p.id, coffer.NewSecretFrom("guess")}).sign(s); err != errSignature {
				t.Errorf("with a wrong secret = %v, want %v", err, errSignature)
			}
		})
	}
}

func TestStatusOfAKey(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	key, _, err := op.Create(t.Context(), ann, CreateInput{Name: "ci", Expires: noon.Add(time.Hour), Scope: &coffer.Scope{
		Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly, Buckets: []string{"photos"}, Prefixes: []string{"2024"}}}}})
	if err != nil || key.Scope.String() != "read-only on photos/2024/" || key.Status != coffer.KeyActive {
		t.Fatalf("Create = %+v, %v", key, err)
	}
	id := string(key.ID)
	signer, err := lookUp(t, s, key.Current.AccessKeyID)
	if err != nil || signer.Actor.Scope.String() != "read-only on photos/2024/" {
		t.Errorf("the actor's scope is %v, %v", signer.Actor.Scope, err)
	}
	for _, step := range []struct {
		name string
		do   func() (coffer.Key, error)
		want coffer.KeyStatus
	}{
		{"Pause", func() (coffer.Key, error) { return op.Pause(t.Context(), id) }, coffer.KeyPaused},
		{"PauseAgain", func() (coffer.Key, error) { return op.Pause(t.Context(), id) }, coffer.KeyPaused},
		{"Expire", func() (coffer.Key, error) { c.add(time.Hour); return op.Get(t.Context(), id) }, coffer.KeyExpired},
		{"Extend", func() (coffer.Key, error) { return op.Extend(t.Context(), id, noon.Add(2*time.Hour)) }, coffer.KeyPaused},
		{"Resume", func() (coffer.Key, error) { return op.Resume(t.Context(), id) }, coffer.KeyActive},
		{"Rename", func() (coffer.Key, error) { return op.Rename(t.Context(), id, " cd ") }, coffer.KeyActive},
		{"Scope", func() (coffer.Key, error) { return op.SetScope(t.Context(), id, nil) }, coffer.KeyActive},
		{"Delete", func() (coffer.Key, error) { return op.Delete(t.Context(), id) }, coffer.KeyDeleted},
	} {
		if got, err := step.do(); err != nil || got.Status != step.want {
			t.Errorf("%s = %+v, %v, want it %s", step.name, got, err, step.want)
		}
	}
	if got, err := op.Get(t.Context(), id); err != nil || got.Name != "cd" || got.Scope != nil {
		t.Errorf("Get = %+v, %v, want it renamed and without a scope", got, err)
	}
	for name, do := range map[string]func() error{
		"Pause":  func() error { _, err := op.Pause(t.Context(), id); return err },
		"Rename": func() error { _, err := op.Rename(t.Context(), id, "x"); return err },
		"Scope":  func() error { _, err := op.SetScope(t.Context(), id, nil); return err },
		"Rotate": func() error { _, _, err := op.Rotate(t.Context(), id, RotateOptions{}); return err },
		"Reveal": func() error { _, _, err := op.Reveal(t.Context(), id); return err },
	} {
		if err := do(); coffer.CodeOf(err) != coffer.NoSuchKeyRecord {
			t.Errorf("%s of a deleted key = %v, want NoSuchKeyRecord", name, err)
		}
	}
	want := []string{"key.create", "key.pause", "key.extend", "key.resume", "key.rename", "key.scope", "key.delete"}
	if got := actions(t, s, key.ID); !slices.Equal(got, want) {
		t.Errorf("the audit log has %v, want %v", got, want)
	}
	for name, err := range map[string]error{
		"Expired": func() error { _, _, err := op.Create(t.Context(), ann, CreateInput{Expires: noon}); return err }(),
		"Scope": func() error {
			_, _, err := op.Create(t.Context(), ann, CreateInput{Scope: &coffer.Scope{Grants: []coffer.Grant{{Preset: "all"}}}})
			return err
		}(),
	} {
		if coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("Create with a bad %s = %v, want InvalidArgument", name, err)
		}
	}
}

func TestADeletedKeyIsPurgedAfter30Days(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	gone, secret := create(t, s, ann, CreateInput{})
	restored, _ := create(t, s, ann, CreateInput{})
	p := pairOf(gone, secret)
	if err := p.sign(s); err != nil {
		t.Fatal(err)
	}
	rotated, newSecret, err := op.Rotate(t.Context(), string(gone.ID), RotateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []coffer.KeyID{gone.ID, restored.ID} {
		if _, err := op.Delete(t.Context(), string(id)); err != nil {
			t.Fatal(err)
		}
	}
	c.add(coffer.KeyKept - 1)
	if err := s.Tick(t.Context()); err != nil {
		t.Fatalf("Tick: %v", err)
	}
	if got, err := op.Undelete(t.Context(), string(restored.ID)); err != nil || got.Status != coffer.KeyActive {
		t.Errorf("Undelete in time = %+v, %v", got, err)
	}
	c.add(1)
	if _, err := op.Undelete(t.Context(), string(gone.ID)); coffer.CodeOf(err) != coffer.NoSuchKeyRecord {
		t.Errorf("Undelete too late = %v, want NoSuchKeyRecord", err)
	}
	if err := s.Tick(t.Context()); err != nil {
		t.Fatalf("Tick: %v", err)
	}
	for _, handle := range []string{string(gone.ID), string(p.id), string(rotated.Current.AccessKeyID)} {
		if _, err := op.Get(t.Context(), handle); coffer.CodeOf(err) != coffer.NoSuchKeyRecord {
			t.Errorf("Get(%q) after the purge = %v, want NoSuchKeyRecord", handle, err)
		}
	}
	for _, p := range []pair{p, pairOf(rotated, newSecret)} {
		if err := p.sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID || !strings.Contains(err.Error(), "does not exist in our records") {
			t.Errorf("a request of a purged key = %v, want the text of an unknown ID", err)
		}
		taken := &Pair{AccessKeyID: string(p.id), Secret: p.secret}
		if _, _, err := op.Create(t.Context(), bob, CreateInput{Import: taken}); coffer.CodeOf(err) != coffer.KeyExists {
			t.Errorf("Create with the ID of a purged key = %v, want KeyExists", err)
		}
	}
	if had, err := s.Had(t.Context(), ann.ID); err != nil || !had {
		t.Errorf("Had = %t, %v, want true", had, err)
	}
	if had, err := s.Had(t.Context(), bob.ID); err != nil || had {
		t.Errorf("Had of an account without keys = %t, %v", had, err)
	}
	if all, err := op.List(t.Context(), ann.ID); err != nil || len(all) != 1 {
		t.Errorf("List = %d keys, %v, want the restored one", len(all), err)
	}
}

// verbs are all calls that change or show a key that exists.
func verbs(t *testing.T, s Session, id string) map[string]func() error {
	return map[string]func() error{
		"Pause":    func() error { _, err := s.Pause(t.Context(), id); return err },
		"Resume":   func() error { _, err := s.Resume(t.Context(), id); return err },
		"Extend":   func() error { _, err := s.Extend(t.Context(), id, noon.Add(9*time.Hour)); return err },
		"Rename":   func() error { _, err := s.Rename(t.Context(), id, "mine"); return err },
		"SetScope": func() error { _, err := s.SetScope(t.Context(), id, &coffer.Scope{}); return err },
		"Rotate":   func() error { _, _, err := s.Rotate(t.Context(), id, RotateOptions{}); return err },
		"Confirm":  func() error { _, err := s.Confirm(t.Context(), id, ConfirmOptions{EvenIfInUse: true}); return err },
		"Cancel":   func() error { _, err := s.Cancel(t.Context(), id, CancelOptions{EvenIfInUse: true}); return err },
		"Scream":   func() error { _, err := s.ScreamTest(t.Context(), id, 1); return err },
		"Delete":   func() error { _, err := s.Delete(t.Context(), id); return err },
		"Undelete": func() error { _, err := s.Undelete(t.Context(), id); return err },
		"Reveal":   func() error { _, _, err := s.Reveal(t.Context(), id); return err },
	}
}

// TestNobodyReachesAnotherAccount calls everything with the handles of another
// account, which answers as if they were unknown and changes nothing.
func TestNobodyReachesAnotherAccount(t *testing.T) {
	s, _ := newClocked(t)
	theirs, _ := create(t, s, bob, CreateInput{})
	mine, _ := create(t, s, ann, CreateInput{})
	if _, _, err := s.As(operator).Rotate(t.Context(), string(theirs.ID), RotateOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := s.As(operator).Get(t.Context(), string(theirs.ID))
	if err != nil {
		t.Fatal(err)
	}
	for name, caller := range map[string]coffer.Caller{
		"Owner":     {Account: ann.ID, Member: "m1", Role: coffer.RoleOwner, Fresh: true},
		"Key":       {Account: ann.ID, Key: mine.ID},
		"NoAccount": {Member: "m1", Role: coffer.RoleOwner, Fresh: true},
	} {
		session := s.As(caller)
		for _, handle := range []string{string(theirs.ID), string(theirs.Current.AccessKeyID), string(before.Current.AccessKeyID)} {
			calls := verbs(t, session, handle)
			calls["Get"] = func() error { _, err := session.Get(t.Context(), handle); return err }
			calls["Usage"] = func() error { _, err := session.Usage(t.Context(), handle); return err }
			calls["Watch"] = func() error {
				for _, err := range session.Watch(t.Context(), handle) {
					return err
				}
				return nil
			}
			for verb, call := range calls {
				err := call()
				if coffer.CodeOf(err) != coffer.NoSuchKeyRecord || err.Error() != fmt.Sprintf("there is no access key %q", handle) {
					t.Errorf("%s: %s(%s) = %v, want it unknown", name, verb, handle, err)
				}
			}
		}
		if _, _, err := session.Create(t.Context(), bob, CreateInput{}); coffer.CodeOf(err) != coffer.NoSuchAccount {
			t.Errorf("%s: Create in another account = %v, want NoSuchAccount", name, err)
		}
		if _, err := session.List(t.Context(), bob.ID); coffer.CodeOf(err) != coffer.NoSuchAccount {
			t.Errorf("%s: List of another account = %v, want NoSuchAccount", name, err)
		}
	}
	if after, err := s.As(operator).Get(t.Context(), string(theirs.ID)); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("the key is %+v, %v, want it unchanged: %+v", after, err, before)
	}
	if all, err := s.As(operator).List(t.Context(), ""); err != nil || len(all) != 2 {
		t.Errorf("List = %d keys, %v, want 2", len(all), err)
	}
}

// TestRights calls everything as everybody, on a key of their own account.
func TestRights(t *testing.T) {
	readOnly := &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly}}}
	s, _ := newClocked(t)
	full, _ := create(t, s, ann, CreateInput{})
	scoped, _ := create(t, s, ann, CreateInput{Scope: readOnly})
	nothing, _ := create(t, s, ann, CreateInput{Scope: &coffer.Scope{}})
	expiring, _ := create(t, s, ann, CreateInput{Expires: noon.Add(time.Hour)})
	paused, _ := create(t, s, ann, CreateInput{})
	if _, err := s.As(operator).Pause(t.Context(), string(paused.ID)); err != nil {
		t.Fatal(err)
	}
	member := func(role coffer.Role, fresh bool) coffer.Caller {
		return coffer.Caller{Account: ann.ID, Member: "m1", Role: role, Fresh: fresh}
	}
	key := func(k coffer.Key) coffer.Caller { return coffer.Caller{Account: ann.ID, Key: k.ID} }
	elevated := key(scoped) // claims what its record does not say
	elevated.Operator, elevated.Member, elevated.Role, elevated.Fresh = true, "m1", coffer.RoleOwner, true
	const ok = coffer.CodeCount
	for _, tt := range []struct {
		name              string
		caller            coffer.Caller
		see, manage, show coffer.Code
	}{
		{"OwnerFresh", member(coffer.RoleOwner, true), ok, ok, ok},
		{"Owner", member(coffer.RoleOwner, false), ok, ok, coffer.FreshSignInNeeded},
		{"AdminFresh", member(coffer.RoleAdmin, true), ok, ok, ok},
		{"MemberFresh", member(coffer.RoleMember, true), ok, coffer.AccessDenied, coffer.AccessDenied},
		{"ReadOnlyFresh", member(coffer.RoleReadOnly, true), ok, coffer.AccessDenied, coffer.AccessDenied},
		{"UnknownRole", member("root", true), coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
		{"OperatorAtTheSocket", operator, ok, ok, ok},
		{"OperatorSignedIn", coffer.Caller{Operator: true, Account: bob.ID, Member: "m2", Role: coffer.RoleMember}, ok, ok, coffer.FreshSignInNeeded},
		{"FullKey", key(full), ok, ok, coffer.AccessDenied},
		{"ScopedKey", key(scoped), coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
		{"KeyWithoutRights", key(nothing), coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
		{"KeyThatClaimsMore", elevated, coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
		{"ExpiringKey", key(expiring), ok, coffer.AccessDenied, coffer.AccessDenied},
		{"PausedKey", key(paused), coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
		{"UnknownKey", coffer.Caller{Account: ann.ID, Key: "key_x"}, coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
		{"Nobody", coffer.Caller{Account: ann.ID}, coffer.AccessDenied, coffer.AccessDenied, coffer.AccessDenied},
	} {
		target, _ := create(t, s, ann, CreateInput{})
		session := s.As(tt.caller)
		check := func(what string, err error, want coffer.Code) {
			t.Helper()
			if want == ok && coffer.CodeOf(err) == coffer.NoRotation {
				err = nil
			}
			if want == ok && err != nil || want != ok && coffer.CodeOf(err) != want {
				t.Errorf("%s: %s = %v, want code %d (%d is success)", tt.name, what, err, want, ok)
			}
		}
		_, err := session.Get(t.Context(), string(target.ID))
		check("Get", err, tt.see)
		_, err = session.List(t.Context(), ann.ID)
		check("List", err, tt.see)
		_, err = session.Usage(t.Context(), string(target.ID))
		check("Usage", err, tt.see)
		_, _, err = session.Create(t.Context(), ann, CreateInput{})
		check("Create", err, tt.manage)
		_, _, err = session.Reveal(t.Context(), string(target.ID))
		check("Reveal", err, tt.show)
		calls := verbs(t, session, string(target.ID))
		for _, verb := range []string{"Pause", "Resume", "Extend", "Rename", "Rotate", "Scream", "Confirm", "Cancel", "Delete", "Undelete", "SetScope"} {
			check(verb, calls[verb](), tt.manage)
		}
	}
}

func TestAnExpiringKeyMakesNoneThatLivesLonger(t *testing.T) {
	s, _ := newClocked(t)
	maker, _ := create(t, s, ann, CreateInput{Expires: noon.Add(time.Hour)})
	session := s.As(coffer.Caller{Account: ann.ID, Key: maker.ID})
	if _, _, err := session.Create(t.Context(), ann, CreateInput{Expires: noon.Add(time.Hour + 1)}); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("Create of a longer life = %v, want AccessDenied", err)
	}
	child, _, err := session.Create(t.Context(), ann, CreateInput{Expires: noon.Add(time.Hour)})
	if err != nil {
		t.Fatalf("Create of the same life: %v", err)
	}
	for _, k := range []coffer.Key{child, maker} {
		for _, until := range []time.Time{{}, noon.Add(2 * time.Hour)} {
			if _, err := session.Extend(t.Context(), string(k.ID), until); coffer.CodeOf(err) != coffer.AccessDenied {
				t.Errorf("Extend to %v = %v, want AccessDenied", until, err)
			}
		}
	}
}

func TestAnyKeyRevokesItself(t *testing.T) {
	s, _ := newClocked(t)
	for name, scope := range map[string]*coffer.Scope{"Full": nil, "Nothing": {}} {
		key, secret := create(t, s, ann, CreateInput{Scope: scope})
		got, err := s.As(coffer.Caller{Account: ann.ID, Key: key.ID}).RevokeSelf(t.Context())
		if err != nil || got.Status != coffer.KeyDeleted {
			t.Errorf("%s: RevokeSelf = %+v, %v", name, got, err)
		}
		if err := pairOf(key, secret).sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
			t.Errorf("%s: a request after RevokeSelf = %v, want it refused", name, err)
		}
	}
	if _, err := s.As(operator).RevokeSelf(t.Context()); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("RevokeSelf of who is no key = %v, want AccessDenied", err)
	}
}

func TestRevealCanBeTurnedOff(t *testing.T) {
	s, _ := newClocked(t)
	key, secret := create(t, s, ann, CreateInput{})
	s.reveal = false
	if _, got, err := s.As(operator).Reveal(t.Context(), string(key.ID)); coffer.CodeOf(err) != coffer.RevealOff || !got.Empty() {
		t.Errorf("Reveal = %v, want RevealOff", err)
	}
	for guess, want := range map[coffer.Secret]bool{secret: true, coffer.NewSecretFrom("guess"): false} {
		if same, err := s.SecretIs(t.Context(), string(key.ID), guess); err != nil || same != want {
			t.Errorf("SecretIs = %t, %v, want %t", same, err, want)
		}
	}
	if got := actions(t, s, key.ID); !slices.Equal(got, []string{"key.create"}) {
		t.Errorf("the audit log has %v, want no reveal", got)
	}
	s.reveal = true
	if _, _, err := s.As(operator).Reveal(t.Context(), string(key.ID)); err != nil {
		t.Fatal(err)
	}
	if got := actions(t, s, key.ID); !slices.Equal(got, []string{"key.create", "key.reveal"}) {
		t.Errorf("the audit log has %v, want the reveal", got)
	}
}

func TestSealedValuesOpenInTheirContextOnly(t *testing.T) {
	s := newService(t)
	sealed, err := s.Seal("totp m1", []byte("seed"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := s.Unseal("totp m1", sealed); err != nil || string(plain) != "seed" {
		t.Errorf("Unseal = %q, %v", plain, err)
	}
	if plain, err := s.Unseal("totp m2", sealed); err == nil {
		t.Errorf("Unseal in another context = %q", plain)
	}
}
