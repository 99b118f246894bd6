package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/keys"
	"coffer/objects"
)

// Options is what the handlers are made of.
type Options struct {
	Accounts *accounts.Service
	Keys     *keys.Service
	// Objects is for quotas and jobs. Nil is NotImplemented.
	Objects *objects.Service
	Audit   *audit.Log
	Logger  *slog.Logger
	Now     func() time.Time
	// Rand is where request IDs come from.
	Rand io.Reader
	// Version is what GET /v1/instance tells.
	Version string
	// Endpoint is the URL of the S3 interface; Region the one to use.
	Endpoint func() string
	Region   string
	// LinkURL is where people open an invitation.
	LinkURL func(accounts.Link) string
	// Reclaim deletes what no metadata names. Nil is NotImplemented.
	Reclaim func(context.Context) (ReclaimReport, error)
	// Check compares all that is stored with one another. Nil is NotImplemented.
	Check Checker
	// Scarce refuses a caller who changes much while there is little room; nil never
	// does.
	Scarce func(coffer.Caller) error

	// Session finds the member whose browser sends a request, and false if there
	// is none. Nil lets only signed requests in. Only Public asks it.
	Session func(*http.Request) (coffer.Caller, bool, error)
	// ConsoleURL is the origin whose pages may make calls. Only Public needs it.
	ConsoleURL string
}

// identify finds out who sends a request, whose body was read already.
type identify func(h *handler, q *request) (coffer.Caller, error)

type handler struct {
	Options
	identify identify
	guard    *http.CrossOriginProtection
	openAPI  document
	large    chan struct{} // has one for each call with a large body
}

// Handler returns the interface for the socket of the data folder: who reaches
// it is the operator.
func Handler(opt Options) http.Handler {
	return newHandler(opt, func(_ *handler, q *request) (coffer.Caller, error) {
		return coffer.Caller{Operator: true, Name: "operator", UserAgent: q.r.UserAgent()}, nil
	})
}

// Public returns the interface for the console's address: for requests that an
// access key signed, and for members who are signed in.
func Public(opt Options) http.Handler { return newHandler(opt, (*handler).authenticate) }

func newHandler(opt Options, who identify) http.Handler {
	h := &handler{Options: opt, identify: who, guard: http.NewCrossOriginProtection(), openAPI: openAPI(), large: make(chan struct{}, largeMax)}
	if opt.ConsoleURL != "" {
		// Behind a proxy that rewrites Host the browser's origin is still this one.
		if err := h.guard.AddTrustedOrigin(opt.ConsoleURL); err != nil {
			opt.Logger.Error("the console's URL is no origin: its pages cannot make calls", "error", err)
		}
	}
	mux := http.NewServeMux()
	byPath := map[string]map[string]*route{} // path, then method and verb
	for i := range routes {
		r := &routes[i]
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]*route{}
			mux.Handle(r.path, h.serve(r.path, byPath[r.path]))
		}
		byPath[r.path][r.method+":"+r.verb] = r
	}
	mux.Handle("/", h.serve("", nil))
	return mux
}

// request is one request on its way through the interface.
type request struct {
	*handler
	w      http.ResponseWriter
	r      *http.Request
	route  *route // nil before it is found
	body   []byte
	caller coffer.Caller
	began  bool // the answer has begun
	status int
	// For the log of a refusal: its code, and the key that the request says is its
	// own. An ID that no key has is left out, since it may be a secret that was
	// pasted into the wrong place.
	code    string
	claimed coffer.AccessKeyID
}

func (q *request) ctx() context.Context { return q.r.Context() }

// serve answers all that goes to one path.
func (h *handler) serve(path string, calls map[string]*route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := h.Now()
		q := &request{handler: h, w: w, r: h.number(r)}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("X-Request-Id", coffer.RequestID(q.ctx()))
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				h.Logger.ErrorContext(q.ctx(), "panic", "request_id", coffer.RequestID(q.ctx()), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				q.fail(fmt.Errorf("panic: %v", p))
			}
			h.Logger.InfoContext(q.ctx(), "api request", "request_id", coffer.RequestID(q.ctx()), "method", r.Method,
				"route", path, "status", q.status, "account", q.caller.Account, "by", q.caller.Name, "duration", h.Now().Sub(start),
				"remote", r.RemoteAddr, "code", q.code, "claimed_access_key_id", q.claimed)
		}()
		answer, err := q.answer(path, calls)
		if err == nil {
			err = q.write(answer)
		}
		if err != nil {
			q.fail(err)
		}
	})
}

