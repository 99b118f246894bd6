package accounts

import (
	"context"
	"slices"

	"coffer"
	"coffer/meta"
)

// TOTPSetup is an authenticator app that is about to be added.
type TOTPSetup struct {
	// URL is what the QR code holds (otpauth://totp/…); Key is its seed, for a
	// person to type.
	URL, Key coffer.Secret
	// Token goes back with the first code.
	Token coffer.Secret
}

// BeginTOTP makes a seed for an authenticator app. It replaces the one in use
// only when FinishTOTP gets a code of it.
func (d Door) BeginTOTP(ctx context.Context) (TOTPSetup, error) {
	m, err := d.freshMe(ctx)
	if err != nil {
		return TOTPSetup{}, wrapf(err, "add authenticator app")
	}
	seed, link, err := newTOTP(d.s.rand, d.s.issuer, m.Email)
	if err != nil {
		return TOTPSetup{}, err
	}
	ch, err := d.s.challenge(ctx, pending{Kind: kindAddTOTP, Account: m.Account, Member: m.ID, Epoch: m.epoch, TOTP: []byte(seed)})
	return TOTPSetup{URL: coffer.NewSecretFrom(link), Key: coffer.NewSecretFrom(seed), Token: ch.Token}, wrapf(err, "add authenticator app")
}

// FinishTOTP adds the authenticator app, if code is one of it. It returns new
// recovery codes for a member who had none, to be shown once. The sessions that
// began without a second factor end, but for the current one.
func (d Door) FinishTOTP(ctx context.Context, token coffer.Secret, code string, current SessionID) ([]coffer.Secret, error) {
	p, err := d.answer(ctx, token, kindAddTOTP)
	if err != nil {
		return nil, wrapf(err, "add authenticator app")
	}
	sealed, err := d.s.sealer.Seal(totpSealContext(p.Member), p.TOTP)
	if err != nil {
		return nil, wrapf(err, "seal TOTP seed")
	}
	step, ok := checkTOTP(string(p.TOTP), code, d.s.time(), 0)
	if !ok {
		return nil, coffer.Errorf(coffer.InvalidArgument, "the code is not the one that the app shows now: check the clock of the device, and try again")
	}
	return d.addFactor(ctx, token, p, current, actionTOTPAdd, nil, func(m *member) error {
		m.totp, m.totpStep = sealed, step
		return nil
	})
}

// freshMe is me for a change of what proves the member.
func (d Door) freshMe(ctx context.Context) (*member, error) {
	if err := d.isMember(); err != nil {
		return nil, err
	}
	if err := d.fresh(); err != nil {
		return nil, err
	}
	return d.me(ctx)
}

// answer opens a challenge that was made for the caller.
func (d Door) answer(ctx context.Context, token coffer.Secret, kind string) (pending, error) {
	if err := d.isMember(); err != nil {
		return pending{}, err
	}
	p, err := d.s.answer(ctx, token, kind)
	if err == nil && (p.Account != d.c.Account || p.Member != d.c.Member) {
		err = errStale()
	}
	return p, err
}

// addFactor spends the challenge and adds what add says, with recovery codes if
// there are none.
func (d Door) addFactor(ctx context.Context, token coffer.Secret, p pending, current SessionID, action string, after fields,
	add func(*member) error) ([]coffer.Secret, error) {
	codes, hashes, err := newRecovery(d.s.rand)
	if err != nil {
		return nil, err
	}
	var shown []coffer.Secret
	err = d.self(ctx, func(tx meta.Tx, m *member) error {
		shown = nil
		if m.epoch != p.Epoch {
			return errStale()
		}
		if err := spend(tx, token, p.Until); err != nil {
			return err
		}
		if err := add(m); err != nil {
			return err
		}
		m.changed()
		if len(m.recovery) == 0 {
			m.recovery, shown = hashes, codes
		}
		if err := d.strengthen(ctx, tx, m, current); err != nil {
			return err
		}
		return d.note(ctx, tx, m.Account, action, string(m.ID), nil, after)
	})
	if err != nil {
		return nil, wrapf(err, "add second factor")
	}
	return shown, nil
}

// strengthen makes the current session one with a second factor, and ends the
// others without: one of them may be a thief's who has the password only.
func (d Door) strengthen(ctx context.Context, tx meta.Tx, m *member, current SessionID) error {
	if _, err := d.endOthers(ctx, tx, m, current, func(x Session) bool { return !x.strong }); err != nil {
		return err
	}
	var key []byte
	var mine Session
	err := each(tx, sessionsPrefix(m.ID), func(k, value []byte) error {
		x, err := decodeSession(value)
		if err == nil && x.ID == current {
			key, mine = slices.Clone(k), x
		}
		return err
	})
	if err != nil || key == nil || mine.strong {
		return err
	}
	mine.strong = true
	return tx.Set(key, encodeSession(mine))
}

// RemoveTOTP removes the authenticator app, if another second factor is left.
func (d Door) RemoveTOTP(ctx context.Context) error {
	if err := d.fresh(); err != nil {
		return err
	}
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		if len(m.totp) == 0 {
			return coffer.Errorf(coffer.NoSuchFactor, "there is no authenticator app")
		}
		m.totp = nil
		if err := d.mayBeLast(m); err != nil {
			return err
		}
		m.changed()
		return d.note(ctx, tx, m.Account, actionTOTPRemove, string(m.ID), nil, nil)
	}), "remove authenticator app")
}

