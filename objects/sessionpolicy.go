package objects

import (
	"strings"
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
	if err == nil {
		err = checkSessionPolicy(doc)
	}
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

// checkSessionPolicy refuses a name that there is not where what it was to keep out
// would get in: in an action that is denied or excepted, and in a condition. What is of
// another service than S3 is nobody's here, and does no harm.
func checkSessionPolicy(doc *policy.Document) error {
	for _, st := range doc.Statements() {
		if (st.Effect == policy.Deny) == st.NotActions {
			continue
		}
		for _, a := range st.Actions {
			if vendor, _, _ := strings.Cut(strings.ToLower(a), ":"); vendor == "s3" && !isPolicyAction(a) {
				return coffer.Errorf(coffer.MalformedPolicy, "%.200q is no action of s3", a)
			}
		}
	}
	for key := range doc.ConditionKeys() {
		if vendor, _, _ := strings.Cut(strings.ToLower(key), ":"); (vendor == "s3" || vendor == "aws") && !isPolicyKey(key) {
			return coffer.Errorf(coffer.MalformedPolicy, "%.200q is no condition key of requests to s3", key)
		}
	}
	return nil
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
