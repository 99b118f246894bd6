package accounts

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// The actions that are audited here.
const (
	actionSessionStart  = "session.start"
	actionSessionFail   = "session.fail"
	actionSessionEnd    = "session.end"
	actionSessionReauth = "session.reauth"

	actionAccountCreate = "account.create"
	actionAccountRename = "account.rename"

	actionMemberJoin     = "member.join"
	actionMemberInvite   = "member.invite"
	actionMemberRevoke   = "member.invite-revoke"
	actionMemberSetup    = "member.setup-link"
	actionMemberReset    = "member.reset-link"
	actionMemberName     = "member.name"
	actionMemberEmail    = "member.email"
	actionMemberPassword = "member.password"
	actionMemberRole     = "member.role"
	actionMemberOperator = "member.operator"
	actionMemberRemove   = "member.remove"

	actionTOTPAdd       = "factor.totp-add"
	actionTOTPRemove    = "factor.totp-remove"
	actionPasskeyAdd    = "factor.passkey-add"
	actionPasskeyRename = "factor.passkey-rename"
	actionPasskeyRemove = "factor.passkey-remove"
	actionRecoveryNew   = "factor.recovery-new"
	actionRecoveryUse   = "factor.recovery-use"
	actionFactorsReset  = "factor.reset"
)

// fields are what changed, by name.
type fields = map[string]string

// failuresPerMinute bounds the events that strangers can cause: they are in the
// database for 400 days. The log has every failure.
const failuresPerMinute = 60

// failures lets some failed sign-ins into the audit log, and counts the others.
type failures struct {
	limit *rate.Limiter

	mu     sync.Mutex // guards untold
	untold int64
}

func newFailures() *failures {
	return &failures{limit: rate.NewLimiter(rate.Every(time.Minute/failuresPerMinute), failuresPerMinute)}
}

// tell says whether one more may be written, and how many were not since.
func (f *failures) tell(now time.Time) (untold int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.limit.AllowN(now, 1) {
		f.untold++
		return 0, false
	}
	untold, f.untold = f.untold, 0
	return untold, true
}

// caller is the client as the audit log names it, once it is known whose it is.
func (c Client) caller(m *member) coffer.Caller {
	by := coffer.Caller{Source: c.Source, UserAgent: c.UserAgent}
	if m != nil {
		by.Account, by.Member, by.Name = m.Account, m.ID, m.Email
	}
	return by
}

// write records what caller did in account.
func (s *Service) write(ctx context.Context, tx meta.Tx, by coffer.Caller, account coffer.AccountID,
	action, target string, before, after fields) error {
	e := audit.By(ctx, by, s.time(), account, action, target)
	e.Before, e.After = before, after
	return audit.Write(tx, e)
}

// failed notes a try that was refused: by which means, at whose sign-in. m is nil
// where there is no such member; email is then what was typed, if it can be an
// address at all: people type passwords into the wrong field.
func (s *Service) failed(ctx context.Context, c Client, m *member, email, method string) {
	var account coffer.AccountID
	target := ""
	if m != nil {
		account, target, email = m.Account, string(m.ID), m.Email
	} else if parsed, err := coffer.ParseEmail(email); err == nil {
		email = parsed
	} else {
		email = ""
	}
	s.log.WarnContext(ctx, "sign-in refused", "method", method, "email", email, "member", target,
		"source", c.Source, "user_agent", c.UserAgent)
	now := s.time()
	untold, ok := s.failures.tell(now)
	if !ok {
		return
	}
	e := audit.By(ctx, coffer.Caller{Source: c.Source, UserAgent: c.UserAgent}, now, account, actionSessionFail, target)
	e.After = fields{"method": method}
	if email != "" {
		e.After["email"] = email
	}
	if untold > 0 {
		e.After["not_shown_before"] = itoa(untold)
	}
	if err := s.meta.Update(ctx, func(tx meta.Tx) error { return audit.Write(tx, e) }); err != nil {
		s.log.ErrorContext(ctx, "a refused sign-in is not in the audit log", "err", err)
	}
}