// mayBeLast refuses to leave m without a second factor, where one is demanded.
func (d Door) mayBeLast(m *member) error {
	if m.hasFactor() {
		return nil
	}
	if !d.s.passwordAlone {
		return coffer.Errorf(coffer.InvalidRequest, "this is the last second factor: add another one first")
	}
	m.recovery = nil
	return nil
}

// BeginPasskey asks the caller's browser for a new passkey.
func (d Door) BeginPasskey(ctx context.Context) (Challenge, error) {
	if !d.s.Passkeys() {
		return Challenge{}, errNoPasskeys()
	}
	m, err := d.freshMe(ctx)
	if err == nil && len(m.passkeys) >= passkeysMax {
		err = coffer.Errorf(coffer.InvalidRequest, "there are %d passkeys already: remove one first", passkeysMax)
	}
	if err != nil {
		return Challenge{}, wrapf(err, "add passkey")
	}
	options, data, err := d.s.offerPasskey(m)
	if err != nil {
		return Challenge{}, err
	}
	ch, err := d.s.challenge(ctx, pending{Kind: kindAddPasskey, Account: m.Account, Member: m.ID, Epoch: m.epoch, WebAuthn: data})
	ch.Passkey = options
	return ch, wrapf(err, "add passkey")
}

// FinishPasskey adds the passkey of a browser's answer, as FinishTOTP does.
func (d Door) FinishPasskey(ctx context.Context, token coffer.Secret, name string, response []byte, current SessionID) (Passkey, []coffer.Secret, error) {
	if !d.s.Passkeys() {
		return Passkey{}, nil, errNoPasskeys()
	}
	name, err := passkeyName(name)
	if err != nil {
		return Passkey{}, nil, err
	}
	p, err := d.answer(ctx, token, kindAddPasskey)
	if err != nil {
		return Passkey{}, nil, wrapf(err, "add passkey")
	}
	m, err := d.me(ctx)
	if err != nil {
		return Passkey{}, nil, wrapf(err, "add passkey")
	}
	key, err := d.s.takePasskey(m, *p.WebAuthn, name, response)
	if err != nil {
		return Passkey{}, nil, err
	}
	codes, err := d.addFactor(ctx, token, p, current, actionPasskeyAdd, fields{"passkey": string(key.id()), "name": name}, func(m *member) error {
		if len(m.passkeys) >= passkeysMax || slices.ContainsFunc(m.passkeys, func(o passkey) bool { return o.id() == key.id() }) {
			return coffer.Errorf(coffer.InvalidRequest, "this passkey is there already, or there are too many")
		}
		m.passkeys = append(m.passkeys, key)
		return nil
	})
	if err != nil {
		return Passkey{}, nil, err
	}
	return key.view(), codes, nil
}

func passkeyName(name string) (string, error) {
	name, err := coffer.ParseName(name)
	if name == "" && err == nil {
		name = "Passkey"
	}
	return name, err
}

func (m *member) passkey(id PasskeyID) (int, error) {
	i := slices.IndexFunc(m.passkeys, func(p passkey) bool { return p.id() == id })
	if i < 0 {
		return 0, coffer.Errorf(coffer.NoSuchFactor, "there is no passkey %.40q", string(id))
	}
	return i, nil
}

// RenamePasskey changes what a passkey is called.
func (d Door) RenamePasskey(ctx context.Context, id PasskeyID, name string) error {
	name, err := passkeyName(name)
	if err != nil {
		return err
	}
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		i, err := m.passkey(id)
		if err != nil {
			return err
		}
		before := m.passkeys[i].name
		m.passkeys[i].name = name
		return d.note(ctx, tx, m.Account, actionPasskeyRename, string(m.ID),
			fields{"passkey": string(id), "name": before}, fields{"name": name})
	}), "rename passkey")
}

// RemovePasskey ends a passkey, if another second factor is left.
func (d Door) RemovePasskey(ctx context.Context, id PasskeyID) error {
	if err := d.fresh(); err != nil {
		return err
	}
	return wrapf(d.self(ctx, func(tx meta.Tx, m *member) error {
		i, err := m.passkey(id)
		if err != nil {
			return err
		}
		before := m.passkeys[i].name
		m.passkeys = slices.Delete(m.passkeys, i, i+1)
		if err := d.mayBeLast(m); err != nil {
			return err
		}
		m.changed()
		return d.note(ctx, tx, m.Account, actionPasskeyRemove, string(m.ID), fields{"passkey": string(id), "name": before}, nil)
	}), "remove passkey")
}

// NewRecoveryCodes makes ten new recovery codes, to be shown once. The old ones
// end.
func (d Door) NewRecoveryCodes(ctx context.Context) ([]coffer.Secret, error) {
	if err := d.fresh(); err != nil {
		return nil, err
	}
	codes, hashes, err := newRecovery(d.s.rand)
	if err != nil {
		return nil, err
	}
	err = d.self(ctx, func(tx meta.Tx, m *member) error {
		if !m.hasFactor() {
			return coffer.Errorf(coffer.InvalidRequest, "recovery codes stand in for a second factor: add one first")
		}
		m.recovery = hashes
		return d.note(ctx, tx, m.Account, actionRecoveryNew, string(m.ID), nil, nil)
	})
	if err != nil {
		return nil, wrapf(err, "make recovery codes")
	}
	return codes, nil
}
