package hf_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"radpo/internal/hf"
)

const sha = "0123456789abcdef0123456789abcdef01234567"

// TestCache finds a model by name in each of the places where it may be, the
// first one winning, and reads it through the links into blobs/.
func TestCache(t *testing.T) {
	first, second, third := t.TempDir(), t.TempDir(), t.TempDir()
	cacheModel(t, first, "org/a")
	cacheModel(t, filepath.Join(second, "hub"), "org/b")
	cacheModel(t, filepath.Join(third, "huggingface", "hub"), "org/c")
	t.Setenv("XDG_CACHE_HOME", third)
	tests := []struct{ hub, home, name string }{
		{first, second, "org/a"},
		{"", second, "org/b"},
		{"", "", "org/c"},
	}
	for _, test := range tests {
		t.Setenv("HF_HUB_CACHE", test.hub)
		t.Setenv("HF_HOME", test.home)
		for _, other := range tests {
			f, err := hf.Open(other.name)
			if other != test {
				if err == nil || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "radpo download "+other.name) {
					t.Errorf("%+v: open %s: got %v", test, other.name, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Name() != test.name {
				t.Errorf("got name %q, want %q", f.Name(), test.name)
			}
			if tensors, err := f.Tensors(); err != nil || len(tensors) != 1 {
				t.Errorf("%s: %d tensors, %v", test.name, len(tensors), err)
			}
		}
	}
}

// TestRevision finds branches, references and commits in the older variable's
// folder, and says what to do about others.
func TestRevision(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HUGGINGFACE_HUB_CACHE", cache)
	refs := filepath.Join(filepath.Dir(filepath.Dir(cacheModel(t, cache, "org/a"))), "refs")
	if err := os.MkdirAll(filepath.Join(refs, "refs", "pr"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(refs, "refs", "pr"), "1", []byte(sha+"\n"))
	write(t, refs, "gone", []byte(strings.Repeat("0", 40)))
	for _, name := range []string{"org/a", "org/a@main", "org/a@refs/pr/1", "org/a@" + sha} {
		if tensors, err := open(t, name).Tensors(); err != nil || len(tensors) != 1 {
			t.Errorf("%s: %d tensors, %v", name, len(tensors), err)
		}
	}
	for _, name := range []string{"org/a@v2", "org/a@gone", "org/a@" + strings.Repeat("0", 40)} {
		if _, err := hf.Open(name); err == nil || !strings.Contains(err.Error(), "radpo download "+name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzParseName: a name that is taken stays below the folders it is joined to,
// and reads back.
func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"org/name", "org/name@v1.0", "org/name@refs/pr/1", "../x", "org/name@../../x", "org/name@/etc", "org/..@a", "o/n@a//b", "o/n@.", "o/n@\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := hf.ParseName(text)
		if err != nil {
			return
		}
		ref := filepath.Join("refs", name.Revision)
		if !filepath.IsLocal(name.Revision) || filepath.ToSlash(ref) != "refs/"+name.Revision || filepath.Base(name.Folder()) != name.Folder() {
			t.Errorf("%q: %+v", text, name)
		}
		if again, err := hf.ParseName(name.String()); err != nil || again != name {
			t.Errorf("%q: read back as %+v, %v", text, again, err)
		}
	})
}

// TestSnapshotByPath opens a snapshot of the cache as a folder, as users do
// who copy what Python's snapshot_download prints.
func TestSnapshotByPath(t *testing.T) {
	dir := cacheModel(t, t.TempDir(), "org/a")
	if tensors, err := open(t, dir).Tensors(); err != nil || len(tensors) != 1 {
		t.Errorf("%d tensors, %v", len(tensors), err)
	}
}

func TestOpenErrors(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	file := write(t, t.TempDir(), "model.safetensors", nil)
	refs := filepath.Join(cache, "models--org--bad", "refs")
	if err := os.MkdirAll(refs, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, refs, "main", []byte("../../../etc"))
	tests := map[string]string{
		file:                           "not a folder",
		filepath.Join(cache, "absent"): "no such folder",
		"../org/name":                  "no such folder",
		"org/bad":                      "want a commit of 40 hex digits",
		"org/absent":                   "neither a folder nor in the Hugging Face cache",
	}
	for name, want := range tests {
		if _, err := hf.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// TestEscapes tries every name that could lead out of a model folder, as a
// shard of the index and through FS. The file outside is a good one, so only
// refusal can make reading fail.
func TestEscapes(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "model")
	outside := filepath.Join(top, "outside.safetensors")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{outside, filepath.Join(dir, "sub", "in.safetensors"), filepath.Join(dir, `c:\in.safetensors`)} {
		if err := hf.WriteFile(path, oneTensor(), nil); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{
		"link.safetensors": "../outside.safetensors", "abs.safetensors": outside, "up": "..", "etc": "/etc",
		"chain.safetensors": "link.safetensors", "loop.safetensors": "loop.safetensors", "null.safetensors": "/dev/null",
		"dot.safetensors": "sub/../../outside.safetensors",
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.safetensors"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.safetensors"), 0o777); err != nil {
		t.Fatal(err)
	}
	names := []string{
		"", ".", "..", "/", "../outside.safetensors", "./../outside.safetensors", "sub/../../outside.safetensors", outside,
		"up/outside.safetensors", "etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/proc/self/environ",
		"link.safetensors", "abs.safetensors", "chain.safetensors", "loop.safetensors", "null.safetensors", "dot.safetensors",
		"pipe.safetensors", "dir.safetensors", "absent.safetensors", "OUTSIDE.SAFETENSORS", "outside.safetensors\x00",
		"../outside.safetensors\x00.safetensors", "..\\outside.safetensors", "\u2024\u2024/outside.safetensors", "\uff0e\uff0e/outside.safetensors",
		"%2e%2e/outside.safetensors", "~/outside.safetensors", "$HOME/x.safetensors", "file://" + outside, "//" + outside,
		"....//outside.safetensors", ".../outside.safetensors", "up/../outside.safetensors", "sub/", "up/", "up", "etc",
		strings.Repeat("../", 40) + "etc/passwd", strings.Repeat("a", 300) + ".safetensors", "model.safetensors/../../outside.safetensors",
		"link.safetensors/", "outside.safetensors ", " ../outside.safetensors", "\n../outside.safetensors",
	}
	f := open(t, dir)
	for _, name := range names {
		write(t, dir, "model.safetensors.index.json", []byte(`{"weight_map": {"a": `+quote(name)+`}}`))
		start := time.Now()
		if tensors, err := open(t, dir).Tensors(); err == nil {
			t.Errorf("index: %q opened: %d tensors", name, len(tensors))
		}
		if file, err := f.FS().Open(name); err == nil {
			file.Close()
			t.Errorf("FS: %q opened", name)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%q: %v", name, took)
		}
	}
	// Folders below are no place for shards, but FS may read there.
	write(t, dir, "model.safetensors.index.json", []byte(`{"weight_map": {"a": "sub/in.safetensors"}}`))
	if _, err := open(t, dir).Tensors(); err == nil {
		t.Error("index: a shard in a folder below opened")
	}
	if _, err := fs.ReadFile(f.FS(), "sub/in.safetensors"); err != nil {
		t.Errorf("FS: %v", err)
	}
}

// TestCacheEscapes follows links into blobs/ of the same repository only.
func TestCacheEscapes(t *testing.T) {
	cache := t.TempDir()
	secret := write(t, cache, "secret", []byte("secret"))
	dir := cacheModel(t, cache, "org/a")
	other := cacheModel(t, cache, "org/other")
	for name, to := range map[string]string{
		"up.json": "../../../secret", "abs.json": secret, "other.json": filepath.Join(other, "config.json"),
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if text, err := fs.ReadFile(open(t, dir).FS(), name); err == nil {
			t.Errorf("%s opened: %q", name, text)
		}
	}
	if _, err := fs.ReadFile(open(t, dir).FS(), "config.json"); err != nil {
		t.Error(err)
	}
}

func TestFS(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "tokenizer.json", []byte("{}"))
	if text, err := fs.ReadFile(open(t, dir).FS(), "tokenizer.json"); err != nil || string(text) != "{}" {
		t.Errorf("got %q, %v", text, err)
	}
	_, err := fs.ReadFile(open(t, dir).FS(), "chat_template.jinja")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestPickleIsRefused(t *testing.T) {
	for _, name := range []string{"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "x.pth", "x.pkl"} {
		dir := t.TempDir()
		write(t, dir, name, []byte("\x80\x04K\x01."))
		_, err := open(t, dir).Tensors()
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "save_pretrained") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := open(t, t.TempDir()).Tensors()
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "neither model.safetensors nor") {
		t.Errorf("empty folder: got %v", err)
	}
}

// TestIndexDisagrees wants every difference in one error.
func TestIndexDisagrees(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.safetensors"), filepath.Join(dir, "two.safetensors")
	if err := errors.Join(
		hf.WriteFile(one, named("twice", "extra", "moved"), nil),
		hf.WriteFile(two, named("twice", "good"), nil),
	); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "model.safetensors.index.json", []byte(`{"metadata": {"total_size": 1}, "weight_map": {
		"twice": "one.safetensors", "moved": "two.safetensors", "good": "two.safetensors", "lost": "one.safetensors", "gone": "three.safetensors"}}`))
	_, err := open(t, dir).Tensors()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"one.safetensors and two.safetensors both hold twice", "one.safetensors holds extra, which the index lacks",
		"moved should be in two.safetensors, is in one.safetensors", "one.safetensors lacks lost", "three.safetensors lacks gone",
		"three.safetensors: no such file",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %q", err, want)
		}
	}
}

