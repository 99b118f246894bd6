package objects

import (
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/policy"
)

// Context gives the values of a condition key of policies, its name in lower case but
// for that of a tag; nil if the request has none.
type Context func(key string) []string

// effortMax is what comparing one request with policies may take in all, see
// policy.Request: some tenths of a second. A thousand keys and a policy of 20 KB of
// patterns take a part of it; a header of 30 KB beside them takes hours.
const effortMax = 256 << 20

// In returns the session of a request of which more is known than who asks.
func (s Session) In(context Context) Session {
	s.context, s.effort = context, new(int64(effortMax))
	return s
}

// expectation is the account that a request says a bucket belongs to.
type expectation struct {
	bucket  coffer.BucketName
	account coffer.AccountID
}

// Expect returns a session that refuses a bucket which is not account's, so that
// a client who is sure of the owner cannot be led into the bucket of somebody else.
func (s Session) Expect(bucket coffer.BucketName, account coffer.AccountID) Session {
	s.expected = append(s.expected[:len(s.expected):len(s.expected)], expectation{bucket, account})
	return s
}

// at returns the session for what is asked about one version of an object; "" is
// the current one.
func (s Session) at(version string) Session {
	s.version = version
	return s
}

// toMake returns the session for what is asked about an object that is to be made:
// whom the one belongs to that it takes the place of does not matter.
func (s Session) toMake() Session {
	s.making = true
	return s
}

// principal is the actor as policies name it.
func (s Session) principal() policy.Principal {
	if s.actor.Anonymous() {
		return policy.Principal{Anonymous: true}
	}
	p := policy.Principal{Account: string(s.actor.Account), Canonical: string(s.actor.Canonical)}
	if s.actor.Key != "" {
		p.ARNs = []string{s.userARN()}
	}
	return p
}

func (s Session) userARN() string {
	return "arn:aws:iam::" + string(s.actor.Account) + ":user/" + string(s.actor.Key)
}

// existingTag is the condition key of a tag of the object, without its name.
const existingTag = "s3:existingobjecttag/"

// condition gives the value of a condition key: what is known of the actor and of
// what is stored here, all else from the front (AWS, "AWS global condition context
// keys" and "Actions, resources, and condition keys for Amazon S3").
func (q *question) condition(key string) []string {
	if name, ok := strings.CutPrefix(key, existingTag); ok {
		return q.existingTag(name)
	}
	switch key {
	case "aws:currenttime":
		return []string{q.Now().UTC().Format(time.RFC3339)}
	case "aws:epochtime":
		return []string{strconv.FormatInt(q.Now().Unix(), 10)}
	case "s3:resourceaccount", "aws:resourceaccount":
		return []string{string(q.bucket.Account)}
	case "aws:requestedregion":
		return []string{q.bucket.Region}
	case "aws:viaawsservice":
		return []string{"false"} // AWS sends it always, so policies count on it
	case "s3:versionid":
		if q.action.OnObject() && q.version != "" {
			return []string{q.version} // also of the source of a copy, and of each in DeleteObjects
		}
	case "s3:prefix":
		// Also where a key was asked for, and what counts is whether it would be listed.
		if q.action.Lists() && (q.context == nil || q.key != "") {
			return []string{q.key}
		}
	}
	if strings.HasPrefix(key, "aws:") {
		if v, ok := q.identity(key); ok {
			return v
		}
	}
	if q.context == nil {
		return nil
	}
	return q.context(key)
}

// identity gives the condition keys that tell of the actor.
func (q *question) identity(key string) (values []string, ok bool) {
	anonymous := q.actor.Anonymous()
	switch key {
	case "aws:principaltype":
		switch {
		case anonymous:
			return []string{"Anonymous"}, true
		case q.actor.Key == "":
			return []string{"Account"}, true
		}
		return []string{"User"}, true
	case "aws:userid":
		switch {
		case anonymous:
			return []string{"anonymous"}, true
		case q.actor.Key == "":
			return []string{string(q.actor.Account)}, true
		case q.actor.Session != nil && q.actor.Session.Name != "":
			return []string{string(q.actor.Key) + ":" + q.actor.Session.Name}, true
		}
		return []string{string(q.actor.Key)}, true
	case "aws:tokenissuetime", "aws:multifactorauthpresent":
		// Only requests with temporary credentials have these.
		switch {
		case q.actor.Session == nil:
			return nil, true
		case key == "aws:tokenissuetime":
			return []string{q.actor.Session.Issued.Format(time.RFC3339)}, true
		}
		return []string{"false"}, true
	case "aws:principalisawsservice":
		if anonymous {
			return nil, true
		}
		return []string{"false"}, true
	case "aws:principalaccount":
		if anonymous {
			return nil, true
		}
		return []string{string(q.actor.Account)}, true
	case "aws:principalarn":
		switch {
		case anonymous:
			return nil, true
		case q.actor.Key == "":
			return []string{"arn:aws:iam::" + string(q.actor.Account) + ":root"}, true
		}
		return []string{q.userARN()}, true
	case "aws:username":
		if anonymous || q.actor.Key == "" {
			return nil, true
		}
		return []string{string(q.actor.Key)}, true
	}
	return nil, false
}

// existingTag is the value of a tag that the object has.
func (q *question) existingTag(name string) []string {
	if !q.action.OnObject() {
		return nil
	}
	o, err := q.object()
	if err != nil || o == nil {
		return nil // q.err refuses
	}
	if t := coffer.FindTag(o.Tags, name); t != nil {
		return []string{t.Value}
	}
	return nil
}
