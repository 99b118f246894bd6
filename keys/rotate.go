package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

const (
	// idleEnough is how long a credential must not have been used to be ended
	// without a second word.
	idleEnough = 15 * time.Minute
	// secretsKept is how long the secret of a retired credential is kept, so that
	// who still signs with it is told what happened, and links that were given
	// out go on working, which they do for 7 days at most.
	secretsKept = 30 * 24 * time.Hour
	// retiredMax is how many of them a key keeps.
	retiredMax = 16
	// confirmByMax bounds a deadline.
	confirmByMax = 366 * 24 * time.Hour

	screamMinutesMax = 60
)

// RotateOptions say how to rotate.
type RotateOptions struct {
	// SameID keeps the Access Key ID and changes only the secret.
	SameID bool
	// Reason is why; "" is routine.
	Reason coffer.RotationReason
	// ConfirmBy is when the rotation confirms itself if the old credential is
	// idle; zero is never.
	ConfirmBy time.Time
}

// ConfirmOptions say what Confirm may do.
type ConfirmOptions struct {
	// EvenIfInUse ends the outgoing credential although it was used within the
	// last 15 minutes.
	EvenIfInUse bool
	// KeepLinks goes on honouring pre-signed URLs that the outgoing secret signed
	// before now, until they expire.
	KeepLinks bool
}

// CancelOptions say what Cancel may do.
type CancelOptions struct {
	// EvenIfInUse ends the new credential although it was used within the last 15
	// minutes.
	EvenIfInUse bool
}

// InUse is the refusal of a Confirm or Cancel whose credential was used within
// the last 15 minutes. Its code is KeyInUse.
type InUse struct {
	AccessKeyID coffer.AccessKeyID
	LastUsed    time.Time
	// Clients are those who used it, the latest first.
	Clients []Client

	refusal *coffer.Error
}

func (e *InUse) Error() string { return e.refusal.Error() }

// Unwrap returns the error with its code.
func (e *InUse) Unwrap() error { return e.refusal }

// Rotate makes a new credential, which becomes the current one, and whose secret
// it returns. The old one becomes the outgoing one. Both sign until Confirm or
// Cancel.
func (s Session) Rotate(ctx context.Context, handle string, opt RotateOptions) (coffer.Key, coffer.Secret, error) {
	switch opt.Reason {
	case "":
		opt.Reason = coffer.ReasonRoutine
	case coffer.ReasonRoutine, coffer.ReasonLeaked, coffer.ReasonOther:
	default:
		return coffer.Key{}, coffer.Secret{}, coffer.Errorf(coffer.InvalidArgument,
			"there is no reason %.40q: choose routine, leaked or other", string(opt.Reason))
	}
	by, err := s.s.ahead("confirm_by", opt.ConfirmBy)
	if err == nil && by.After(s.s.now().Add(confirmByMax)) {
		err = coffer.Errorf(coffer.InvalidArgument, "confirm_by is more than a year ahead")
	}
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, err
	}
	opt.ConfirmBy = by

	// What was counted before the rotation is written before it and what is
	// counted after it is written after it, so that the list of who uses the
	// outgoing credential begins here.
	s.s.flushing.Lock()
	defer s.s.flushing.Unlock()
	if err := s.s.flush(ctx); err != nil {
		return coffer.Key{}, coffer.Secret{}, err
	}
	for range idTries {
		var key coffer.Key
		var plain coffer.Secret
		key, plain, err = s.rotate(ctx, handle, opt)
		if !errors.Is(err, errTaken) {
			return key, plain, err
		}
	}
	return coffer.Key{}, coffer.Secret{}, err
}