func TestIndexFaults(t *testing.T) {
	tests := map[string]string{
		`{}`:                                      "no weight_map",
		`{"weight_map": {}}`:                      "no weight_map",
		`{"weight_map": []}`:                      "want {",
		`{"weight_map": {"a": 1}}`:                "want a string, got 1",
		`{"weight_map": {"a": "x.bin"}}`:          "not the name of a safetensors file",
		`{"weight_map": {"a": "x.safetensors"}`:   "EOF",
		`{"weight_map": {"a": "x.safetensors"}}1`: "text after the end",
		`{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}`: `duplicate key "a"`,
	}
	for text, want := range tests {
		dir := t.TempDir()
		write(t, dir, "model.safetensors.index.json", []byte(text))
		if _, err := open(t, dir).Tensors(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// cacheModel makes a cached model as huggingface_hub lays it out, with links
// into blobs/, and returns its snapshot folder.
func cacheModel(t *testing.T, cache, name string) string {
	t.Helper()
	repo := filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"))
	snapshot := filepath.Join(repo, "snapshots", sha)
	for _, dir := range []string{snapshot, filepath.Join(repo, "refs"), filepath.Join(repo, "blobs")} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(repo, "refs"), "main", []byte(sha))
	write(t, filepath.Join(repo, "blobs"), "aa", []byte(config5))
	if err := errors.Join(
		hf.WriteFile(filepath.Join(repo, "blobs", "bb"), oneTensor(), nil),
		os.Symlink("../../blobs/aa", filepath.Join(snapshot, "config.json")),
		os.Symlink("../../blobs/bb", filepath.Join(snapshot, "model.safetensors")),
	); err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func oneTensor() []hf.Tensor { return named("a") }

// named makes tensors of two floats.
func named(names ...string) (tensors []hf.Tensor) {
	for _, name := range names {
		tensors = append(tensors, hf.Tensor{Name: name, DType: hf.F32, Shape: []int64{2}, Data: make([]byte, 8)})
	}
	return tensors
}
