package keys

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"coffer"
)

const (
	// linksMax bounds the links that are good at one time; the oldest goes first.
	linksMax = 10_000
	// linkTTLMax is the longest that a link credential lives.
	linkTTLMax = 15 * time.Minute
	// linkPrefix begins the Access Key ID of a temporary credential.
	linkPrefix = "CFTK"
)

// links are the credentials of pre-signed URLs that the console hands out. They
// are in memory only: a restart ends them, as does their own end soon after, so
// there is nothing to store, to list or to leak from a backup.
type links struct {
	mu    sync.RWMutex // guards what follows
	byID  map[coffer.AccessKeyID]*entry
	order []link // the oldest first
}

type link struct {
	id  coffer.AccessKeyID
	end time.Time
}

// Link makes a credential for actor that lives until end, 15 minutes at most,
// and may what actor's scope allows. It is for one pre-signed URL that a front
// hands to a person whose rights it has checked: it is no key, shows up in no
// list, and its uses are nobody's evidence.
func (s *Service) Link(actor coffer.Actor, end time.Time) (coffer.AccessKeyID, coffer.Secret, error) {
	now := s.now()
	if latest := now.Add(linkTTLMax); end.After(latest) {
		end = latest
	}
	id, err := coffer.NewTemporaryID(s.rand)
	if err != nil {
		return "", coffer.Secret{}, fmt.Errorf("make Access Key ID: %w", err)
	}
	secret, err := coffer.NewSecret(s.rand)
	if err != nil {
		return "", coffer.Secret{}, fmt.Errorf("make Secret Access Key: %w", err)
	}
	actor.AccessKeyID, actor.Key = id, ""
	e := &entry{actor: actor, candidates: []candidate{{
		credential: coffer.Credential{AccessKeyID: id, Created: now},
		secret:     secret,
		state:      &state{id: id, expires: end},
	}}}
	s.links.add(e, link{id, end}, now)
	return id, secret, nil
}

func (l *links) add(e *entry, in link, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[coffer.AccessKeyID]*entry{}
	}
	for len(l.order) > 0 && (len(l.order) >= linksMax || !now.Before(l.order[0].end)) {
		delete(l.byID, l.order[0].id)
		l.order = l.order[1:]
	}
	l.byID[in.id] = e
	l.order = append(l.order, in)
}

// get returns the link that id names, or nil. An ID that begins otherwise is
// not looked up.
func (l *links) get(id coffer.AccessKeyID) *entry {
	if !strings.HasPrefix(string(id), linkPrefix) {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.byID[id]
}
