package sampler_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
	"radpo/sampler"
)

const models = "../internal/model/testdata/"

func withPolicy(t testing.TB, dir string, fn func(*torch.Scope, model.Policy)) {
	t.Helper()
	withPolicyIn(t, dir, torch.Float, fn)
}

func withPolicyIn(t testing.TB, dir string, d torch.DType, fn func(*torch.Scope, model.Policy)) {
	t.Helper()
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := torch.Live()
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, d, false)
		if err == nil {
			fn(s, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := torch.Live() - before; n != 0 {
		t.Errorf("%d handles leaked", n)
	}
}

func generate(t testing.TB, s *torch.Scope, p model.Policy, requests []sampler.Request, o sampler.Options) [][]sampler.Response {
	t.Helper()
	out, err := sampler.Generate(context.Background(), s, p, requests, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGreedyEqualsTransformers compares new tokens one by one.
func TestGreedyEqualsTransformers(t *testing.T) {
	found, err := filepath.Glob(models + "*/golden.safetensors")
	if err != nil || len(found) < 4 {
		t.Fatalf("want goldens, got %v (%v)", found, err)
	}
	for _, path := range found {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ref := golden.Open(t, path)
			var prompt, want []int32
			for _, id := range ref.Ints("prompt") {
				prompt = append(prompt, int32(id))
			}
			for _, id := range ref.Ints("greedy") {
				want = append(want, int32(id))
			}
			withPolicy(t, dir, func(s *torch.Scope, p model.Policy) {
				other := sampler.Request{Prompt: []int32{1, 2, 3}, N: 2} // in the same batch, of another length
				got := generate(t, s, p, []sampler.Request{other, {Prompt: prompt, N: 2}}, sampler.Options{MaxTokens: len(want)})
				for k, r := range got[1] {
					if !reflect.DeepEqual(r.IDs, want) {
						t.Errorf("sample %d: got %v, want %v", k, r.IDs, want)
					}
				}
			})
		})
	}
}

// TestDrawsDoNotDependOnTheBatch draws the same samples alone, together, and
// in another order.
func TestDrawsDoNotDependOnTheBatch(t *testing.T) {
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		o := sampler.Options{Temperature: 1, TopP: 0.95, TopK: 50, MaxTokens: 40, Stop: []int{3, 17}, Seed: 7}
		a, b := []int32{1, 5, 9, 13, 2, 40}, []int32{1, 8}
		together := generate(t, s, p, []sampler.Request{{Prompt: a, N: 5}, {Prompt: b, N: 5}}, o)
		swapped := generate(t, s, p, []sampler.Request{{Prompt: b, N: 5}, {Prompt: a, N: 5}}, o)
		for k := range 5 {
			alone := generate(t, s, p, []sampler.Request{{Prompt: a, N: 1, First: k}}, o)[0][0].IDs
			if !reflect.DeepEqual(alone, together[0][k].IDs) || !reflect.DeepEqual(alone, swapped[1][k].IDs) {
				t.Errorf("sample %d: alone %v, together %v, swapped %v", k, alone, together[0][k].IDs, swapped[1][k].IDs)
			}
		}
		if reflect.DeepEqual(together[0][0].IDs, together[0][1].IDs) {
			t.Error("two samples of a prompt are equal: the sample's number does not reach the draw")
		}
	})
}

// TestStopAndLogprobs: a stop id is the last id, a cut response has none, and
// log-probabilities are those that training computes.
func TestStopAndLogprobs(t *testing.T) {
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		o := sampler.Options{Temperature: 1.5, TopP: 1, MaxTokens: 12, Stop: []int{3, 17, 21, 40, 41, 42}, Seed: 3}
		prompt := []int32{1, 5, 9, 13}
		stopped, cut := 0, 0
		for _, r := range generate(t, s, p, []sampler.Request{{Prompt: prompt, N: 64}}, o)[0] {
			for i, id := range r.IDs {
				isStop := id == 3 || id == 17 || id == 21 || id >= 40 && id <= 42
				if isStop != (r.Stopped && i == len(r.IDs)-1) {
					t.Fatalf("stop id %d at %d of %d, stopped %v", id, i, len(r.IDs), r.Stopped)
				}
			}
			if r.Stopped {
				stopped++
			} else if cut++; len(r.IDs) != o.MaxTokens {
				t.Errorf("cut at %d tokens, want %d", len(r.IDs), o.MaxTokens)
			}
			fork := model.NewForks(s, []model.Fork{{Prompt: prompt, Responses: [][]int32{r.IDs}}})
			for i, want := range fork.Logps(s, p).Floats() {
				if math.Abs(float64(want-r.Logprobs[i])) > 1e-4 {
					t.Fatalf("token %d: log-probability %v, the trainer's %v", i, r.Logprobs[i], want)
				}
			}
		}
		if stopped == 0 || cut == 0 {
			t.Errorf("%d stopped and %d cut: the test shows nothing", stopped, cut)
		}
	})
}

// TestBiasAndMinimum: a biased token comes, and a stop id not before the least
// length, in either engine; log-probabilities stay the model's.
func TestBiasAndMinimum(t *testing.T) {
	o := sampler.Options{Temperature: 1, TopP: 0.9, MaxTokens: 9, Bias: []torch.Change{{ID: 7, Add: 100}, {ID: 9, Add: 50}}, MinTokens: 3, Stop: []int{7}, Seed: 1}
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		for _, p := range []model.Policy{p, &broken{Policy: p, calls: -1 << 20}} {
			requests := []sampler.Request{{Prompt: []int32{1, 5}, N: 2}}
			for _, r := range generate(t, s, p, requests, o)[0] {
				if !slices.Equal(r.IDs, []int32{9, 9, 9, 7}) || !r.Stopped {
					t.Errorf("drew %v, stopped %v", r.IDs, r.Stopped)
				}
				want := model.NewForks(s, []model.Fork{{Prompt: []int32{1, 5}, Responses: [][]int32{r.IDs}}}).Logps(s, p).Floats()
				for i := range want {
					if math.Abs(float64(want[i]-r.Logprobs[i])) > 1e-4 {
						t.Errorf("log-probabilities %v, want the model's own %v", r.Logprobs, want)
						break
					}
				}
			}
		}
	})
}

