package keys

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"coffer"
	"coffer/meta"
	"coffer/meta/pebble"
)

// What a credential of the model is.
type role int

const (
	current role = iota
	outgoing
	retiredRole
)

type modelCredential struct {
	pair  pair
	role  role
	links time.Time
	seen  time.Time
}

// modelKey is a key as the specification has it.
type modelKey struct {
	id          coffer.KeyID
	credentials []modelCredential
	paused      bool
	deleted     time.Time
	purged      bool
	expires     time.Time
	leaked      bool
	confirmBy   time.Time
	overdue     bool
	screamUntil time.Time
}

func (k modelKey) clone() modelKey {
	k.credentials = slices.Clone(k.credentials)
	return k
}

func (k *modelKey) with(r role) *modelCredential {
	for i := range k.credentials {
		if k.credentials[i].role == r {
			return &k.credentials[i]
		}
	}
	return nil
}

// retire ends a credential; if it leaked, no link of an earlier one is good either.
func (k *modelKey) retire(c *modelCredential) {
	c.role = retiredRole
	for i := range k.credentials {
		if k.leaked {
			k.credentials[i].links = time.Time{}
		}
	}
}

// lets tells whether a request is let in.
func (k *modelKey) lets(c *modelCredential, now time.Time, link bool, signed time.Time) bool {
	switch {
	case k.purged || k.paused || !k.deleted.IsZero() || !k.expires.IsZero() && !now.Before(k.expires):
		return false
	case c.role == retiredRole:
		return link && signed.Before(c.links)
	case c.role == outgoing:
		return !now.Before(k.screamUntil)
	}
	return true
}

// machine runs the real keys and the model side by side.
type machine struct {
	t     *testing.T
	fs    *vfs.MemFS
	store meta.Store
	s     *Service
	clock *clock
	key   modelKey
}

func (m *machine) open(rt *rapid.T) {
	store, err := pebble.Open("db", pebble.Options{FS: m.fs})
	if err != nil {
		rt.Fatalf("open store: %v", err)
	}
	opt := options(store)
	opt.Now = m.clock.Now
	s, err := Open(context.Background(), opt)
	if err != nil {
		rt.Fatalf("Open: %v", err)
	}
	m.store, m.s = store, s
}

func (m *machine) close() {
	_ = m.s.Close()
	_ = m.store.Close()
}

// step is one call and what it does to the model. The call is tried for real
// either way, and the model's opinion compared.
type step struct {
	name string
	call func(Session, *modelKey) (coffer.Secret, coffer.Key, error)
	// model changes k, or says how the call is refused.
	model func(k *modelKey, now time.Time) coffer.Code
}

const fine = coffer.CodeCount

