package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"coffer"
	"coffer/audit"
	"coffer/keys"
)

// keysPage is the list of access keys.
type keysPage struct {
	shell
	Keys []keyView
	// Deleted are those that can still be brought back.
	Deleted []keyView
	Now     time.Time
	// Next is the URL of the next page, "" at the end; First of the first.
	Next, First string
}

// keyView is one key as pages show it.
type keyView struct {
	coffer.Key
	Now time.Time
	// Manages tells whether this person may change it.
	Manages bool
	// Secret is the current secret where it is shown, else "".
	Secret string
}

// Title is what people call the key.
func (k keyView) Title() string {
	if k.Name != "" {
		return k.Name
	}
	return string(k.Current.AccessKeyID)
}

// Scoped is the scope in words.
func (k keyView) Scoped() string { return k.Scope.String() }

// ScopedShort is the scope in as many words as have room beside other keys.
func (k keyView) ScopedShort() string {
	const most = 160
	if words := []rune(k.Scoped()); len(words) > most {
		return string(words[:most]) + "…"
	}
	return k.Scoped()
}

// Badge is the colour of the key's status.
func (k keyView) Badge() string {
	switch k.Status {
	case coffer.KeyActive:
		return "good"
	case coffer.KeyPaused:
		return "warn"
	}
	return "bad"
}

// ExpiresSoon tells whether the end of the key is near.
func (k keyView) ExpiresSoon() bool {
	return k.Status == coffer.KeyActive && !k.Expires.IsZero() && k.Expires.Before(k.Now.Add(expiresSoon))
}

// expiresSoon is how long before its end a key is called to attention.
const expiresSoon = 14 * 24 * time.Hour

// Deleted tells whether the key was deleted.
func (k keyView) Gone() bool { return k.Status == coffer.KeyDeleted }

func (q *request) keyView(k coffer.Key) keyView {
	return keyView{Key: k, Now: q.Now(), Manages: q.may(coffer.RoleAdmin)}
}

// keysShown is how many keys one page has.
const keysShown = 500

// keysOfAccount returns a page of the account's keys, the oldest first, apart from those
// that were deleted, and where the next page begins.
func (q *request) keysOfAccount(after string) (live, deleted []keyView, next string, err error) {
	page, next, err := q.keys().Page(q.ctx(), q.current.Account.ID, after, keysShown, func(coffer.Key) bool { return true })
	if err != nil {
		return nil, nil, "", err
	}
	for _, k := range page {
		if k.Status == coffer.KeyDeleted {
			deleted = append(deleted, q.keyView(k))
		} else {
			live = append(live, q.keyView(k))
		}
	}
	newest := func(a, b keyView) int { return a.Created.Compare(b.Created) }
	slices.SortFunc(live, newest)
	slices.SortFunc(deleted, newest)
	return live, deleted, next, nil
}

func (q *request) listKeys() error {
	after := q.query("after")
	live, deleted, next, err := q.keysOfAccount(after)
	if err != nil {
		return err
	}
	page := keysPage{shell: q.shell("Access keys"), Keys: live, Deleted: deleted, Now: q.Now()}
	if after != "" {
		page.First = "/keys"
	}
	if next != "" {
		page.Next = "/keys?" + url.Values{"after": {next}}.Encode()
	}
	return q.render(http.StatusOK, "keys", page)
}

// newKeyPage asks what kind of key to make.
type newKeyPage struct {
	shell
	Name    string
	Expires string
	Scope   scopeForm
	Import  bool
	// ImportID is the Access Key ID of a pair from elsewhere.
	ImportID string
	Wrong    problems
	Today    string
}

func (q *request) newKeyForm() error {
	form := q.scopeForm(nil)
	form.Policy, form.Revision = policyToBeginWith, ""
	return q.render(http.StatusOK, "newkey", newKeyPage{shell: q.shell("New access key"), Scope: form, Wrong: problems{}, Today: q.today()})
}

func (q *request) today() string { return q.Now().UTC().Format(time.DateOnly) }

// madePage shows a pair that was just made, with what to do with it.
type madePage struct {
	shell
	Key      keyView
	Connect  connectView
	Imported bool
}

