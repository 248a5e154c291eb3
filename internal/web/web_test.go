package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"radpo/internal/web/webtest"
)

// serving runs fn beside f on a free port of this machine.
func serving(t *testing.T, f *Frame, fn func(url string)) {
	t.Helper()
	l, err := Door{Listen: "127.0.0.1:0"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(zerolog.Nop().WithContext(t.Context()))
	go func() {
		defer stop()
		fn("http://" + l.Addr().String())
	}()
	if err := f.Serve(ctx, l, func(stop <-chan struct{}) { <-stop }); err != nil {
		t.Error(err)
	}
}

func echo(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) { return string(body), nil }

// TestFrame: each request has its status and its words, and is counted.
func TestFrame(t *testing.T) {
	f := NewFrame(2, "radpo serve")
	f.Key, f.Local = "the-key", true
	f.Post("/echo", echo)
	f.Post("/panic", func(http.ResponseWriter, *http.Request, []byte) (any, error) { panic("at the disco") })
	f.Post("/half", func(w http.ResponseWriter, _ *http.Request, _ []byte) (any, error) {
		io.WriteString(w, "half an answer")
		panic("at the disco")
	})
	f.Post("/wrong", func(http.ResponseWriter, *http.Request, []byte) (any, error) { return nil, Of("n", "want 1") })
	serving(t, f, func(url string) {
		key := []string{"Authorization", "Bearer the-key"}
		for _, tt := range []struct {
			name, path, body string
			headers          []string
			status           int
			want             string
		}{
			{"health", "/health", "", nil, 200, `{"status":"ok"}`},
			{"echo", "/echo", "hello", key, 200, `"hello"`},
			{"no key", "/echo", "hello", nil, 401, `"code":"invalid_api_key"`},
			{"another key", "/echo", "hello", []string{"Authorization", "Bearer the-kez"}, 401, "the key is missing or wrong"},
			{"bearer in small letters", "/echo", "hello", []string{"Authorization", "bearer the-key"}, 200, "hello"},
			{"basic", "/echo", "hello", []string{"Authorization", "Basic the-key"}, 401, "the key is missing or wrong"},
			{"no bearer", "/echo", "hello", []string{"Authorization", "the-key"}, 401, "the key is missing or wrong"},
			{"another name", "/echo", "hello", append([]string{"Host", "evil.example"}, key...), 403, "localhost alone"},
			{"localhost", "/echo", "hello", append([]string{"Host", "localhost:1"}, key...), 200, "hello"},
			{"another site", "/echo", "hello", append([]string{"Origin", "https://evil.example"}, key...), 403, "another origin"},
			{"metrics need the key", "/metrics", "", nil, 401, "the key"},
			{"elsewhere", "/v2", "hello", key, 404, "there is no POST"},
			{"get", "/echo", "", key, 405, "there is no GET"},
			{"not UTF-8", "/echo", "\xff", key, 400, "not UTF-8"},
			{"too large", "/echo", strings.Repeat(" ", 4*maxBody), key, 413, "longer than 8388608 bytes"},
			{"a panic", "/panic", "x", key, 500, "its log says how"},
			{"a fault", "/wrong", "x", key, 400, `{"error":{"code":400,"message":"n: want 1","param":"n","type":"invalid_request_error"}}`},
		} {
			status, text := webtest.Ask(t, url+tt.path, tt.body, tt.headers...)
			if status != tt.status || !strings.Contains(text, tt.want) || strings.Contains(text, "the-key") {
				t.Errorf("%s: %d %.300s, want %d %s", tt.name, status, text, tt.status, tt.want)
			}
		}
		q, _ := http.NewRequest("POST", url+"/half", strings.NewReader("x"))
		q.Header.Set("Authorization", "Bearer the-key")
		if r, err := http.DefaultClient.Do(q); err == nil {
			_, err = io.ReadAll(r.Body)
			r.Body.Close()
			if err == nil {
				t.Error("an answer that failed in the middle looks whole")
			}
		}
		_, text := webtest.Ask(t, url+"/metrics", "", key...)
		for _, want := range []string{
			`radpo_requests_total{path="POST /echo",status="200"} 3`, `radpo_requests_total{path="POST /panic",status="500"} 1`,
			`radpo_requests_total{path="other",status="404"} 1`, `radpo_requests_total{path="other",status="405"} 1`, `radpo_request_seconds_count `, "radpo_requests_open 0",
			"# TYPE radpo_request_seconds histogram", `radpo_request_seconds_bucket{le="+Inf"} `,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("metrics lack %s:\n%s", want, text)
			}
		}
		line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [-+0-9.e]+)$`)
		for got := range strings.Lines(text) {
			if !line.MatchString(strings.TrimSuffix(got, "\n")) {
				t.Errorf("not of Prometheus' format: %q", got)
			}
		}
	})
}

// TestPlaces: who finds no place is told to come again, and later finds one.
func TestPlaces(t *testing.T) {
	f := NewFrame(1, "radpo serve")
	inside, leave := make(chan struct{}), make(chan struct{})
	f.Post("/wait", func(http.ResponseWriter, *http.Request, []byte) (any, error) {
		close(inside)
		<-leave
		return "done", nil
	})
	f.Post("/echo", echo)
	serving(t, f, func(url string) {
		var all sync.WaitGroup
		all.Go(func() {
			if status, _ := webtest.Ask(t, url+"/wait", "x"); status != 200 {
				t.Errorf("the first: %d", status)
			}
		})
		<-inside
		r, err := http.Post(url+"/echo", "", strings.NewReader("x"))
		if err != nil {
			t.Error(err)
		} else if r.Body.Close(); r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
			t.Errorf("a full server: %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
		}
		close(leave)
		all.Wait()
		if status, _ := webtest.Ask(t, url+"/echo", "x"); status != 200 {
			t.Errorf("an empty server: %d", status)
		}
	})
}

// TestSlowClients: who sends too slowly is cut off, be it the head or the body;
// a slow answer is not.
func TestSlowClients(t *testing.T) {
	f := NewFrame(4, "radpo serve")
	f.times = times{head: 100 * time.Millisecond, body: 100 * time.Millisecond, write: time.Second, idle: time.Second, grace: time.Second}
	gone := make(chan error, 1)
	f.Post("/slow", func(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
		time.Sleep(400 * time.Millisecond)
		return "done", r.Context().Err()
	})
	f.Post("/forever", func(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
		<-r.Context().Done()
		gone <- r.Context().Err()
		return nil, r.Context().Err()
	})
	serving(t, f, func(url string) {
		if status, text := webtest.Ask(t, url+"/slow", "x"); status != 200 {
			t.Errorf("a slow answer: %d %s", status, text)
		}
		for _, request := range []string{"POST /slow HTTP/1.1\r\nHost: localhost\r\nX-", "POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"} {
			c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(c, request)
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if text, err := io.ReadAll(c); err != nil || strings.Contains(string(text), "200 OK") {
				t.Errorf("%q: %v %s", request, err, text)
			}
			c.Close()
		}
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		q, _ := http.NewRequestWithContext(ctx, "POST", url+"/forever", strings.NewReader("x"))
		http.DefaultClient.Do(q)
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Error("nobody noticed that the client went")
		}
	})
}

// TestStops: requests under way are finished when the server is told to stop,
// but not for ever.
func TestStops(t *testing.T) {
	f := NewFrame(4, "radpo serve")
	f.times.grace = 200 * time.Millisecond
	inside := make(chan struct{}, 2)
	f.Post("/wait", func(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
		inside <- struct{}{}
		if string(body) == "short" {
			time.Sleep(50 * time.Millisecond)
			return "done", nil
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	var all sync.WaitGroup
	serving(t, f, func(url string) {
		all.Go(func() {
			if status, text := webtest.Ask(t, url+"/wait", "short"); status != 200 {
				t.Errorf("%d %s", status, text)
			}
		})
		all.Go(func() {
			if r, err := http.Post(url+"/wait", "", strings.NewReader("long")); err == nil {
				r.Body.Close()
				t.Errorf("a request without end: %d", r.StatusCode)
			}
		})
		<-inside
		<-inside
	})
	all.Wait()
}

// TestConnections: a place is given back when a connection closes.
func TestConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &fewListener{inner, make(chan struct{}, 1)}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	for range 5 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.Contains(line, "200") {
			t.Fatal(line, err)
		}
		c.Close()
	}
}

func TestKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("RADPO_TEST_KEY", " sesame \n")
	t.Setenv("RADPO_TEST_BLANK", "open sesame")
	const open, here = "0.0.0.0:0", "127.0.0.1:0"
	for _, tt := range []struct {
		name      string
		door      Door
		key, want string
	}{
		{"this machine", Door{Listen: here}, "", ""},
		{"by name", Door{Listen: "localhost:0"}, "", ""},
		{"IPv6", Door{Listen: "[::1]:0"}, "", ""},
		{"a variable", Door{Listen: open, KeyEnv: "RADPO_TEST_KEY"}, "sesame", ""},
		{"a file", Door{Listen: open, KeyFile: file("key", "sesame\n")}, "sesame", ""},
		{"all addresses", Door{Listen: open}, "", "can be reached from other machines"},
		{"every address", Door{Listen: ":0"}, "", "can be reached from other machines"},
		{"no port", Door{Listen: "localhost"}, "", "want an address and a port"},
		{"a port alone", Door{Listen: "8000", KeyEnv: "RADPO_TEST_KEY"}, "", "want an address and a port"},
		{"both", Door{Listen: here, KeyEnv: "A", KeyFile: "b"}, "", "want one of them"},
		{"unset", Door{Listen: here, KeyEnv: "RADPO_TEST_NONE"}, "", "RADPO_TEST_NONE, which should hold the key, is not set"},
		{"two words", Door{Listen: here, KeyEnv: "RADPO_TEST_BLANK"}, "", "RADPO_TEST_BLANK does not hold a key"},
		{"empty file", Door{Listen: open, KeyFile: file("empty", "\n")}, "", "does not hold a key"},
		{"long file", Door{Listen: open, KeyFile: file("long", strings.Repeat("a", maxKey+1))}, "", "does not hold a key"},
		{"no file", Door{Listen: open, KeyFile: filepath.Join(dir, "none")}, "", "no such file"},
	} {
		key, err := tt.door.Key()
		if key != tt.key || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v; want %q, %s", tt.name, key, err, tt.key, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: the secret is told: %v", tt.name, err)
		}
	}
}

func TestHistogram(t *testing.T) {
	m := newMetrics()
	h := m.Histogram("h", "x")
	for _, s := range []float64{0.001, 0.002, 7, 1000} {
		h.Observe(s)
	}
	var b strings.Builder
	m.write(&b)
	for _, want := range []string{`h_bucket{le="0.001"} 1`, `h_bucket{le="0.005"} 2`, `h_bucket{le="5"} 2`, `h_bucket{le="10"} 3`, `h_bucket{le="300"} 3`, `h_bucket{le="+Inf"} 4`, "h_count 4", fmt.Sprint("h_sum ", 1007.003)} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}