// drawStep draws a call with its options.
func drawStep(rt *rapid.T, now time.Time) step {
	id := func(k *modelKey) string { return string(k.id) }
	plain := func(fn func(Session, *modelKey) (coffer.Key, error)) func(Session, *modelKey) (coffer.Secret, coffer.Key, error) {
		return func(s Session, k *modelKey) (coffer.Secret, coffer.Key, error) {
			key, err := fn(s, k)
			return coffer.Secret{}, key, err
		}
	}
	living := func(fn func(k *modelKey, now time.Time) coffer.Code) func(*modelKey, time.Time) coffer.Code {
		return func(k *modelKey, now time.Time) coffer.Code {
			if k.purged || !k.deleted.IsZero() {
				return coffer.NoSuchKeyRecord
			}
			return fn(k, now)
		}
	}
	ctx := context.Background()
	ahead := now.Add(time.Duration(rapid.IntRange(1, 300).Draw(rt, "minutes ahead")) * time.Minute)
	yes, no := rapid.Bool().Draw(rt, "yes"), rapid.Bool().Draw(rt, "no")
	switch name := rapid.SampledFrom([]string{"rotate", "rotate", "rotate", "confirm", "confirm", "cancel", "scream",
		"pause", "resume", "extend", "delete", "undelete", "undelete"}).Draw(rt, "call"); name {
	case "rotate":
		opt := RotateOptions{SameID: yes}
		if no {
			opt.Reason = coffer.ReasonLeaked
		}
		if rapid.Bool().Draw(rt, "deadline") {
			opt.ConfirmBy = ahead
		}
		return step{fmt.Sprintf("rotate %+v", opt), func(s Session, k *modelKey) (coffer.Secret, coffer.Key, error) {
			key, secret, err := s.Rotate(ctx, id(k), opt)
			return secret, key, err
		}, living(func(k *modelKey, now time.Time) coffer.Code {
			if k.with(outgoing) != nil {
				return coffer.RotationInProgress
			}
			k.with(current).role = outgoing
			k.leaked, k.confirmBy, k.overdue, k.screamUntil = no, opt.ConfirmBy, false, time.Time{}
			return fine
		})}
	case "confirm":
		opt := ConfirmOptions{EvenIfInUse: yes, KeepLinks: no}
		return step{fmt.Sprintf("confirm %+v", opt), plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Confirm(ctx, id(k), opt) }),
			living(func(k *modelKey, now time.Time) coffer.Code {
				old := k.with(outgoing)
				switch {
				case old == nil:
					return coffer.NoRotation
				case no && k.leaked:
					return coffer.InvalidRequest
				case !yes && inUse(old, now):
					return coffer.KeyInUse
				}
				k.retire(old)
				if no {
					old.links = now
				}
				return fine
			})}
	case "cancel":
		return step{fmt.Sprintf("cancel %t", yes), plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Cancel(ctx, id(k), CancelOptions{yes}) }),
			living(func(k *modelKey, now time.Time) coffer.Code {
				switch {
				case k.with(outgoing) == nil:
					return coffer.NoRotation
				case !yes && inUse(k.with(current), now):
					return coffer.KeyInUse
				}
				k.with(current).role = retiredRole
				k.with(outgoing).role = current
				return fine
			})}
	case "scream":
		return step{name, plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.ScreamTest(ctx, id(k), 10) }),
			living(func(k *modelKey, now time.Time) coffer.Code {
				if k.with(outgoing) == nil {
					return coffer.NoRotation
				}
				k.screamUntil = now.Add(10 * time.Minute)
				return fine
			})}
	case "pause":
		return step{name, plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Pause(ctx, id(k)) }),
			living(func(k *modelKey, _ time.Time) coffer.Code { k.paused = true; return fine })}
	case "resume":
		return step{name, plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Resume(ctx, id(k)) }),
			living(func(k *modelKey, _ time.Time) coffer.Code { k.paused = false; return fine })}
	case "extend":
		if yes {
			ahead = time.Time{}
		}
		return step{name, plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Extend(ctx, id(k), ahead) }),
			living(func(k *modelKey, _ time.Time) coffer.Code { k.expires = ahead; return fine })}
	case "delete":
		return step{name, plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Delete(ctx, id(k)) }),
			func(k *modelKey, now time.Time) coffer.Code {
				if k.purged {
					return coffer.NoSuchKeyRecord
				}
				if k.deleted.IsZero() {
					k.deleted = now
				}
				return fine
			}}
	}
	return step{"undelete", plain(func(s Session, k *modelKey) (coffer.Key, error) { return s.Undelete(ctx, id(k)) }),
		func(k *modelKey, now time.Time) coffer.Code {
			if k.purged || !k.deleted.IsZero() && !now.Before(k.deleted.Add(coffer.KeyKept)) {
				return coffer.NoSuchKeyRecord
			}
			k.deleted = time.Time{}
			return fine
		}}
}

func inUse(c *modelCredential, now time.Time) bool {
	return !c.seen.IsZero() && now.Sub(c.seen) < idleEnough
}

// run does a step for real and in the model. A credential that it made joins the
// model.
func (m *machine) run(rt *rapid.T, st step) {
	next := m.key.clone()
	want := st.model(&next, m.clock.Now())
	secret, key, err := st.call(m.s.As(operator), &m.key)
	if want == fine && err != nil || want != fine && coffer.CodeOf(err) != want {
		rt.Fatalf("%s = %v, want code %d (%d is success)", st.name, err, want, fine)
	}
	if want != fine {
		if in, ok := errors.AsType[*InUse](err); want == coffer.KeyInUse && (!ok || in.LastUsed.IsZero()) {
			rt.Fatalf("%s = %#v, want it to say when it was used", st.name, err)
		}
		return
	}
	if !secret.Empty() {
		next.credentials = append(next.credentials, modelCredential{pair: pairOf(key, secret)})
	}
	m.key = next
}

// tick moves the clock, and the model with what is due.
func (m *machine) tick(rt *rapid.T) {
	m.clock.add(rapid.SampledFrom([]time.Duration{time.Minute, 14 * time.Minute, 15 * time.Minute, time.Hour, 8 * 24 * time.Hour}).Draw(rt, "passes"))
	if err := m.s.Tick(context.Background()); err != nil {
		rt.Fatalf("Tick: %v", err)
	}
	now, k := m.clock.Now(), &m.key
	switch old := k.with(outgoing); {
	case !k.deleted.IsZero():
		k.purged = k.purged || !now.Before(k.deleted.Add(coffer.KeyKept))
	case old != nil && !k.overdue && !k.confirmBy.IsZero() && !now.Before(k.confirmBy):
		if inUse(old, now) {
			k.overdue = true
		} else {
			k.retire(old)
		}
	}
}