func (q *request) createKey() error {
	page := newKeyPage{shell: q.shell("New access key"), Name: q.value("name"), Expires: q.value("expires"),
		Import: q.value("import") != "", ImportID: q.value("import_id"), Wrong: problems{}, Today: q.today()}
	var in keys.CreateInput
	var err error
	in.Name = page.Name
	page.Scope, in.Scope, err = q.readScope()
	status := http.StatusBadRequest
	if err != nil {
		page.Wrong[page.Scope.Field()] = messageOf(err)
	}
	if in.Expires, err = q.readDay("expires"); err != nil {
		page.Wrong["expires"] = messageOf(err)
	}
	if page.Import {
		in.Import = &keys.Pair{AccessKeyID: page.ImportID, Secret: q.secret("secret")}
	}
	if q.value("check") != "" && page.Wrong.Of(page.Scope.Field()) == "" {
		page.Scope.Says = says(in.Scope)
		if len(page.Wrong) == 0 {
			status = http.StatusOK
		}
	} else if len(page.Wrong) == 0 {
		key, secret, err := q.keys().Create(q.ctx(), q.current.Account, in)
		if err == nil {
			view := q.keyView(key)
			view.Secret = secret.Reveal()
			connect, err := q.connectView(view, q.query("tool"))
			if err != nil {
				return err
			}
			return q.render(http.StatusOK, "made", madePage{shell: q.shell("The key is made"), Key: view, Connect: connect, Imported: page.Import})
		}
		var ok bool
		if status, ok = q.typo(page.Wrong, "", err); !ok {
			return err
		}
	}
	return q.render(status, "newkey", page)
}

// readDay reads a date, which means its end in UTC; "" is the zero time.
func (q *request) readDay(name string) (time.Time, error) {
	text := q.value(name)
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, coffer.Errorf(coffer.InvalidArgument, "%.40q is not a date: write it as 2026-12-31", text)
	}
	end := day.AddDate(0, 0, 1)
	if !end.After(q.Now()) {
		return time.Time{}, coffer.Errorf(coffer.InvalidArgument, "%s is past: choose a day to come, or none", text)
	}
	return end, nil
}

// keyPage is all about one key.
type keyPage struct {
	shell
	Key     keyView
	Usage   usageView
	Scope   scopeForm
	Expires string
	Events  []eventView
	Tested  *testResult
	Wrong   problems
	Today   string
}

func (q *request) keyPage(wrong problems) (keyPage, error) {
	usage, err := q.keys().Latest(q.ctx(), q.r.PathValue("id"))
	if err != nil {
		return keyPage{}, err
	}
	page := keyPage{Key: q.keyView(usage.Key), Usage: q.usageView(usage), Scope: q.scopeForm(usage.Key.Scope), Wrong: wrong, Today: q.today()}
	page.shell = q.shell(page.Key.Title())
	if !usage.Key.Expires.IsZero() {
		page.Expires = usage.Key.Expires.UTC().Add(-time.Nanosecond).Format(time.DateOnly)
	}
	if page.Manages {
		events, _, err := q.Audit.As(q.caller()).List(q.ctx(), q.current.Account.ID, audit.Filter{Target: string(usage.Key.ID)}, "", 20)
		if err != nil {
			return keyPage{}, err
		}
		page.Events = q.eventViews(events)
	}
	return page, nil
}

func (q *request) showKey() error { return q.keyAnswer(http.StatusOK, problems{}) }

func (q *request) keyAnswer(status int, wrong problems) error {
	page, err := q.keyPage(wrong)
	if err != nil {
		return err
	}
	return q.render(status, "key", page)
}

// reveal shows the current secret on the key's page.
func (q *request) reveal() error {
	_, secret, err := q.keys().Reveal(q.ctx(), q.r.PathValue("id"))
	if err != nil {
		return err
	}
	page, err := q.keyPage(problems{})
	if err != nil {
		return err
	}
	page.Key.Secret = secret.Reveal()
	return q.render(http.StatusOK, "key", page)
}

// keyVerb makes the handler of a button on a key.
func keyVerb(did string, do func(s keys.Session, q *request, id string) (coffer.Key, error)) func(*request) error {
	return func(q *request) error {
		id := q.r.PathValue("id")
		if _, err := do(q.keys(), q, id); err != nil {
			wrong := problems{}
			if status, ok := q.typo(wrong, did, err); ok {
				return q.keyAnswer(status, wrong)
			}
			return err
		}
		return q.redirect("/keys/" + id + "?did=" + did)
	}
}

var (
	pauseKey = keyVerb("paused", func(s keys.Session, q *request, id string) (coffer.Key, error) {
		return s.Pause(q.ctx(), id)
	})
	resumeKey = keyVerb("resumed", func(s keys.Session, q *request, id string) (coffer.Key, error) {
		return s.Resume(q.ctx(), id)
	})
	deleteKey = keyVerb("deleted", func(s keys.Session, q *request, id string) (coffer.Key, error) {
		return s.Delete(q.ctx(), id)
	})
	undeleteKey = keyVerb("undeleted", func(s keys.Session, q *request, id string) (coffer.Key, error) {
		return s.Undelete(q.ctx(), id)
	})
	renameKey = keyVerb("renamed", func(s keys.Session, q *request, id string) (coffer.Key, error) {
		return s.Rename(q.ctx(), id, q.value("name"))
	})
	extendKey = keyVerb("extended", func(s keys.Session, q *request, id string) (coffer.Key, error) {
		expires, err := q.readDay("expires")
		if err != nil {
			return coffer.Key{}, err
		}
		return s.Extend(q.ctx(), id, expires)
	})
)
