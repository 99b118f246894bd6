package console

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/keys"
)

// The bounds of a request body: a form, and what a form may keep through a
// sign-in. Files are read by their own route.
const (
	formBytesMax = 256 << 10
	formFields   = 200
)

// request is one request on its way through the console.
type request struct {
	*Console
	w http.ResponseWriter
	r *http.Request
	// current is who is signed in; zero on public pages.
	current accounts.Current
	began   bool // the answer has begun
}

// serve wraps a route: reads the form, finds the session, runs the handler and
// turns its error into a page. A panic becomes an error page, not a cut connection.
func (c *Console) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := c.Now()
		rec := &recorder{ResponseWriter: w}
		q := &request{Console: c, w: rec, r: r}
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler {
				panic(p)
			}
			if p != nil {
				c.Logger.ErrorContext(r.Context(), "panic", "request_id", q.id(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				q.fail(fmt.Errorf("panic: %v", p))
			}
			c.Logger.InfoContext(r.Context(), "console request", "request_id", q.id(), "method", r.Method,
				"route", rt.pattern, "status", rec.status, "member", q.current.Member.ID, "duration", c.Now().Sub(start))
		}()
		if err := q.run(rt); err != nil {
			q.fail(err)
		}
	})
}

func (q *request) run(rt route) error {
	if err := q.readForm(); err != nil {
		return err
	}
	if rt.access == accessPublic {
		return rt.handle(q)
	}
	err := q.authenticate()
	if coffer.CodeOf(err) == coffer.SignInNeeded {
		return q.askSignIn()
	}
	if err != nil {
		return err
	}
	if q.current.NeedsFactor && !factorRoutes[rt.pattern] {
		return q.redirect("/settings/factors")
	}
	// What is about buckets asks for room by itself, or makes some.
	if q.Scarce != nil && strings.HasPrefix(rt.pattern, "POST ") && !strings.HasPrefix(rt.pattern, "POST /buckets") {
		if err := q.Scarce(q.caller()); err != nil {
			return err
		}
	}
	err = rt.handle(q)
	if coffer.CodeOf(err) == coffer.FreshSignInNeeded && !q.began {
		return q.askAgain("")
	}
	return err
}

// readForm reads a form of bounded size. Multipart bodies are files, which their
// route reads by itself. The fields are counted before they are taken apart: that needs
// many times the memory of a body that has nothing but fields.
func (q *request) readForm() error {
	if strings.Count(q.r.URL.RawQuery, "&") >= formFields {
		return tooManyFields()
	}
	kind, _, _ := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	sends := q.r.Method == http.MethodPost || q.r.Method == http.MethodPut || q.r.Method == http.MethodPatch
	if sends && kind == "application/x-www-form-urlencoded" {
		text, err := q.readBody()
		if err != nil {
			return err
		}
		if strings.Count(text, "&") >= formFields {
			return tooManyFields()
		}
		if q.r.PostForm, err = url.ParseQuery(text); err != nil {
			return badForm()
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		return nil
	}
	// The body of no other type is read.
	if err := q.r.ParseForm(); err != nil {
		return badForm()
	}
	return nil
}

// readBody is the body of a form. What a client announces is made room for once.
func (q *request) readBody() (string, error) {
	var text strings.Builder
	text.Grow(int(min(max(q.r.ContentLength, 0), formBytesMax)))
	_, err := io.Copy(&text, http.MaxBytesReader(q.w, q.r.Body, formBytesMax))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", coffer.Errorf(coffer.EntityTooLarge, "the form is longer than %d KiB", formBytesMax>>10)
	}
	if err != nil {
		return "", badForm()
	}
	return text.String(), nil
}

func badForm() error { return coffer.Errorf(coffer.InvalidRequest, "the form could not be read") }

func tooManyFields() error {
	return coffer.Errorf(coffer.InvalidRequest, "the form has more than %d fields", formFields)
}

func (q *request) authenticate() error {
	current, err := q.Accounts.Authenticate(q.ctx(), q.sessionToken(), q.client())
	if err != nil {
		return err
	}
	q.current = current
	return nil
}

func (q *request) ctx() context.Context { return q.r.Context() }

func (q *request) id() string { return coffer.RequestID(q.r.Context()) }

// value is a form field without the spaces around it.
func (q *request) value(name string) string { return strings.TrimSpace(q.r.PostForm.Get(name)) }

// secret is a form field as it was typed.
func (q *request) secret(name string) coffer.Secret {
	return coffer.NewSecretFrom(q.r.PostForm.Get(name))
}

// query is a parameter of the URL.
func (q *request) query(name string) string { return q.r.URL.Query().Get(name) }

func (q *request) caller() coffer.Caller { return q.current.Caller }

// keys is the access keys as this person manages them: those of their own
// account, whatever right over the instance they have besides.
func (q *request) keys() keys.Session {
	caller := q.current.Caller
	caller.Operator = false
	return q.Keys.As(caller)
}

// may tells whether the member's role is at least role. Services decide; this
// only chooses what is shown.
func (q *request) may(role coffer.Role) bool {
	return q.current.Member.Role.AtLeast(role)
}

// redirect answers a form that was carried out: the next page is fetched by GET,
// so that a reload repeats nothing. path is always one of the console's own.
func (q *request) redirect(path string) error {
	q.began = true
	http.Redirect(q.w, q.r, path, http.StatusSeeOther)
	return nil
}

func (c *Console) newRequestID() string {
	var b [8]byte
	if _, err := io.ReadFull(c.Rand, b[:]); err != nil {
		c.Logger.Error("no randomness for a request ID", "error", err)
	}
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// retryAfter is how long a slow-down asks to wait, from the error's field.
func retryAfter(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*coffer.Error](err)
	if !ok {
		return 0, false
	}
	for _, f := range e.Fields {
		if f.Name == "RetryAfter" {
			d, err := time.ParseDuration(f.Value + "s")
			return d, err == nil
		}
	}
	return 0, false
}