// use signs a request with any credential that there ever was.
func (m *machine) use(rt *rapid.T) {
	c := &m.key.credentials[rapid.IntRange(0, len(m.key.credentials)-1).Draw(rt, "credential")]
	if _, err := c.pair.match(context.Background(), m.s); err != nil {
		return
	}
	_ = c.pair.sign(m.s)
	c.seen = m.clock.Now()
}

// check holds the invariants: what the model lets in is let in and nothing else;
// never two keys lost, never a revoked one alive, never a third.
func (m *machine) check(rt *rapid.T, s *Service, k *modelKey) error {
	now := m.clock.Now()
	alive := 0
	for i := range k.credentials {
		c := &k.credentials[i]
		for _, link := range []bool{false, true} {
			for _, signed := range []time.Time{now, now.Add(-7 * 24 * time.Hour)} {
				key, err := c.pair.match(context.Background(), s)
				if err == nil {
					err = key.Admit(now, link, signed)
				}
				if want := k.lets(c, now, link, signed); (err == nil) != want {
					return fmt.Errorf("credential %d of %d (link %t, signed %v): %v, want it let in: %t", i+1, len(k.credentials), link, signed, err, want)
				}
				if err == nil && !link && signed.Equal(now) {
					alive++
				}
			}
		}
	}
	healthy := !k.purged && !k.paused && k.deleted.IsZero() && (k.expires.IsZero() || now.Before(k.expires))
	if alive > 2 || healthy && alive < 1 || !healthy && alive > 0 {
		return fmt.Errorf("%d credentials work, the key is healthy: %t", alive, healthy)
	}
	return nil
}

// TestRotationIsAStateMachine runs random calls, uses, pauses in time and crashes
// against the model.
func TestRotationIsAStateMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{t: t, fs: vfs.NewCrashableMem(), clock: &clock{t: noon}}
		m.open(rt)
		defer func() { m.close() }()
		key, secret, err := m.s.As(operator).Create(context.Background(), ann, CreateInput{})
		if err != nil {
			rt.Fatal(err)
		}
		m.key = modelKey{id: key.ID, credentials: []modelCredential{{pair: pairOf(key, secret)}}}
		rt.Repeat(map[string]func(*rapid.T){
			"call": func(rt *rapid.T) { m.run(rt, drawStep(rt, m.clock.Now())) },
			"use":  m.use,
			"tick": m.tick,
			"crash": func(rt *rapid.T) {
				if err := m.s.Flush(context.Background()); err != nil {
					rt.Fatal(err)
				}
				clone := m.fs.CrashClone(vfs.CrashCloneCfg{})
				m.close()
				m.fs = clone
				m.open(rt)
			},
			"crash within a call": m.crashWithin,
			"": func(rt *rapid.T) {
				if err := m.check(rt, m.s, &m.key); err != nil {
					rt.Fatal(err)
				}
				wantFound(m.t, m.s)
			},
		})
	})
}

// crashWithin cuts the power at some moment of a call: the store then has the
// state before or the state after. The machine itself goes on with the latter.
func (m *machine) crashWithin(rt *rapid.T) {
	if err := m.s.Flush(context.Background()); err != nil {
		rt.Fatal(err)
	}
	before := m.key.clone()
	seed := rapid.Uint64().Draw(rt, "seed")
	clones := make(chan *vfs.MemFS)
	go func() {
		// Several cuts, of which one is likely to fall into the call.
		for i := range uint64(2) {
			clones <- m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, i))})
		}
		close(clones)
	}()
	first := <-clones
	m.run(rt, drawStep(rt, m.clock.Now()))
	cuts := []*vfs.MemFS{first}
	for c := range clones {
		cuts = append(cuts, c)
	}
	for _, fs := range cuts {
		other := &machine{t: m.t, fs: fs, clock: m.clock}
		other.open(rt)
		was, is := other.check(rt, other.s, &before), other.check(rt, other.s, &m.key)
		if was != nil && is != nil {
			rt.Fatalf("after a cut the state is neither the one before (%v) nor the one after (%v)", was, is)
		}
		if _, err := other.s.As(operator).List(context.Background(), ""); err != nil {
			rt.Fatalf("List after a cut: %v", err)
		}
		other.close()
	}
}
