package configs_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radpo/configs"
)

var update = flag.Bool("update", false, "rewrite goldens")

const small = "model: m\nprompts: {path: p.jsonl}\nranker: {kind: rule}\n"

// TestBad holds each file with a fault to its message.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			_, err := configs.Load(file, nil)
			var faults configs.Errors
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want Errors", err)
			}
			got := strings.ReplaceAll(faults.Error(), filepath.Dir(file)+string(filepath.Separator), "") + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, string(want)); d != "" {
				t.Errorf("message (-got +want):\n%s", d)
			}
		})
	}
}

func TestDefaultsFileOverrides(t *testing.T) {
	got, err := configs.Parse("run.yaml", []byte(small+"dpo: {beta: 0.2, epochs: 3}\nseed: 010\n"),
		[]string{"dpo.beta=0.05", "eval.goals=[2, 9.5]", "augment.attributes=[depth]", "model=a: b", "dpo.learning_rate=5e-7",
			"eval.baseline=true", "dpo.beta=0.1", "dpo.weight_decay=-0.0"})
	if err != nil {
		t.Fatal(err)
	}
	want := configs.Default()
	want.Model, want.Prompts.Path, want.Ranker.Kind, want.Seed = "a: b", "p.jsonl", "rule", 10
	want.DPO.Beta, want.DPO.Epochs, want.Eval.Goals, want.Eval.Baseline = 0.1, 3, []float64{2, 9.5}, true
	want.Augment.Attributes = []string{"depth"}
	if d := cmp.Diff(got, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

func TestOverrideFaults(t *testing.T) {
	for _, tt := range []struct{ set, want string }{
		{"dpo.betta=1", "--set dpo.betta=1: dpo.betta: unknown key; did you mean dpo.beta?"},
		{"beta=1", "--set beta=1: beta: unknown key here; beta belongs under dpo:"},
		{"smapler.n=3", "--set smapler.n=3: smapler.n: unknown key; did you mean sampler.n?"},
		{"dpo.beta", "--set dpo.beta: wants key=value, such as dpo.beta=0.05"},
		{"dpo.beta=x", `--set dpo.beta=x: dpo.beta: wants a number, has the text "x"`},
		{"dpo.beta=-1", "--set dpo.beta=-1: dpo.beta: -1 is outside (0, inf)"},
		{"dpo.beta=", "--set dpo.beta=: dpo.beta: wants a number, has the text \"\""},
		{"eval.goals=[1,", `--set eval.goals=[1,: eval.goals: wants a list of numbers, has the text "[1,"`},
		{"prompts={path: p}", "--set prompts={path: p}: prompts: is a section; set one of its keys: prompts takes path, column, held_out, per_iteration, max_tokens, responses, skip_bad"},
		{"augment.method=ria", "--set augment.method=ria: augment.method: \"ria\" is not a choice; choose ra, ra-plus, half-ra, ira or none"},
		{"ranker.remote.key=sk-123", "--set ranker.remote.key=…: ranker.remote.key: unknown key; ranker.remote takes urls, protocol, form, model, key_env, concurrency, timeout, cache"},
		{"sampler.n=&a 5", "--set sampler.n=&a 5: sampler.n: anchors and aliases are not supported; write the value out"},
	} {
		_, err := configs.Parse("run.yaml", []byte(small), []string{tt.set})
		if got := fmt.Sprint(err); got != tt.want {
			t.Errorf("--set %s:\n got %s\nwant %s", tt.set, got, tt.want)
		}
	}
}

func TestOverrideAlone(t *testing.T) {
	got, err := configs.Override(configs.Default(), []string{"dpo.order=given"})
	want := configs.Default()
	want.DPO.Order = "given"
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v %v, want order given and the rest default", got, err)
	}
	if _, err := configs.Override(configs.Default(), []string{"dpo.order=random"}); err == nil {
		t.Error("a bad choice passes")
	}
}

// TestRankersThatAsk: a stage alone needs what its ranker needs, and no more.
func TestRankersThatAsk(t *testing.T) {
	ask := []string{"ranker.kind=remote", "ranker.remote.urls=[http://127.0.0.1:8000, https://h.example/v1?version=2]"}
	for _, tt := range []struct {
		sets []string
		want string
	}{
		{[]string{"ranker.kind=remote"}, "ranker.remote.urls: are missing"},
		{ask, "ranker.model: is missing"},
		{append(ask, "ranker.model=m"), ""},
		{append(ask, "ranker.remote.form=plain"), ""},
		{append(ask, "ranker.remote.form=plain", "ranker.model=m"), "ranker.model: has no use: ranker.remote.form plain reads no template"},
		{append(ask, "ranker.remote.form=messages"), "ranker.remote.form: messages can be sent by vllm-classify and vllm-pooling alone, not by openrlhf"},
		{append(ask, "ranker.remote.form=messages", "ranker.remote.protocol=vllm-pooling"), ""},
		{append(ask, "ranker.remote.protocol=vllm-score", "ranker.model=m"), "ranker.remote.form: vllm-score takes prompt and response apart"},
		{append(ask, "ranker.kind=judge"), "ranker.remote.model: is missing"},
		{append(ask, "ranker.kind=judge", "ranker.remote.model=gpt", "ranker.remote.key_env=KEY"), ""},
		{append(ask, "ranker.kind=judge", "ranker.model=gpt"), "ranker.model: has no use: the judge is ranker.remote.model"},
	} {
		_, err := configs.Override(configs.Default(), tt.sets)
		if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %s, want %s", tt.sets, got, tt.want)
		}
	}
}

