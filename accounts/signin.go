package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"coffer"
	"coffer/meta"
)

// Client is the browser that a sign-in comes from.
type Client struct {
	// Source is its address; UserAgent what it calls itself.
	Source, UserAgent string
	// Device is the token of an earlier Started, if it has one.
	Device coffer.Secret
}

// Step is what a sign-in goes on with: exactly one of the two is set.
type Step struct {
	// Challenge asks for a second factor.
	Challenge *Challenge
	// Started is the session.
	Started *Started
}

// Started is a session that has begun, or was given a new token.
type Started struct {
	// Token is the session. It is shown here only.
	Token coffer.Secret
	// Device makes the browser a known one; it is empty if it was already.
	Device  coffer.Secret
	Session Session
	Member  coffer.Member
	// NeedsFactor: the member must add a second factor before anything else.
	NeedsFactor bool
}

// Challenge is what must be answered next, within five minutes and once.
type Challenge struct {
	Token coffer.Secret
	// TOTP and Recovery tell which codes the member could give.
	TOTP, Recovery bool
	// Passkey is what the browser's navigator.credentials is called with, as JSON
	// (WebAuthn Level 3, parseCreationOptionsFromJSON and its sibling); nil if the
	// member has no passkey.
	Passkey json.RawMessage
	Expires time.Time
}

// challengeFor is how long a challenge is good.
const challengeFor = 5 * time.Minute

// The kinds of challenges. One of a kind is worth nothing as another.
const (
	kindFactor     = "factor"      // the second step of a sign-in
	kindPasskey    = "passkey"     // a sign-in by passkey alone
	kindReauth     = "reauth"      // a signed-in member proves it again
	kindAddPasskey = "add-passkey" // a new passkey
	kindAddTOTP    = "add-totp"    // a new authenticator app
)

// pending is what a challenge's token has in it, sealed.
type pending struct {
	Kind     string                `json:"k"`
	Account  coffer.AccountID      `json:"a,omitempty"`
	Member   coffer.MemberID       `json:"m,omitempty"`
	Session  SessionID             `json:"s,omitempty"`
	Epoch    int64                 `json:"e,omitempty"`
	Until    time.Time             `json:"u"`
	Method   string                `json:"w,omitempty"` // what was proven before
	WebAuthn *webauthn.SessionData `json:"p,omitempty"`
	TOTP     []byte                `json:"t,omitempty"` // a seed that is not in use yet
}

// challenge seals p into a Challenge, with an end.
func (s *Service) challenge(ctx context.Context, p pending) (Challenge, error) {
	p.Until = s.time().Add(challengeFor)
	token, err := s.wrap(ctx, challengeContext, p)
	return Challenge{Token: token, Expires: p.Until}, err
}

// answer opens the token of a challenge of one of kinds.
func (s *Service) answer(ctx context.Context, token coffer.Secret, kinds ...string) (p pending, err error) {
	ok, err := s.unwrap(ctx, challengeContext, token, &p)
	if err != nil {
		return p, err
	}
	left := p.Until.Sub(s.time())
	if !ok || !slices.Contains(kinds, p.Kind) || left <= 0 || left > challengeFor+aheadMax {
		return p, errStale()
	}
	return p, nil
}

// errRefused is the one text for an unknown address and a wrong password.
func errRefused() error {
	return coffer.Errorf(coffer.SignInRefused, "the e-mail address or the password is wrong")
}

func errCode() error {
	return coffer.Errorf(coffer.SignInRefused, "the code is wrong, or was used already: wait for the next one")
}

// SignIn checks an e-mail address and a password. A member with a second factor
// gets a Challenge, one without a session. It ends in SignInRefused, with one
// text and after the same work for an unknown address and a wrong password; in
// SlowDown before it is time for another try; in ServiceUnavailable when too
// many sign in at once.
func (s *Service) SignIn(ctx context.Context, email string, password coffer.Secret, c Client) (Step, error) {
	m, err := s.lookUp(ctx, email)
	if err != nil {
		return Step{}, wrapf(err, "sign in")
	}
	known := s.knownDevice(ctx, m, c.Device)
	undo, err := s.mayTry(email, c, known)
	if err != nil {
		s.log.WarnContext(ctx, "sign-in slowed down", "source", c.Source, "user_agent", c.UserAgent)
		return Step{}, err
	}
	stored := ""
	if m != nil {
		stored = m.password
	}
	ok, err := s.hasher.matches(ctx, stored, password)
	if err != nil {
		undo()
		return Step{}, wrapf(err, "sign in")
	}
	if !ok {
		s.failed(ctx, c, m, email, "password")
		return Step{}, errRefused()
	}
	undo()
	return s.passed(ctx, m, "password", c)
}