// TestWindow: prompt and response share max_position_embeddings, 128 here.
func TestWindow(t *testing.T) {
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		o := sampler.Options{MaxTokens: 50}
		long, short := make([]int32, 120), []int32{1, 2}
		got := generate(t, s, p, []sampler.Request{{Prompt: long, N: 2}, {Prompt: short, N: 1}}, o)
		if n := len(got[0][1].IDs); n != 8 || got[0][1].Stopped || len(got[1][0].IDs) != 50 {
			t.Errorf("%d tokens behind 120, stopped %v; %d behind 2; want 8, false and 50", n, got[0][1].Stopped, len(got[1][0].IDs))
		}
	})
}

func TestGenerateRefuses(t *testing.T) {
	fine := sampler.Options{Temperature: 1, TopP: 1, MaxTokens: 5}
	with := func(change func(*sampler.Options)) sampler.Options {
		o := fine
		change(&o)
		return o
	}
	one := sampler.Request{Prompt: []int32{1}, N: 1}
	tests := []struct {
		name    string
		request sampler.Request
		options sampler.Options
		want    string
	}{
		{"empty", sampler.Request{N: 1}, fine, "prompt 1: the prompt has no tokens"},
		{"no response", sampler.Request{Prompt: []int32{1}}, fine, "prompt 1: 0 responses"},
		{"full window", sampler.Request{Name: "prompt abc", Prompt: make([]int32, 128), N: 1}, fine, "prompt abc: its 128 tokens leave no room"},
		{"over the window", sampler.Request{Prompt: make([]int32, 129), N: 1}, sampler.Options{Prompts: true, TopP: 1}, "prompt 1: its 129 tokens are more than the model's window of 128"},
		{"temperature", one, with(func(o *sampler.Options) { o.Temperature = math.NaN() }), "temperature NaN"},
		{"top-p", one, with(func(o *sampler.Options) { o.TopP = 0 }), "top-p 0"},
		{"top-k", one, with(func(o *sampler.Options) { o.TopK = -1 }), "top-k -1"},
		{"minimum", one, with(func(o *sampler.Options) { o.MinTokens = 6 }), "at least 6 tokens: want 0 to the limit of 5"},
		{"bias", one, with(func(o *sampler.Options) { o.Bias = []torch.Change{{ID: 1 << 20}} }), "for token 1048576"},
		{"limit", one, with(func(o *sampler.Options) { o.MaxTokens = 0 }), "a limit of 0 tokens"},
	}
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		for _, tt := range tests {
			_, err := sampler.Generate(t.Context(), s, p, []sampler.Request{one, tt.request}, tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
			}
		}
		fills := sampler.Request{Prompt: make([]int32, 128), N: 1}
		if got := generate(t, s, p, []sampler.Request{fills}, sampler.Options{Prompts: true, TopP: 1}); len(got[0][0].IDs) != 0 {
			t.Errorf("a prompt that fills the window and wants no response got %v", got)
		}
		if got := generate(t, s, p, nil, fine); len(got) != 0 {
			t.Errorf("no request gave %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sampler.Generate(ctx, s, p, []sampler.Request{one}, fine); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context gave %v", err)
		}
	})
}

// A broken policy puts a value on one logit of row 1, from the third token on.
type broken struct {
	model.Policy
	value float32
	calls int
}

func (b *broken) Logits(s *torch.Scope, hidden torch.Tensor) torch.Tensor {
	logits := b.Policy.Logits(s, hidden)
	if b.calls++; b.calls < 3 {
		return logits
	}
	extra := make([]float32, logits.Len())
	extra[logits.Dim(-1)+5] = b.value
	return s.Add(logits, s.Floats(extra, logits.Shape()...))
}

// TestLogitsNotFinite: NaN and +Inf are an error that names the prompt; −Inf is
// a token that is never drawn.
func TestLogitsNotFinite(t *testing.T) {
	requests := []sampler.Request{{Name: "prompt a", Prompt: []int32{1}, N: 1}, {Name: "prompt b", Prompt: []int32{2, 3}, N: 1}}
	for _, o := range []sampler.Options{{MaxTokens: 40}, {MaxTokens: 40, Temperature: 2, TopP: 0.9}, {MaxTokens: 40, Temperature: 2, TopP: 1, TopK: 100}} {
		withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
			for _, v := range []float64{math.NaN(), math.Inf(1)} {
				_, err := sampler.Generate(t.Context(), s, &broken{Policy: p, value: float32(v)}, requests, o)
				if err == nil || !strings.Contains(err.Error(), "prompt b: the logits of response token 2 are not finite") {
					t.Errorf("%+v: %v among the logits: got %v", o, v, err)
				}
			}
			got := generate(t, s, &broken{Policy: p, value: float32(math.Inf(-1))}, requests, o)
			if slices.Contains(got[1][0].IDs[2:], 5) {
				t.Errorf("%+v: drew a token of probability 0: %v", o, got[1][0].IDs)
			}
		})
	}
}