// TestSecretsStayOut: a key written where none should stand is refused without
// being repeated.
func TestSecretsStayOut(t *testing.T) {
	const key = "sk-Secret99"
	base := []string{"ranker.kind=judge", "ranker.remote.model=m", "ranker.remote.urls=[http://h]"}
	for _, set := range []string{
		"ranker.remote.key_env=" + key,
		"ranker.remote.key=" + key,
		"ranker.remote.api_key=" + key,
		"ranker.remote.urls=[http://me:" + key + "@host]",
		"ranker.remote.urls=http://" + key + "@host",
		"ranker.remote.urls=[\"https://host/v1?api_key=" + key + "\"]",
		"ranker.remote.urls=[" + key + "]",
		"ranker.remote.timeout=http://a:" + key + "@" + strings.Repeat("h", 100),
	} {
		_, err := configs.Override(configs.Default(), append(base, set))
		if err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("--set %s gives: %v", set, err)
		}
		at, text, _ := strings.Cut(strings.TrimPrefix(set, "ranker.remote."), "=")
		file := fmt.Sprintf("model: m\nprompts: {path: p}\nranker:\n  kind: judge\n  remote:\n    %s: %s\n", at, text)
		_, err = configs.Parse("run.yaml", []byte(file), nil)
		if err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%s\ngives: %v", file, err)
		}
	}
}