// lookUp returns the member with an e-mail address as it was typed, or nil.
func (s *Service) lookUp(ctx context.Context, email string) (m *member, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		m, err = memberByEmail(r, strings.TrimSpace(email))
		return err
	})
	if coffer.CodeOf(err) == coffer.NoSuchMember {
		return nil, nil
	}
	return m, err
}

// mayTry lets a password be tried, or says how long to wait. A known browser has
// a count of its own, which strangers cannot reach. undo takes the try back.
func (s *Service) mayTry(email string, c Client, known bool) (undo func(), err error) {
	now := s.time()
	if known {
		who := hashText(c.Device.Reveal())
		if w := s.slowDevice.begin(who, now); w > 0 {
			return nil, slowDown(w)
		}
		return func() { s.slowDevice.undo(who) }, nil
	}
	source, person := network(c.Source), hashText(strings.ToLower(strings.TrimSpace(email)))
	if w := s.slowSource.begin(source, now); w > 0 {
		return nil, slowDown(w)
	}
	if w := s.slowEmail.begin(person, now); w > 0 {
		s.slowSource.undo(source)
		return nil, slowDown(w)
	}
	return func() {
		s.slowSource.undo(source)
		s.slowEmail.undo(person)
	}, nil
}

// passed goes on after a right password.
func (s *Service) passed(ctx context.Context, m *member, method string, c Client) (Step, error) {
	if m.hasFactor() {
		p := pending{Kind: kindFactor, Account: m.Account, Member: m.ID, Epoch: m.epoch, Method: method}
		ch, err := s.factorChallenge(ctx, m, p)
		return Step{Challenge: &ch}, wrapf(err, "sign in")
	}
	b, err := s.beginSession(ctx, m, c)
	if err != nil {
		return Step{}, wrapf(err, "sign in")
	}
	var started Started
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		again, err := sameMember(tx, m.Account, m.ID, m.epoch)
		if err != nil {
			return err
		}
		started, err = s.startSession(ctx, tx, b, again, c, method, false)
		return err
	})
	return Step{Started: &started}, wrapf(err, "sign in")
}

// sameMember reads a member whose proofs have not changed since epoch.
func sameMember(r meta.Reader, account coffer.AccountID, id coffer.MemberID, epoch int64) (*member, error) {
	m, err := readMember(r, account, id)
	if coffer.CodeOf(err) == coffer.NoSuchMember || err == nil && m.epoch != epoch {
		return nil, errStale()
	}
	return m, err
}

// factorChallenge asks for any second factor that m has.
func (s *Service) factorChallenge(ctx context.Context, m *member, p pending) (Challenge, error) {
	var options json.RawMessage
	if len(m.passkeys) > 0 && s.Passkeys() {
		var err error
		if options, p.WebAuthn, err = s.askPasskey(m); err != nil {
			return Challenge{}, err
		}
	}
	ch, err := s.challenge(ctx, p)
	ch.TOTP, ch.Recovery, ch.Passkey = len(m.totp) > 0, len(m.recovery) > 0, options
	return ch, err
}

// SignInTOTP answers a Challenge with a code of the authenticator app.
func (s *Service) SignInTOTP(ctx context.Context, challenge coffer.Secret, code string, c Client) (Started, error) {
	return s.signInCode(ctx, challenge, "totp", c, func(_ meta.Tx, m *member) error { return s.useTOTP(m, code) })
}

// SignInRecovery answers a Challenge with a recovery code, which ends with it.
func (s *Service) SignInRecovery(ctx context.Context, challenge coffer.Secret, code string, c Client) (Started, error) {
	return s.signInCode(ctx, challenge, "recovery", c, func(tx meta.Tx, m *member) error {
		if !m.useRecovery(code) {
			return errCode()
		}
		return s.write(ctx, tx, c.caller(m), m.Account, actionRecoveryUse, string(m.ID), nil,
			fields{"left": itoa(int64(len(m.recovery)))})
	})
}

// useTOTP uses up a code of m's authenticator app.
func (s *Service) useTOTP(m *member, code string) error {
	if len(m.totp) == 0 {
		return errCode()
	}
	seed, err := s.sealer.Open(totpSealContext(m.ID), m.totp)
	if err != nil {
		return wrapf(err, "unseal the TOTP seed of "+string(m.ID))
	}
	step, ok := checkTOTP(string(seed), code, s.time(), m.totpStep)
	if !ok {
		return errCode()
	}
	m.totpStep = step
	return nil
}

