package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// secret is a key that must show nowhere.
const secret = "sk-THIS-IS-THE-KEY"

// A clock runs when somebody sleeps.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	slept []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

// client makes one that has the secret, a cache and a clock of its own.
func client(t *testing.T, o Options) (*Client, *clock) {
	t.Helper()
	t.Setenv("REMOTE_TEST_KEY", secret)
	o.KeyEnv = "REMOTE_TEST_KEY"
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	k := &clock{at: time.Now()}
	c.sleep, c.servers.now = k.sleep, k.now
	return c, k
}

type question struct {
	N int `json:"n"`
}

type reply struct {
	Double *int `json:"double"`
}

// doubled holds a reply to its question.
func doubled(n int) func(reply) error {
	return func(r reply) error {
		if r.Double == nil || *r.Double != 2*n {
			return errors.New("is not the double")
		}
		return nil
	}
}

// serve answers with the double of n, after what fault does with try i.
func serve(t *testing.T, fault func(w http.ResponseWriter, r *http.Request, i int) bool) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	count := new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(count.Add(1))
		if r.Header.Get("Authorization") != "Bearer "+secret {
			t.Error("a request without the key")
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if fault != nil && fault(w, r, i) {
			return
		}
		var n int
		fmt.Sscanf(string(body), `{"n":%d}`, &n)
		fmt.Fprintf(w, `{"double": %d}`, 2*n)
	}))
	t.Cleanup(s.Close)
	return s, count
}