// TestLossDefaults: a loss brings its own defaults, what is set stays, and what
// it does not read is empty.
func TestLossDefaults(t *testing.T) {
	tests := []struct {
		file, want string // want: beta, label_smoothing, gamma, alpha, desirable_weight
		sets       []string
	}{
		{"", "0.01 0.3 0 0 0", nil},
		{"dpo: {loss: simpo}\n", "2 0 1 0 0", nil},
		{"dpo: {loss: simpo, beta: 10, gamma: 0}\n", "10 0 0 0 0", nil},
		{"dpo: {beta: 0.01}\n", "0.01 0 1 0 0", []string{"dpo.loss=simpo"}},
		{"dpo: {loss: kto+cpo}\n", "0.1 0 0 1 1", nil},
		{"dpo: {label_smoothing: 0}\n", "0.1 0 0 0 0", []string{"dpo.loss=apo_zero"}},
	}
	for _, tt := range tests {
		c, err := configs.Parse("run.yaml", []byte(small+tt.file), tt.sets)
		if err != nil {
			t.Fatal(err)
		}
		d := c.DPO
		if got := fmt.Sprint(d.Beta, d.LabelSmoothing, d.Gamma, d.Alpha, d.DesirableWeight); got != tt.want {
			t.Errorf("%q %v: got %s, want %s", tt.file, tt.sets, got, tt.want)
		}
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// TestPaths shows what a relative path is relative to.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"policy", configs.BuiltIn} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "run.yaml")
	load := func(text string, sets ...string) configs.Config {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := configs.Load(file, sets)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct{ name, got, want string }{
		{"prompts beside the file", load(small).Prompts.Path, filepath.Join(dir, "p.jsonl")},
		{"prompts of an override", load(small, "prompts.path=q.jsonl").Prompts.Path, "q.jsonl"},
		{"absolute prompts", load("model: m\nprompts: {path: /p}\nranker: {kind: rule}\n").Prompts.Path, "/p"},
		{"folder beside the file", load("model: policy\nprompts: {path: p}\nranker: {kind: rule}\n").Model, filepath.Join(dir, "policy")},
		{"name in the cache", load("model: org/name\nprompts: {path: p}\nranker: {kind: rule}\n").Model, "org/name"},
		{"built-in beside a folder of that name", load("model: builtin\nprompts: {path: builtin}\nranker: {kind: rule}\n").Model, configs.BuiltIn},
		{"dotted folder", load("model: ../x\nprompts: {path: p}\nranker: {kind: rule}\n").Model, filepath.Join(filepath.Dir(dir), "x")},
		{"judge's prompt", load(small+"scale: {}\n", "ranker.judge.prompt=q.txt").Ranker.Judge.Prompt, "q.txt"},
		{"judge's prompt of the file", load(strings.Replace(small, "rule}", "rule, judge: {prompt: q.txt}}", 1)).Ranker.Judge.Prompt, filepath.Join(dir, "q.txt")},
		{"reward model", load("model: m\nprompts: {path: p}\nranker: {kind: armorm, model: ./r}\n").Ranker.Model, filepath.Join(dir, "r")},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	if _, err := configs.Load(filepath.Join(dir, "absent.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: got %v", err)
	}
}

// TestFingerprint shows that equal runs have equal JSON however written.
func TestFingerprint(t *testing.T) {
	form := func(extra string) string {
		t.Helper()
		c, err := configs.Parse("run.yaml", []byte(small+extra), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	plain := form("")
	for _, same := range []string{"augment: {attributes: []}\n", "dpo: {weight_decay: -0.0}\n", "dpo: {beta: 1e-2}\n", "dpo:\n", "seed: 42\n"} {
		if got := form(same); got != plain {
			t.Errorf("%q: got %s, want %s", same, got, plain)
		}
	}
	if form("seed: 43\n") == plain {
		t.Error("another seed has the same JSON")
	}
}

func TestPresets(t *testing.T) {
	if len(configs.Presets()) == 0 {
		t.Fatal("no presets")
	}
	for _, name := range configs.Presets() {
		text, err := configs.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# radpo run "+name+".yaml\n") {
			t.Errorf("%s does not open with its command", name)
		}
		if _, err := configs.Parse(name+".yaml", text, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := configs.Preset("../load"); err == nil {
		t.Error("a preset outside the folder opens")
	}
}

// TestPaperPreset holds the defaults to the paper's preset: what it writes out
// is what leaving keys out gives.
func TestPaperPreset(t *testing.T) {
	text, err := configs.Preset("llama3-8b-armorm-ra")
	if err != nil {
		t.Fatal(err)
	}
	got, err := configs.Parse("preset", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := configs.Default()
	want.Model, want.Prompts.Path, want.Ranker.Model = got.Model, got.Prompts.Path, got.Ranker.Model
	if d := cmp.Diff(got, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

// TestHostile bounds the time and the output of what no one would write.
func TestHostile(t *testing.T) {
	bomb := "a: &a [x, x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c]\n", c, c, c-1, c-1)
	}
	big := configs.MaxBytes
	for name, text := range map[string]string{
		"anchor bomb":  bomb,
		"deep list":    strings.Repeat("[", big),
		"closed list":  strings.Repeat("[", big/2) + strings.Repeat("]", big/2),
		"deep mapping": strings.Repeat("{a: ", big/4),
		"deep dashes":  strings.Repeat("- ", big/2),
		"many keys":    strings.Repeat("a: 1\n", big/5),
		"long key":     strings.Repeat("k", big-2) + ": 1",
		"1 MB":         "model: " + strings.Repeat("x", 1<<20),
		"not text":     "model: \xff\xfe",
		"controls":     "model: \x00\x01\ndpo: {\x02: 3}\n",
	} {
		start := time.Now()
		_, err := configs.Parse("run.yaml", []byte(text), nil)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if n := len(err.Error()); n > 50*600 {
			t.Errorf("%s: %d bytes of message", name, n)
		}
	}
}

// FuzzParse looks for a panic, and for a config that is accepted and yet has
// no JSON form or fails Validate.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "dpo.beta=0.1")
	}
	f.Add(small, "eval.goals=[1, 2]")
	f.Fuzz(func(t *testing.T, text, set string) {
		c, err := configs.Parse("run.yaml", []byte(text), []string{set})
		if err != nil {
			_ = err.Error()
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("accepted, yet %v", err)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
	})
}

func ExampleParse() {
	_, err := configs.Parse("run.yaml", []byte(`model: meta-llama/Meta-Llama-3-8B-Instruct
prompts: {path: prompts.parquet}
ranker: {kind: rule}
learning_rate: 1e-6
dpo:
  betta: 0.05
  label_smoothing: 0.7
`), nil)
	fmt.Println(err)
	// Output:
	// run.yaml:4:1: learning_rate: unknown key here; learning_rate belongs under dpo:
	// run.yaml:6:3: dpo.betta: unknown key; did you mean dpo.beta?
	// run.yaml:7:20: dpo.label_smoothing: 0.7 is outside [0, 0.5)
}
