package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"coffer/audit"
)

// ListMembers returns the members of an account, or of all that the caller may
// see for "".
func (c *Client) ListMembers(ctx context.Context, account string) ([]Member, error) {
	list, err := do[memberList](ctx, c, "GET", withQuery("/v1/members", accountQuery(account)), nil)
	return list.Members, err
}

// ChangeMember changes a member, named by ID or e-mail address.
func (c *Client) ChangeMember(ctx context.Context, account, handle string, in ChangeMemberInput) (Member, error) {
	return do[Member](ctx, c, "PATCH", memberPath(account, handle, ""), in)
}

// RemoveMember removes a member with all sessions.
func (c *Client) RemoveMember(ctx context.Context, account, handle string) (Member, error) {
	return do[Member](ctx, c, "DELETE", memberPath(account, handle, ""), nil)
}

// ResetMember makes a one-time link by which a member sets a new password.
func (c *Client) ResetMember(ctx context.Context, account, handle string, in ResetMemberInput) (Invitation, error) {
	return do[Invitation](ctx, c, "POST", memberPath(account, handle, ":reset"), in)
}

// Invite makes a one-time link by which somebody becomes a member.
func (c *Client) Invite(ctx context.Context, in InviteInput) (Invitation, error) {
	return do[Invitation](ctx, c, "POST", "/v1/invitations", in)
}

// ListInvitations returns the one-time links that are open, without their URLs.
func (c *Client) ListInvitations(ctx context.Context, account string) ([]Invitation, error) {
	list, err := do[invitationList](ctx, c, "GET", withQuery("/v1/invitations", accountQuery(account)), nil)
	return list.Invitations, err
}

// RevokeInvitation ends a one-time link.
func (c *Client) RevokeInvitation(ctx context.Context, account string, id string) error {
	_, err := do[Done](ctx, c, "DELETE", withQuery("/v1/invitations/"+url.PathEscape(id), accountQuery(account)), nil)
	return err
}

func memberPath(account, handle, verb string) string {
	return withQuery("/v1/members/"+url.PathEscape(handle)+verb, accountQuery(account))
}

// AuditFilter says which events are wanted. What is empty takes all.
type AuditFilter struct {
	Account, Action, Who, Target string
	From, To                     time.Time
}

func (f AuditFilter) query() url.Values {
	q := accountQuery(f.Account)
	for name, text := range map[string]string{"action": f.Action, "who": f.Who, "target": f.Target} {
		if text != "" {
			q.Set(name, text)
		}
	}
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return q
}

// ListAudit returns up to max events, the newest first.
func (c *Client) ListAudit(ctx context.Context, f AuditFilter, max int) ([]audit.Event, error) {
	q := f.query()
	events := []audit.Event{}
	for {
		q.Set("max", strconv.Itoa(min(max-len(events), pageMax)))
		list, err := do[eventList](ctx, c, "GET", withQuery("/v1/audit", q), nil)
		if err != nil {
			return nil, err
		}
		if events = append(events, list.Events...); list.Next == "" || len(events) >= max {
			return events, nil
		}
		q.Set("after", list.Next)
	}
}

// ExportAudit writes all events as JSON lines, the oldest first.
func (c *Client) ExportAudit(ctx context.Context, f AuditFilter, w io.Writer) error {
	resp, err := c.send(ctx, "GET", withQuery("/v1/audit", f.query()), nil, linesType)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
		if err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		return readError(resp, b)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the export was cut off: %w", err)
	}
	return nil
}
