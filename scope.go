package coffer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Scope is what a key may do: what any one of its grants allows. A nil Scope is
// everything in the account, and one without grants is nothing. A Scope is never
// changed once ParseScope has made it, so it may be shared.
type Scope struct {
	Grants []Grant `json:"grants"`
	// within must allow it as well: that of the key that a session was made from.
	// A scope that is stored has none.
	within *Scope
}

// Grant allows the actions of a preset, or some by name, on some buckets and keys.
type Grant struct {
	Preset Preset `json:"preset,omitempty"`
	// Actions are what is allowed where there is no preset.
	Actions Actions `json:"actions,omitzero"`
	// Buckets are names, or beginnings of names ended by *. None means all.
	Buckets []string `json:"buckets,omitempty"`
	// Prefixes are where the keys begin, each ended by /, so that tenant1/ never
	// covers tenant1234/x. None means all keys, and the bucket itself.
	Prefixes []string `json:"prefixes,omitempty"`
}

// The most of each in a scope: what is looked through for every request.
const (
	grantsMax      = 50
	perGrantMax    = 100
	scopeBytesMax  = 32 << 10
	allBuckets     = "*"
	boundaryPrefix = "/"
)

// ParseScope checks s and returns it as it is stored: prefixes end in /, and a
// bucket list that has * is no list. The result shares nothing with s.
func ParseScope(s Scope) (*Scope, error) {
	if len(s.Grants) > grantsMax {
		return nil, Errorf(InvalidArgument, "the scope has %d grants: it may have up to %d", len(s.Grants), grantsMax)
	}
	out := &Scope{Grants: make([]Grant, 0, len(s.Grants))}
	size := 0
	for i, g := range s.Grants {
		parsed, err := parseGrant(g)
		if err != nil {
			return nil, Errorf(InvalidArgument, "grant %d of the scope: %s", i+1, err.Message)
		}
		for _, text := range slices.Concat(parsed.Buckets, parsed.Prefixes, parsed.Actions.Names()) {
			size += len(text)
		}
		out.Grants = append(out.Grants, parsed)
	}
	if size > scopeBytesMax {
		return nil, Errorf(InvalidArgument, "the scope has %d bytes of actions, buckets and prefixes: it may have up to %d", size, scopeBytesMax)
	}
	return out, nil
}

func parseGrant(g Grant) (Grant, *Error) {
	out := Grant{Preset: g.Preset, Actions: g.Actions}
	switch {
	case g.Preset != "" && !g.Actions.IsZero():
		return out, Errorf(InvalidArgument, "it has a preset and actions: choose one of the two")
	case g.actions() == (actionSet{}):
		return out, Errorf(InvalidArgument, "there is no preset %.40q: choose %s", string(g.Preset), presetList())
	}
	if len(g.Buckets) > perGrantMax || len(g.Prefixes) > perGrantMax {
		return out, Errorf(InvalidArgument, "it names more than %d buckets or prefixes", perGrantMax)
	}
	for _, b := range g.Buckets {
		if err := checkBucketPattern(b); err != nil {
			return out, err
		}
		out.Buckets = append(out.Buckets, b)
	}
	if slices.Contains(out.Buckets, allBuckets) {
		out.Buckets = nil
	}
	for _, p := range g.Prefixes {
		switch {
		case p == "" || p == boundaryPrefix:
			return out, Errorf(InvalidArgument, "a prefix is empty: leave prefixes out to allow all keys")
		case strings.HasSuffix(p, "*"):
			return out, Errorf(InvalidArgument, "the prefix %.100q ends in *: write %.100q, which covers all that is below it",
				p, strings.TrimRight(p, "*/")+boundaryPrefix)
		case !utf8.ValidString(p) || strings.IndexByte(p, 0) >= 0 || len(p) >= ObjectKeyMax:
			return out, Errorf(InvalidArgument, "the prefix %.100q cannot begin a key: it must be UTF-8 without NUL, up to %d bytes", p, ObjectKeyMax-1)
		}
		if !strings.HasSuffix(p, boundaryPrefix) {
			p += boundaryPrefix
		}
		out.Prefixes = append(out.Prefixes, p)
	}
	return out, nil
}

