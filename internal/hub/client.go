package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"
)

// A Hub is a server that behaves like huggingface.co.
type Hub struct {
	endpoint *url.URL
	token    bool // one is sent
	http     *http.Client
	wait     time.Duration // before the second try
	stall    time.Duration // without a byte, after which a try has failed
}

// New makes a client of the hub at endpoint, an http or https URL. Token is
// sent to its origin; empty: none is. Nothing is sent yet.
func New(endpoint, token string) (*Hub, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the endpoint (HF_ENDPOINT) must be an http or https URL without user, password and query")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return nil, errors.New("the token holds characters that a token cannot have")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "https" {
			return nil, nil // in the clear a proxy would read the token
		}
		return http.ProxyFromEnvironment(r)
	}
	h := &Hub{endpoint: u, token: token != "", wait: time.Second, stall: time.Minute}
	h.http = &http.Client{Transport: &bearer{u, token, transport}, CheckRedirect: h.follow}
	return h, nil
}

// A bearer adds the token to requests to its origin and to no other.
type bearer struct {
	origin *url.URL
	token  string
	next   http.RoundTripper
}

// RoundTrip sends a request, which it leaves as it is.
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" && sameOrigin(r.URL, b.origin) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) }

// follow takes a few redirects, none from https into the clear. A HEAD stops
// before it would leave the endpoint: hash and size stand in that redirect.
func (h *Hub) follow(r *http.Request, via []*http.Request) error {
	switch {
	case r.Method == http.MethodHead && !sameOrigin(r.URL, h.endpoint):
		return http.ErrUseLastResponse
	case len(via) > 5:
		return errors.New("more than 5 redirects")
	case r.URL.Scheme != "https" && r.URL.Scheme != h.endpoint.Scheme:
		return fmt.Errorf("redirected from https to %.10s", r.URL.Scheme)
	}
	return nil
}

// send asks once. A status of 400 and more is an error, as is no answer.
func (h *Hub) send(ctx context.Context, method, at string, header http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, bare(err)
	}
	r.Header = header
	r.Header.Set("User-Agent", "radpo")
	r.Header.Set("Accept-Encoding", "identity") // hashes and ranges are of the plain bytes
	answer, err := h.http.Do(r)
	if err != nil {
		return nil, &passing{err: bare(err)}
	}
	if answer.StatusCode < 400 {
		return answer, nil
	}
	answer.Body.Close()
	return nil, h.judge(answer)
}

// bare is err without the URL that net/http puts in front: those of a CDN are
// signed.
func bare(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// errNotFound is a 404, which the caller knows the sense of.
var errNotFound = errors.New("404 Not Found")

// judge is what a status of 400 and more means. Nothing else that the server
// says is repeated.
func (h *Hub) judge(r *http.Response) error {
	switch status := r.StatusCode; {
	case status == http.StatusRequestedRangeNotSatisfiable:
		return errRange
	case !sameOrigin(r.Request.URL, h.endpoint): // a link to storage, which the next try gets anew
		return &passing{err: fmt.Errorf("HTTP %d from storage", status)}
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
		return &passing{err: fmt.Errorf("HTTP %d", status), after: min(max(0, time.Duration(seconds)*time.Second), longestAsk)}
	case status == http.StatusNotFound:
		return errNotFound
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &deniedError{status: status, gated: r.Header.Get("X-Error-Code") == "GatedRepo" || status == http.StatusForbidden, token: h.token}
	default:
		return fmt.Errorf("HTTP %d", status)
	}
}

// A deniedError is a 401 or 403.
type deniedError struct {
	status       int
	gated, token bool
}

// Error says what to do about it.
func (e *deniedError) Error() string {
	switch {
	case e.gated && e.token:
		return fmt.Sprintf("HTTP %d: gated: accept the licence on the model's page, with the account whose token is sent", e.status)
	case e.gated:
		return fmt.Sprintf("HTTP %d: gated: accept the licence on the model's page and set HF_TOKEN", e.status)
	case e.token:
		return fmt.Sprintf("HTTP %d: the token is refused, or there is no such model: check HF_TOKEN and the name", e.status)
	}
	return fmt.Sprintf("HTTP %d: no such model, or a private or gated one: check the name, or accept the licence on the model's page and set HF_TOKEN", e.status)
}

// A passing error may be gone with the next try.
type passing struct {
	err   error
	after time.Duration // that the server asks to wait
	moved bool          // the try got a part of what it was for
}

// Error is the fault itself.
func (e *passing) Error() string { return e.err.Error() }

// Unwrap is the fault.
func (e *passing) Unwrap() error { return e.err }

// How often something fails in a row before it is given up, and waits.
const (
	tries       = 6
	longestWait = 30 * time.Second
	longestAsk  = 2 * time.Minute
)

// persist calls fn, which is to get what, until it ends well, fails for good,
// or has failed often without getting further, with doubled waits between.
func (h *Hub) persist(ctx context.Context, what string, fn func() error) error {
	for failures := 1; ; failures++ {
		err := fn()
		var p *passing
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &p):
			return err
		case p.moved:
			failures = 1
		case failures == tries:
			return fmt.Errorf("%w, the last of %d tries; run again to continue", err, tries)
		}
		zerolog.Ctx(ctx).Warn().Msgf("%s: %v; trying again", what, err)
		select {
		case <-time.After(max(p.after, min(h.wait<<(failures-1), longestWait))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
