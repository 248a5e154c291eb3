package remote

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A server is one of those that a client asks.
type server struct {
	url  string
	name string // the URL as it may be shown

	busy     int       // requests under way
	failures int       // since its last answer
	until    time.Time // set aside until then
}

// newServer reads a URL, adds what it lacks of path, and refuses one with
// credentials in it: URLs are kept with a run and shown.
func newServer(text, path string) (*server, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the URL of a server is not of the form http://host:port")
	case u.User != nil:
		return nil, errors.New("the URL of a server has a user or password in it: put the key into an environment variable")
	}
	if own := strings.TrimRight(u.Path, "/"); own == "" || strings.HasPrefix(path, own+"/") {
		u.Path = path
	}
	s := &server{url: u.String()}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	s.name = strings.TrimSuffix(u.Scheme+"://"+u.Host+u.EscapedPath()+"?"+u.RawQuery, "?")
	return s, nil
}

// A pool shares requests out. A server that fails is set aside, for longer each
// time, and then tried again.
type pool struct {
	mu   sync.Mutex
	all  []*server
	most int           // requests under way at one server; 0: no limit
	wait time.Duration // that a server is first set aside
	now  func() time.Time

	told time.Time // when somebody was last told of a failure
}

// quiet is the time between two warnings: thousands of requests may fail alike.
const quiet = 30 * time.Second

// tell reports whether a warning is due.
func (p *pool) tell() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.told) < quiet {
		return false
	}
	p.told = now
	return true
}

// busyWait is how soon to look again for a server with room.
const busyWait = 20 * time.Millisecond

// take is the server that is up with the fewest requests under way; nil when
// all are set aside or have their fill, with how long to wait before the next
// look.
func (p *pool) take() (*server, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	var best *server
	wait := longestAsk
	for _, s := range p.all {
		if left := s.until.Sub(now); left > 0 {
			wait = min(wait, left)
		} else if p.most > 0 && s.busy >= p.most {
			wait = min(wait, busyWait)
		} else if best == nil || s.busy < best.busy {
			best = s
		}
	}
	if best == nil {
		return nil, wait
	}
	best.busy++
	return best, 0
}

// leave ends a request at s and reports whether s had failed before, without an
// answer since. Requests that were under way when s was set aside do not set it
// aside for longer.
func (p *pool) leave(s *server, failure *Failure) (failing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.busy--
	failing = s.failures > 0
	switch {
	case failure == nil:
		s.failures = 0
	case failure.kind == silent:
		now := p.now()
		wait := failure.after
		if len(p.all) > 1 && !now.Before(s.until) {
			s.failures++
			wait = max(wait, backoff(p.wait, s.failures))
		}
		if until := now.Add(wait); until.After(s.until) {
			s.until = until
		}
	}
	return failing
}

// anotherThan reports whether a server other than s is up.
func (p *pool) anotherThan(s *server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for _, other := range p.all {
		if other != s && !other.until.After(now) {
			return true
		}
	}
	return false
}