// Within returns the scope of what both s and outer allow.
func (s *Scope) Within(outer *Scope) *Scope {
	switch {
	case s == nil:
		return outer
	case outer == nil:
		return s
	}
	return &Scope{Grants: s.Grants, within: outer.Within(s.within)}
}

// checkBucketPattern takes a bucket name, or the beginning of one and a *.
func checkBucketPattern(b string) *Error {
	stem, wild := strings.CutSuffix(b, "*")
	if !wild {
		if _, err := ParseBucketName(b); err != nil {
			return Errorf(InvalidArgument, "%.80q is not the name of a bucket, nor the beginning of one and a *", b)
		}
		return nil
	}
	bad := func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.') }
	if len(stem) > 63 || strings.ContainsFunc(stem, bad) {
		return Errorf(InvalidArgument, "%.80q is not the beginning of a bucket's name and a *", b)
	}
	return nil
}

// Allows tells whether the scope allows an action on a bucket, or on a key of
// it. An action on a bucket as a whole is asked for with the key "", one that
// lists it with the prefix that is listed.
func (s *Scope) Allows(a Action, bucket BucketName, key string) bool {
	if a == NoAction || a >= ActionCount {
		return false
	}
	if s == nil {
		return true
	}
	if !s.within.Allows(a, bucket, key) {
		return false
	}
	if a == ListAllMyBuckets {
		return len(s.Grants) > 0
	}
	for i := range s.Grants {
		if s.Grants[i].allows(a, bucket, key) {
			return true
		}
	}
	return false
}

// AllowsList tells whether the keys of a bucket that begin with prefix may be
// listed. A scope of tenant1/ allows the list of tenant1/ and below it, not of
// the whole bucket.
func (s *Scope) AllowsList(bucket BucketName, prefix string) bool {
	return s.Allows(ListBucket, bucket, prefix)
}

// CreateOnly tells whether a key may be written only where there is none yet:
// every PUT, Copy and CompleteMultipartUpload is then as if it bore
// If-None-Match: *.
func (s *Scope) CreateOnly(bucket BucketName, key string) bool {
	if s == nil {
		return false
	}
	if s.within.CreateOnly(bucket, key) {
		return true
	}
	for i := range s.Grants {
		if g := &s.Grants[i]; g.overwrites() && g.allows(PutObject, bucket, key) {
			return false
		}
	}
	return true
}

// SeesBucket tells whether the scope reaches into a bucket at all. ListBuckets
// shows exactly these; where a bucket is and that it exists may be asked too.
func (s *Scope) SeesBucket(bucket BucketName) bool {
	if s == nil {
		return true
	}
	return s.within.SeesBucket(bucket) && slices.ContainsFunc(s.Grants, func(g Grant) bool { return g.onBucket(string(bucket)) })
}

// Everything tells whether nothing in the account is outside the scope, so that
// its key may manage keys.
func (s *Scope) Everything() bool {
	return s == nil || s.within.Everything() && slices.ContainsFunc(s.Grants, func(g Grant) bool {
		return g.actions() == setFull && len(g.Buckets) == 0 && len(g.Prefixes) == 0
	})
}

// Covers tells whether s allows all that other allows. It is on the safe side: a
// pair of a bucket and a prefix must be covered by one grant, not by several
// together.
func (s *Scope) Covers(other *Scope) bool {
	if s.Everything() {
		return true
	}
	if other == nil || s.within != nil && !s.within.Covers(other) {
		return false
	}
	if other.within != nil && s.Covers(other.within) {
		return true
	}
	for _, g := range other.Grants {
		for _, atom := range g.atoms() {
			if !slices.ContainsFunc(s.Grants, func(mine Grant) bool { return mine.covers(atom) }) {
				return false
			}
		}
	}
	return true
}