// faults are what servers and what lies between do, by name.
var faults = map[string]func(w http.ResponseWriter, r *http.Request){
	"429":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", 429) },
	"429 after": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) },
	"500": func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "boom "+r.Header.Get("Authorization"), 500)
	},
	"503 until": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	},
	"reset": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	"cut": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"dou`)
	},
	"cut chunk": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"double": 1`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"short":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"double": 1`) },
	"html":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `<html>busy</html>`) },
	"NaN":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"double": NaN}`) },
	"an error": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"error": "no"}`) },
	"wrong":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"double": -1}`) },
	"empty":    func(http.ResponseWriter, *http.Request) {},
	"bomb": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 5 {
			z.Write(make([]byte, maxAnswer/4))
		}
		z.Close()
	},
}

// TestFaults: each fault for ever, with what is said and how often it is tried.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		tries int
		want  string
		wait  time.Duration // the least before the second try
	}{
		"429":       {8, "429 Too Many Requests: slow down", firstWait / 2},
		"429 after": {8, "429 Too Many Requests", 7 * time.Second},
		"500":       {8, "500 Internal Server Error: boom Bearer …", firstWait / 2},
		"503 until": {8, "503 Service Unavailable", longestAsk},
		"reset":     {8, "EOF", firstWait / 2},
		"cut":       {8, "unexpected EOF", firstWait / 2},
		"cut chunk": {8, "unexpected EOF", firstWait / 2},
		"short":     {5, `the answer cannot be read: unexpected end of JSON input: {"double": 1`, firstWait / 2},
		"html":      {5, "the answer cannot be read: invalid character '<'", firstWait / 2},
		"NaN":       {5, "the answer cannot be read: invalid character 'N'", firstWait / 2},
		"an error":  {5, `the answer is not the double: {"error": "no"}`, firstWait / 2},
		"wrong":     {5, "the answer is not the double", firstWait / 2},
		"empty":     {5, "the answer cannot be read: unexpected end of JSON input", firstWait / 2},
		"bomb":      {5, "the answer is longer than 16777216 bytes", firstWait / 2},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "bomb" && testing.Short() {
				t.Skip("slow")
			}
			s, count := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool { faults[name](w, r); return true })
			dir := t.TempDir()
			c, k := client(t, Options{URLs: []string{s.URL}, Path: "/double", Cache: dir})
			_, err := Post(t.Context(), c, question{1}, doubled(1))
			f := (*Failure)(nil)
			if !errors.As(err, &f) || f.Tries != tt.tries || int(count.Load()) != tt.tries {
				t.Fatalf("got %v after %d requests, want a failure after %d", err, count.Load(), tt.tries)
			}
			if want := fmt.Sprintf("POST %s/double, the last of %d tries: %s", s.URL, tt.tries, tt.want); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %s\nwant %s", err, want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the key shows: %s", err)
			}
			if k.slept[0] < tt.wait || k.slept[0] > tt.wait+longestWait {
				t.Errorf("slept %v before the second try, want at least %v", k.slept[0], tt.wait)
			}
			if files := list(t, dir); len(files) > 0 {
				t.Errorf("a failure was kept: %v", files)
			}
		})
	}
}

// TestRefusals are tried once: the server has said what it has to say.
func TestRefusals(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 408, 413, 422} {
		s, count := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Error(w, "no\x1b[31m\nfor "+r.Header.Get("Authorization")+strings.Repeat(" and on", 1000), status)
			return true
		})
		c, _ := client(t, Options{URLs: []string{s.URL}})
		_, err := Post[reply](t.Context(), c, question{1}, nil)
		want := fmt.Sprintf("POST %s: %d %s: no�[31m for Bearer … and on", s.URL, status, http.StatusText(status))
		if err == nil || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 600 || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v\nwant %s", err, want)
		}
		if count.Load() != 1 {
			t.Errorf("%d: %d requests, want 1", status, count.Load())
		}
	}
}

// TestRedirects are not followed, and so the key stays where it belongs.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed, with Authorization %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Redirect(w, r, elsewhere.URL+"/?key="+secret, status)
			return true
		})
		c, _ := client(t, Options{URLs: []string{s.URL}})
		_, err := Post[reply](t.Context(), c, question{1}, nil)
		if err == nil || !strings.Contains(err.Error(), "redirects are not followed") || strings.Contains(err.Error(), secret) {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	s, count := serve(t, func(w http.ResponseWriter, _ *http.Request, i int) bool {
		if i < 3 { // a slow drip
			for range 20 {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-release:
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
		return false
	})
	defer close(release)
	c, _ := client(t, Options{URLs: []string{s.URL}, Timeout: 60 * time.Millisecond})
	if _, err := Post(t.Context(), c, question{4}, doubled(4)); err != nil || count.Load() != 3 {
		t.Errorf("got %v after %d requests, want an answer at the third", err, count.Load())
	}
}

// TestInterrupt ends at once, also while waiting, with the context's word.
func TestInterrupt(t *testing.T) {
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool { faults["500"](w, r); return true })
	c, _ := client(t, Options{URLs: []string{s.URL}})
	c.sleep = sleep
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Post[reply](ctx, c, question{1}, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > firstWait {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

// list is the files below dir, and fails where one holds the key.
func list(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, path)
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCache: what was answered is not asked again, by any client, unless its
// file is damaged or the answer no longer passes.
func TestCache(t *testing.T) {
	s, count := serve(t, nil)
	o := Options{URLs: []string{s.URL + "/double"}, Cache: filepath.Join(t.TempDir(), "answers")}
	ask := func(n int, check func(reply) error, requests int64) {
		t.Helper()
		before := count.Load()
		c, _ := client(t, o)
		r, err := Post(t.Context(), c, question{n}, check)
		if err != nil || *r.Double != 2*n || count.Load()-before != requests {
			t.Errorf("got %v %v by %d requests, want the double of %d by %d", r, err, count.Load()-before, n, requests)
		}
	}
	ask(3, doubled(3), 1)
	ask(3, doubled(3), 0)
	ask(4, doubled(4), 1)
	o.URLs = []string{"http://127.0.0.1:1/double", s.URL + "/double"} // one more server
	ask(3, doubled(3), 0)
	o.URLs = o.URLs[1:]
	picky := 0
	ask(3, func(reply) error {
		if picky++; picky == 1 {
			return errors.New("is refused now")
		}
		return nil
	}, 1)
	files := list(t, o.Cache)
	if len(files) != 2 {
		t.Errorf("%d files for two answers", len(files))
	}
	for i, damage := range []string{"", "half", strings.Repeat("0", 64) + "\n{\"double\": 7}"} {
		for _, f := range files {
			if err := os.WriteFile(f, []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ask(3+i%2, doubled(3+i%2), 1)
	}
	o.URLs[0] = s.URL + "/other"
	ask(3, doubled(3), 1)
}

// TestCacheIsShared: processes that have the same answer at the same time leave
// one whole file.
func TestCacheIsShared(t *testing.T) {
	c := cache{filepath.Join(t.TempDir(), "answers")}
	answer := bytes.Repeat([]byte("an answer "), 10000)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := c.put("http://h", []byte("{}"), answer); err != nil {
				t.Error(err)
			}
			if got, ok := c.get("http://h", []byte("{}")); !ok || !bytes.Equal(got, answer) {
				t.Errorf("read %d bytes, %v", len(got), ok)
			}
		})
	}
	all.Wait()
	if files := list(t, c.dir); len(files) != 1 {
		t.Errorf("left %v", files)
	}
}

// TestKeyInOtherForms: a server that writes the key into JSON, a URL or its
// status does not make it show.
func TestKeyInOtherForms(t *testing.T) {
	const key = `sk-"a/b+c\d`
	t.Setenv("ODD_KEY", key)
	for _, form := range []string{key, `sk-\"a/b+c\\d`, `sk-\"a\/b+c\\d`, url.QueryEscape(key), url.PathEscape(key)} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for n := 0; ; n++ {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 4096))
				if n%2 == 0 {
					fmt.Fprintf(conn, "HTTP/1.1 401 %s\r\nConnection: close\r\n\r\n{\"error\": \"no: %s\"}", form, form)
				} else {
					fmt.Fprintf(conn, "%s\r\n\r\n", form)
				}
				conn.Close()
			}
		}()
		for _, want := range []string{`401 …: {"error": "no: …"} (the key is that of the environment variable ODD_KEY)`, "malformed HTTP"} {
			c, err := New(Options{URLs: []string{"http://" + l.Addr().String()}, KeyEnv: "ODD_KEY", Concurrency: 1, Timeout: time.Second, Tries: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Post[reply](t.Context(), c, question{1}, nil); err == nil || strings.Contains(err.Error(), form) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

// TestNamed: an answer to a request that names its model is any server's, and
// another way of asking is another question.
func TestNamed(t *testing.T) {
	s, count := serve(t, nil)
	o := Options{Path: "/double", Cache: t.TempDir(), Named: true}
	for _, tt := range []struct {
		url, path string
		requests  int64
	}{{s.URL, "/double", 1}, {s.URL + "/elsewhere", "/double", 1}, {s.URL + "/", "/triple", 2}} {
		o.URLs, o.Path = []string{tt.url}, tt.path
		c, _ := client(t, o)
		if _, err := Post(t.Context(), c, question{3}, doubled(3)); err != nil || count.Load() != tt.requests {
			t.Errorf("%s: %v after %d requests, want %d", tt.url, err, count.Load(), tt.requests)
		}
	}
}

// TestKeyInAnswer is not kept on disk.
func TestKeyInAnswer(t *testing.T) {
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		fmt.Fprintf(w, `{"double": 2, "you": %q}`, r.Header.Get("Authorization"))
		return true
	})
	dir := t.TempDir()
	c, _ := client(t, Options{URLs: []string{s.URL}, Cache: dir})
	if _, err := Post(t.Context(), c, question{1}, doubled(1)); err != nil {
		t.Fatal(err)
	}
	if files := list(t, dir); len(files) > 0 {
		t.Errorf("kept %v", files)
	}
}

// TestDeadServer: the living one has all the work; the dead one is tried now
// and then, less often each time, and works again once it answers.
func TestDeadServer(t *testing.T) {
	var dead atomic.Bool
	dead.Store(true)
	a, tried := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if dead.Load() {
			faults["reset"](w, r)
		}
		return false
	})
	b, worked := serve(t, nil)
	c, k := client(t, Options{URLs: []string{a.URL, b.URL}})
	for n := range 200 {
		if _, err := Post(t.Context(), c, question{n}, doubled(n)); err != nil {
			t.Fatal(err)
		}
		k.at = k.at.Add(time.Second)
	}
	if n := tried.Load(); n < 5 || n > 25 || worked.Load() != 200 {
		t.Errorf("the dead server was tried %d times, the other worked %d times", n, worked.Load())
	}
	dead.Store(false)
	k.at = k.at.Add(longestWait)
	before := worked.Load()
	for n := range 10 {
		if _, err := Post(t.Context(), c, question{n}, doubled(n)); err != nil {
			t.Fatal(err)
		}
	}
	if worked.Load()-before == 10 {
		t.Error("the server that came back has no work")
	}
}