func (s Session) rotate(ctx context.Context, handle string, opt RotateOptions) (coffer.Key, coffer.Secret, error) {
	fresh, err := coffer.NewAccessKeyID(s.s.rand)
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, fmt.Errorf("make Access Key ID: %w", err)
	}
	plain, err := coffer.NewSecret(s.s.rand)
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, fmt.Errorf("make Secret Access Key: %w", err)
	}
	key, err := s.changeLiving(ctx, handle, "key.rotate", func(tx meta.Tx, k *record) error {
		if k.Rotation != nil {
			return coffer.Errorf(coffer.RotationInProgress,
				"the access key %s is being rotated since %s: confirm or cancel that first", k.ID, k.Rotation.Began.Format(time.RFC3339))
		}
		now := s.s.clock()
		k.generations++
		next := coffer.Credential{AccessKeyID: fresh, Generation: k.generations, Created: now}
		k.Rotation = &coffer.Rotation{Outgoing: k.Current, SameID: opt.SameID, Reason: opt.Reason, Began: now, ConfirmBy: opt.ConfirmBy}
		k.Current = next
		c, err := readCredential(tx, k.Rotation.Outgoing.AccessKeyID)
		if err != nil {
			return broken(*k, err)
		}
		if opt.SameID {
			k.Current.AccessKeyID = k.Rotation.Outgoing.AccessKeyID
		} else {
			if err := free(tx, credentialKey(fresh)); err != nil {
				return err
			}
			c.secrets = nil
		}
		sealed, err := seal(s.s.data, s.s.rand, secretContext(k.Current), []byte(plain.Reveal()))
		if err != nil {
			return err
		}
		c.secrets = append(c.secrets, secret{k.Current.Generation, sealed})
		if err := tx.Set(credentialKey(k.Current.AccessKeyID), encodeCredential(c)); err != nil {
			return err
		}
		return resetUsage(tx, k.ID, k.Rotation.Outgoing.Generation)
	})
	if err != nil {
		return coffer.Key{}, coffer.Secret{}, err
	}
	return key, plain, nil
}

// Confirm ends the outgoing credential: from the answer on it is refused. While
// it is in use that is refused as InUse, unless the options say otherwise.
func (s Session) Confirm(ctx context.Context, handle string, opt ConfirmOptions) (coffer.Key, error) {
	if err := s.s.Flush(ctx); err != nil {
		return coffer.Key{}, err
	}
	return s.changeLiving(ctx, handle, "key.confirm", func(tx meta.Tx, k *record) error {
		if k.Rotation == nil {
			return noRotation(*k)
		}
		if opt.KeepLinks && k.Rotation.Reason == coffer.ReasonLeaked {
			return coffer.Errorf(coffer.InvalidRequest, "the secret was leaked: its links are not kept, since whoever has it can date a link back")
		}
		if !opt.EvenIfInUse {
			if err := s.s.idle(tx, k.ID, k.Rotation.Outgoing, "confirm"); err != nil {
				return err
			}
		}
		return s.s.confirm(tx, k, opt.KeepLinks)
	})
}

func (s *Service) confirm(tx meta.Tx, k *record, keepLinks bool) error {
	old := retired{Credential: k.Rotation.Outgoing, ended: s.clock()}
	if keepLinks {
		old.linksBefore = old.ended
	}
	if k.Rotation.Reason == coffer.ReasonLeaked {
		// Who has one secret may have those before it: no link of any is good.
		for i := range k.retired {
			k.retired[i].linksBefore = time.Time{}
		}
	}
	k.Rotation = nil
	return retire(tx, k, old)
}

// Cancel ends the new credential instead, and the outgoing one is the current
// one again. While the new one is in use that is refused as InUse, unless the
// options say otherwise.
func (s Session) Cancel(ctx context.Context, handle string, opt CancelOptions) (coffer.Key, error) {
	if err := s.s.Flush(ctx); err != nil {
		return coffer.Key{}, err
	}
	return s.changeLiving(ctx, handle, "key.cancel", func(tx meta.Tx, k *record) error {
		if k.Rotation == nil {
			return noRotation(*k)
		}
		if !opt.EvenIfInUse {
			if err := s.s.idle(tx, k.ID, k.Current, "cancel"); err != nil {
				return err
			}
		}
		old := retired{Credential: k.Current, ended: s.s.clock()}
		k.Current, k.Rotation = k.Rotation.Outgoing, nil
		return retire(tx, k, old)
	})
}