// String says the scope in words.
func (s *Scope) String() string {
	switch {
	case s == nil:
		return "everything"
	case len(s.Grants) == 0:
		return "nothing"
	}
	var parts []string
	for _, g := range s.Grants {
		parts = append(parts, g.String())
	}
	words := strings.Join(parts, "; ")
	if s.within != nil {
		words += ", within " + s.within.String()
	}
	return words
}

// actions are what the grant allows where it holds.
func (g *Grant) actions() actionSet {
	if g.Preset == "" {
		return g.Actions.set
	}
	return g.Preset.actions()
}

// overwrites tells whether the grant's writes may replace an object.
func (g *Grant) overwrites() bool { return g.Preset.overwrites() }

// String says the grant in words: read-only on photos/2024/.
func (g Grant) String() string {
	var places []string
	for _, atom := range g.atoms() {
		places = append(places, atom.place())
	}
	if n := len(places); n > 1 {
		places = append(places[:n-2], places[n-2]+" and "+places[n-1])
	}
	what := string(g.Preset)
	if what == "" {
		what = strings.Join(g.Actions.Names(), ", ")
	}
	return what + " on " + strings.Join(places, ", ")
}

func (g *Grant) allows(a Action, bucket BucketName, key string) bool {
	if a == GetBucketLocation {
		return g.onBucket(string(bucket))
	}
	return g.actions().has(a) && g.onBucket(string(bucket)) && g.onKey(a, key)
}

func (g *Grant) onBucket(name string) bool {
	if len(g.Buckets) == 0 {
		return true
	}
	for _, b := range g.Buckets {
		if stem, wild := strings.CutSuffix(b, "*"); b == name || wild && strings.HasPrefix(name, stem) {
			return true
		}
	}
	return false
}

// onKey tells whether the prefixes let a through: with prefixes, nothing that is
// about the bucket as a whole.
func (g *Grant) onKey(a Action, key string) bool {
	if len(g.Prefixes) == 0 {
		return true
	}
	if a.onBucket() {
		return false
	}
	for _, p := range g.Prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// atom is a grant on one bucket pattern and one prefix; "*" and "" are all.
type atom struct {
	grant          *Grant
	bucket, prefix string
}

func (g Grant) atoms() []atom {
	buckets, prefixes := g.Buckets, g.Prefixes
	if len(buckets) == 0 {
		buckets = []string{allBuckets}
	}
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	var all []atom
	for _, b := range buckets {
		for _, p := range prefixes {
			all = append(all, atom{&g, b, p})
		}
	}
	return all
}

// coversActions tells whether g allows all that o does where both hold. What every
// grant allows need not be named.
func (g *Grant) coversActions(o *Grant) bool {
	mine, theirs := g.actions(), o.actions()
	return theirs != (actionSet{}) && mine.union(setAlways).contains(theirs) &&
		(g.overwrites() || !o.overwrites() || !theirs.has(PutObject))
}

// covers tells whether g allows all that a does. A prefix of a takes away the
// bucket as a whole, which g may then lack; the rest must be in g's preset.
func (g *Grant) covers(a atom) bool {
	if !g.coversActions(a.grant) {
		return false
	}
	if len(g.Prefixes) > 0 && !slices.ContainsFunc(g.Prefixes, func(p string) bool { return strings.HasPrefix(a.prefix, p) }) {
		return false
	}
	if len(g.Buckets) == 0 {
		return true
	}
	// A pattern is covered by one that is shorter, a name by either; so the
	// pattern's stem is looked for as if it were a name, and only wild cards
	// cover a wild card.
	stem, wild := strings.CutSuffix(a.bucket, "*")
	return slices.ContainsFunc(g.Buckets, func(b string) bool {
		mine, mineWild := strings.CutSuffix(b, "*")
		return mineWild && strings.HasPrefix(stem, mine) || !wild && b == a.bucket
	})
}

func (a atom) place() string {
	switch {
	case a.prefix == "" && a.bucket == allBuckets:
		return "all buckets"
	case a.prefix == "":
		return a.bucket
	case a.bucket == allBuckets:
		return a.prefix + " in all buckets"
	}
	return a.bucket + "/" + a.prefix
}
