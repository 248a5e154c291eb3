package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rs/zerolog"
)

// Options say whom a client asks and how.
type Options struct {
	// URLs are of servers that answer alike. The part of Path that a URL lacks
	// is added: of /v1/chat/completions to http://host and to http://host/v1.
	URLs []string
	Path string
	// KeyEnv names the environment variable that holds the key, sent as a
	// bearer token; empty: there is none.
	KeyEnv      string
	Concurrency int           // requests under way at once
	Each        int           // of them at one server; 0: as many
	Timeout     time.Duration // of one try
	Tries       int           // of a request; 0: as many as its failures are worth
	Wait        time.Duration // before the second try; 0: half a second
	Cache       string        // folder of answers; empty: none are kept
	// Named says that requests name their model: an answer to one is kept
	// whichever server gave it. Else it is that server's alone.
	Named bool
}

// A Client posts requests. It is safe for many goroutines, and its cache for
// many processes.
type Client struct {
	Concurrency int

	http    *http.Client
	timeout time.Duration
	wait    time.Duration
	tries   int
	key     string
	keyEnv  string
	source  string // that answers are kept under; empty: the server's URL
	servers *pool
	cache   cache
	places  chan struct{} // one taken for each request under way
	sleep   func(context.Context, time.Duration) error
}

// New makes a client. Nothing is sent yet.
func New(o Options) (*Client, error) {
	c := &Client{
		Concurrency: o.Concurrency,
		http:        &http.Client{Transport: transport(o.Concurrency), CheckRedirect: stay},
		timeout:     o.Timeout,
		wait:        cmp.Or(o.Wait, firstWait),
		tries:       o.Tries,
		keyEnv:      o.KeyEnv,
		cache:       cache{o.Cache},
		places:      make(chan struct{}, o.Concurrency),
		sleep:       sleep,
	}
	if o.Named {
		c.source = o.Path
	}
	var err error
	if c.key, err = readKey(o.KeyEnv); err != nil {
		return nil, err
	}
	var all []*server
	for _, text := range o.URLs {
		s, err := newServer(text, o.Path)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, errors.New("no URL of a server is given")
	}
	c.servers = &pool{all: all, most: o.Each, wait: c.wait, now: time.Now}
	return c, nil
}

// Keeping is c with its answers in another folder; "" keeps none.
func (c *Client) Keeping(folder string) *Client {
	d := *c
	d.cache = cache{folder}
	return &d
}

// transport keeps a connection open for every request under way. A proxy of the
// environment is for https alone: in the clear it would read the key.
func transport(connections int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = connections
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "https" {
			return nil, nil
		}
		return http.ProxyFromEnvironment(r)
	}
	return t
}

// stay follows no redirect: the key and the texts are for the servers that were
// named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Post sends request as JSON and returns the answer, read as an A. Check says
// what is wrong with one; nil takes any. What fails is tried up to eight
// times when no answer came (a broken or cut connection, a time-out, 429, 5xx),
// five times when a wrong one did, and once when the server refuses or what is
// wrong is [Final].
func Post[A any](ctx context.Context, c *Client, request any, check func(A) error) (A, error) {
	body, err := encode(request)
	if err != nil {
		var none A
		return none, err
	}
	return ask(ctx, c, body, check)
}

// Get is [Post] without a request, by GET, whose answer is never kept.
func Get[A any](ctx context.Context, c *Client, check func(A) error) (A, error) {
	return ask(ctx, c.Keeping(""), nil, check)
}

// Send is [Post] to a server that answers nothing of interest; it is asked each
// time.
func Send(ctx context.Context, c *Client, request any) error {
	body, err := encode(request)
	if err != nil {
		return err
	}
	return c.Keeping("").ask(ctx, body, func([]byte) error { return nil })
}

func encode(request any) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(request); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return bytes.TrimSpace(body.Bytes()), nil
}

func ask[A any](ctx context.Context, c *Client, body []byte, check func(A) error) (A, error) {
	var answer A
	err := c.ask(ctx, body, func(text []byte) error {
		var a A
		if err := json.Unmarshal(text, &a); err != nil {
			return fmt.Errorf("cannot be read: %w", err)
		}
		if check != nil {
			if err := check(a); err != nil {
				return err
			}
		}
		answer = a
		return nil
	})
	return answer, err
}

// ask finds an answer to body that take accepts: a kept one, else a server's.
func (c *Client) ask(ctx context.Context, body []byte, take func([]byte) error) error {
	for _, s := range c.servers.all {
		if kept, ok := c.cache.get(cmp.Or(c.source, s.url), body); ok && take(kept) == nil {
			return nil
		}
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var failures failures
	for {
		s, err := c.reach(ctx)
		if err != nil {
			return err
		}
		answer, failure := c.try(ctx, s, body)
		if failure == nil {
			if err := take(answer); err != nil {
				failure = &Failure{kind: wrong, err: fmt.Errorf("the answer %w: %s", err, c.quote(answer))}
				if errors.As(err, new(Final)) {
					failure.kind = refused
				}
			}
		}
		if failure == nil {
			c.servers.leave(s, nil)
			return c.keep(s, body, answer)
		}
		if err := ctx.Err(); err != nil { // which is no fault of the server
			c.servers.leave(s, nil)
			return err
		}
		failing := c.servers.leave(s, failure)
		if failing && failure.kind == silent && c.servers.anotherThan(s) {
			continue // a server that is down says nothing of the request
		}
		failure.Method, failure.Server = method(body), s.name
		if !failures.again(failure) || failures.total() == c.tries {
			return failure
		}
		if c.servers.tell() {
			zerolog.Ctx(ctx).Warn().Msgf("%v; asking again", failure)
		}
		if c.servers.anotherThan(s) {
			continue
		}
		if err := c.sleep(ctx, failure.after+backoff(c.wait, failures.total())); err != nil {
			return err
		}
	}
}

// reach takes a server that is up, waiting for the first that will be.
func (c *Client) reach(ctx context.Context) (*server, error) {
	for {
		s, wait := c.servers.take()
		if s != nil {
			return s, nil
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// keep stores an answer, unless a server has put the key into it.
func (c *Client) keep(s *server, body, answer []byte) error {
	if c.holdsKey(string(answer)) {
		return nil
	}
	return c.cache.put(cmp.Or(c.source, s.url), body, answer)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