// ScreamTest refuses the outgoing credential for some minutes, 1 to 60, to find
// who still needs it; Usage tells who was hit. It ends by itself, or at once
// with 0 minutes.
func (s Session) ScreamTest(ctx context.Context, handle string, minutes int) (coffer.Key, error) {
	if minutes < 0 || minutes > screamMinutesMax {
		return coffer.Key{}, coffer.Errorf(coffer.InvalidArgument, "a scream test of %d minutes: choose 1 to %d, or 0 to end it", minutes, screamMinutesMax)
	}
	return s.changeLiving(ctx, handle, "key.scream", func(_ meta.Tx, k *record) error {
		if k.Rotation == nil {
			return noRotation(*k)
		}
		now := s.s.clock()
		if minutes == 0 {
			if !now.Before(k.Rotation.ScreamUntil) {
				return errUnchanged
			}
			k.Rotation.ScreamUntil = now
			return nil
		}
		k.Rotation.ScreamBegan, k.Rotation.ScreamUntil = now, now.Add(time.Duration(minutes)*time.Minute)
		return nil
	})
}

func noRotation(k record) error {
	return coffer.Errorf(coffer.NoRotation, "the access key %s is not being rotated", k.ID)
}

// idle refuses when a credential was used within the last 15 minutes.
func (s *Service) idle(r meta.Reader, id coffer.KeyID, c coffer.Credential, verb string) error {
	sum, err := readSummary(r, id, c.Generation)
	if err != nil {
		return err
	}
	if sum.seen.IsZero() || s.now().Sub(sum.seen) >= idleEnough {
		return nil
	}
	clients, _, err := readClients(r, id, c.Generation, clientsMax)
	if err != nil {
		return err
	}
	return &InUse{AccessKeyID: c.AccessKeyID, LastUsed: sum.seen, Clients: clients,
		refusal: coffer.Errorf(coffer.KeyInUse, "the credential %s that this would end was used at %s, within the last %d minutes: "+
			"move its users first, or %s even if in use", c.AccessKeyID, sum.seen.Format(time.RFC3339), int(idleEnough.Minutes()), verb)}
}

// retire notes that a credential ended. Its secret goes when there are too many.
func retire(tx meta.Tx, k *record, old retired) error {
	old.LastUsed = nil
	k.retired = append(k.retired, old)
	for len(k.retired) > retiredMax {
		if err := forgetSecret(tx, k.retired[0].Credential); err != nil {
			return err
		}
		k.retired = k.retired[1:]
	}
	return nil
}

// forgetSecret removes the secret of a credential and leaves its ID taken.
func forgetSecret(tx meta.Tx, c coffer.Credential) error {
	row, err := readCredential(tx, c.AccessKeyID)
	if err != nil {
		return fmt.Errorf("read credential %s: %v", c.AccessKeyID, err)
	}
	row.drop(c.Generation)
	return tx.Set(credentialKey(c.AccessKeyID), encodeCredential(row))
}

// overdue is what becomes of a rotation whose deadline came.
func (s *Service) overdue(ctx context.Context, tx meta.Tx, k *record) (audit.Event, error) {
	err := s.idle(tx, k.ID, k.Rotation.Outgoing, "confirm")
	switch {
	case err == nil:
		return audit.System(ctx, s.clock(), k.Account, "key.confirm", string(k.ID)), s.confirm(tx, k, false)
	case coffer.CodeOf(err) == coffer.KeyInUse:
		k.Rotation.Overdue = true
		return audit.System(ctx, s.clock(), k.Account, "key.overdue", string(k.ID)), nil
	}
	return audit.Event{}, err
}
