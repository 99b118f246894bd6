package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/keys"
)

// bodyBytesMax is the length of the longest request body.
const bodyBytesMax = 1 << 20

// Options is what the handler is made of.
type Options struct {
	Accounts *accounts.Service
	Keys     *keys.Service
	Logger   *slog.Logger
	Now      func() time.Time
	// Rand is where request IDs come from.
	Rand io.Reader
	// Endpoint is the URL of the S3 interface; Region the one to use.
	Endpoint func() string
	Region   string
	// Reclaim deletes what no metadata names. Nil is NotImplemented.
	Reclaim func(context.Context) (ReclaimReport, error)
}

// call answers one request: with a value that becomes JSON, or with an error.
type call func(h *handler, r *http.Request) (any, error)

// routes is all there is; what it does not name is refused. A path with a last
// part of {handle} takes a verb behind a colon: {handle}:reveal.
var routes = []struct {
	method, path, verb string
	call               call
}{
	{"GET", "/v1/instance", "", (*handler).getInstance},
	{"POST", "/v1/instance:reclaim", "", (*handler).reclaim},
	{"GET", "/v1/accounts", "", (*handler).listAccounts},
	{"POST", "/v1/accounts", "", (*handler).createAccount},
	{"GET", "/v1/keys", "", (*handler).listKeys},
	{"POST", "/v1/keys", "", (*handler).createKey},
	{"GET", "/v1/keys/{handle}", "", (*handler).getKey},
	{"DELETE", "/v1/keys/{handle}", "", (*handler).deleteKey},
	{"POST", "/v1/keys/{handle}", "reveal", (*handler).revealKey},
}

type handler struct{ Options }

// Handler returns the interface. It checks nobody's rights: who reaches it is
// an operator.
func Handler(opt Options) http.Handler {
	h := &handler{opt}
	mux := http.NewServeMux()
	byPath := map[string]map[string]call{} // path, then method and verb
	for _, r := range routes {
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]call{}
			mux.Handle(r.path, h.serve(r.path, byPath[r.path]))
		}
		byPath[r.path][r.method+":"+r.verb] = r.call
	}
	mux.Handle("/", h.serve("", nil))
	return mux
}

// serve answers all that goes to one path.
func (h *handler) serve(path string, calls map[string]call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := h.Now()
		r = h.identify(r)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Request-Id", coffer.RequestID(r.Context()))
		status := http.StatusOK
		answer, err := h.answer(w, r, path, calls)
		if err != nil {
			status, answer = h.refusal(r, err)
		}
		body, err := json.Marshal(answer)
		if err != nil { // no answer of this package can fail to encode
			status, body = http.StatusInternalServerError, nil
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(body, '\n')) // the client is gone, or it is not
		h.Logger.InfoContext(r.Context(), "api request", "request_id", coffer.RequestID(r.Context()),
			"method", r.Method, "route", path, "status", status, "duration", h.Now().Sub(start))
	})
}

// identify gives the request an ID if it has none yet.
func (h *handler) identify(r *http.Request) *http.Request {
	if coffer.RequestID(r.Context()) != "" {
		return r
	}
	var b [8]byte
	// Without randomness the ID is all zeros, and the call itself fails with a
	// better error.
	_, _ = io.ReadFull(h.Rand, b[:])
	return r.WithContext(coffer.WithRequestID(r.Context(), strings.ToUpper(hex.EncodeToString(b[:]))))
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, path string, calls map[string]call) (any, error) {
	handle, verb := r.PathValue("handle"), ""
	if handle != "" {
		handle, verb, _ = strings.Cut(handle, ":")
		r.SetPathValue("handle", handle)
	}
	fn := calls[r.Method+":"+verb]
	if fn == nil {
		var allow []string
		for _, mv := range slices.Sorted(maps.Keys(calls)) {
			if method, ok := strings.CutSuffix(mv, ":"+verb); ok {
				allow = append(allow, method)
			}
		}
		if len(allow) == 0 {
			return nil, &refusal{http.StatusNotFound, "NotFound", "there is no such call: " + r.Method + " " + r.URL.Path}
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return nil, coffer.Errorf(coffer.MethodNotAllowed, "%s is not allowed here: use %s", r.Method, strings.Join(allow, " or "))
	}
	// A web page can send a POST without a body anywhere, but not with this type:
	// so the type is asked for whether there is a body or not.
	if r.Method == "POST" {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return nil, &refusal{http.StatusUnsupportedMediaType, "UnsupportedMediaType",
				"the Content-Type must be application/json"}
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
	return fn(h, r)
}

// readBody decodes the body of r into v: one JSON object, with no field that v
// does not have and nothing behind it.
func readBody(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("there is more behind the JSON object")
		}
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return coffer.Errorf(coffer.EntityTooLarge, "the body is longer than %d bytes", bodyBytesMax)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	return coffer.Errorf(coffer.InvalidRequest, "the body is not what this call takes: %s",
		strings.TrimPrefix(err.Error(), "json: "))
}

// noBody refuses a body where none is taken, other than an empty object.
func noBody(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	return readBody(r, &struct{}{})
}

// query returns the parameters of r, which must be among known and there once.
func query(r *http.Request, known ...string) (map[string]string, error) {
	q := map[string]string{}
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) || len(values) != 1 {
			return nil, coffer.Errorf(coffer.InvalidArgument, "the parameter %.64q is unknown or there twice", name)
		}
		q[name] = values[0]
	}
	return q, nil
}

func (h *handler) getInstance(*http.Request) (any, error) {
	i := Instance{Version: coffer.Version, Region: h.Region}
	if h.Endpoint != nil {
		i.Endpoint = h.Endpoint()
	}
	return i, nil
}

func (h *handler) reclaim(r *http.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	if h.Reclaim == nil {
		return nil, coffer.Errorf(coffer.NotImplemented, "this server cannot reclaim")
	}
	report, err := h.Reclaim(r.Context())
	if err != nil {
		return nil, fmt.Errorf("reclaim: %w", err)
	}
	return report, nil
}