// number gives the request an ID if it has none yet.
func (h *handler) number(r *http.Request) *http.Request {
	if coffer.RequestID(r.Context()) != "" {
		return r
	}
	var b [8]byte
	// Without randomness the ID is all zeros, and the call itself fails with a
	// better error.
	_, _ = io.ReadFull(h.Rand, b[:])
	return r.WithContext(coffer.WithRequestID(r.Context(), strings.ToUpper(hex.EncodeToString(b[:]))))
}

func (q *request) answer(path string, calls map[string]*route) (any, error) {
	if err := q.find(path, calls); err != nil {
		return nil, err
	}
	var err error
	if q.body, err = read(q.w, q.r); err != nil {
		return nil, err
	}
	if q.route.access != anyone {
		if q.caller, err = q.identify(q.handler, q); err != nil {
			return nil, err
		}
	}
	if q.route.access == operators && !q.caller.Operator {
		return nil, coffer.Errorf(coffer.AccessDenied, "this call is for operators of the instance")
	}
	// A web page can send a POST without a body anywhere, but not with this type:
	// so the type is asked for whether there is a body or not.
	if q.r.Method == "POST" || q.r.Method == "PUT" || q.r.Method == "PATCH" {
		if kind, _, err := mime.ParseMediaType(q.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return nil, &refusal{http.StatusUnsupportedMediaType, "UnsupportedMediaType",
				"the Content-Type must be application/json"}
		}
	}
	if q.r.Method != "GET" && q.Scarce != nil {
		if err := q.Scarce(q.caller); err != nil {
			return nil, err
		}
	}
	return q.route.run(q)
}

// find finds the route of a request, by its method, and by the verb behind the
// colon of a path's last part.
func (q *request) find(path string, calls map[string]*route) error {
	verb := ""
	if i := strings.LastIndex(path, "/{"); i >= 0 && strings.HasSuffix(path, "}") {
		name := path[i+2 : len(path)-1]
		var handle string
		handle, verb, _ = strings.Cut(q.r.PathValue(name), ":")
		q.r.SetPathValue(name, handle)
	}
	if q.route = calls[q.r.Method+":"+verb]; q.route != nil {
		return nil
	}
	var allow []string
	for _, mv := range slices.Sorted(maps.Keys(calls)) {
		if method, ok := strings.CutSuffix(mv, ":"+verb); ok {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		return &refusal{http.StatusNotFound, "NotFound", fmt.Sprintf("there is no such call: %.16s %.200s", q.r.Method, q.r.URL.Path)}
	}
	q.w.Header().Set("Allow", strings.Join(allow, ", "))
	return coffer.Errorf(coffer.MethodNotAllowed, "%.16s is not allowed here: use %s", q.r.Method, strings.Join(allow, " or "))
}

// write sends an answer.
func (q *request) write(answer any) error {
	if s, ok := answer.(stream); ok {
		w := &lazyWriter{q: q, mediaType: s.mediaType}
		if err := s.write(w); err != nil {
			return err
		}
		_, _ = w.Write(nil) // an empty answer is one, too
		return nil
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", q.route.id, err)
	}
	q.send(http.StatusOK, body)
	return nil
}

func (q *request) send(status int, body []byte) {
	q.status, q.began = status, true
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(append(body, '\n')) // the client is gone, or it is not
}

// lazyWriter begins the answer with the first byte, so that what fails before it
// is answered as an error.
type lazyWriter struct {
	q         *request
	mediaType string
}

func (w *lazyWriter) Write(b []byte) (int, error) {
	if q := w.q; !q.began {
		q.status, q.began = http.StatusOK, true
		q.w.Header().Set("Content-Type", w.mediaType)
		q.w.WriteHeader(http.StatusOK)
	}
	return w.q.w.Write(b)
}