// TestAllDead ends with the last failure.
func TestAllDead(t *testing.T) {
	c, _ := client(t, Options{URLs: []string{"http://127.0.0.1:1/a", "http://127.0.0.1:1/b"}})
	_, err := Post[reply](t.Context(), c, question{1}, nil)
	if err == nil || !strings.Contains(err.Error(), "the last of 8 tries: dial tcp 127.0.0.1:1: connect: connection refused") {
		t.Errorf("got %v", err)
	}
}

// TestStorm: with three requests in ten failing in every way that there is,
// each question has its own answer; and after a restart nothing is asked.
func TestStorm(t *testing.T) {
	const questions = 400
	var names []string
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		if name != "bomb" {
			names = append(names, name)
		}
	}
	var under, most atomic.Int64
	var tried [questions]atomic.Uint64
	s, count := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		now := under.Add(1)
		defer under.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		var n int
		fmt.Fscanf(r.Body, `{"n":%d}`, &n)
		// The weather of a try is its own, whatever the order: five wrong answers
		// in a row would end a question, as they should.
		weather := rand.New(rand.NewPCG(uint64(n), tried[n].Add(1)))
		if weather.IntN(10) < 3 {
			faults[names[weather.IntN(len(names))]](w, r)
			return true
		}
		return false
	})
	var log bytes.Buffer
	o := Options{URLs: []string{s.URL}, Concurrency: 6, Cache: t.TempDir()}
	all := func() {
		c, _ := client(t, o)
		var answers [questions]atomic.Int64
		err := c.Each(zerolog.New(zerolog.SyncWriter(&log)).WithContext(t.Context()), questions, func(ctx context.Context, i int) error {
			r, err := Post(ctx, c, question{i}, doubled(i))
			if err == nil {
				answers[i].Add(int64(*r.Double))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range answers {
			if got := answers[i].Load(); got != int64(2*i) {
				t.Errorf("question %d has the answer %d", i, got)
			}
		}
	}
	all()
	if told := log.String(); strings.Contains(told, secret) || !strings.Contains(told, "; asking again") {
		t.Errorf("the log says %s", told)
	}
	first := count.Load()
	if first < questions*5/4 {
		t.Errorf("%d requests: the storm did not blow", first)
	}
	if n := most.Load(); n > 6 {
		t.Errorf("%d requests at once, want at most 6", n)
	}
	if n := len(list(t, o.Cache)); n != questions {
		t.Errorf("%d answers are kept, want %d", n, questions)
	}
	all()
	if n := count.Load() - first; n > 0 {
		t.Errorf("after a restart %d questions were asked again", n)
	}
}

func TestEach(t *testing.T) {
	c, _ := client(t, Options{URLs: []string{"http://127.0.0.1:1"}, Concurrency: 3})
	stop := errors.New("stop")
	var calls atomic.Int64
	err := c.Each(t.Context(), 1000, func(_ context.Context, i int) error {
		calls.Add(1)
		if i == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls.Load() > 20 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
	if err := c.Each(t.Context(), 0, nil); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Each(ctx, 9, func(context.Context, int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Setenv("REMOTE_TEST_BAD", "two\nlines "+secret)
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"no URL":      {Options{}, "no URL"},
		"no scheme":   {Options{URLs: []string{"localhost:8000/" + secret}}, "not of the form"},
		"file":        {Options{URLs: []string{"file:///" + secret}}, "not of the form"},
		"bad":         {Options{URLs: []string{"http://a b/" + secret}}, "not of the form"},
		"user":        {Options{URLs: []string{"http://me:" + secret + "@host"}}, "user or password"},
		"no key":      {Options{URLs: []string{"http://host"}, KeyEnv: "REMOTE_TEST_NONE"}, "REMOTE_TEST_NONE, which should hold the key, is not set"},
		"strange key": {Options{URLs: []string{"http://host"}, KeyEnv: "REMOTE_TEST_BAD"}, "characters that a key cannot have"},
	} {
		if _, err := New(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// TestPaths: what of a URL is asked, and what of it is shown.
func TestPaths(t *testing.T) {
	for _, tt := range []struct{ text, url, name string }{
		{"http://h", "http://h/v1/chat", "http://h/v1/chat"},
		{"http://h/", "http://h/v1/chat", "http://h/v1/chat"},
		{"https://h:1/v1", "https://h:1/v1/chat", "https://h:1/v1/chat"},
		{"https://h/v1/chat", "https://h/v1/chat", "https://h/v1/chat"},
		{"https://h/else/where", "https://h/else/where", "https://h/else/where"},
		{"https://h/v1?version=1&sig=x", "https://h/v1/chat?version=1&sig=x", "https://h/v1/chat?…"},
	} {
		s, err := newServer(tt.text, "/v1/chat")
		if err != nil || s.url != tt.url || s.name != tt.name {
			t.Errorf("%s: got %+v %v, want %s shown as %s", tt.text, s, err, tt.url, tt.name)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "0.5": time.Second / 2, "-3": 0, "NaN": 0, "soon": 0, "1e300": longestAsk, "100000": longestAsk,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0, "Sat, 03 Jan 2026 03:04:35 GMT": longestAsk,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 100; n++ {
		want := min(firstWait<<min(n-1, 16), longestWait)
		if got := backoff(firstWait, n); got < want/2 || got >= want {
			t.Errorf("failure %d: %v, want %v to %v", n, got, want/2, want)
		}
	}
}
