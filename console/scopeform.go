package console

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"coffer"
	"coffer/scopes"
)

// scopeForm is a scope as a form has it, in one of three ways: everything, lines of a
// preset with its buckets and prefixes, or a policy. What was typed for the others is
// kept, and does not count.
type scopeForm struct {
	Kind    scopeKind
	Grants  []grantForm
	Presets []presetChoice
	Policy  string
	// Revision tells the scope that the form was opened on from one that another
	// person has made of it.
	Revision string
	// Says is what the scope allows, in words, if that was asked for.
	Says []string
}

// scopeKind is the way in which a form says a scope.
type scopeKind string

const (
	scopeEverything scopeKind = "everything"
	scopeLimited    scopeKind = "limited"
	scopePolicy     scopeKind = "policy"
)

// Field is where a problem with the scope is shown.
func (f scopeForm) Field() string {
	if f.Kind == scopePolicy {
		return "policy"
	}
	return "scope"
}

// policyToBeginWith is what the field has for a key that is not made yet: rights that
// a person cuts to size, on a bucket whose name they put in.
const policyToBeginWith = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::my-bucket"
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::my-bucket/*"
    }
  ]
}
`

type grantForm struct {
	Number            int
	Preset            string
	Buckets, Prefixes string
}

type presetChoice struct{ Name, Words string }

func (q *request) setScope() error {
	id := q.r.PathValue("id")
	form, scope, err := q.readScope()
	switch {
	case err != nil:
	case q.value("check") != "":
		form.Says = says(scope)
		return q.scopeAnswer(http.StatusOK, problems{}, form)
	default:
		if err = q.putScope(id, &form, scope); err == nil {
			return q.redirect("/keys/" + id + "?did=scoped")
		}
	}
	wrong := problems{}
	status, ok := q.typo(wrong, form.Field(), err)
	if !ok {
		return err
	}
	return q.scopeAnswer(status, wrong, form)
}

// putScope writes a scope while nobody else does so here.
func (q *request) putScope(id string, form *scopeForm, scope *coffer.Scope) error {
	defer q.turns.take(id)()
	if err := q.checkScopeRevision(id, form); err != nil {
		return err
	}
	_, err := q.keys().SetScope(q.ctx(), id, scope)
	return err
}

// scopeAnswer is the key's page with a scope as it was typed.
func (q *request) scopeAnswer(status int, wrong problems, form scopeForm) error {
	page, err := q.keyPage(wrong)
	if err != nil {
		return err
	}
	page.Scope = form
	return q.render(status, "key", page)
}

// checkScopeRevision refuses a form that was opened before somebody else changed the
// scope: what they did would be lost, and nobody would know. Sent once more it counts.
func (q *request) checkScopeRevision(id string, form *scopeForm) error {
	if form.Revision == "" {
		return nil
	}
	key, err := q.keys().Get(q.ctx(), id)
	if err != nil {
		return err
	}
	was := form.Revision
	if form.Revision = revisionOf(key.Scope); was != form.Revision {
		return coffer.Errorf(coffer.ConditionalRequestConflict, "somebody has changed the scope in the meantime, and nothing was saved. It is now: %s. Send this once more to put what is below in its place", key.Scope)
	}
	return nil
}

// revisionOf is the same for scopes that are the same.
func revisionOf(s *coffer.Scope) string {
	sum := sha256.Sum256([]byte(s.String()))
	return hex.EncodeToString(sum[:8])
}

func (q *request) scopeForm(s *coffer.Scope) scopeForm {
	f := scopeForm{Kind: scopeEverything, Policy: scopes.Policy(s), Revision: revisionOf(s)}
	for _, p := range coffer.Presets() {
		f.Presets = append(f.Presets, presetChoice{string(p), p.Words()})
	}
	if s != nil {
		f.Kind = scopeLimited
		if slices.ContainsFunc(s.Grants, func(g coffer.Grant) bool { return g.Preset == "" }) {
			f.Kind = scopePolicy
		}
	}
	// Lines that lack what only the policy says would be less than the scope.
	if f.Kind == scopeLimited {
		for _, g := range s.Grants {
			f.Grants = append(f.Grants, grantForm{len(f.Grants) + 1, string(g.Preset), strings.Join(g.Buckets, ", "), strings.Join(g.Prefixes, ", ")})
		}
	}
	// One line more than there are, to add one without a script.
	f.Grants = append(f.Grants, grantForm{Number: len(f.Grants) + 1})
	return f
}

// readScope reads the scope that was typed. The form is what to show again.
func (q *request) readScope() (scopeForm, *coffer.Scope, error) {
	f := q.scopeForm(nil)
	form := q.r.PostForm
	f.Kind, f.Revision = scopeKind(q.value("scope")), form.Get("revision")
	if form.Has("policy") {
		// A browser sends the ends of lines as CR LF.
		f.Policy = strings.ReplaceAll(form.Get("policy"), "\r\n", "\n")
	}
	presets, buckets, prefixes := form["preset"], form["buckets"], form["prefixes"]
	typed := coffer.Scope{}
	for i, preset := range presets {
		if i >= len(buckets) || i >= len(prefixes) {
			break
		}
		if i == 0 {
			f.Grants = nil
		}
		f.Grants = append(f.Grants, grantForm{i + 1, preset, buckets[i], prefixes[i]})
		if preset != "" {
			typed.Grants = append(typed.Grants, coffer.Grant{Preset: coffer.Preset(preset), Buckets: words(buckets[i]), Prefixes: words(prefixes[i])})
		}
	}
	switch f.Kind {
	case scopeLimited:
		if len(typed.Grants) == 0 {
			return f, nil, coffer.Errorf(coffer.InvalidArgument, "the key would be allowed nothing: choose what it may do, or let it do everything")
		}
		parsed, err := coffer.ParseScope(typed)
		return f, parsed, err
	case scopePolicy:
		if strings.TrimSpace(f.Policy) == "" {
			return f, nil, coffer.Errorf(coffer.MalformedPolicy, "there is no policy in the field: write one, or choose another way to say what the key may do")
		}
		parsed, err := scopes.FromPolicy(strings.TrimSpace(f.Policy))
		return f, parsed, err
	case scopeEverything, "":
		f.Kind = scopeEverything
		return f, nil, nil
	}
	f.Kind = scopeLimited
	return f, nil, coffer.Errorf(coffer.InvalidArgument, "choose what the key may do")
}

// says tells what a scope allows, a line for each grant.
func says(s *coffer.Scope) []string {
	if s.Everything() {
		return []string{"everything in the account: all buckets and objects, and keys by the API"}
	}
	var out []string
	for _, g := range s.Grants {
		line := g.String()
		if words := g.Preset.Words(); words != "" {
			line += ": " + words
		}
		out = append(out, line)
	}
	return out
}

// words splits a list at commas and line ends; names may have spaces inside.
func words(s string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
