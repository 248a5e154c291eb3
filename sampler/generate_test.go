package sampler_test

import (
	"context"
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
	"radpo/sampler"
)

const models = "../internal/model/testdata/"

func withPolicy(t *testing.T, dir string, fn func(*torch.Scope, model.Policy)) {
	t.Helper()
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := torch.Live()
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, torch.Float, false)
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

func generate(t *testing.T, s *torch.Scope, p model.Policy, requests []sampler.Request, o sampler.Options) [][]sampler.Response {
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
