package web

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// Limits of a request.
const (
	maxBody   = 8 << 20
	maxRefuse = 128 << 20 // of a body that is too long, read so that its sender hears of it
	maxHeader = 64 << 10
)

// Times are what a client has.
type times struct {
	head  time.Duration // to send a request's head
	body  time.Duration // to send its body
	write time.Duration // to take a piece of the answer
	idle  time.Duration // between requests
	grace time.Duration // to be answered once the server is told to stop
}

var usual = times{10 * time.Second, 30 * time.Second, 30 * time.Second, 2 * time.Minute, 20 * time.Second}

// A Handler answers a request whose body, in UTF-8, was read. What it returns
// is written as JSON; nil after it has written the answer itself.
type Handler func(w http.ResponseWriter, r *http.Request, body []byte) (any, error)

// A Frame is the routes of a server and what they have in common.
type Frame struct {
	Key     string // that requests must have as bearer token; empty: none
	Local   bool   // answer only requests that were sent to this machine by name
	Metrics *Metrics

	mux      *http.ServeMux
	times    times
	places   chan struct{} // of requests that are being answered, or wait to be
	requests *Counter
	latency  *Histogram
}

// NewFrame has room for so many requests at a time; others are told to come
// again. Where is the verb whose help has the paths.
func NewFrame(places int, where string) *Frame {
	m := newMetrics()
	f := &Frame{
		Metrics: m, mux: http.NewServeMux(), times: usual, places: make(chan struct{}, places),
		requests: m.Counter("radpo_requests_total", "Requests answered.", "path", "status"),
		latency:  m.Histogram("radpo_request_seconds", "Time from a request to the end of its answer."),
	}
	m.Gauge("radpo_requests_open", "Requests that are being answered or wait.", func() float64 { return float64(len(f.places)) })
	f.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	f.mux.HandleFunc("GET /metrics", f.guarded(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.write(w)
	}))
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		e := &Error{Status: http.StatusNotFound, Err: fmt.Errorf("there is no %.20s %.100q here; see %s --help", r.Method, r.URL.Path, where)}
		if allowed := f.methods(r); len(allowed) > 0 {
			e.Status = http.StatusMethodNotAllowed
			w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		fail(w, e)
	})
	return f
}

// methods are those that r's path has.
func (f *Frame) methods(r *http.Request) (have []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := *r
		other.Method = method
		if _, route := f.mux.Handler(&other); route != "/" {
			have = append(have, method)
		}
	}
	return have
}

// Get serves what fn returns.
func (f *Frame) Get(path string, fn func(*http.Request) (any, error)) {
	f.mux.HandleFunc("GET "+path, f.guarded(func(w http.ResponseWriter, r *http.Request) {
		out, err := fn(r)
		if err != nil {
			fail(w, err)
			return
		}
		writeJSON(w, http.StatusOK, out)
	}))
}

// Post serves h.
func (f *Frame) Post(path string, h Handler) {
	f.mux.HandleFunc("POST "+path, f.guarded(func(w http.ResponseWriter, r *http.Request) {
		out, err := f.answer(w, r, h)
		switch {
		case errors.Is(err, errGone):
			w.WriteHeader(statusGone)
		case err != nil:
			fail(w, err)
		case out != nil:
			writeJSON(w, http.StatusOK, out)
		}
	}))
}

// statusGone is nginx's for a client that closed its connection. It shows in
// the metrics alone.
const statusGone = 499

var errGone = errors.New("nobody listens")

// answer reads a request's body, finds it a place and has it handled.
func (f *Frame) answer(w http.ResponseWriter, r *http.Request, h Handler) (any, error) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(f.times.body)) // until the body has come
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		io.CopyN(io.Discard, r.Body, maxRefuse)
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Err: fmt.Errorf("the body is longer than %d bytes", maxBody)}
	} else if err != nil {
		w.Header().Set("Connection", "close")
		return nil, &Error{Status: http.StatusRequestTimeout, Err: errors.New("the body did not come to its end")}
	}
	if !utf8.Valid(body) {
		return nil, BadRequest("the body is not UTF-8")
	}
	select {
	case f.places <- struct{}{}:
		defer func() { <-f.places }()
	default:
		return nil, &Error{Status: http.StatusTooManyRequests, Err: fmt.Errorf("%d requests wait already: try again", cap(f.places))}
	}
	started := time.Now()
	defer func() { f.latency.Observe(time.Since(started).Seconds()) }()
	out, err := h(w, r, body)
	if r.Context().Err() != nil {
		return nil, errGone
	}
	return out, err
}

// guarded checks the key and, on a local server, that the browser of a user
// was not tricked into sending the request.
func (f *Frame) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case f.Local && !isLocal(r.Host):
			fail(w, &Error{Status: http.StatusForbidden, Err: errors.New("this server answers requests to localhost alone")})
		case f.Key != "" && subtle.ConstantTimeCompare([]byte(bearer(r)), []byte(f.Key)) != 1:
			fail(w, &Error{Status: http.StatusUnauthorized, Code: "invalid_api_key", Err: errors.New("the key is missing or wrong: send it as Authorization: Bearer KEY")})
		default:
			next(w, r)
		}
	}
}

// bearer is the key that a request has; empty: none.
func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return key
}

// Handler serves the routes.
func (f *Frame) Handler() http.Handler {
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, &Error{Status: http.StatusForbidden, Err: errors.New("this server answers no page of another origin")})
	}))
	routes := origins.Handler(f.mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, route := f.mux.Handler(r)
		if route == "/" {
			route = "other" // a stranger's paths would fill the metrics
		}
		seen := &statusWriter{ResponseWriter: w, time: f.times.write}
		defer func() { f.requests.Add(1, route, fmt.Sprint(seen.status)) }()
		defer recovered(r.Context(), seen)
		routes.ServeHTTP(seen, r)
	})
}

// recovered is deferred: the server outlives a panic, whose request is told of
// it unless its answer has begun.
func recovered(ctx context.Context, w *statusWriter) {
	p := recover()
	if p == nil {
		return
	}
	zerolog.Ctx(ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("a request failed")
	if w.status > 0 {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	fail(w, errors.New("the server failed; its log says how"))
}

// A statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
	time   time.Duration // of a write
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.time))
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
