package objects

import (
	"sync"

	"coffer"
	"coffer/meta"
	"coffer/policy"
)

// sessionPoliciesMax bounds the policies that are kept parsed, each of 2 KiB of text
// at most; all are forgotten when there are more.
const sessionPoliciesMax = 1000

// sessionPolicies keeps the policies of temporary credentials by their texts, since
// a client has the same for each of its requests.
type sessionPolicies struct {
	mu   sync.RWMutex // guards kept
	kept map[string]*policy.Document
}

// parse reads a policy. One that cannot be read allows nothing.
func (p *sessionPolicies) parse(text string) (*policy.Document, error) {
	p.mu.RLock()
	doc := p.kept[text]
	p.mu.RUnlock()
	if doc != nil {
		return doc, nil
	}
	doc, err := policy.ParseIdentity([]byte(text))
	if err != nil {
		return nil, coffer.Errorf(coffer.AccessDenied, "Access Denied: the policy of this temporary credential cannot be read: %s", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil || len(p.kept) >= sessionPoliciesMax {
		p.kept = map[string]*policy.Document{}
	}
	p.kept[text] = doc
	return doc, nil
}

// sessionAllows tells whether the policy of a temporary credential, if it has one,
// allows a as well: it must say so, and nothing in it may deny it (AWS, "Policy
// evaluation logic", Session policies).
func (s Session) sessionAllows(r meta.Reader, b coffer.Bucket, a coffer.Action, key string) error {
	if s.actor.Session == nil || s.actor.Session.Policy == "" {
		return nil
	}
	doc, err := s.sessionPolicies.parse(s.actor.Session.Policy)
	if err != nil {
		return err
	}
	q := &question{Session: s, reader: r, bucket: b, action: a, key: key}
	result := doc.Evaluate(q.request())
	if q.err != nil {
		return q.err
	}
	if result.Effect != policy.Allow {
		return coffer.Errorf(coffer.AccessDenied, "Access Denied: the policy of this temporary credential does not allow %s here.", a)
	}
	return nil
}