// signInCode ends a sign-in whose password was right by a code that use takes.
func (s *Service) signInCode(ctx context.Context, challenge coffer.Secret, method string, c Client,
	use func(meta.Tx, *member) error) (Started, error) {
	p, err := s.answer(ctx, challenge, kindFactor)
	if err != nil {
		return Started{}, wrapf(err, "sign in")
	}
	if w := s.slowFactor.begin(string(p.Member), s.time()); w > 0 {
		return Started{}, slowDown(w)
	}
	started, m, err := s.finish(ctx, challenge, p, p.Method+"+"+method, c, use)
	if err == nil {
		s.slowFactor.clear(string(p.Member))
		return started, nil
	}
	if coffer.CodeOf(err) == coffer.SignInRefused {
		s.failed(ctx, c, m, "", method)
	} else {
		s.slowFactor.undo(string(p.Member))
	}
	return Started{}, wrapf(err, "sign in")
}

// finish spends a challenge and starts the session, if use agrees, in one
// transaction: what was used up stays so, whatever happens next.
func (s *Service) finish(ctx context.Context, challenge coffer.Secret, p pending, method string, c Client,
	use func(meta.Tx, *member) error) (started Started, m *member, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		m, err = sameMember(r, p.Account, p.Member, p.Epoch)
		return err
	})
	if err != nil {
		return started, nil, err
	}
	b, err := s.beginSession(ctx, m, c)
	if err != nil {
		return started, m, err
	}
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		again, err := sameMember(tx, p.Account, p.Member, p.Epoch)
		if err != nil {
			return err
		}
		if err := spend(tx, challenge, p.Until); err != nil {
			return err
		}
		if err := use(tx, again); err != nil {
			return err
		}
		started, err = s.startSession(ctx, tx, b, again, c, method, true)
		return err
	})
	return started, m, err
}

// BeginPasskeySignIn asks for a passkey of whoever it is: no e-mail address is
// typed. It writes nothing.
func (s *Service) BeginPasskeySignIn(ctx context.Context, _ Client) (Challenge, error) {
	if !s.Passkeys() {
		return Challenge{}, errNoPasskeys()
	}
	options, data, err := s.askPasskey(nil)
	if err != nil {
		return Challenge{}, err
	}
	ch, err := s.challenge(ctx, pending{Kind: kindPasskey, WebAuthn: data})
	ch.Passkey = options
	return ch, wrapf(err, "begin passkey sign-in")
}

// SignInPasskey answers a Challenge with a passkey: as the second factor, or
// alone, when the authenticator verified who holds it. response is the JSON of
// the browser's PublicKeyCredential. Passkeys are never slowed down: there is
// nothing to guess.
func (s *Service) SignInPasskey(ctx context.Context, challenge coffer.Secret, response []byte, c Client) (Started, error) {
	if !s.Passkeys() {
		return Started{}, errNoPasskeys()
	}
	p, err := s.answer(ctx, challenge, kindFactor, kindPasskey)
	if err != nil {
		return Started{}, wrapf(err, "sign in")
	}
	started, m, err := s.finishPasskey(ctx, challenge, p, response, c)
	if coffer.CodeOf(err) == coffer.SignInRefused {
		s.failed(ctx, c, m, "", "passkey")
		s.log.InfoContext(ctx, "passkey refused", "source", c.Source, "err", err)
	}
	return started, wrapf(err, "sign in")
}

func (s *Service) finishPasskey(ctx context.Context, challenge coffer.Secret, p pending, response []byte, c Client) (Started, *member, error) {
	if p.WebAuthn == nil {
		return Started{}, nil, errPasskey(errors.New("the challenge is not for one"))
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return Started{}, nil, err
	}
	alone := p.Kind == kindPasskey
	method := p.Method + "+passkey"
	if alone {
		method = "passkey"
		p.Account, p.Member = userHandle(parsed)
		if err := s.meta.View(ctx, func(r meta.Reader) error {
			m, err := readMember(r, p.Account, p.Member)
			if err == nil {
				p.Epoch = m.epoch
			}
			return err
		}); coffer.CodeOf(err) == coffer.NoSuchMember {
			return Started{}, nil, errPasskey(err)
		} else if err != nil {
			return Started{}, nil, err
		}
	}
	return s.finish(ctx, challenge, p, method, c, func(_ meta.Tx, m *member) error {
		verified, err := s.usePasskey(m, *p.WebAuthn, parsed)
		if err == nil && alone && !verified {
			err = coffer.Errorf(coffer.SignInRefused,
				"this passkey did not check that it is you, by PIN, finger or face: sign in with the password, and use it as the second factor")
		}
		return err
	})
}
