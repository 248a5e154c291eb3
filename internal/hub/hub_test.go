package hub_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"radpo/internal/hf"
	"radpo/internal/hub"
)

const (
	sha   = "0123456789abcdef0123456789abcdef01234567"
	token = "hf_OfTheTest"
)

// A fake behaves like the hub: it serves small files itself, one of them from
// another path, and redirects to another host for large ones.
type fake struct {
	hub, cdn *httptest.Server
	files    map[string][]byte
	listed   []string          // beside files
	etags    map[string]string // in place of the true ones

	before func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	store  func(w http.ResponseWriter, r *http.Request) bool // the same, of the CDN

	mu     sync.Mutex
	asked  []string // METHOD PATH RANGE
	leaked bool     // the CDN saw the token
}

func serve(t *testing.T, files map[string][]byte) *fake {
	t.Helper()
	f := &fake{files: files, etags: map[string]string{}}
	f.hub = httptest.NewServer(http.HandlerFunc(f.answer))
	f.cdn = httptest.NewServer(http.HandlerFunc(f.deliver))
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.cdn.Close)
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	return f
}

func (f *fake) note(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("Range")))
}

func (f *fake) answer(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if f.before != nil && f.before(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/models/org/name/revision/") {
		type sibling struct {
			Name string `json:"rfilename"`
		}
		var siblings []sibling
		for name := range f.files {
			siblings = append(siblings, sibling{name})
		}
		for _, name := range f.listed {
			siblings = append(siblings, sibling{name})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"sha": sha, "siblings": siblings})
		return
	}
	name, moved := strings.CutPrefix(r.URL.Path, "/org/name/resolve/"+sha+"/")
	if moved && name == "tokenizer.json" {
		http.Redirect(w, r, "/moved/tokenizer.json", http.StatusTemporaryRedirect)
		return
	}
	name = strings.TrimPrefix(name, "/moved/")
	data, ok := f.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	large := strings.HasSuffix(name, ".safetensors")
	etag := fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)))
	if large {
		etag = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	if other, ok := f.etags[name]; ok {
		etag = other
	}
	w.Header().Set("X-Repo-Commit", sha)
	if large {
		w.Header().Set("X-Linked-Etag", `"`+etag+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(data)))
		http.Redirect(w, r, f.cdn.URL+"/"+name+"?signature=of-the-link", http.StatusFound)
		return
	}
	w.Header().Set("ETag", `W/"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (f *fake) deliver(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	f.mu.Lock()
	f.leaked = f.leaked || strings.Contains(fmt.Sprint(r.Header), token)
	f.mu.Unlock()
	if f.store != nil && f.store(w, r) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.files[strings.TrimPrefix(r.URL.Path, "/")]))
}

func (f *fake) download(t *testing.T, name string) (string, error) {
	t.Helper()
	n, err := hf.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.New(f.hub.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	h.Hurry()
	dir, err := h.Download(t.Context(), n)
	if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "signature")) {
		t.Errorf("a secret is in the error: %v", err)
	}
	return dir, err
}

// model is a folder that hf.Open reads, with weights of 256 KiB.
func model(t *testing.T) map[string][]byte {
	t.Helper()
	data := make([]byte, 1<<18)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(data); i++ {
		data[i] = byte(r.Uint32() & 0x3f)
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := hf.WriteFile(path, []hf.Tensor{{Name: "a", DType: hf.F32, Shape: []int64{1 << 16}, Data: data}}, nil); err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"config.json": []byte("{}"), "tokenizer.json": []byte(`{"version": "1.0"}`), "model.safetensors": weights}
}

// TestDownload: the cache is huggingface_hub's, hf.Open reads it by name and
// revision, what is of no use or dangerous is not asked for, and a second call
// gets nothing again.
func TestDownload(t *testing.T) {
	f := serve(t, model(t))
	f.listed = []string{"../../evil.json", "/etc/config.json", "a/config.json", `..\config.json`, "tokenizer\n.json",
		"pytorch_model.bin", "README.md", "consolidated.safetensors", "original/model.safetensors", "modeling.py"}
	for _, name := range []string{"org/name", "org/name@v1.0", "org/name@refs/pr/1", "org/name@" + sha} {
		dir, err := f.download(t, name)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(os.Getenv("HF_HUB_CACHE"), "models--org--name/snapshots", sha); dir != want {
			t.Errorf("%s: got %s, want %s", name, dir, want)
		}
		folder, err := hf.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		if tensors, err := folder.Tensors(); err != nil || len(tensors) != 1 {
			t.Errorf("%s: %d tensors, %v", name, len(tensors), err)
		}
	}
	if f.leaked {
		t.Error("the second host saw the token")
	}
	count := map[string]int{}
	for _, a := range f.asked {
		count[a]++
	}
	for asked, want := range map[string]int{
		"GET /model.safetensors":                                      1,
		"GET /org/name/resolve/" + sha + "/config.json":               1,
		"GET /org/name/resolve/" + sha + "/model.safetensors":         1,
		"HEAD /org/name/resolve/" + sha + "/config.json":              4,
		"GET /api/models/org/name/revision/refs%2Fpr%2F1":             1,
		"HEAD /org/name/resolve/" + sha + "/a/config.json":            0,
		"HEAD /model.safetensors":                                     0,
		"HEAD /org/name/resolve/" + sha + "/pytorch_model.bin":        0,
		"HEAD /org/name/resolve/" + sha + "/tokenizer%0A.json":        0,
		"HEAD /org/name/resolve/" + sha + "/modeling.py":              0,
		"HEAD /org/name/resolve/" + sha + "/consolidated.safetensors": 0,
	} {
		if count[asked] != want {
			t.Errorf("%s: asked %d times, want %d; all: %q", asked, count[asked], want, f.asked)
		}
	}
	layout(t, filepath.Join(os.Getenv("HF_HUB_CACHE"), "models--org--name"), f.files)
}

// layout checks every file of a cached repository.
func layout(t *testing.T, repo string, files map[string][]byte) {
	t.Helper()
	for _, ref := range []string{"main", "v1.0", "refs/pr/1"} {
		if got, err := os.ReadFile(filepath.Join(repo, "refs", ref)); string(got) != sha {
			t.Errorf("refs/%s: got %q, %v", ref, got, err)
		}
	}
	links, err := os.ReadDir(filepath.Join(repo, "snapshots", sha))
	if err != nil || len(links) != len(files) {
		t.Errorf("links %v, %v", links, err)
	}
	for name, want := range files {
		target, err := os.Readlink(filepath.Join(repo, "snapshots", sha, name))
		if err != nil || !strings.HasPrefix(target, "../../blobs/") {
			t.Errorf("%s -> %s, %v", name, target, err)
		}
		if got, err := os.ReadFile(filepath.Join(repo, "snapshots", sha, name)); !bytes.Equal(got, want) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
	if blobs, err := os.ReadDir(filepath.Join(repo, "blobs")); err != nil || len(blobs) != len(files) {
		t.Errorf("blobs %v, %v", blobs, err)
	}
}

// TestResume: bodies that are cut, stall or come with an error continue where
// they ended; a server without ranges begins anew.
func TestResume(t *testing.T) {
	cut := func(w http.ResponseWriter, data []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data[:100_000])
		panic(http.ErrAbortHandler)
	}
	tests := map[string]struct {
		store func(f *fake, n int, w http.ResponseWriter, r *http.Request) bool
		want  string // the range of the last request
	}{
		"cut": {func(f *fake, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				cut(w, f.files["model.safetensors"])
			}
			return false
		}, "GET /model.safetensors bytes=100000-"},
		"cut, then 503 and 429": {func(f *fake, n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 1:
				cut(w, f.files["model.safetensors"])
			case 2:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 3:
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return n < 4
		}, "GET /model.safetensors bytes=100000-"},
		"stall": {func(f *fake, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				_, _ = w.Write(f.files["model.safetensors"][:100_000])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
			return n == 1
		}, "GET /model.safetensors bytes=100000-"},
		"no ranges": {func(f *fake, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				cut(w, f.files["model.safetensors"])
			}
			_, _ = w.Write(f.files["model.safetensors"])
			return true
		}, "GET /model.safetensors bytes=100000-"},
		"416": {func(f *fake, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				cut(w, f.files["model.safetensors"])
			}
			if n == 2 {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			}
			return n == 2
		}, "GET /model.safetensors"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := serve(t, model(t))
			n := 0
			f.store = func(w http.ResponseWriter, r *http.Request) bool { n++; return test.store(f, n, w, r) }
			dir, err := f.download(t, "org/name")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "model.safetensors")); !bytes.Equal(got, f.files["model.safetensors"]) {
				t.Errorf("the file differs: %v", err)
			}
			if got := f.asked[len(f.asked)-1]; got != test.want {
				t.Errorf("last asked %s, want %s", got, test.want)
			}
		})
	}
}

// TestContinue: what a call that failed got, the next one does not get again.
func TestContinue(t *testing.T) {
	f := serve(t, model(t))
	down := false
	f.store = func(w http.ResponseWriter, r *http.Request) bool {
		if down {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		down = true
		w.Header().Set("Content-Length", fmt.Sprint(len(f.files["model.safetensors"])))
		_, _ = w.Write(f.files["model.safetensors"][:100_000])
		panic(http.ErrAbortHandler)
	}
	if _, err := f.download(t, "org/name"); err == nil || !strings.Contains(err.Error(), "run again to continue") {
		t.Fatalf("got %v", err)
	}
	if _, err := hf.Open("org/name"); err == nil || !strings.Contains(err.Error(), "radpo download org/name") {
		t.Errorf("half a model opens: %v", err)
	}
	f.store = nil
	if _, err := f.download(t, "org/name"); err != nil {
		t.Fatal(err)
	}
	if got, want := f.asked[len(f.asked)-1], "GET /model.safetensors bytes=100000-"; got != want {
		t.Errorf("last asked %s, want %s", got, want)
	}
}

// TestTogether: two at once do each other no harm and get each file once.
func TestTogether(t *testing.T) {
	f := serve(t, model(t))
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := f.download(t, "org/name"); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	n := 0
	for _, a := range f.asked {
		if strings.HasPrefix(a, "GET /model.safetensors") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the weights were fetched %d times, want once", n)
	}
}

// TestRefusals: one clear sentence each, and nothing that opens.
func TestRefusals(t *testing.T) {
	status := func(code int, header ...string) func(f *fake) {
		return func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if len(header) == 2 {
					w.Header().Set(header[0], header[1])
				}
				w.WriteHeader(code)
				return true
			}
		}
	}
	header := func(name, value string) func(f *fake) {
		return func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodHead {
					return false
				}
				w.Header().Set("ETag", `"`+sha+`"`)
				w.Header().Set("X-Repo-Commit", sha)
				w.Header().Set("Content-Length", "2")
				w.Header().Set(name, value)
				return true
			}
		}
	}
	tests := map[string]struct {
		with func(f *fake)
		want string
	}{
		"absent":       {status(404), "no such model or revision"},
		"unauthorised": {status(401), "check HF_TOKEN and the name"},
		"gated":        {status(403, "X-Error-Code", "GatedRepo"), "accept the licence on the model's page"},
		"down":         {status(500), "HTTP 500, the last of 6 tries"},
		"no hub": {func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request) bool { fmt.Fprint(w, "<html>"); return true }
		}, "is this a hub?"},
		"no commit": {func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request) bool { fmt.Fprint(w, `{"sha": "../x"}`); return true }
		}, "names no commit"},
		"pickled": {func(f *fake) {
			f.listed = []string{"pytorch_model.bin"}
			delete(f.files, "model.safetensors")
		}, "pytorch_model.bin is pickled"},
		"no weights":     {func(f *fake) { delete(f.files, "model.safetensors") }, "no safetensors weights"},
		"wrong sha256":   {func(f *fake) { f.etags["model.safetensors"] = strings.Repeat("ab", 32) }, "want abab"},
		"wrong git hash": {func(f *fake) { f.etags["config.json"] = strings.Repeat("ab", 20) }, "want abab"},
		"hostile hash":   {header("ETag", `"../../../x"`), "config.json: the server gives no hash"},
		"other commit":   {header("X-Repo-Commit", strings.Repeat("0", 40)), "another commit"},
		"negative size":  {header("X-Linked-Size", "-1"), "no size"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := serve(t, model(t))
			test.with(f)
			if _, err := f.download(t, "org/name"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, err := hf.Open("org/name"); err == nil {
				t.Error("it opens")
			}
			if parts, _ := filepath.Glob(filepath.Join(os.Getenv("HF_HUB_CACHE"), "*/blobs/*.incomplete")); len(parts) > 0 {
				t.Errorf("left behind: %v", parts)
			}
		})
	}
}

// TestNew: bad endpoints and tokens, which the errors do not repeat.
func TestNew(t *testing.T) {
	for _, test := range []struct{ endpoint, token string }{
		{"", ""}, {"ftp://host", ""}, {"https://me:secret@host", ""}, {"https://", ""}, {"https://host?secret=1", ""},
		{"https://host", "secret\nX: y"}, {"https://host", "secret two"}, {"https://host", "secreté"},
	} {
		if _, err := hub.New(test.endpoint, test.token); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}
